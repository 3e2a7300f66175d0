//! `/channels/{id}/members`: who is in, who comes and goes, what was read.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::super::Local;
use super::super::access::{self, Action};
use super::super::auth::{Auth, Body};
use super::super::error::{ApiError, ApiResult};
use super::super::store::members;
use super::{Json, Paging, answer, created, done, id, own_id, reply, user_id};

pub(super) async fn members(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(channel): Path<String>,
    Query(paging): Query<Paging>,
) -> ApiResult<Json> {
    id(&channel, "channel_id")?;
    let (offset, limit) = paging.window();
    answer(&local, move |tx| {
        access::channel(tx, &auth.user, &channel, Action::Read)?;
        members::members(tx, &channel, offset, limit)
    })
    .await
}

pub(super) async fn member(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path((channel, user)): Path<(String, String)>,
) -> ApiResult<Json> {
    id(&channel, "channel_id")?;
    let user = user_id(&user, &auth.user)?;
    answer(&local, move |tx| {
        access::channel(tx, &auth.user, &channel, Action::Read)?;
        members::member(tx, &channel, &user)?.ok_or_else(|| {
            ApiError::not_found("app.channel.get_member.missing.app_error", "channel member")
        })
    })
    .await
}

#[derive(Deserialize)]
pub(super) struct AddMember {
    user_id: String,
}

/// People join open channels of their team on their own; members add others.
pub(super) async fn add_member(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(channel): Path<String>,
    Body(AddMember { user_id }): Body<AddMember>,
) -> ApiResult<(StatusCode, Json)> {
    id(&channel, "channel_id")?;
    created(&local, move |tx| {
        if let Some(present) = members::member(tx, &channel, &user_id)?
            && user_id == auth.user.id
        {
            return Ok(present);
        }
        let own = user_id == auth.user.id;
        let action = if own {
            Action::Join
        } else {
            Action::ManageMembers
        };
        access::channel(tx, &auth.user, &channel, action)?;
        members::add_member(tx, &channel, &user_id, false)
    })
    .await
}

pub(super) async fn remove_member(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path((channel, user)): Path<(String, String)>,
) -> ApiResult<Json> {
    id(&channel, "channel_id")?;
    let user = user_id(&user, &auth.user)?;
    done(&local, move |tx| {
        let action = if user == auth.user.id {
            Action::Read
        } else {
            Action::ManageMembers
        };
        let found = access::channel(tx, &auth.user, &channel, action)?;
        if found.name == "town-square" && !auth.user.is_guest() {
            return Err(ApiError::bad(
                "api.channel.remove.default.app_error",
                "Unable to remove user from the default channel.",
            ));
        }
        members::remove_member(tx, &found, &user, &auth.user.id)
    })
    .await
}

pub(super) async fn set_notify_props(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path((channel, user)): Path<(String, String)>,
    Body(props): Body<serde_json::Map<String, serde_json::Value>>,
) -> ApiResult<Json> {
    id(&channel, "channel_id")?;
    let user = own_id(&user, &auth.user)?;
    if props.len() > 50
        || !props
            .values()
            .all(|value| value.as_str().is_some_and(|s| s.len() <= 256))
    {
        return Err(ApiError::body("notify_props"));
    }
    done(&local, move |tx| {
        members::set_notify_props(tx, &channel, &user, &props)
    })
    .await
}

#[derive(Deserialize)]
pub(super) struct View {
    #[serde(default)]
    channel_id: String,
}

pub(super) async fn view(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(user): Path<String>,
    Body(View { channel_id }): Body<View>,
) -> ApiResult<Json> {
    let user = own_id(&user, &auth.user)?;
    if channel_id.is_empty() {
        return Ok(reply(json!({"status": "OK", "last_viewed_at_times": {}})));
    }
    let (asking, channel) = (auth.user, channel_id.clone());
    let at = local
        .db
        .run(move |tx| {
            access::channel(tx, &asking, &channel, Action::Read)?;
            members::view(tx, &channel, &user)
        })
        .await?;
    Ok(reply(
        json!({"status": "OK", "last_viewed_at_times": {channel_id: at}}),
    ))
}
