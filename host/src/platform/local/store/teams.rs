//! Teams and who is in them.

use rusqlite::params;
use serde_json::json;

use super::super::db::Tx;
use super::super::error::{ApiError, ApiResult};
use super::super::event::Target;
use super::super::ids::new_id;
use super::super::limits;
use super::super::model::{Team, TeamMember, User};
use super::{channels, members, users};

/// First path segments that mean something else than a team.
const RESERVED: &[&str] = &[
    "admin",
    "api",
    "channel",
    "claim",
    "error",
    "files",
    "help",
    "landing",
    "login",
    "oauth",
    "plug",
    "plugins",
    "post",
    "signup",
    "static",
    "admin_console",
    "select_team",
    "create_team",
];

fn missing() -> ApiError {
    ApiError::not_found("app.team.get.find.app_error", "team")
}

pub(crate) fn insert(
    tx: &Tx<'_>,
    name: &str,
    display_name: &str,
    kind: &str,
    creator: Option<&User>,
) -> ApiResult<Team> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let ok = (2..=64).contains(&name.len())
        && name.bytes().all(plain)
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !RESERVED.contains(&name);
    if !ok {
        return Err(ApiError::bad(
            "model.team.is_valid.characters.app_error",
            "Name must be 2 or more lowercase alphanumeric characters and not reserved.",
        ));
    }
    if display_name.trim().is_empty() || display_name.chars().count() > 64 {
        return Err(ApiError::body("display_name"));
    }
    if !matches!(kind, "O" | "I") {
        return Err(ApiError::body("type"));
    }
    if tx.number("SELECT count(*) FROM teams WHERE name = ?1", [name])? > 0 {
        return Err(ApiError::bad(
            "app.team.save.existing.app_error",
            "A team with that name already exists.",
        ));
    }
    if tx.number("SELECT count(*) FROM teams", [])? >= limits::TEAMS_MAX {
        return Err(ApiError::full("teams"));
    }
    let id = new_id();
    tx.exec(
        "INSERT INTO teams (id, create_at, update_at, name, display_name, type) \
         VALUES (?1, ?2, ?2, ?3, ?4, ?5)",
        params![id, tx.now, name, display_name, kind],
    )?;
    let by = creator.map_or("", |user| user.id.as_str());
    channels::insert(tx, &id, "town-square", "Town Square", "O", by)?;
    channels::insert(tx, &id, "off-topic", "Off-Topic", "O", by)?;
    if let Some(creator) = creator {
        add_member(tx, &id, &creator.id, true)?;
    }
    get(tx, &id)
}

pub(crate) fn get(tx: &Tx<'_>, id: &str) -> ApiResult<Team> {
    let sql = format!("SELECT {} FROM teams WHERE id = ?1", Team::COLUMNS);
    tx.one(&sql, [id], Team::from_row)?.ok_or_else(missing)
}

pub(crate) fn by_name(tx: &Tx<'_>, name: &str) -> ApiResult<Team> {
    let sql = format!("SELECT {} FROM teams WHERE name = ?1", Team::COLUMNS);
    tx.one(&sql, [name], Team::from_row)?.ok_or_else(missing)
}

pub(crate) fn of_user(tx: &Tx<'_>, user_id: &str) -> ApiResult<Vec<Team>> {
    let sql = format!(
        "SELECT {} FROM teams JOIN team_members m ON m.team_id = teams.id AND m.delete_at = 0 \
         WHERE m.user_id = ?1 AND teams.delete_at = 0 ORDER BY teams.display_name, teams.id",
        Team::COLUMNS
    );
    tx.all(&sql, [user_id], Team::from_row)
}

pub(crate) fn members_of_user(tx: &Tx<'_>, user_id: &str) -> ApiResult<Vec<TeamMember>> {
    let sql = format!(
        "SELECT {} FROM team_members WHERE user_id = ?1 AND delete_at = 0 ORDER BY team_id",
        TeamMember::COLUMNS
    );
    tx.all(&sql, [user_id], TeamMember::from_row)
}

pub(crate) fn members(
    tx: &Tx<'_>,
    team_id: &str,
    offset: u32,
    limit: u32,
) -> ApiResult<Vec<TeamMember>> {
    let sql = format!(
        "SELECT {} FROM team_members WHERE team_id = ?1 AND delete_at = 0 ORDER BY user_id \
         LIMIT ?2 OFFSET ?3",
        TeamMember::COLUMNS
    );
    tx.all(&sql, params![team_id, limit, offset], TeamMember::from_row)
}

/// A present member.
pub(crate) fn member(tx: &Tx<'_>, team_id: &str, user_id: &str) -> ApiResult<Option<TeamMember>> {
    let sql = format!(
        "SELECT {} FROM team_members WHERE team_id = ?1 AND user_id = ?2 AND delete_at = 0",
        TeamMember::COLUMNS
    );
    tx.one(&sql, [team_id, user_id], TeamMember::from_row)
}

/// Adds somebody; people who are no guests also get the standard channel. Idempotent.
pub(crate) fn add_member(
    tx: &Tx<'_>,
    team_id: &str,
    user_id: &str,
    admin: bool,
) -> ApiResult<TeamMember> {
    let user = users::get(tx, user_id)?;
    if let Some(present) = member(tx, team_id, user_id)? {
        return Ok(present);
    }
    tx.exec(
        "INSERT INTO team_members (team_id, user_id, admin, guest, create_at) \
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (team_id, user_id) \
         DO UPDATE SET delete_at = 0, admin = ?3, guest = ?4",
        params![team_id, user_id, admin, user.is_guest(), tx.now],
    )?;
    tx.event(
        "added_to_team",
        json!({"team_id": team_id, "user_id": user_id}),
        Target::user(user_id),
    );
    if !user.is_guest() {
        for name in ["town-square", "off-topic"] {
            if let Ok(channel) = channels::by_name(tx, team_id, name) {
                members::add_member(tx, &channel.id, user_id, false)?;
            }
        }
    }
    member(tx, team_id, user_id)?.ok_or_else(missing)
}

/// Removes somebody from the team and all of its channels.
pub(crate) fn remove_member(
    tx: &Tx<'_>,
    team_id: &str,
    user_id: &str,
    remover_id: &str,
) -> ApiResult<()> {
    for channel in channels::of_user(tx, user_id, Some(team_id), true)? {
        if channel.team_id == team_id {
            members::remove_member(tx, &channel, user_id, remover_id)?;
        }
    }
    let sql = "UPDATE team_members SET delete_at = ?3 WHERE team_id = ?1 AND user_id = ?2";
    tx.exec(sql, params![team_id, user_id, tx.now])?;
    tx.event(
        "leave_team",
        json!({"team_id": team_id, "user_id": user_id}),
        Target::user(user_id),
    );
    Ok(())
}
