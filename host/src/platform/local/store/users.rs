//! Accounts.

use rusqlite::params;
use serde_json::json;

use super::super::db::Tx;
use super::super::error::{ApiError, ApiResult};
use super::super::event::{Effect, Target};
use super::super::ids::new_id;
use super::super::limits;
use super::super::model::User;
use crate::hooks::PlatformEvent;

/// A checked new account.
#[derive(Debug, Clone)]
pub(crate) struct NewUser {
    pub(crate) username: String,
    pub(crate) email: String,
    /// PHC string; empty = cannot sign in by password.
    pub(crate) password_hash: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) nickname: String,
    pub(crate) roles: String,
    pub(crate) locale: String,
}

/// Mattermost's rule: a letter first, then letters, digits, `.`, `-`, `_`.
pub(crate) fn check_username(name: &str) -> ApiResult<()> {
    let ok = limits::USERNAME_CHARS.contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_')
        })
        && !matches!(name, "all" | "channel" | "here" | "system" | "me");
    if ok {
        Ok(())
    } else {
        Err(ApiError::bad(
            "model.user.is_valid.username.app_error",
            "Username must begin with a letter, and contain between 3 to 64 lowercase characters made up of numbers, letters, and the symbols '.', '-', and '_'.",
        ))
    }
}

/// Good enough to be an address: nothing is ever sent to it.
pub(crate) fn check_email(email: &str) -> ApiResult<()> {
    let ok = email.len() <= 128
        && email
            .split_once('@')
            .is_some_and(|(a, b)| !a.is_empty() && !b.is_empty())
        && !email
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || c.is_uppercase());
    if ok {
        Ok(())
    } else {
        Err(ApiError::bad(
            "model.user.is_valid.email.app_error",
            "Please enter a valid email address.",
        ))
    }
}

pub(crate) fn check_password(password: &str) -> ApiResult<()> {
    if limits::PASSWORD_BYTES.contains(&password.len()) {
        return Ok(());
    }
    Err(ApiError::bad(
        "model.user.is_valid.pwd.app_error",
        "Your password must contain at least 8 and at most 72 characters.",
    ))
}

pub(crate) fn insert(tx: &Tx<'_>, new: &NewUser) -> ApiResult<User> {
    check_username(&new.username)?;
    check_email(&new.email)?;
    for text in [&new.first_name, &new.last_name, &new.nickname] {
        check_text("name", text)?;
    }
    if tx.number("SELECT count(*) FROM users", [])? >= limits::USERS_MAX {
        return Err(ApiError::full("users"));
    }
    let taken = |column: &str, value: &str| {
        tx.number(
            &format!("SELECT count(*) FROM users WHERE {column} = ?1"),
            [value],
        )
    };
    if taken("username", &new.username)? > 0 {
        return Err(ApiError::bad(
            "app.user.save.username_exists.app_error",
            "An account with that username already exists.",
        ));
    }
    if taken("email", &new.email)? > 0 {
        return Err(ApiError::bad(
            "app.user.save.email_exists.app_error",
            "An account with that email already exists.",
        ));
    }
    let id = new_id();
    let notify = json!({
        "desktop": "mention", "desktop_sound": "true", "email": "false", "push": "mention",
        "channel": "true", "first_name": "false", "mention_keys": "", "comments": "never",
        "calls_desktop_sound": "true", "push_status": "away",
    });
    let timezone =
        json!({"automaticTimezone": "", "manualTimezone": "", "useAutomaticTimezone": "true"});
    tx.exec(
        "INSERT INTO users (id, create_at, update_at, username, email, password, first_name, \
         last_name, nickname, roles, locale, notify_props, timezone) \
         VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        params![
            id,
            tx.now,
            new.username,
            new.email,
            new.password_hash,
            new.first_name,
            new.last_name,
            new.nickname,
            new.roles,
            new.locale,
            notify.to_string(),
            timezone.to_string(),
        ],
    )?;
    tx.event("new_user", json!({"user_id": id}), Target::default());
    get(tx, &id)
}

