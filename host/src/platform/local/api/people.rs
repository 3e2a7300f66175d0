//! Statuses and preferences.

use std::sync::Arc;

use axum::extract::{Path, State};
use serde::Deserialize;

use super::super::Local;
use super::super::auth::{Auth, Body};
use super::super::error::ApiResult;
use super::super::model::Preference;
use super::super::store::{people, users};
use super::{Json, answer, done, id_list, own_id, user_id};

pub(super) async fn statuses(
    State(local): State<Arc<Local>>,
    _auth: Auth,
    Body(ids): Body<Vec<String>>,
) -> ApiResult<Json> {
    let ids = id_list(ids)?;
    let hub = local.hub.clone();
    answer(&local, move |tx| {
        ids.iter()
            .map(|id| people::status(tx, id, hub.is_connected(id)))
            .collect::<ApiResult<Vec<_>>>()
    })
    .await
}

pub(super) async fn status(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(user): Path<String>,
) -> ApiResult<Json> {
    let id = user_id(&user, &auth.user)?;
    let connected = local.hub.is_connected(&id);
    answer(&local, move |tx| {
        users::get(tx, &id)?;
        people::status(tx, &id, connected)
    })
    .await
}

#[derive(Deserialize)]
pub(super) struct SetStatus {
    status: String,
}

pub(super) async fn set_status(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(user): Path<String>,
    Body(SetStatus { status }): Body<SetStatus>,
) -> ApiResult<Json> {
    let id = own_id(&user, &auth.user)?;
    let connected = local.hub.is_connected(&id);
    answer(&local, move |tx| {
        people::set_status(tx, &id, &status, true)?;
        people::status(tx, &id, connected)
    })
    .await
}

pub(super) async fn preferences(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(user): Path<String>,
) -> ApiResult<Json> {
    let id = own_id(&user, &auth.user)?;
    answer(&local, move |tx| people::preferences(tx, &id)).await
}

pub(super) async fn set_preferences(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(user): Path<String>,
    Body(all): Body<Vec<Preference>>,
) -> ApiResult<Json> {
    let id = own_id(&user, &auth.user)?;
    done(&local, move |tx| people::set_preferences(tx, &id, &all)).await
}

pub(super) async fn delete_preferences(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(user): Path<String>,
    Body(all): Body<Vec<Preference>>,
) -> ApiResult<Json> {
    let id = own_id(&user, &auth.user)?;
    done(&local, move |tx| people::delete_preferences(tx, &id, &all)).await
}
