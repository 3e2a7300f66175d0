//! Preferences and statuses.

use rusqlite::params;
use serde_json::json;

use super::super::db::Tx;
use super::super::error::{ApiError, ApiResult};
use super::super::event::Target;
use super::super::limits;
use super::super::model::{Preference, Status};

fn preference(row: &rusqlite::Row<'_>) -> rusqlite::Result<Preference> {
    Ok(Preference {
        user_id: row.get(0)?,
        category: row.get(1)?,
        name: row.get(2)?,
        value: row.get(3)?,
    })
}

pub(crate) fn preferences(tx: &Tx<'_>, user_id: &str) -> ApiResult<Vec<Preference>> {
    let sql = "SELECT user_id, category, name, value FROM preferences WHERE user_id = ?1 \
               ORDER BY category, name";
    tx.all(sql, [user_id], preference)
}

pub(crate) fn set_preferences(tx: &Tx<'_>, user_id: &str, all: &[Preference]) -> ApiResult<()> {
    if all.is_empty() || all.len() > limits::PREFERENCES_PER_REQUEST_MAX {
        return Err(ApiError::body("preferences"));
    }
    let mut changed = Vec::new();
    for preference in all {
        if !preference.user_id.is_empty() && preference.user_id != user_id {
            return Err(ApiError::forbidden());
        }
        let ok = (1..=32).contains(&preference.category.len())
            && preference.name.len() <= 64
            && preference.value.len() <= limits::PREFERENCE_BYTES_MAX;
        if !ok {
            return Err(ApiError::body("preferences"));
        }
        tx.exec(
            "INSERT INTO preferences (user_id, category, name, value) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (user_id, category, name) DO UPDATE SET value = ?4",
            [
                user_id,
                &preference.category,
                &preference.name,
                &preference.value,
            ],
        )?;
        changed.push(Preference {
            user_id: user_id.to_owned(),
            ..preference.clone()
        });
    }
    let count = tx.number(
        "SELECT count(*) FROM preferences WHERE user_id = ?1",
        [user_id],
    )?;
    if count > i64::from(limits::PREFERENCES_PER_USER_MAX) {
        return Err(ApiError::body("preferences"));
    }
    tx.event(
        "preferences_changed",
        json!({"preferences": json!(changed).to_string()}),
        Target::user(user_id),
    );
    Ok(())
}

pub(crate) fn delete_preferences(tx: &Tx<'_>, user_id: &str, all: &[Preference]) -> ApiResult<()> {
    if all.is_empty() || all.len() > limits::PREFERENCES_PER_REQUEST_MAX {
        return Err(ApiError::body("preferences"));
    }
    for preference in all {
        tx.exec(
            "DELETE FROM preferences WHERE user_id = ?1 AND category = ?2 AND name = ?3",
            [user_id, &preference.category, &preference.name],
        )?;
    }
    tx.event(
        "preferences_deleted",
        json!({"preferences": json!(all).to_string()}),
        Target::user(user_id),
    );
    Ok(())
}

/// The stored status; `connected` decides between online and offline unless it was set by hand.
pub(crate) fn status(tx: &Tx<'_>, user_id: &str, connected: bool) -> ApiResult<Status> {
    let sql = "SELECT status, manual, last_activity_at FROM statuses WHERE user_id = ?1";
    let row = tx.one(sql, [user_id], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, bool>(1)?,
            row.get::<_, i64>(2)?,
        ))
    })?;
    let (stored, manual, last_activity_at) = row.unwrap_or_default();
    let live = if connected { "online" } else { "offline" };
    let status = match stored.as_str() {
        "dnd" if manual => "dnd",
        "away" if connected => "away",
        "offline" if manual => "offline",
        _ => live,
    };
    Ok(Status {
        user_id: user_id.to_owned(),
        status: status.to_owned(),
        manual,
        last_activity_at,
        dnd_end_time: 0,
    })
}

/// Sets a status by hand (`online` = back to automatic) or by activity.
pub(crate) fn set_status(tx: &Tx<'_>, user_id: &str, status: &str, manual: bool) -> ApiResult<()> {
    if !matches!(status, "online" | "away" | "dnd" | "offline") {
        return Err(ApiError::body("status"));
    }
    let manual = manual && status != "online";
    tx.exec(
        "INSERT INTO statuses (user_id, status, manual, last_activity_at) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (user_id) DO UPDATE SET status = ?2, manual = ?3, last_activity_at = ?4",
        params![user_id, status, manual, tx.now],
    )?;
    let data = json!({"user_id": user_id, "status": status});
    tx.event("status_change", data, Target::user(user_id));
    Ok(())
}
