//! `/live` and `/ready`, for whoever watches over the process. They tell nothing else: the sidecar's own
//! figures are at its `--http-listen`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;

use crate::media::MediaLink;

/// Both routes. They are served only once the plugin is loaded.
pub(super) fn router(link: Arc<dyn MediaLink>) -> Router {
    Router::new()
        .route("/live", get(|| async { "live\n" }))
        .route("/ready", get(ready))
        .with_state(link)
}

/// Whether calls are possible: the supervisor withdraws the connection of a sidecar that does not answer.
async fn ready(State(link): State<Arc<dyn MediaLink>>) -> (StatusCode, &'static str) {
    if link.connection().borrow().is_some() {
        (StatusCode::OK, "ready\n")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the media sidecar does not answer\n",
        )
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;
    use tower::ServiceExt as _;

    use super::*;
    use crate::media::{Connection, FixedLink};

    #[tokio::test]
    async fn it_is_ready_while_the_sidecar_answers_and_alive_anyway() {
        let link = FixedLink::new(None);
        let router = router(Arc::new(link.clone()));
        let status = async |path: &str| {
            let request = Request::get(path).body(Body::empty()).unwrap();
            router.clone().oneshot(request).await.unwrap().status()
        };
        assert_eq!(status("/live").await, 200);
        assert_eq!(status("/ready").await, 503);
        let channel = tonic::transport::Endpoint::from_static("http://sidecar").connect_lazy();
        link.set(Some(Connection::new(channel, String::new())));
        assert_eq!(status("/ready").await, 200);
        link.set(None);
        assert_eq!(status("/ready").await, 503);
    }
}
