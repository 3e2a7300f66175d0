//! `/users`: accounts and who people are.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::auth::{Auth, Body};
use super::super::error::{ApiError, ApiResult};
use super::super::manage::HOME_TEAM;
use super::super::model::User;
use super::super::store::users::{self, NewUser, UserKey};
use super::super::store::{members, teams};
use super::super::{Local, access, limits};
use super::{Json, Paging, done, id_list, own_id, user_id};

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Create {
    username: String,
    email: String,
    password: String,
    first_name: String,
    last_name: String,
    nickname: String,
    locale: String,
}

/// Anonymous only with open sign-up; administrators always.
pub(super) async fn create(
    State(local): State<Arc<Local>>,
    method: Method,
    headers: HeaderMap,
    Body(new): Body<Create>,
) -> ApiResult<(StatusCode, Json)> {
    let asking = Auth::find(&local, &method, &headers).await?;
    if !local.open_signup && !asking.is_some_and(|auth| auth.user.is_admin()) {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "api.user.create_user.no_open_server",
            "This server does not allow open signups. Please speak with your Administrator.",
        ));
    }
    users::check_username(&new.username)?;
    users::check_email(&new.email)?;
    users::check_password(&new.password)?;
    let password_hash = local.passwords.hash(new.password).await?;
    let new = NewUser {
        username: new.username,
        email: new.email,
        password_hash,
        first_name: new.first_name,
        last_name: new.last_name,
        nickname: new.nickname,
        roles: "system_user".into(),
        locale: if new.locale.is_empty() {
            "en".into()
        } else {
            new.locale
        },
    };
    let user = local
        .db
        .run(move |tx| {
            let user = users::insert(tx, &new)?;
            // Without a team there would be nothing to see.
            if let Ok(home) = teams::by_name(tx, HOME_TEAM) {
                teams::add_member(tx, &home.id, &user.id, false)?;
            }
            Ok(user)
        })
        .await?;
    Ok((StatusCode::CREATED, axum::Json(user.to_json(true))))
}

fn shown(user: &User, asking: &User) -> Value {
    user.to_json(asking.is_admin() || asking.id == user.id)
}

fn shown_all(found: &[User], asking: &User) -> Json {
    axum::Json(found.iter().map(|user| shown(user, asking)).collect())
}

pub(super) async fn get(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(user): Path<String>,
) -> ApiResult<Json> {
    let id = user_id(&user, &auth.user)?;
    let user = local.db.run(move |tx| users::get(tx, &id)).await?;
    Ok(axum::Json(shown(&user, &auth.user)))
}

