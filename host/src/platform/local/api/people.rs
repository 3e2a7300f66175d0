//! Statuses and preferences.

use std::sync::Arc;

use axum::extract::{Path, State};
use serde::Deserialize;

use super::super::auth::{Auth, Body};
use super::super::error::ApiResult;
use super::super::model::Preference;
use super::super::store::{people, users};
use super::super::{Local, access};
use super::{Json, id_list, ok, reply, user_id};

pub(super) async fn statuses(
    State(local): State<Arc<Local>>,
    _auth: Auth,
    Body(ids): Body<Vec<String>>,
) -> ApiResult<Json> {
    let ids = id_list(ids)?;
    let hub = local.hub.clone();
    let found = local
        .db
        .run(move |tx| {
            ids.iter()
                .map(|id| people::status(tx, id, hub.is_connected(id)))
                .collect::<ApiResult<Vec<_>>>()
        })
        .await?;
    Ok(reply(found))
}

pub(super) async fn status(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(user): Path<String>,
) -> ApiResult<Json> {
    let id = user_id(&user, &auth.user)?;
    let connected = local.hub.is_connected(&id);
    let found = local
        .db
        .run(move |tx| {
            users::get(tx, &id)?;
            people::status(tx, &id, connected)
        })
        .await?;
    Ok(reply(found))
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
    let id = user_id(&user, &auth.user)?;
    access::own(&auth.user, &id)?;
    let connected = local.hub.is_connected(&id);
    let found = local
        .db
        .run(move |tx| {
            people::set_status(tx, &id, &status, true)?;
            people::status(tx, &id, connected)
        })
        .await?;
    Ok(reply(found))
}

pub(super) async fn preferences(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(user): Path<String>,
) -> ApiResult<Json> {
    let id = user_id(&user, &auth.user)?;
    access::own(&auth.user, &id)?;
    Ok(reply(
        local.db.run(move |tx| people::preferences(tx, &id)).await?,
    ))
}

pub(super) async fn set_preferences(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(user): Path<String>,
    Body(all): Body<Vec<Preference>>,
) -> ApiResult<Json> {
    let id = user_id(&user, &auth.user)?;
    access::own(&auth.user, &id)?;
    local
        .db
        .run(move |tx| people::set_preferences(tx, &id, &all))
        .await?;
    Ok(ok())
}

pub(super) async fn delete_preferences(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(user): Path<String>,
    Body(all): Body<Vec<Preference>>,
) -> ApiResult<Json> {
    let id = user_id(&user, &auth.user)?;
    access::own(&auth.user, &id)?;
    local
        .db
        .run(move |tx| people::delete_preferences(tx, &id, &all))
        .await?;
    Ok(ok())
}
