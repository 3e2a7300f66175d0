//! The plugin's key-value store and its settings.

use rusqlite::params;

use super::super::db::Tx;
use super::super::error::{ApiError, ApiResult};
use super::super::limits;

fn check_key(key: &str) -> ApiResult<()> {
    if key.is_empty() || key.len() > limits::KV_KEY_BYTES_MAX {
        return Err(ApiError::bad("kv.key", "a key has 1 to 50 bytes"));
    }
    Ok(())
}

pub(crate) fn get(tx: &Tx<'_>, key: &str) -> ApiResult<Option<Vec<u8>>> {
    check_key(key)?;
    let sql = "SELECT value FROM kv WHERE key = ?1 AND (expires_at = 0 OR expires_at > ?2)";
    tx.one(sql, params![key, tx.now], |row| row.get(0))
}

/// Sets `new` if the present value is `old`; expired values are absent.
pub(crate) fn compare_and_set(
    tx: &Tx<'_>,
    key: &str,
    old: Option<&[u8]>,
    new: Option<&[u8]>,
    expires_in_s: u32,
) -> ApiResult<bool> {
    if get(tx, key)?.as_deref() != old {
        return Ok(false);
    }
    let Some(new) = new else {
        tx.exec("DELETE FROM kv WHERE key = ?1", [key])?;
        return Ok(true);
    };
    if new.len() > limits::KV_VALUE_BYTES_MAX {
        return Err(ApiError::bad("kv.value", "a value has at most 64 KiB"));
    }
    if old.is_none() {
        // Cheap enough on the way: expired entries make room before the count.
        tx.exec(
            "DELETE FROM kv WHERE expires_at <> 0 AND expires_at <= ?1",
            [tx.now],
        )?;
        if tx.number("SELECT count(*) FROM kv", [])? >= limits::KV_KEYS_MAX {
            return Err(ApiError::bad("kv.full", "the store has too many keys"));
        }
    }
    let expires_at = match expires_in_s {
        0 => 0,
        seconds => tx.now.saturating_add(i64::from(seconds) * 1_000),
    };
    tx.exec(
        "INSERT INTO kv (key, value, expires_at) VALUES (?1, ?2, ?3) \
         ON CONFLICT (key) DO UPDATE SET value = ?2, expires_at = ?3",
        params![key, new, expires_at],
    )?;
    Ok(true)
}

/// Keys with a prefix, in order of bytes, after `after`.
pub(crate) fn list(tx: &Tx<'_>, prefix: &str, after: &str, limit: u32) -> ApiResult<Vec<String>> {
    let sql = "SELECT key FROM kv WHERE substr(key, 1, length(?1)) = ?1 AND key >= ?1 AND key > ?2 \
               AND (expires_at = 0 OR expires_at > ?3) ORDER BY key LIMIT ?4";
    tx.all(
        sql,
        params![prefix, after, tx.now, limit.min(limits::KV_LIST_MAX)],
        |row| row.get(0),
    )
}

/// A stored setting of the platform itself.
pub(crate) fn setting(tx: &Tx<'_>, key: &str) -> ApiResult<Option<String>> {
    tx.one("SELECT value FROM settings WHERE key = ?1", [key], |row| {
        row.get(0)
    })
}

pub(crate) fn set_setting(tx: &Tx<'_>, key: &str, value: &str) -> ApiResult<()> {
    tx.exec(
        "INSERT INTO settings (key, value) VALUES (?1, ?2) \
         ON CONFLICT (key) DO UPDATE SET value = ?2",
        [key, value],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::super::{Local, LocalConfig, ManualClock};
    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Get(String),
        Set {
            key: String,
            old: Option<u8>,
            new: Option<u8>,
            expires_in_s: u32,
        },
        List {
            prefix: String,
            after: String,
            limit: u32,
        },
        Wait(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let key = || "[ab_%]{1,2}";
        let value = || proptest::option::of(0u8..3);
        prop_oneof![
            key().prop_map(Step::Get),
            (key(), value(), value(), 0u32..4).prop_map(|(key, old, new, expires_in_s)| {
                Step::Set {
                    key,
                    old,
                    new,
                    expires_in_s,
                }
            }),
            ("[ab_%]{0,2}", "[ab_%]{0,2}", 0u32..5).prop_map(|(prefix, after, limit)| Step::List {
                prefix,
                after,
                limit
            }),
            (0i64..2_500).prop_map(Step::Wait),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The store does what a map with expiry does.
        #[test]
        fn it_is_a_map_with_expiry(steps in proptest::collection::vec(step(), 1..60)) {
            let clock = Arc::new(ManualClock::new(1_000_000));
            let mut config = LocalConfig::new("http://localhost", "p", "1");
            config.clock = clock.clone();
            config.first_admin = false;
            let local = Local::open(config).unwrap();
            let mut model: BTreeMap<String, (u8, i64)> = BTreeMap::new();
            for step in steps {
                let now = local.clock.now_ms();
                model.retain(|_, (_, expires)| *expires == 0 || *expires > now);
                match step {
                    Step::Wait(ms) => clock.advance_ms(ms),
                    Step::Get(key) => {
                        let found = local.db.run_blocking(|tx| get(tx, &key)).unwrap();
                        prop_assert_eq!(found, model.get(&key).map(|(v, _)| vec![*v]));
                    }
                    Step::Set { key, old, new, expires_in_s } => {
                        let (before, after) = (old.map(|v| [v]), new.map(|v| [v]));
                        let (before, after) =
                            (before.as_ref().map(|v| &v[..]), after.as_ref().map(|v| &v[..]));
                        let set = local.db.run_blocking(|tx| {
                            compare_and_set(tx, &key, before, after, expires_in_s)
                        });
                        let fits = model.get(&key).map(|(v, _)| *v) == old;
                        prop_assert_eq!(set.unwrap(), fits);
                        match new {
                            Some(value) if fits => {
                                let expires = i64::from(expires_in_s) * 1_000;
                                let at = if expires == 0 { 0 } else { now + expires };
                                model.insert(key, (value, at));
                            }
                            None if fits => {
                                model.remove(&key);
                            }
                            _ => {}
                        }
                    }
                    Step::List { prefix, after, limit } => {
                        let found =
                            local.db.run_blocking(|tx| list(tx, &prefix, &after, limit)).unwrap();
                        let expected: Vec<String> = model
                            .keys()
                            .filter(|key| key.starts_with(&prefix) && **key > after)
                            .take(limit as usize)
                            .cloned()
                            .collect();
                        prop_assert_eq!(found, expected);
                    }
                }
            }
        }
    }
}