pub(super) async fn by_username(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(name): Path<String>,
) -> ApiResult<Json> {
    let user = local
        .db
        .run(move |tx| users::by_username(tx, &name))
        .await?;
    Ok(axum::Json(shown(&user, &auth.user)))
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct ListQuery {
    in_channel: String,
    in_team: String,
    page: Option<u32>,
    per_page: Option<u32>,
}

pub(super) async fn list(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Query(query): Query<ListQuery>,
) -> ApiResult<Json> {
    let (offset, limit) = Paging {
        page: query.page,
        per_page: query.per_page,
    }
    .window();
    let asking = auth.user.clone();
    let found = local
        .db
        .run(move |tx| {
            if !query.in_channel.is_empty() {
                access::channel(tx, &asking, &query.in_channel, access::Action::Read)?;
            } else if !query.in_team.is_empty() {
                access::team(tx, &asking, &query.in_team)?;
            } else if asking.is_guest() {
                return Err(ApiError::forbidden());
            }
            users::list(tx, &query.in_channel, &query.in_team, offset, limit)
        })
        .await?;
    Ok(shown_all(&found, &auth.user))
}

pub(super) async fn by_ids(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Body(ids): Body<Vec<String>>,
) -> ApiResult<Json> {
    let ids = id_list(ids)?;
    let found = local
        .db
        .run(move |tx| users::many(tx, UserKey::Id, &ids))
        .await?;
    Ok(shown_all(&found, &auth.user))
}

pub(super) async fn by_usernames(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Body(names): Body<Vec<String>>,
) -> ApiResult<Json> {
    if names.len() > limits::IDS_MAX {
        return Err(ApiError::body("usernames"));
    }
    let found = local
        .db
        .run(move |tx| users::many(tx, UserKey::Username, &names))
        .await?;
    Ok(shown_all(&found, &auth.user))
}

#[derive(Deserialize)]
pub(super) struct Search {
    term: String,
    #[serde(default)]
    limit: Option<u32>,
}

/// Active people whose name begins like this; for the page's "write to" box.
pub(super) async fn search(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Body(search): Body<Search>,
) -> ApiResult<Json> {
    if auth.user.is_guest() {
        return Err(ApiError::forbidden());
    }
    let limit = search.limit.unwrap_or(50).min(limits::ITEMS_PER_PAGE_MAX);
    let found = local
        .db
        .run(move |tx| users::search(tx, &search.term, limit))
        .await?;
    Ok(shown_all(&found, &auth.user))
}

/// Which fields to change; absent = as before.
#[derive(Deserialize)]
pub(super) struct Patch {
    username: Option<String>,
    nickname: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    position: Option<String>,
    locale: Option<String>,
    notify_props: Option<std::collections::BTreeMap<String, String>>,
    timezone: Option<std::collections::BTreeMap<String, String>>,
}

pub(super) async fn patch(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(user): Path<String>,
    Body(patch): Body<Patch>,
) -> ApiResult<Json> {
    let id = own_id(&user, &auth.user)?;
    let user = local
        .db
        .run(move |tx| {
            let mut user = users::get(tx, &id)?;
            let set = |field: &mut String, value: Option<String>| {
                if let Some(value) = value {
                    *field = value;
                }
            };
            set(&mut user.username, patch.username);
            set(&mut user.nickname, patch.nickname);
            set(&mut user.first_name, patch.first_name);
            set(&mut user.last_name, patch.last_name);
            set(&mut user.position, patch.position);
            set(&mut user.locale, patch.locale);
            set(
                &mut user.notify_props,
                patch.notify_props.map(|map| json!(map).to_string()),
            );
            set(
                &mut user.timezone,
                patch.timezone.map(|map| json!(map).to_string()),
            );
            if user.notify_props.len() + user.timezone.len() > limits::PREFERENCE_BYTES_MAX {
                return Err(ApiError::body("notify_props"));
            }
            users::update(tx, &user)
        })
        .await?;
    Ok(axum::Json(user.to_json(true)))
}

#[derive(Deserialize)]
pub(super) struct Active {
    active: bool,
}

pub(super) async fn set_active(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(user): Path<String>,
    Body(Active { active }): Body<Active>,
) -> ApiResult<Json> {
    let id = user_id(&user, &auth.user)?;
    if active {
        access::admin(&auth.user)?;
    } else {
        access::own(&auth.user, &id)?;
    }
    change_active(&local, id, active).await
}

pub(super) async fn deactivate(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(user): Path<String>,
) -> ApiResult<Json> {
    let id = own_id(&user, &auth.user)?;
    change_active(&local, id, false).await
}

async fn change_active(local: &Local, id: String, active: bool) -> ApiResult<Json> {
    done(local, move |tx| {
        users::set_active(tx, &id, active)?;
        last_admin(users::admins(tx)?)
    })
    .await
}

/// A server without an administrator could not be helped.
fn last_admin(left: i64) -> ApiResult<()> {
    if left > 0 {
        return Ok(());
    }
    Err(ApiError::bad(
        "api.user.last_admin.app_error",
        "The last administrator must stay.",
    ))
}

#[derive(Deserialize)]
pub(super) struct Roles {
    roles: String,
}

pub(super) async fn set_roles(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(user): Path<String>,
    Body(Roles { roles }): Body<Roles>,
) -> ApiResult<Json> {
    access::admin(&auth.user)?;
    let id = user_id(&user, &auth.user)?;
    if !matches!(
        roles.as_str(),
        "system_user" | "system_user system_admin" | "system_admin system_user" | "system_guest"
    ) {
        return Err(ApiError::body("roles"));
    }
    done(&local, move |tx| {
        let mut user = users::get(tx, &id)?;
        let was_guest = user.is_guest();
        user.roles = roles;
        let user = users::update(tx, &user)?;
        if was_guest != user.is_guest() {
            members::set_guest(tx, &user.id, user.is_guest())?;
        }
        last_admin(users::admins(tx)?)
    })
    .await
}
