//! The router: API, plugin, static files, page; headers that every answer carries.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use http::{HeaderName, HeaderValue};

use super::error::RequestId;
use super::{Local, SERVER_BUILD, SERVER_VERSION, api, ids, plugin_http, web};

/// What monitors ask for. Each would be the address of a team, and its page a "yes" to any of them.
const PROBES: [&str; 8] = [
    "/health", "/healthz", "/live", "/livez", "/metrics", "/ready", "/readyz", "/status",
];

/// Everything, below the site's sub-path.
pub(super) fn router(local: &Arc<Local>) -> Router {
    let api = api::router().layer(middleware::from_fn_with_state(local.clone(), api_headers));
    let site = Router::new()
        .nest("/api/v4", api)
        .route("/plugins/{id}", any(plugin_http::bare))
        .route("/plugins/{id}/", any(plugin_http::serve_root))
        .route("/plugins/{id}/{*path}", any(plugin_http::serve))
        .route("/static/plugins/{id}/{*path}", get(web::plugin_static))
        .route("/static/{*path}", get(web::page_static))
        .route("/login/one-time", get(web::one_time))
        .fallback(web::page);
    let no_route = || async { super::error::ApiError::no_route() };
    let site = PROBES
        .into_iter()
        .fold(site, |site, path| site.route(path, any(no_route)));
    let subpath = local.site.subpath.clone();
    let whole = if subpath.is_empty() {
        site
    } else {
        let to = format!("{subpath}/");
        let site = site.route("/", get(web::page));
        Router::new()
            .nest(&subpath, site)
            .route("/", get(move || async move { Redirect::to(&to) }))
            .route(&format!("{subpath}/"), get(web::page))
            .fallback(no_route)
    };
    whole.with_state(local.clone())
}

/// `X-Request-Id`, `X-Version-Id`, `Expires`, `nosniff`.
async fn api_headers(State(local): State<Arc<Local>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await.into_response();
    let id = match response.extensions().get::<RequestId>() {
        Some(RequestId(id)) => id.clone(),
        None => ids::new_id(),
    };
    let hash = ids::fnv1a_64(local.plugin_version.as_bytes());
    let version = format!("{SERVER_VERSION}.{SERVER_BUILD}.{hash:016x}.false");
    let headers = response.headers_mut();
    for (name, value) in [
        ("x-request-id", id.as_str()),
        ("x-version-id", version.as_str()),
        ("expires", "0"),
        ("x-content-type-options", "nosniff"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    if !headers.contains_key(http::header::CACHE_CONTROL) {
        headers.insert(
            http::header::VARY,
            HeaderValue::from_static("Accept-Encoding"),
        );
    }
    response
}
