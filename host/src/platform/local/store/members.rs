//! Who is in a channel, and what they have read.

use rusqlite::params;
use serde_json::json;

use super::super::db::Tx;
use super::super::error::{ApiError, ApiResult};
use super::super::event::Target;
use super::super::limits;
use super::super::model::{Channel, ChannelMember};
use super::channels::get;
use super::users;
use crate::hooks::PlatformEvent;

fn missing() -> ApiError {
    ApiError::not_found("app.channel.get_member.missing.app_error", "channel member")
}

pub(crate) fn member(
    tx: &Tx<'_>,
    channel_id: &str,
    user_id: &str,
) -> ApiResult<Option<ChannelMember>> {
    let sql = format!(
        "SELECT {} FROM channel_members WHERE channel_id = ?1 AND user_id = ?2",
        ChannelMember::COLUMNS
    );
    tx.one(&sql, [channel_id, user_id], ChannelMember::from_row)
}

pub(crate) fn members(
    tx: &Tx<'_>,
    channel_id: &str,
    offset: u32,
    limit: u32,
) -> ApiResult<Vec<ChannelMember>> {
    let sql = format!(
        "SELECT {} FROM channel_members WHERE channel_id = ?1 ORDER BY user_id LIMIT ?2 OFFSET ?3",
        ChannelMember::COLUMNS
    );
    tx.all(
        &sql,
        params![channel_id, limit, offset],
        ChannelMember::from_row,
    )
}

pub(crate) fn members_of_user(
    tx: &Tx<'_>,
    user_id: &str,
    team_id: &str,
) -> ApiResult<Vec<ChannelMember>> {
    let sql = format!(
        "SELECT {} FROM channel_members JOIN channels ON channels.id = channel_members.channel_id \
         WHERE channel_members.user_id = ?1 AND channels.team_id IN (?2, '') \
         ORDER BY channels.id LIMIT ?3",
        ChannelMember::COLUMNS
    );
    tx.all(
        &sql,
        params![user_id, team_id, limits::CHANNELS_PER_USER_MAX],
        ChannelMember::from_row,
    )
}

pub(crate) fn member_count(tx: &Tx<'_>, channel_id: &str, guests: bool) -> ApiResult<i64> {
    let sql =
        "SELECT count(*) FROM channel_members WHERE channel_id = ?1 AND (?2 = 0 OR guest = 1)";
    tx.number(sql, params![channel_id, guests])
}

pub(super) fn join(
    tx: &Tx<'_>,
    channel_id: &str,
    user_id: &str,
    admin: bool,
) -> ApiResult<ChannelMember> {
    let guest = users::get(tx, user_id)?.is_guest();
    tx.exec(
        "INSERT INTO channel_members (channel_id, user_id, admin, guest, last_update_at) \
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        params![channel_id, user_id, admin && !guest, guest, tx.now],
    )?;
    tx.hook(PlatformEvent::JoinedChannel {
        channel_id: channel_id.to_owned(),
        user_id: user_id.to_owned(),
    });
    member(tx, channel_id, user_id)?.ok_or_else(missing)
}

/// Adds a team member to a channel of the team. Idempotent.
pub(crate) fn add_member(
    tx: &Tx<'_>,
    channel_id: &str,
    user_id: &str,
    admin: bool,
) -> ApiResult<ChannelMember> {
    let channel = get(tx, channel_id)?;
    if let Some(present) = member(tx, channel_id, user_id)? {
        return Ok(present);
    }
    if channel.is_personal() {
        return Err(ApiError::bad(
            "api.channel.add_user_to_channel.type.app_error",
            "Can not add user to this channel type.",
        ));
    }
    if channel.delete_at != 0 {
        return Err(ApiError::bad(
            "api.channel.add_user_to_channel.deleted.app_error",
            "The channel has been archived.",
        ));
    }
    if super::teams::member(tx, &channel.team_id, user_id)?.is_none() {
        return Err(ApiError::not_found(
            "app.team.get_member.missing.app_error",
            "team member",
        ));
    }
    let added = join(tx, channel_id, user_id, admin)?;
    tx.event(
        "user_added",
        json!({"user_id": user_id, "team_id": channel.team_id}),
        Target::channel(channel_id),
    );
    Ok(added)
}

/// Removes somebody; both the channel and the removed user hear of it.
pub(crate) fn remove_member(
    tx: &Tx<'_>,
    channel: &Channel,
    user_id: &str,
    remover_id: &str,
) -> ApiResult<()> {
    if channel.is_personal() {
        return Err(ApiError::bad(
            "api.channel.remove_channel_member.type.app_error",
            "Unable to remove members from this channel type.",
        ));
    }
    let sql = "DELETE FROM channel_members WHERE channel_id = ?1 AND user_id = ?2";
    if tx.exec(sql, [&channel.id, user_id])? == 0 {
        return Err(ApiError::not_found(
            "app.channel.get_member.missing.app_error",
            "member",
        ));
    }
    tx.hook(PlatformEvent::LeftChannel {
        channel_id: channel.id.clone(),
        user_id: user_id.to_owned(),
    });
    tx.event(
        "user_removed",
        json!({"user_id": user_id, "remover_id": remover_id}),
        Target::channel(&channel.id),
    );
    tx.event(
        "user_removed",
        json!({"channel_id": channel.id, "remover_id": remover_id}),
        Target::user(user_id),
    );
    Ok(())
}

/// Replaces parts of a member's notification settings.
pub(crate) fn set_notify_props(
    tx: &Tx<'_>,
    channel_id: &str,
    user_id: &str,
    props: &serde_json::Map<String, serde_json::Value>,
) -> ApiResult<()> {
    let old = member(tx, channel_id, user_id)?.ok_or_else(missing)?;
    let mut merged = old.notify_props;
    if let Some(map) = merged.as_object_mut() {
        map.extend(props.iter().map(|(k, v)| (k.clone(), v.clone())));
    }
    tx.exec(
        "UPDATE channel_members SET notify_props = ?3, last_update_at = ?4 \
         WHERE channel_id = ?1 AND user_id = ?2",
        params![channel_id, user_id, merged.to_string(), tx.now],
    )?;
    let now = member(tx, channel_id, user_id)?.ok_or_else(missing)?;
    tx.event(
        "channel_member_updated",
        json!({"channelMember": json!(now).to_string()}),
        Target::user(user_id),
    );
    Ok(())
}

/// Marks as read; the user's other clients hear of it.
pub(crate) fn view(tx: &Tx<'_>, channel_id: &str, user_id: &str) -> ApiResult<i64> {
    let channel = get(tx, channel_id)?;
    tx.exec(
        "UPDATE channel_members SET last_viewed_at = ?3, mention_count = 0, msg_count = ?4 \
         WHERE channel_id = ?1 AND user_id = ?2",
        params![
            channel_id,
            user_id,
            tx.now.max(channel.last_post_at),
            channel.total_msg_count
        ],
    )?;
    let at = tx.now.max(channel.last_post_at);
    tx.event(
        "multiple_channels_viewed",
        json!({"channel_times": {channel_id: at}}),
        Target::user(user_id),
    );
    Ok(at)
}

/// Makes somebody's memberships those of a guest, or of a full user.
pub(crate) fn set_guest(tx: &Tx<'_>, user_id: &str, guest: bool) -> ApiResult<()> {
    for table in ["channel_members", "team_members"] {
        tx.exec(
            &format!(
                "UPDATE {table} SET guest = ?2, admin = CASE WHEN ?2 THEN 0 ELSE admin END \
                 WHERE user_id = ?1"
            ),
            params![user_id, guest],
        )?;
    }
    Ok(())
}
