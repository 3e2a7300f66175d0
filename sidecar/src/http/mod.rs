//! HTTP on a loopback port: `/metrics`, `/live`, `/ready`.

mod metrics;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::core_client::CoreClient as _;
use crate::grpc::Services;
use crate::shard::ShardSet;

#[derive(Debug)]
struct Shared {
    services: Services<ShardSet>,
    shards: ShardSet,
}

/// Binds and serves in the background; returns the address in use.
pub async fn serve(
    address: SocketAddr,
    services: Services<ShardSet>,
    shards: ShardSet,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    tracing::info!(port = bound.port(), "HTTP for metrics and health");
    let router = Router::new()
        .route("/metrics", get(show_metrics))
        .route("/live", get(live))
        .route("/ready", get(ready))
        .with_state(Arc::new(Shared { services, shards }));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "HTTP ended");
        }
    });
    Ok(bound)
}

async fn show_metrics(State(shared): State<Arc<Shared>>) -> Response {
    // Figures of recordings may have to wait for a disk that hangs.
    let text = move || metrics::text(&shared.services, &shared.shards);
    let text = tokio::task::spawn_blocking(text).await;
    match text.unwrap_or(Err(std::fmt::Error)) {
        Ok(text) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The process answers. A dead media thread ends the process, so there is nothing more to ask.
async fn live() -> &'static str {
    "live\n"
}

/// Whether new rooms are welcome.
async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, &'static str) {
    if shared.services.node().is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else if shared.shards.health().ready {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "events are not fetched\n")
    }
}
