//! `/channels`.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::super::Local;
use super::super::access::{self, Action};
use super::super::auth::{Auth, Body};
use super::super::db::Tx;
use super::super::error::{ApiError, ApiResult};
use super::super::model::{Channel, User};
use super::super::store::{channels, members, teams};
use super::{Json, Paging, answer, created, done, id, id_list, own_id};

#[derive(Deserialize)]
pub(super) struct Create {
    team_id: String,
    name: String,
    display_name: String,
    #[serde(rename = "type")]
    kind: String,
}

pub(super) async fn create(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Body(new): Body<Create>,
) -> ApiResult<(StatusCode, Json)> {
    if auth.user.is_guest() {
        return Err(ApiError::forbidden());
    }
    created(&local, move |tx| {
        access::team(tx, &auth.user, &new.team_id)?;
        teams::get(tx, &new.team_id)?;
        let by = &auth.user.id;
        channels::insert(
            tx,
            &new.team_id,
            &new.name,
            &new.display_name,
            &new.kind,
            by,
        )
    })
    .await
}

pub(super) async fn all(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Query(paging): Query<Paging>,
) -> ApiResult<Json> {
    access::admin(&auth.user)?;
    let (offset, limit) = paging.window();
    answer(&local, move |tx| {
        let mut list = Vec::new();
        for channel in channels::all(tx, offset, limit)? {
            let team = teams::get(tx, &channel.team_id)?;
            let mut json = json!(channel);
            json["team_display_name"] = team.display_name.into();
            json["team_name"] = team.name.into();
            json["team_update_at"] = team.update_at.into();
            list.push(json);
        }
        Ok(list)
    })
    .await
}

/// Guests reach only people they share a channel with.
fn reachable(tx: &Tx<'_>, asking: &User, others: &[String]) -> ApiResult<()> {
    if !asking.is_guest() {
        return Ok(());
    }
    let sql = "SELECT count(*) FROM channel_members a JOIN channel_members b \
               ON a.channel_id = b.channel_id WHERE a.user_id = ?1 AND b.user_id = ?2";
    for other in others {
        if other != &asking.id && tx.number(sql, [&asking.id, other])? == 0 {
            return Err(ApiError::forbidden());
        }
    }
    Ok(())
}

pub(super) async fn direct(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Body(ids): Body<Vec<String>>,
) -> ApiResult<(StatusCode, Json)> {
    let ids = id_list(ids)?;
    let [a, b] = ids.as_slice() else {
        return Err(ApiError::body("user_ids"));
    };
    let other = match (a == &auth.user.id, b == &auth.user.id) {
        (true, _) => b.clone(),
        (_, true) => a.clone(),
        _ => return Err(ApiError::forbidden()),
    };
    created(&local, move |tx| {
        reachable(tx, &auth.user, std::slice::from_ref(&other))?;
        channels::direct(tx, &auth.user.id, &other)
    })
    .await
}

pub(super) async fn group(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Body(ids): Body<Vec<String>>,
) -> ApiResult<(StatusCode, Json)> {
    let mut ids = id_list(ids)?;
    if !ids.contains(&auth.user.id) {
        ids.push(auth.user.id.clone());
    }
    created(&local, move |tx| {
        reachable(tx, &auth.user, &ids)?;
        channels::group(tx, &auth.user.id, &ids)
    })
    .await
}

pub(super) async fn get(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(channel): Path<String>,
) -> ApiResult<Json> {
    id(&channel, "channel_id")?;
    answer(&local, move |tx| {
        access::channel(tx, &auth.user, &channel, Action::Read)
    })
    .await
}

fn readable(tx: &Tx<'_>, asking: &User, found: Channel) -> ApiResult<Channel> {
    // A private channel's name must not be found out by asking.
    if access::may(tx, asking, &found, Action::Read)? {
        return Ok(found);
    }
    Err(ApiError::not_found(
        "app.channel.get_by_name.missing.app_error",
        "channel",
    ))
}