pub(crate) fn check_text(field: &str, text: &str) -> ApiResult<()> {
    if text.chars().count() > limits::TEXT_FIELD_CHARS_MAX || text.contains('\0') {
        return Err(ApiError::body(field));
    }
    Ok(())
}

fn missing() -> ApiError {
    ApiError::not_found("app.user.missing_account.const", "user")
}

pub(crate) fn get(tx: &Tx<'_>, id: &str) -> ApiResult<User> {
    let sql = format!("SELECT {} FROM users WHERE id = ?1", User::COLUMNS);
    tx.one(&sql, [id], User::from_row)?.ok_or_else(missing)
}

pub(crate) fn by_username(tx: &Tx<'_>, name: &str) -> ApiResult<User> {
    let sql = format!("SELECT {} FROM users WHERE username = ?1", User::COLUMNS);
    tx.one(&sql, [name], User::from_row)?.ok_or_else(missing)
}

/// For signing in: by user name or e-mail, with the password's hash.
pub(crate) fn by_login(tx: &Tx<'_>, login: &str) -> ApiResult<Option<(User, String)>> {
    let sql = format!(
        "SELECT {}, password FROM users WHERE username = ?1 OR email = ?1",
        User::COLUMNS
    );
    tx.one(&sql, [login.to_lowercase()], |row| {
        Ok((User::from_row(row)?, row.get(16)?))
    })
}

pub(crate) fn many(tx: &Tx<'_>, column: UserKey, keys: &[String]) -> ApiResult<Vec<User>> {
    let column = match column {
        UserKey::Id => "id",
        UserKey::Username => "username",
    };
    let sql = format!(
        "SELECT {} FROM users WHERE {column} IN (SELECT value FROM json_each(?1)) ORDER BY username",
        User::COLUMNS
    );
    tx.all(&sql, [json!(keys).to_string()], User::from_row)
}

/// How users are looked up in bulk.
#[derive(Debug, Clone, Copy)]
pub(crate) enum UserKey {
    Id,
    Username,
}

/// All, or those of a channel or a team; by name.
pub(crate) fn list(
    tx: &Tx<'_>,
    channel_id: &str,
    team_id: &str,
    offset: u32,
    limit: u32,
) -> ApiResult<Vec<User>> {
    let (from, key) = if !channel_id.is_empty() {
        (
            "JOIN channel_members m ON m.user_id = users.id AND m.channel_id = ?1",
            channel_id,
        )
    } else if !team_id.is_empty() {
        (
            "JOIN team_members m ON m.user_id = users.id AND m.team_id = ?1 AND m.delete_at = 0",
            team_id,
        )
    } else {
        ("WHERE ?1 = ''", "")
    };
    let sql = format!(
        "SELECT {} FROM users {from} ORDER BY users.username LIMIT ?2 OFFSET ?3",
        User::COLUMNS
    );
    tx.all(&sql, params![key, limit, offset], User::from_row)
}

/// Writes the fields a person may change; clients hear of it.
pub(crate) fn update(tx: &Tx<'_>, user: &User) -> ApiResult<User> {
    check_username(&user.username)?;
    for (field, text) in [
        ("nickname", &user.nickname),
        ("first_name", &user.first_name),
        ("last_name", &user.last_name),
        ("position", &user.position),
        ("locale", &user.locale),
    ] {
        check_text(field, text)?;
    }
    let taken = tx.number(
        "SELECT count(*) FROM users WHERE username = ?1 AND id <> ?2",
        [&user.username, &user.id],
    )?;
    if taken > 0 {
        return Err(ApiError::bad(
            "app.user.save.username_exists.app_error",
            "An account with that username already exists.",
        ));
    }
    tx.exec(
        "UPDATE users SET username = ?2, nickname = ?3, first_name = ?4, last_name = ?5, \
         position = ?6, locale = ?7, notify_props = ?8, timezone = ?9, roles = ?10, \
         update_at = ?11 WHERE id = ?1",
        params![
            user.id,
            user.username,
            user.nickname,
            user.first_name,
            user.last_name,
            user.position,
            user.locale,
            user.notify_props,
            user.timezone,
            user.roles,
            tx.now,
        ],
    )?;
    announce(tx, &user.id)
}

