//! `/live`, `/ready` and `/metrics` of the real process.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Sidecar, http_get, next_id, until};
use parley_proto::v1::{DrainRequest, GetHealthRequest};

#[tokio::test]
async fn readiness_follows_draining_and_metrics_count() {
    let sidecar = Sidecar::start(&["--http-listen", "127.0.0.1:0"]);
    let http = sidecar.info.http.unwrap();
    assert_eq!(http_get(http, "/live").0, 200);
    assert_eq!(http_get(http, "/ready").0, 200);
    let host = sidecar.host().await;
    host.open("r").await;
    host.join("r", "s").await;
    // The numbers are taken once a second.
    let metrics = until("a session in the metrics", || {
        let (status, metrics) = http_get(http, "/metrics");
        assert_eq!(status, 200);
        metrics.contains("\nparley_sessions 1.0").then_some(metrics)
    })
    .await;
    let value = |name: &str| {
        let line = metrics
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{name} misses in\n{metrics}"))
            .rsplit(' ')
            .next()
            .unwrap()
    };
    assert_eq!(value("parley_rooms"), "1.0");
    assert_eq!(value("parley_sessions"), "1.0");
    assert_eq!(value("parley_events_unacked"), "2.0");
    assert!(metrics.trim_end().ends_with("# EOF"));
    for line in metrics.lines() {
        assert!(!line.contains("127.0.0.1"), "an address: {line}");
    }
    let health = host
        .node()
        .get_health(GetHealthRequest {})
        .await
        .unwrap()
        .into_inner();
    assert!(health.ready);
    assert_eq!((health.rooms, health.sessions), (1, 1));
    assert_eq!(health.media_addresses.len(), 2);

    let drain = DrainRequest {
        request_id: next_id(),
        deadline_ms: 60_000,
    };
    host.node().drain(drain).await.unwrap();
    assert_eq!(http_get(http, "/ready"), (503, "draining\n".to_owned()));
    assert_eq!(http_get(http, "/live").0, 200);
}
