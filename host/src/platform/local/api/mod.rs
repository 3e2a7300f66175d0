//! `/api/v4`: the routes, by subject.

mod channels;
mod commands;
pub(super) mod files;
mod login;
mod members;
mod people;
mod posts;
mod system;
mod teams;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post, put};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::db::Tx;
use super::error::{ApiError, ApiResult};
use super::model::User;
use super::{Local, access, ids, limits, socket};

pub(crate) use login::signed_in;

pub(crate) type Json = axum::Json<Value>;

/// Success without anything to say.
pub(crate) fn ok() -> Json {
    axum::Json(json!({"status": "OK"}))
}

pub(crate) fn reply(value: impl serde::Serialize) -> Json {
    axum::Json(json!(value))
}

/// An id in the address.
pub(crate) fn id(text: &str, field: &str) -> ApiResult<()> {
    if ids::is_id(text) {
        Ok(())
    } else {
        Err(ApiError::url(field))
    }
}

/// A user id in the address; `me` is the asking user.
pub(crate) fn user_id(text: &str, asking: &User) -> ApiResult<String> {
    if text == "me" {
        return Ok(asking.id.clone());
    }
    id(text, "user_id")?;
    Ok(text.to_owned())
}

/// As [`user_id`]; only an administrator may name somebody else.
fn own_id(text: &str, asking: &User) -> ApiResult<String> {
    let id = user_id(text, asking)?;
    access::own(asking, &id)?;
    Ok(id)
}