/// Tells everybody that a user changed; returns it as it is now.
pub(crate) fn announce(tx: &Tx<'_>, user_id: &str) -> ApiResult<User> {
    let user = get(tx, user_id)?;
    let to_others = Target::default().omit_user(user_id);
    tx.event(
        "user_updated",
        json!({"user": user.to_json(false)}),
        to_others,
    );
    tx.event(
        "user_updated",
        json!({"user": user.to_json(true)}),
        Target::user(user_id),
    );
    Ok(user)
}

/// Deactivates or reactivates. Deactivation ends all sessions at once.
pub(crate) fn set_active(tx: &Tx<'_>, user_id: &str, active: bool) -> ApiResult<()> {
    let user = get(tx, user_id)?;
    let delete_at = if active { 0 } else { tx.now };
    if (user.delete_at == 0) == active {
        return Ok(());
    }
    tx.exec(
        "UPDATE users SET delete_at = ?2, update_at = ?3 WHERE id = ?1",
        params![user_id, delete_at, tx.now],
    )?;
    announce(tx, user_id)?;
    if !active {
        super::sessions::drop_links(tx, user_id)?;
        tx.hook(PlatformEvent::UserDeactivated {
            user_id: user_id.to_owned(),
        });
        super::sessions::revoke_all(tx, user_id)?;
    }
    Ok(())
}

/// Active administrators.
pub(crate) fn admins(tx: &Tx<'_>) -> ApiResult<i64> {
    tx.number(
        "SELECT count(*) FROM users WHERE delete_at = 0 AND ' ' || roles || ' ' LIKE '% system_admin %'",
        [],
    )
}

pub(crate) fn set_password(tx: &Tx<'_>, user_id: &str, hash: &str) -> ApiResult<()> {
    tx.exec(
        "UPDATE users SET password = ?2, update_at = ?3 WHERE id = ?1",
        params![user_id, hash, tx.now],
    )?;
    Ok(())
}

/// The picture, if one was set.
pub(crate) fn image(tx: &Tx<'_>, user_id: &str) -> ApiResult<Option<Vec<u8>>> {
    get(tx, user_id)?;
    Ok(tx
        .one("SELECT image FROM users WHERE id = ?1", [user_id], |row| {
            row.get::<_, Option<Vec<u8>>>(0)
        })?
        .flatten())
}

pub(crate) fn set_image(tx: &Tx<'_>, user_id: &str, bytes: &[u8]) -> ApiResult<()> {
    tx.exec(
        "UPDATE users SET image = ?2, last_picture_update = ?3, update_at = ?3 WHERE id = ?1",
        params![user_id, bytes, tx.now],
    )?;
    announce(tx, user_id)?;
    Ok(())
}

/// A session ended: what follows.
pub(crate) fn session_ended(tx: &Tx<'_>, session_id: String, user_id: String) {
    tx.effect(Effect::SessionRevoked {
        session_id,
        user_id,
    });
}

/// Active users whose user name, nickname or names begin with the term.
pub(crate) fn search(tx: &Tx<'_>, term: &str, limit: u32) -> ApiResult<Vec<User>> {
    let term = term.trim().trim_start_matches('@').to_lowercase();
    let sql = format!(
        "SELECT {} FROM users WHERE delete_at = 0 AND (substr(username, 1, length(?1)) = ?1 \
         OR substr(lower(nickname), 1, length(?1)) = ?1 \
         OR substr(lower(first_name), 1, length(?1)) = ?1 \
         OR substr(lower(last_name), 1, length(?1)) = ?1) ORDER BY username LIMIT ?2",
        User::COLUMNS
    );
    tx.all(&sql, params![term, limit], User::from_row)
}
