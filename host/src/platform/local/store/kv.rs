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
