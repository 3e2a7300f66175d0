//! Static files and the page, with the headers of Mattermost's pages.

use std::path::{Component, Path as FsPath, PathBuf};
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde::Deserialize;

use super::Local;
use super::api::signed_in;
use super::error::{ApiError, ApiResult};
use super::ids::fnv1a_64;
use super::store::sessions;

/// As Mattermost sends it: nothing inline, nothing foreign, no eval.
const POLICY: &str = "frame-ancestors 'self'; script-src 'self'";
/// Names of static files carry a hash of their content.
const FOR_EVER: &str = "max-age=31536000, public";

/// Puts the pages' security headers where the answer has none of its own.
pub(crate) fn page_security(headers: &mut HeaderMap) {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_FRAME_OPTIONS, "SAMEORIGIN"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

fn content_type(path: &FsPath) -> &'static str {
    match path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default()
    {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "wasm" => "application/wasm",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "wav" => "audio/wav",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// A file below a folder; never one outside of it.
async fn file(root: PathBuf, below: &str, cache: &'static str) -> Option<Response> {
    let below = FsPath::new(below);
    if below
        .components()
        .any(|part| !matches!(part, Component::Normal(_)))
    {
        return None;
    }
    let path = root.join(below);
    let bytes = tokio::fs::read(&path).await.ok()?;
    let kind = content_type(&path);
    let mut response = ([(CONTENT_TYPE, kind), (CACHE_CONTROL, cache)], bytes).into_response();
    response
        .headers_mut()
        .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Some(response)
}

fn missing() -> Response {
    let mut response = (StatusCode::NOT_FOUND, "404 page not found\n").into_response();
    response
        .headers_mut()
        .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// `/static/<id>/<id>_<hash>_bundle.js` of the plugin's main file, as its manifest names it.
pub(crate) async fn bundle_path(local: &Local) -> Option<String> {
    let bytes = tokio::fs::read(local.web_dir.join("plugin/main.js"))
        .await
        .ok()?;
    let id = &local.plugin_id;
    Some(format!(
        "/static/{id}/{id}_{:016x}_bundle.js",
        fnv1a_64(&bytes)
    ))
}

/// `/static/plugins/<id>/<file>`: the bundle by its hashed name, its siblings by theirs.
pub(crate) async fn plugin_static(
    State(local): State<Arc<Local>>,
    Path((id, below)): Path<(String, String)>,
) -> Response {
    if id != local.plugin_id {
        return missing();
    }
    let hashed = below
        .strip_prefix(&format!("{id}_"))
        .and_then(|rest| rest.strip_suffix("_bundle.js"))
        .is_some_and(|hash| hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()));
    let name = if hashed { "main.js" } else { &below };
    file(local.web_dir.join("plugin"), name, FOR_EVER)
        .await
        .unwrap_or_else(missing)
}

/// `/plugins/<id>/public/<file>`: anonymous.
pub(crate) async fn plugin_public(local: &Local, below: &str) -> Response {
    if below.ends_with('/') {
        return missing();
    }
    let root = local.web_dir.join("plugin/public");
    file(root, below, "no-cache").await.unwrap_or_else(missing)
}

/// `/static/<file>`: the page's own.
pub(crate) async fn page_static(
    State(local): State<Arc<Local>>,
    Path(below): Path<String>,
) -> Response {
    file(local.web_dir.join("page/static"), &below, FOR_EVER)
        .await
        .unwrap_or_else(missing)
}

/// Everything else: files beside the page, or the page itself.
pub(crate) async fn page(State(local): State<Arc<Local>>, method: Method, uri: Uri) -> Response {
    let path = uri.path();
    let path = path
        .strip_prefix(&local.site.subpath)
        .unwrap_or(path)
        .trim_start_matches('/');
    if path
        .split('/')
        .next()
        .is_some_and(|first| matches!(first, "api" | "plugins" | "static"))
    {
        return ApiError::no_route().into_response();
    }
    if !matches!(method, Method::GET | Method::HEAD) {
        return ApiError::no_route().into_response();
    }
    let beside = !path.is_empty() && !path.contains('/') && path.contains('.');
    if beside && let Some(response) = file(local.web_dir.join("page"), path, "no-cache").await {
        return response;
    }
    let mut response = match tokio::fs::read_to_string(local.web_dir.join("page/index.html")).await
    {
        Ok(html) => {
            let base = format!("<base href=\"{}/\">", local.site.subpath);
            let html = html.replacen("<base href=\"/\">", &base, 1);
            ([(CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()
        }
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            [(CONTENT_TYPE, "text/plain; charset=utf-8")],
            "The page is not built yet. Build it in webapp-bridge (npm ci && npm run build) and \
             start again.\n",
        )
            .into_response(),
    };
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    page_security(response.headers_mut());
    response
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct OneTime {
    token: String,
}

/// `GET /login/one-time?token=…`: signs in, once, and goes where the link was made for.
pub(crate) async fn one_time(
    State(local): State<Arc<Local>>,
    Query(OneTime { token }): Query<OneTime>,
) -> ApiResult<Response> {
    let signed = local
        .db
        .run(move |tx| {
            let (user, redirect) = sessions::use_link(tx, &token)?;
            let (_, token) = sessions::create(tx, &user.id, "")?;
            Ok((user, redirect, token))
        })
        .await;
    let mut response = match signed {
        Ok((user, redirect, token)) => {
            let to = format!("{}{redirect}", local.site.subpath);
            let mut response = signed_in(&local, &user, &token, Redirect::to(&to).into_response());
            response.headers_mut().remove("token");
            response
        }
        Err(error) if error.status == StatusCode::UNAUTHORIZED => {
            (error.status, format!("{}\n", error.message)).into_response()
        }
        Err(error) => return Err(error),
    };
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    page_security(response.headers_mut());
    Ok(response)
}
