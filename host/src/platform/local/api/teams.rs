//! `/teams`.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use http::StatusCode;
use serde::Deserialize;

use super::super::auth::{Auth, Body};
use super::super::error::{ApiError, ApiResult};
use super::super::store::teams;
use super::super::{Local, access};
use super::{Json, Paging, answer, created, done, id, own_id, user_id};

#[derive(Deserialize)]
pub(super) struct Create {
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
        teams::insert(
            tx,
            &new.name,
            &new.display_name,
            &new.kind,
            Some(&auth.user),
        )
    })
    .await
}

pub(super) async fn get(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(team): Path<String>,
) -> ApiResult<Json> {
    id(&team, "team_id")?;
    answer(&local, move |tx| {
        let found = teams::get(tx, &team)?;
        if found.kind != "O" || auth.user.is_guest() {
            access::team(tx, &auth.user, &team)?;
        }
        Ok(found)
    })
    .await
}

pub(super) async fn by_name(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(name): Path<String>,
) -> ApiResult<Json> {
    answer(&local, move |tx| {
        let found = teams::by_name(tx, &name)?;
        if found.kind != "O" || auth.user.is_guest() {
            access::team(tx, &auth.user, &found.id)?;
        }
        Ok(found)
    })
    .await
}

pub(super) async fn of_user(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(user): Path<String>,
) -> ApiResult<Json> {
    let id = own_id(&user, &auth.user)?;
    answer(&local, move |tx| teams::of_user(tx, &id)).await
}

pub(super) async fn members_of_user(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(user): Path<String>,
) -> ApiResult<Json> {
    let id = own_id(&user, &auth.user)?;
    answer(&local, move |tx| teams::members_of_user(tx, &id)).await
}

pub(super) async fn members(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(team): Path<String>,
    Query(paging): Query<Paging>,
) -> ApiResult<Json> {
    id(&team, "team_id")?;
    let (offset, limit) = paging.window();
    answer(&local, move |tx| {
        access::team(tx, &auth.user, &team)?;
        teams::members(tx, &team, offset, limit)
    })
    .await
}

#[derive(Deserialize)]
pub(super) struct AddMember {
    user_id: String,
}

/// People add themselves to open teams; administrators of team or system add anybody.
pub(super) async fn add_member(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(team): Path<String>,
    Body(AddMember { user_id }): Body<AddMember>,
) -> ApiResult<(StatusCode, Json)> {
    id(&team, "team_id")?;
    created(&local, move |tx| {
        let found = teams::get(tx, &team)?;
        let own = found.kind == "O" && user_id == auth.user.id && !auth.user.is_guest();
        let team_admin = teams::member(tx, &team, &auth.user.id)?.is_some_and(|m| m.scheme_admin);
        if !own && !team_admin && !auth.user.is_admin() {
            return Err(ApiError::forbidden());
        }
        teams::add_member(tx, &team, &user_id, false)
    })
    .await
}

pub(super) async fn remove_member(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path((team, user)): Path<(String, String)>,
) -> ApiResult<Json> {
    id(&team, "team_id")?;
    let user = user_id(&user, &auth.user)?;
    done(&local, move |tx| {
        let team_admin = teams::member(tx, &team, &auth.user.id)?.is_some_and(|m| m.scheme_admin);
        if user != auth.user.id && !team_admin && !auth.user.is_admin() {
            return Err(ApiError::forbidden());
        }
        teams::remove_member(tx, &team, &user, &auth.user.id)
    })
    .await
}
