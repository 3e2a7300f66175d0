//! Before every call: the token, then "GetInfo first". Around it: a span with the request's trace id.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use parley_proto::TRACE_METADATA;
use parley_proto::launch::{TOKEN_METADATA, TOKEN_PREFIX};
use tonic::Status;
use tracing::Instrument as _;

use super::{Connection, Services};
use crate::core_client::CoreClient;
use crate::secret::Secret;

/// The one call that is answered before `GetInfo` was.
const GET_INFO: &str = "/parley.media.v1.Info/GetInfo";

/// What the gate refused; absolute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GateCounters {
    /// Calls without the right token.
    pub unauthenticated: u64,
    /// Calls before `GetInfo`.
    pub not_introduced: u64,
    /// Connections from other machines that were not, or no longer, taken.
    pub strangers: u64,
}

#[derive(Debug)]
pub(super) struct Gate {
    token: Option<Hidden>,
    unauthenticated: AtomicU64,
    not_introduced: AtomicU64,
    strangers: AtomicU64,
}

/// Keeps the secret out of the derived `Debug` of what holds it.
struct Hidden(Secret);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

impl Gate {
    pub(super) fn new(token: Option<Secret>) -> Self {
        Self {
            token: token.map(Hidden),
            unauthenticated: AtomicU64::new(0),
            not_introduced: AtomicU64::new(0),
            strangers: AtomicU64::new(0),
        }
    }

    pub(super) fn counters(&self) -> GateCounters {
        GateCounters {
            unauthenticated: self.unauthenticated.load(Ordering::Relaxed),
            not_introduced: self.not_introduced.load(Ordering::Relaxed),
            strangers: self.strangers.load(Ordering::Relaxed),
        }
    }

    pub(super) fn refuse_stranger(&self) {
        self.strangers.fetch_add(1, Ordering::Relaxed);
    }

    fn check(&self, request: &Request) -> Result<(), Status> {
        if let Some(Hidden(secret)) = &self.token {
            let shown = request
                .headers()
                .get(TOKEN_METADATA)
                .and_then(|value| value.as_bytes().strip_prefix(TOKEN_PREFIX.as_bytes()));
            if !shown.is_some_and(|shown| secret.matches(shown)) {
                self.unauthenticated.fetch_add(1, Ordering::Relaxed);
                if let Some(connection) = request.extensions().get::<Connection>() {
                    connection.refuse();
                }
                return Err(Status::unauthenticated("the token is missing or wrong"));
            }
        }
        let Some(connection) = request.extensions().get::<Connection>() else {
            return Err(Status::internal("the request belongs to no connection"));
        };
        if !connection.is_introduced() && request.uri().path() != GET_INFO {
            self.not_introduced.fetch_add(1, Ordering::Relaxed);
            return Err(Status::failed_precondition(
                "GetInfo must come first on a connection",
            ));
        }
        Ok(())
    }
}

/// The middleware.
pub(super) async fn pass<C: CoreClient>(
    State(services): State<Services<C>>,
    request: Request,
    next: Next,
) -> Response {
    match services.shared.gate.check(&request) {
        Ok(()) => {
            let span = span(&request);
            let answer = next.run(request).instrument(span.clone()).await;
            let code = Status::from_header_map(answer.headers()).map(|status| status.code());
            span.in_scope(|| match code {
                // Refused before the body: the code stands in the headers. Success stands in the trailers.
                Some(code) => tracing::info!(?code, "refused"),
                None => tracing::debug!("answered"),
            });
            answer
        }
        Err(status) => status.into_http::<axum::body::Body>(),
    }
}

/// `call{method, trace}`. A trace id that is none is left out: it would be text of somebody's choice in
/// the log.
fn span(request: &Request) -> tracing::Span {
    let trace = request
        .headers()
        .get(TRACE_METADATA)
        .and_then(|id| id.to_str().ok());
    let trace = trace.filter(|id| id.len() == 32 && id.bytes().all(|c| c.is_ascii_hexdigit()));
    let path = request.uri().path();
    let method = path.strip_prefix("/parley.media.v1.").unwrap_or(path);
    tracing::info_span!("call", method, trace)
}
