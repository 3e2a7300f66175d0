//! Channels.

use rusqlite::params;
use serde_json::json;

use super::super::db::Tx;
use super::super::error::{ApiError, ApiResult};
use super::super::event::Target;
use super::super::ids::{is_id, new_id};
use super::super::limits;
use super::super::model::Channel;
use super::members::{add_member, join};
use super::users;
use crate::hooks::PlatformEvent;

fn missing() -> ApiError {
    ApiError::not_found("app.channel.get.existing.app_error", "channel")
}

fn check_name(name: &str) -> ApiResult<()> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    let direct = name
        .split_once("__")
        .is_some_and(|(a, b)| is_id(a) && is_id(b));
    let ok = (1..=64).contains(&name.len())
        && name.bytes().all(plain)
        && !name.starts_with(['-', '_'])
        && !direct;
    if ok {
        Ok(())
    } else {
        Err(ApiError::bad(
            "model.channel.is_valid.1_or_more.app_error",
            "Name must be 1 or more lowercase alphanumeric characters.",
        ))
    }
}

/// A channel of a team (`kind` O or P). The creator becomes its first member and administrator.
pub(crate) fn insert(
    tx: &Tx<'_>,
    team_id: &str,
    name: &str,
    display_name: &str,
    kind: &str,
    creator_id: &str,
) -> ApiResult<Channel> {
    check_name(name)?;
    if display_name.trim().is_empty() || display_name.chars().count() > 64 {
        return Err(ApiError::body("display_name"));
    }
    if !matches!(kind, "O" | "P") {
        return Err(ApiError::body("type"));
    }
    if by_name(tx, team_id, name).is_ok() {
        return Err(ApiError::bad(
            "store.sql_channel.save_channel.exists.app_error",
            "A channel with that name already exists on the same team.",
        ));
    }
    let of_team = "SELECT count(*) FROM channels WHERE team_id = ?1";
    if tx.number(of_team, [team_id])? >= limits::CHANNELS_PER_TEAM_MAX {
        return Err(ApiError::full("channels"));
    }
    let channel = put(tx, team_id, name, display_name, kind, creator_id)?;
    if !creator_id.is_empty() && tx.number("SELECT count(*) FROM team_members WHERE team_id = ?1 AND user_id = ?2 AND delete_at = 0", [team_id, creator_id])? > 0 {
        add_member(tx, &channel.id, creator_id, true)?;
    }
    let data = json!({"channel_id": channel.id, "team_id": team_id});
    if kind == "O" {
        tx.event("channel_created", data, Target::team(team_id));
    } else if !creator_id.is_empty() {
        tx.event("channel_created", data, Target::user(creator_id));
    }
    Ok(channel)
}

fn put(
    tx: &Tx<'_>,
    team_id: &str,
    name: &str,
    display_name: &str,
    kind: &str,
    creator_id: &str,
) -> ApiResult<Channel> {
    let id = new_id();
    tx.exec(
        "INSERT INTO channels (id, create_at, update_at, team_id, type, name, display_name, \
         creator_id) VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![id, tx.now, team_id, kind, name, display_name, creator_id],
    )?;
    get(tx, &id)
}

/// The direct channel of two users (who may be one and the same); made if absent.
pub(crate) fn direct(tx: &Tx<'_>, creator: &str, other: &str) -> ApiResult<Channel> {
    users::get(tx, other)?;
    let (a, b) = if creator <= other {
        (creator, other)
    } else {
        (other, creator)
    };
    let name = format!("{a}__{b}");
    if let Ok(present) = by_name(tx, "", &name) {
        return Ok(present);
    }
    let channel = put(tx, "", &name, "", "D", creator)?;
    for user in [creator, other] {
        join(tx, &channel.id, user, false)?;
        let teammate = if user == creator { other } else { creator };
        tx.event(
            "direct_added",
            json!({"creator_id": creator, "teammate_id": teammate, "channel_id": channel.id}),
            Target {
                channel_id: channel.id.clone(),
                ..Target::user(user)
            },
        );
    }
    Ok(channel)
}

/// The group channel of exactly these users; made if absent. `ids` holds the creator.
pub(crate) fn group(tx: &Tx<'_>, creator: &str, ids: &[String]) -> ApiResult<Channel> {
    use sha2::{Digest, Sha256};
    let mut ids: Vec<&String> = ids.iter().collect();
    ids.sort();
    ids.dedup();
    if !limits::GROUP_MEMBERS.contains(&ids.len()) {
        return Err(ApiError::body("user_ids"));
    }
    let mut hash = Sha256::new();
    ids.iter().for_each(|id| hash.update(id.as_bytes()));
    let name: String = hash.finalize()[..20]
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    if let Ok(present) = by_name(tx, "", &name) {
        return Ok(present);
    }
    let mut names = Vec::new();
    for id in &ids {
        names.push(users::get(tx, id)?.username);
    }
    names.sort();
    let channel = put(tx, "", &name, &names.join(", "), "G", creator)?;
    let everybody = json!(ids).to_string();
    for id in &ids {
        join(tx, &channel.id, id, false)?;
    }
    tx.event(
        "group_added",
        json!({"teammate_ids": everybody, "channel_id": channel.id}),
        Target::channel(&channel.id),
    );
    Ok(channel)
}