/// Runs a request's part in the database and answers with what it gives.
async fn answer<T, F>(local: &Local, job: F) -> ApiResult<Json>
where
    T: Serialize + Send + 'static,
    F: FnOnce(&Tx<'_>) -> ApiResult<T> + Send + 'static,
{
    Ok(reply(local.db.run(job).await?))
}

/// As [`answer`], of something that was made.
async fn created<T, F>(local: &Local, job: F) -> ApiResult<(StatusCode, Json)>
where
    T: Serialize + Send + 'static,
    F: FnOnce(&Tx<'_>) -> ApiResult<T> + Send + 'static,
{
    Ok((StatusCode::CREATED, answer(local, job).await?))
}

/// As [`answer`], when there is nothing to give back.
async fn done<F>(local: &Local, job: F) -> ApiResult<Json>
where
    F: FnOnce(&Tx<'_>) -> ApiResult<()> + Send + 'static,
{
    local.db.run(job).await?;
    Ok(ok())
}

/// `?page=&per_page=`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Paging {
    page: Option<u32>,
    per_page: Option<u32>,
}

impl Paging {
    /// Offset and limit.
    pub(crate) fn window(&self) -> (u32, u32) {
        let limit = self
            .per_page
            .unwrap_or(60)
            .clamp(1, limits::ITEMS_PER_PAGE_MAX);
        (self.page.unwrap_or(0).saturating_mul(limit), limit)
    }
}

/// Checks a list of ids from a body.
pub(crate) fn id_list(list: Vec<String>) -> ApiResult<Vec<String>> {
    if list.len() > limits::IDS_MAX || !list.iter().all(|id| ids::is_id(id)) {
        return Err(ApiError::body("user_ids"));
    }
    Ok(list)
}

/// Everything below `/api/v4`.
pub(crate) fn router() -> Router<Arc<Local>> {
    Router::new()
        .merge(of_users())
        .merge(of_teams())
        .merge(of_channels())
        .merge(of_posts())
        .route("/commands/execute", post(commands::execute))
        .route(
            "/teams/{team}/commands/autocomplete",
            get(commands::autocomplete),
        )
        .route(
            "/teams/{team}/commands/autocomplete_suggestions",
            get(commands::suggestions),
        )
        .route("/config", get(system::config).put(system::put_config))
        .route("/config/client", get(system::client_config))
        .route("/license/client", get(system::license))
        .route("/system/ping", get(system::ping))
        .route("/plugins/webapp", get(system::webapp_plugins))
        .route("/plugins/{id}/{action}", post(system::switch_plugin))
        .route("/websocket", get(socket::upgrade))
        .fallback(|| async { ApiError::no_route() })
        .method_not_allowed_fallback(|| async { ApiError::no_route() })
}

fn of_users() -> Router<Arc<Local>> {
    Router::new()
        .route("/users/login", post(login::login))
        .route("/users/logout", post(login::logout))
        .route("/users", post(users::create).get(users::list))
        .route("/users/ids", post(users::by_ids))
        .route("/users/usernames", post(users::by_usernames))
        .route("/users/search", post(users::search))
        .route("/users/username/{name}", get(users::by_username))
        .route("/users/status/ids", post(people::statuses))
        .route("/users/{user}", get(users::get).delete(users::deactivate))
        .route("/users/{user}/patch", put(users::patch))
        .route("/users/{user}/active", put(users::set_active))
        .route("/users/{user}/roles", put(users::set_roles))
        .route("/users/{user}/password", put(login::set_password))
        .route("/users/{user}/sessions/revoke/all", post(login::revoke_all))
        .route(
            "/users/{user}/image",
            get(files::picture).post(files::set_picture),
        )
        .route(
            "/users/{user}/status",
            get(people::status).put(people::set_status),
        )
        .route(
            "/users/{user}/preferences",
            get(people::preferences).put(people::set_preferences),
        )
        .route(
            "/users/{user}/preferences/delete",
            post(people::delete_preferences),
        )
        .route("/users/{user}/teams", get(teams::of_user))
        .route("/users/{user}/teams/members", get(teams::members_of_user))
        .route("/users/{user}/channels", get(channels::of_user))
        .route(
            "/users/{user}/teams/{team}/channels",
            get(channels::of_user_in_team),
        )
        .route(
            "/users/{user}/teams/{team}/channels/members",
            get(channels::memberships),
        )
        .route(
            "/users/{user}/teams/{team}/threads/{thread}",
            get(posts::user_thread),
        )
        .route(
            "/users/{user}/teams/{team}/threads/{thread}/following",
            put(posts::follow).delete(posts::unfollow),
        )
}

fn of_teams() -> Router<Arc<Local>> {
    Router::new()
        .route("/teams", post(teams::create))
        .route("/teams/{team}", get(teams::get))
        .route("/teams/name/{name}", get(teams::by_name))
        .route(
            "/teams/{team}/members",
            post(teams::add_member).get(teams::members),
        )
        .route("/teams/{team}/members/{user}", delete(teams::remove_member))
        .route("/teams/{team}/channels", get(channels::public_of_team))
        .route("/teams/{team}/channels/name/{name}", get(channels::by_name))
        .route(
            "/teams/name/{team}/channels/name/{name}",
            get(channels::by_names),
        )
}

fn of_channels() -> Router<Arc<Local>> {
    Router::new()
        .route("/channels", post(channels::create).get(channels::all))
        .route("/channels/direct", post(channels::direct))
        .route("/channels/group", post(channels::group))
        .route("/channels/members/{user}/view", post(members::view))
        .route(
            "/channels/{channel}",
            get(channels::get).delete(channels::archive),
        )
        .route("/channels/{channel}/patch", put(channels::patch))
        .route("/channels/{channel}/restore", post(channels::restore))
        .route("/channels/{channel}/stats", get(channels::stats))
        .route(
            "/channels/{channel}/members",
            get(members::members).post(members::add_member),
        )
        .route(
            "/channels/{channel}/members/{user}",
            get(members::member).delete(members::remove_member),
        )
        .route(
            "/channels/{channel}/members/{user}/notify_props",
            put(members::set_notify_props),
        )
        .route("/channels/{channel}/posts", get(posts::list))
}

fn of_posts() -> Router<Arc<Local>> {
    Router::new()
        .route("/posts", post(posts::create))
        .route("/posts/{post}", get(posts::get).delete(posts::delete))
        .route("/posts/{post}/patch", put(posts::patch))
        .route("/posts/{post}/thread", get(posts::thread))
        .route("/files", post(files::upload))
        .route("/files/{file}", get(files::download))
        .route("/files/{file}/info", get(files::info))
}
