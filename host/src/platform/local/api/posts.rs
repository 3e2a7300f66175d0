//! `/posts`, channel posts and threads.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::access::{self, Action};
use super::super::auth::{Auth, Body};
use super::super::db::Tx;
use super::super::error::{ApiError, ApiResult};
use super::super::model::{Post, User};
use super::super::store::posts::{self, NewPost, Window};
use super::super::store::threads;
use super::super::{Local, limits};
use super::{Json, done, id, own_id};

#[derive(Deserialize)]
pub(super) struct Create {
    channel_id: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    root_id: String,
    #[serde(default)]
    file_ids: Option<Vec<String>>,
    #[serde(default)]
    props: Option<Map<String, Value>>,
    #[serde(default)]
    pending_post_id: String,
    #[serde(default, rename = "type")]
    kind: String,
}

/// Props that say "a machine wrote this": only machines may.
fn own_props(props: Option<Map<String, Value>>) -> Map<String, Value> {
    let mut props = props.unwrap_or_default();
    props.retain(|key, _| !key.starts_with("from_") && !key.starts_with("override_"));
    props
}

pub(super) async fn create(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Body(new): Body<Create>,
) -> ApiResult<(StatusCode, Json)> {
    if !new.kind.is_empty() {
        // Typed posts are drawn by the plugin: nobody else may make something look like a call.
        return Err(ApiError::body("type"));
    }
    if new.pending_post_id.len() > 128 {
        return Err(ApiError::body("pending_post_id"));
    }
    let pending = new.pending_post_id.clone();
    let new = NewPost {
        user_id: auth.user.id.clone(),
        channel_id: new.channel_id,
        root_id: new.root_id,
        message: new.message,
        kind: String::new(),
        props: Value::Object(own_props(new.props)).to_string(),
        file_ids: new.file_ids.unwrap_or_default(),
        files_of: String::new(),
        pending_post_id: new.pending_post_id,
    };
    let json = local
        .db
        .run(move |tx| {
            let channel = access::channel(tx, &auth.user, &new.channel_id, Action::Read)?;
            // An archived channel has its own answer: see `posts::insert`.
            if channel.delete_at == 0 {
                access::channel(tx, &auth.user, &new.channel_id, Action::Post)?;
            }
            let post = posts::insert(tx, &new)?;
            posts::to_json(tx, &post, &pending)
        })
        .await?;
    Ok((StatusCode::CREATED, axum::Json(json)))
}

/// A live post in a channel that the asking user may read.
fn readable(tx: &Tx<'_>, asking: &User, post_id: &str) -> ApiResult<Post> {
    let post = posts::get_live(tx, post_id)?;
    access::channel(tx, asking, &post.channel_id, Action::Read)?;
    Ok(post)
}

pub(super) async fn get(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(post): Path<String>,
) -> ApiResult<Json> {
    id(&post, "post_id")?;
    let json = local
        .db
        .run(move |tx| {
            let post = readable(tx, &auth.user, &post)?;
            posts::to_json(tx, &post, "")
        })
        .await?;
    Ok(axum::Json(json))
}

#[derive(Deserialize)]
pub(super) struct Patch {
    message: Option<String>,
    props: Option<Map<String, Value>>,
}

/// Authors only, and no typed posts: those are the plugin's.
pub(super) async fn patch(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(post): Path<String>,
    Body(patch): Body<Patch>,
) -> ApiResult<Json> {
    id(&post, "post_id")?;
    let json = local
        .db
        .run(move |tx| {
            let post = readable(tx, &auth.user, &post)?;
            access::channel(tx, &auth.user, &post.channel_id, Action::Post)?;
            if post.user_id != auth.user.id || !post.kind.is_empty() {
                return Err(ApiError::forbidden());
            }
            let empty = patch
                .message
                .as_ref()
                .is_some_and(|text| text.trim().is_empty());
            if empty && post.file_ids.is_empty() {
                return Err(ApiError::body("message"));
            }
            let props = patch
                .props
                .map(|props| Value::Object(own_props(Some(props))).to_string());
            let now = posts::update(tx, &post, patch.message.as_deref(), props.as_deref(), true)?;
            posts::to_json(tx, &now, "")
        })
        .await?;
    Ok(axum::Json(json))
}

pub(super) async fn delete(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(post): Path<String>,
) -> ApiResult<Json> {
    id(&post, "post_id")?;
    done(&local, move |tx| {
        let post = readable(tx, &auth.user, &post)?;
        access::channel(tx, &auth.user, &post.channel_id, Action::Post)?;
        access::own(&auth.user, &post.user_id)?;
        posts::delete(tx, &post, &auth.user.id)
    })
    .await
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct ListQuery {
    page: Option<u32>,
    per_page: Option<u32>,
    since: Option<i64>,
    before: String,
    after: String,
}

pub(super) async fn list(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(channel): Path<String>,
    Query(query): Query<ListQuery>,
) -> ApiResult<Json> {
    id(&channel, "channel_id")?;
    let per_page = query
        .per_page
        .unwrap_or(60)
        .clamp(1, limits::POSTS_PER_PAGE_MAX);
    let window = if let Some(since) = query.since.filter(|at| *at > 0) {
        Window::Since(since)
    } else if !query.before.is_empty() {
        Window::Before {
            id: query.before,
            per_page,
        }
    } else if !query.after.is_empty() {
        Window::After {
            id: query.after,
            per_page,
        }
    } else {
        Window::Page {
            page: query.page.unwrap_or(0),
            per_page,
        }
    };
    let list = local
        .db
        .run(move |tx| {
            access::channel(tx, &auth.user, &channel, Action::Read)?;
            posts::list(tx, &channel, &window)
        })
        .await?;
    Ok(axum::Json(list))
}

pub(super) async fn thread(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(post): Path<String>,
) -> ApiResult<Json> {
    id(&post, "post_id")?;
    let list = local
        .db
        .run(move |tx| {
            readable(tx, &auth.user, &post)?;
            threads::thread(tx, &post)
        })
        .await?;
    Ok(axum::Json(list))
}

pub(super) async fn user_thread(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path((user, _team, thread)): Path<(String, String, String)>,
) -> ApiResult<Json> {
    id(&thread, "thread_id")?;
    let user = own_id(&user, &auth.user)?;
    let json = local
        .db
        .run(move |tx| {
            readable(tx, &auth.user, &thread)?;
            threads::user_thread(tx, &thread, &user)
        })
        .await?;
    Ok(axum::Json(json))
}

pub(super) async fn follow(
    local: State<Arc<Local>>,
    auth: Auth,
    path: Path<(String, String, String)>,
) -> ApiResult<Json> {
    set_following(local, auth, path, true).await
}

pub(super) async fn unfollow(
    local: State<Arc<Local>>,
    auth: Auth,
    path: Path<(String, String, String)>,
) -> ApiResult<Json> {
    set_following(local, auth, path, false).await
}

async fn set_following(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path((user, _team, thread)): Path<(String, String, String)>,
    following: bool,
) -> ApiResult<Json> {
    id(&thread, "thread_id")?;
    let user = own_id(&user, &auth.user)?;
    done(&local, move |tx| {
        let post = readable(tx, &auth.user, &thread)?;
        let root = if post.root_id.is_empty() {
            post.id
        } else {
            post.root_id
        };
        threads::follow(tx, &root, &user, following)
    })
    .await
}