pub(crate) fn get(tx: &Tx<'_>, id: &str) -> ApiResult<Channel> {
    let sql = format!("SELECT {} FROM channels WHERE id = ?1", Channel::COLUMNS);
    tx.one(&sql, [id], Channel::from_row)?.ok_or_else(missing)
}

/// `team_id` is empty for direct and group channels.
pub(crate) fn by_name(tx: &Tx<'_>, team_id: &str, name: &str) -> ApiResult<Channel> {
    let sql = format!(
        "SELECT {} FROM channels WHERE team_id = ?1 AND name = ?2",
        Channel::COLUMNS
    );
    tx.one(&sql, [team_id, name], Channel::from_row)?
        .ok_or_else(missing)
}

/// A user's channels; with a team: that team's and the personal ones.
pub(crate) fn of_user(
    tx: &Tx<'_>,
    user_id: &str,
    team_id: Option<&str>,
    archived: bool,
) -> ApiResult<Vec<Channel>> {
    let sql = format!(
        "SELECT {} FROM channels JOIN channel_members m ON m.channel_id = channels.id \
         WHERE m.user_id = ?1 AND (?2 IS NULL OR channels.team_id IN (?2, '')) \
         AND (?3 OR channels.delete_at = 0) ORDER BY channels.display_name, channels.id LIMIT ?4",
        Channel::COLUMNS
    );
    tx.all(
        &sql,
        params![user_id, team_id, archived, limits::CHANNELS_PER_USER_MAX],
        Channel::from_row,
    )
}

/// Open channels of a team, for browsing.
pub(crate) fn public_of_team(
    tx: &Tx<'_>,
    team_id: &str,
    offset: u32,
    limit: u32,
) -> ApiResult<Vec<Channel>> {
    let sql = format!(
        "SELECT {} FROM channels WHERE team_id = ?1 AND type = 'O' AND delete_at = 0 \
         ORDER BY display_name, id LIMIT ?2 OFFSET ?3",
        Channel::COLUMNS
    );
    tx.all(&sql, params![team_id, limit, offset], Channel::from_row)
}

/// Every team's channels, for administrators.
pub(crate) fn all(tx: &Tx<'_>, offset: u32, limit: u32) -> ApiResult<Vec<Channel>> {
    let sql = format!(
        "SELECT {} FROM channels WHERE team_id <> '' AND delete_at = 0 \
         ORDER BY display_name, id LIMIT ?1 OFFSET ?2",
        Channel::COLUMNS
    );
    tx.all(&sql, params![limit, offset], Channel::from_row)
}

/// Archives or restores.
pub(crate) fn set_archived(tx: &Tx<'_>, channel_id: &str, archived: bool) -> ApiResult<Channel> {
    let channel = get(tx, channel_id)?;
    if channel.is_personal() || channel.name == "town-square" {
        return Err(ApiError::bad(
            "api.channel.delete_channel.type.invalid",
            "This channel can not be archived.",
        ));
    }
    let delete_at = if archived { tx.now } else { 0 };
    tx.exec(
        "UPDATE channels SET delete_at = ?2, update_at = ?3 WHERE id = ?1",
        params![channel_id, delete_at, tx.now],
    )?;
    let to = if channel.kind == "O" {
        Target::team(&channel.team_id)
    } else {
        Target::channel(channel_id)
    };
    if archived {
        tx.hook(PlatformEvent::ChannelArchived {
            channel_id: channel_id.to_owned(),
        });
        tx.event(
            "channel_deleted",
            json!({"channel_id": channel_id, "delete_at": delete_at}),
            to,
        );
    } else {
        tx.event("channel_restored", json!({"channel_id": channel_id}), to);
    }
    get(tx, channel_id)
}

/// Changes the texts; clients hear of it.
pub(crate) fn update(tx: &Tx<'_>, channel: &Channel) -> ApiResult<Channel> {
    if channel.display_name.trim().is_empty() && !channel.is_personal() {
        return Err(ApiError::body("display_name"));
    }
    for (field, text) in [
        ("display_name", &channel.display_name),
        ("header", &channel.header),
        ("purpose", &channel.purpose),
    ] {
        users::check_text(field, text)?;
    }
    tx.exec(
        "UPDATE channels SET display_name = ?2, header = ?3, purpose = ?4, update_at = ?5 \
         WHERE id = ?1",
        params![
            channel.id,
            channel.display_name,
            channel.header,
            channel.purpose,
            tx.now
        ],
    )?;
    let now = get(tx, &channel.id)?;
    tx.event(
        "channel_updated",
        json!({"channel": json!(now).to_string()}),
        Target::channel(&channel.id),
    );
    Ok(now)
}
