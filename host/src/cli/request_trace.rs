//! The trace id of an HTTP request: made at the door, so that all layers behind it log under the same one.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderValue;
use tracing::Instrument as _;

use crate::trace::{self, TRACE_HEADER, TraceId};

/// Runs a request under a fresh id, and tells it in the answer.
pub(super) async fn request_trace(request: Request, next: Next) -> Response {
    let id = TraceId::random();
    // The path holds ids only; the query may hold a sign-in token.
    let span = tracing::info_span!(
        "request", trace = %id, method = %request.method(), path = request.uri().path()
    );
    let mut response = trace::scope(id, next.run(request))
        .instrument(span.clone())
        .await;
    span.in_scope(|| tracing::debug!(status = response.status().as_u16(), "answered"));
    if let Ok(value) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert(TRACE_HEADER, value);
    }
    response
}