pub(super) async fn by_name(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path((team, name)): Path<(String, String)>,
) -> ApiResult<Json> {
    id(&team, "team_id")?;
    answer(&local, move |tx| {
        // Mattermost finds direct and group channels under any of the user's teams.
        let found =
            channels::by_name(tx, &team, &name).or_else(|_| channels::by_name(tx, "", &name))?;
        readable(tx, &auth.user, found)
    })
    .await
}

pub(super) async fn by_names(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path((team, name)): Path<(String, String)>,
) -> ApiResult<Json> {
    answer(&local, move |tx| {
        let team = teams::by_name(tx, &team)?;
        let found =
            channels::by_name(tx, &team.id, &name).or_else(|_| channels::by_name(tx, "", &name))?;
        readable(tx, &auth.user, found)
    })
    .await
}

pub(super) async fn of_user(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(user): Path<String>,
) -> ApiResult<Json> {
    let id = own_id(&user, &auth.user)?;
    answer(&local, move |tx| channels::of_user(tx, &id, None, false)).await
}

#[derive(Deserialize)]
pub(super) struct OfUser {
    #[serde(default)]
    include_deleted: bool,
}

pub(super) async fn of_user_in_team(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path((user, team)): Path<(String, String)>,
    Query(query): Query<OfUser>,
) -> ApiResult<Json> {
    id(&team, "team_id")?;
    let user = own_id(&user, &auth.user)?;
    answer(&local, move |tx| {
        access::team(tx, &auth.user, &team)?;
        channels::of_user(tx, &user, Some(&team), query.include_deleted)
    })
    .await
}

pub(super) async fn memberships(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path((user, team)): Path<(String, String)>,
) -> ApiResult<Json> {
    id(&team, "team_id")?;
    let user = own_id(&user, &auth.user)?;
    answer(&local, move |tx| members::members_of_user(tx, &user, &team)).await
}

pub(super) async fn public_of_team(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(team): Path<String>,
    Query(paging): Query<Paging>,
) -> ApiResult<Json> {
    id(&team, "team_id")?;
    let (offset, limit) = paging.window();
    answer(&local, move |tx| {
        access::team(tx, &auth.user, &team)?;
        if auth.user.is_guest() {
            return Err(ApiError::forbidden());
        }
        channels::public_of_team(tx, &team, offset, limit)
    })
    .await
}

#[derive(Deserialize)]
pub(super) struct Patch {
    display_name: Option<String>,
    header: Option<String>,
    purpose: Option<String>,
}

pub(super) async fn patch(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(channel): Path<String>,
    Body(patch): Body<Patch>,
) -> ApiResult<Json> {
    id(&channel, "channel_id")?;
    answer(&local, move |tx| {
        let mut found = access::channel(tx, &auth.user, &channel, Action::Edit)?;
        if let Some(name) = patch.display_name.filter(|_| !found.is_personal()) {
            found.display_name = name;
        }
        if let Some(header) = patch.header {
            found.header = header;
        }
        if let Some(purpose) = patch.purpose {
            found.purpose = purpose;
        }
        channels::update(tx, &found)
    })
    .await
}

pub(super) async fn archive(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(channel): Path<String>,
) -> ApiResult<Json> {
    id(&channel, "channel_id")?;
    done(&local, move |tx| {
        access::channel(tx, &auth.user, &channel, Action::Archive)?;
        channels::set_archived(tx, &channel, true).map(drop)
    })
    .await
}

pub(super) async fn restore(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(channel): Path<String>,
) -> ApiResult<Json> {
    id(&channel, "channel_id")?;
    answer(&local, move |tx| {
        access::channel(tx, &auth.user, &channel, Action::Archive)?;
        channels::set_archived(tx, &channel, false)
    })
    .await
}

pub(super) async fn stats(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(channel): Path<String>,
) -> ApiResult<Json> {
    id(&channel, "channel_id")?;
    answer(&local, move |tx| {
        access::channel(tx, &auth.user, &channel, Action::Read)?;
        Ok(json!({
            "channel_id": channel,
            "member_count": members::member_count(tx, &channel, false)?,
            "guest_count": members::member_count(tx, &channel, true)?,
            "pinnedpost_count": 0,
            "files_count": 0,
        }))
    })
    .await
}
