//! Signing in and out, and passwords.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;

use super::super::Local;
use super::super::auth::{Auth, Body, login_cookies, logout_cookies};
use super::super::error::{ApiError, ApiResult};
use super::super::model::User;
use super::super::store::{sessions, users};
use super::{Json, done, ok, own_id};

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(super) struct Login {
    login_id: String,
    password: String,
    #[serde(alias = "deviceId")]
    device_id: String,
}

pub(super) async fn login(
    State(local): State<Arc<Local>>,
    headers: HeaderMap,
    Body(login): Body<Login>,
) -> ApiResult<Response> {
    // Another site must not sign its visitors in here under a name of its choice.
    if headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site")
    {
        return Err(ApiError::forbidden());
    }
    if login.password.is_empty() || login.login_id.trim().is_empty() {
        return Err(ApiError::bad(
            "api.user.login.blank_pwd.app_error",
            "Password field must not be blank.",
        ));
    }
    if login.login_id.len() > 128 || login.password.len() > 1_024 || login.device_id.len() > 512 {
        return Err(ApiError::body("login_id"));
    }
    local.passwords.check_attempts(&login.login_id)?;
    let name = login.login_id.trim().to_owned();
    let found = local.db.run(move |tx| users::by_login(tx, &name)).await?;
    let hash = found.as_ref().map(|(_, hash)| hash.clone());
    let good = local.passwords.verify(login.password, hash).await?;
    let Some((user, _)) = found.filter(|_| good) else {
        local.passwords.count_failure(&login.login_id);
        return Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "api.user.login.invalid_credentials_email_username",
            "Enter a valid email or username and/or password.",
        ));
    };
    if user.delete_at != 0 {
        return Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "api.user.login.inactive.app_error",
            "Login failed because your account has been deactivated. Please contact an administrator.",
        ));
    }
    let (id, device) = (user.id.clone(), login.device_id);
    let (_, token) = local
        .db
        .run(move |tx| sessions::create(tx, &id, &device))
        .await?;
    Ok(signed_in(
        &local,
        &user,
        &token,
        axum::Json(user.to_json(true)).into_response(),
    ))
}

/// Puts token and cookies on a response.
pub(crate) fn signed_in(
    local: &Local,
    user: &User,
    token: &str,
    mut response: Response,
) -> Response {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(token) {
        headers.insert("token", value);
    }
    for line in login_cookies(local, &user.id, token) {
        headers.append(SET_COOKIE, line);
    }
    response
}

pub(super) async fn logout(
    State(local): State<Arc<Local>>,
    method: Method,
    headers: HeaderMap,
) -> ApiResult<Response> {
    if let Some(auth) = Auth::find(&local, &method, &headers).await? {
        local
            .db
            .run(move |tx| sessions::revoke(tx, &auth.session.id))
            .await?;
    }
    let mut response = ok().into_response();
    for line in logout_cookies(&local) {
        response.headers_mut().append(SET_COOKIE, line);
    }
    Ok(response)
}

#[derive(Deserialize)]
pub(super) struct NewPassword {
    #[serde(default)]
    current_password: String,
    new_password: String,
}

/// Own password with the old one; administrators set anybody's. All sessions but this one end.
pub(super) async fn set_password(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(user): Path<String>,
    Body(body): Body<NewPassword>,
) -> ApiResult<Json> {
    let id = own_id(&user, &auth.user)?;
    users::check_password(&body.new_password)?;
    if id == auth.user.id {
        let name = auth.user.username.clone();
        local.passwords.check_attempts(&name)?;
        let found = local.db.run(move |tx| users::by_login(tx, &name)).await?;
        if !local
            .passwords
            .verify(body.current_password, found.map(|(_, hash)| hash))
            .await?
        {
            local.passwords.count_failure(&auth.user.username);
            return Err(ApiError::bad(
                "api.user.update_password.incorrect.app_error",
                "The \"Current Password\" you entered is incorrect.",
            ));
        }
    }
    let hash = local.passwords.hash(body.new_password).await?;
    done(&local, move |tx| {
        users::set_password(tx, &id, &hash)?;
        sessions::revoke_others(tx, &id, &auth.session.id)
    })
    .await
}

pub(super) async fn revoke_all(
    State(local): State<Arc<Local>>,
    auth: Auth,
    Path(user): Path<String>,
) -> ApiResult<Json> {
    let id = own_id(&user, &auth.user)?;
    done(&local, move |tx| sessions::revoke_all(tx, &id)).await
}
