//! Logins and one-time links. Only hashes of tokens are stored.

use rusqlite::params;

use super::super::db::Tx;
use super::super::error::{ApiError, ApiResult};
use super::super::ids::{hash_token, new_id};
use super::super::limits;
use super::super::model::{Session, User};
use super::users;

fn session(row: &rusqlite::Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: row.get(0)?,
        user_id: row.get(1)?,
        last_activity_at: row.get(2)?,
        device_id: row.get(3)?,
    })
}

/// A new login: the session and its token, which is not stored.
pub(crate) fn create(tx: &Tx<'_>, user_id: &str, device_id: &str) -> ApiResult<(Session, String)> {
    let of_user = "SELECT id FROM sessions WHERE user_id = ?1 ORDER BY last_activity_at DESC, id \
                   LIMIT -1 OFFSET ?2";
    let keep = limits::SESSIONS_PER_USER_MAX - 1;
    for old in tx.all(of_user, params![user_id, keep], |row| {
        row.get::<_, String>(0)
    })? {
        revoke(tx, &old)?;
    }
    let (id, token) = (new_id(), new_id());
    tx.exec(
        "INSERT INTO sessions (id, token_hash, user_id, create_at, last_activity_at, device_id) \
         VALUES (?1, ?2, ?3, ?4, ?4, ?5)",
        params![id, hash_token(&token), user_id, tx.now, device_id],
    )?;
    let made = Session {
        id,
        user_id: user_id.to_owned(),
        last_activity_at: tx.now,
        device_id: device_id.to_owned(),
    };
    Ok((made, token))
}

/// The session and user of a token: not idle for too long, not deactivated.
pub(crate) fn by_token(tx: &Tx<'_>, token: &str) -> ApiResult<Option<(Session, User)>> {
    let sql = "SELECT id, user_id, last_activity_at, device_id FROM sessions WHERE token_hash = ?1";
    let Some(mut found) = tx.one(sql, [hash_token(token)], session)? else {
        return Ok(None);
    };
    if tx.now - found.last_activity_at > limits::SESSION_IDLE_MS {
        revoke(tx, &found.id)?;
        return Ok(None);
    }
    let user = users::get(tx, &found.user_id)?;
    if user.delete_at != 0 {
        return Ok(None);
    }
    if tx.now - found.last_activity_at > limits::SESSION_TOUCH_MS {
        let sql = "UPDATE sessions SET last_activity_at = ?2 WHERE id = ?1";
        tx.exec(sql, params![found.id, tx.now])?;
        found.last_activity_at = tx.now;
    }
    Ok(Some((found, user)))
}

/// Is this session still good?
pub(crate) fn is_live(tx: &Tx<'_>, session_id: &str) -> ApiResult<bool> {
    let sql = "SELECT count(*) FROM sessions JOIN users ON users.id = user_id \
               WHERE sessions.id = ?1 AND users.delete_at = 0 AND last_activity_at >= ?2";
    Ok(tx.number(sql, params![session_id, tx.now - limits::SESSION_IDLE_MS])? > 0)
}

/// Ends a session; its sockets close and the plugin hears of it.
pub(crate) fn revoke(tx: &Tx<'_>, session_id: &str) -> ApiResult<()> {
    let sql = "DELETE FROM sessions WHERE id = ?1 RETURNING user_id";
    if let Some(user_id) = tx.one(sql, [session_id], |row| row.get::<_, String>(0))? {
        users::session_ended(tx, session_id.to_owned(), user_id);
    }
    Ok(())
}

/// Ends all sessions of a user.
pub(crate) fn revoke_all(tx: &Tx<'_>, user_id: &str) -> ApiResult<()> {
    let sql = "SELECT id FROM sessions WHERE user_id = ?1 ORDER BY id";
    for id in tx.all(sql, [user_id], |row| row.get::<_, String>(0))? {
        revoke(tx, &id)?;
    }
    Ok(())
}

/// A link that signs in once; `life_ms` = `None`: until it is used.
pub(crate) fn create_link(
    tx: &Tx<'_>,
    user_id: &str,
    redirect: &str,
    life_ms: Option<i64>,
) -> ApiResult<String> {
    tx.exec("DELETE FROM one_time_links WHERE expires_at < ?1", [tx.now])?;
    let token = new_id();
    let expires_at = life_ms.map_or(i64::MAX, |life| tx.now.saturating_add(life));
    tx.exec(
        "INSERT INTO one_time_links (token_hash, user_id, redirect, expires_at) \
         VALUES (?1, ?2, ?3, ?4)",
        params![hash_token(&token), user_id, redirect, expires_at],
    )?;
    Ok(token)
}

/// Makes a user's unused links worthless.
pub(crate) fn drop_links(tx: &Tx<'_>, user_id: &str) -> ApiResult<()> {
    tx.exec("DELETE FROM one_time_links WHERE user_id = ?1", [user_id])?;
    Ok(())
}

/// Uses a link up: the user and where to go.
pub(crate) fn use_link(tx: &Tx<'_>, token: &str) -> ApiResult<(User, String)> {
    let gone = || {
        ApiError::new(
            http::StatusCode::UNAUTHORIZED,
            "api.user.one_time_link.invalid.app_error",
            "This sign-in link was used already or is too old.",
        )
    };
    let sql = "DELETE FROM one_time_links WHERE token_hash = ?1 AND expires_at >= ?2 \
               RETURNING user_id, redirect";
    let row = tx.one(sql, params![hash_token(token), tx.now], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    })?;
    let (user_id, redirect) = row.ok_or_else(gone)?;
    let user = users::get(tx, &user_id)?;
    if user.delete_at != 0 {
        return Err(gone());
    }
    Ok((user, redirect))
}

/// Ends all sessions of a user but one.
pub(crate) fn revoke_others(tx: &Tx<'_>, user_id: &str, keep: &str) -> ApiResult<()> {
    let sql = "SELECT id FROM sessions WHERE user_id = ?1 AND id <> ?2 ORDER BY id";
    for id in tx.all(sql, [user_id, keep], |row| row.get::<_, String>(0))? {
        revoke(tx, &id)?;
    }
    Ok(())
}
