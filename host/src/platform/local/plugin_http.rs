//! `/plugins/<id>/…`: requests for the plugin, with Mattermost's rules for headers.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, COOKIE, LOCATION, REFERER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::time::timeout;

use super::auth::{self, Auth, Credential};
use super::config::Site;
use super::error::{ApiError, ApiResult};
use super::{Local, limits, web};
use crate::hooks::HttpRequest;
use crate::platform::HEADERS_NOT_FORWARDED;

const USER_ID: &str = "mattermost-user-id";
/// `/plugins/<id>` without anything: no page there.
pub(crate) async fn bare() -> ApiError {
    ApiError::no_route()
}

/// `/plugins/<id>/`.
pub(crate) async fn serve_root(
    State(local): State<Arc<Local>>,
    Path(id): Path<String>,
    request: Request,
) -> ApiResult<Response> {
    forward(local, &id, "", request).await
}

/// `/plugins/<id>/<path>`.
pub(crate) async fn serve(
    State(local): State<Arc<Local>>,
    Path((id, path)): Path<(String, String)>,
    request: Request,
) -> ApiResult<Response> {
    forward(local, &id, &path, request).await
}

async fn forward(local: Arc<Local>, id: &str, path: &str, request: Request) -> ApiResult<Response> {
    if id != local.plugin_id {
        return Err(ApiError::no_route());
    }
    if let Some(file) = path.strip_prefix("public/") {
        return Ok(web::plugin_public(&local, file).await);
    }
    let hooks = local.hooks().ok_or_else(ApiError::busy)?;
    let (parts, body) = request.into_parts();
    let (user_id, token) = who(&local, &parts.method, &parts.headers, parts.uri.query()).await?;
    // Nothing that strangers may ask for has a body: what they send is neither kept nor waited for.
    let body = if user_id.is_empty() {
        Vec::new()
    } else {
        let body = auth::read_body(Request::new(body), limits::PLUGIN_BODY_BYTES_MAX).await?;
        body.to_vec()
    };
    // Held until the answer is there.
    let _turn = if user_id.is_empty() {
        let turn = timeout(limits::PLUGIN_ANONYMOUS_WAIT, local.anonymous.acquire()).await;
        (
            None,
            Some(turn.ok().and_then(Result::ok).ok_or_else(ApiError::busy)?),
        )
    } else {
        (local.turns.of(&user_id).await, None)
    };
    let prefix = format!("{}/plugins/{id}", local.site.subpath);
    // The raw path: what the client encoded is the plugin's to decode.
    let raw = parts.uri.path();
    let raw = raw
        .strip_prefix(&prefix)
        .or_else(|| raw.strip_prefix(&format!("/plugins/{id}")));
    let answer = hooks
        .http(HttpRequest {
            method: parts.method.to_string(),
            path: raw.unwrap_or_default().to_owned(),
            query: without_token(parts.uri.query().unwrap_or_default()),
            headers: forwarded(&parts.headers, &user_id, token.as_deref()),
            body,
            user_id,
        })
        .await;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, answer.body).into_response();
    response.headers_mut().remove(http::header::CONTENT_TYPE);
    for (name, value) in answer.headers {
        let hop = HEADERS_NOT_FORWARDED.contains(&name.to_lowercase().as_str());
        let parsed = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(&value),
        );
        if let ((Ok(name), Ok(value)), false) = (parsed, hop) {
            let value = if name == LOCATION {
                within_site(&local.site, value)
            } else {
                value
            };
            response.headers_mut().append(name, value);
        }
    }
    web::page_security(response.headers_mut());
    Ok(response)
}

/// A redirect to this site as a path: it stays on the name and scheme by which the request came, where
/// the cookies are (RFC 9110, section 10.2.2).
fn within_site(site: &Site, target: HeaderValue) -> HeaderValue {
    let origin = site.url.strip_suffix(&site.subpath).unwrap_or(&site.url);
    let path = target.to_str().ok().and_then(|to| to.strip_prefix(origin));
    // `//host` would be another site.
    match path {
        Some(path) if path.starts_with('/') && !path.starts_with("//") => {
            HeaderValue::from_str(path).unwrap_or(target)
        }
        _ => target,
    }
}

/// The user (empty = signed out) and the token that showed it.
async fn who(
    local: &Local,
    method: &http::Method,
    headers: &HeaderMap,
    query: Option<&str>,
) -> ApiResult<(String, Option<String>)> {
    let credential = Credential::find(headers).or_else(|| {
        let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let token = pairs.into_iter().find(|(key, _)| key == "access_token")?.1;
        Some(Credential::Header(token.into_owned()))
    });
    match credential {
        Some(credential) if credential.passes_csrf(method, headers) => {
            let found = Auth::counted(local, credential.token()).await?;
            Ok(match found {
                Some(auth) => (auth.user.id, Some(credential.token().to_owned())),
                None => (String::new(), None),
            })
        }
        _ => Ok((String::new(), None)),
    }
}

fn without_token(query: &str) -> String {
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| pair.split('=').next() != Some("access_token"))
        .collect();
    kept.join("&")
}

/// What the plugin gets to see of the headers: no credentials, and only our word on who asks.
fn forwarded(headers: &HeaderMap, user_id: &str, token: Option<&str>) -> Vec<(String, String)> {
    let mut list = Vec::new();
    for (name, value) in headers {
        let Ok(text) = value.to_str() else { continue };
        let own = matches!(name.as_str(), USER_ID | "mattermost-plugin-id") || *name == REFERER;
        if own || HEADERS_NOT_FORWARDED.contains(&name.as_str()) {
            continue;
        }
        if *name == AUTHORIZATION && token.is_some_and(|token| text.contains(token)) {
            continue;
        }
        if *name == COOKIE {
            let kept: Vec<&str> = text
                .split(';')
                .map(str::trim)
                .filter(|pair| pair.split('=').next() != Some(auth::COOKIE_TOKEN))
                .collect();
            if !kept.is_empty() {
                list.push(("cookie".to_owned(), kept.join("; ")));
            }
            continue;
        }
        list.push((name.as_str().to_owned(), text.to_owned()));
    }
    if !user_id.is_empty() {
        list.push(("Mattermost-User-Id".to_owned(), user_id.to_owned()));
    }
    list
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::{Site, within_site};

    #[test]
    fn redirects_to_this_site_become_paths_and_others_stay() {
        let site = Site::parse("http://localhost:8065/chat").unwrap();
        let to = |target: &'static str| within_site(&site, HeaderValue::from_static(target));
        assert_eq!(
            to("http://localhost:8065/chat/demo/channels/lounge?join_call=true"),
            "/chat/demo/channels/lounge?join_call=true"
        );
        for other in [
            "http://localhost:80650/chat",
            "http://localhost:8065//evil.example",
            "http://localhost:8065",
            "https://elsewhere.example/x",
            "/already/a/path",
        ] {
            assert_eq!(to(other), other);
        }
    }
}
