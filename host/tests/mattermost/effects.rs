//! What the plugin did that others can see, counted over all nodes of a server.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::PATIENCE;
use crate::server::Server;

impl Server {
    /// The details of all calls of this method of the server's API.
    pub(crate) async fn effects(&self, method: &str) -> Vec<Value> {
        let (_, all) = self.http("GET", "/host/effects", "", b"").await;
        let all: Vec<Value> = serde_json::from_slice(&all).unwrap();
        let found = all.into_iter().filter(|effect| effect["method"] == method);
        found.map(|mut effect| effect["detail"].take()).collect()
    }

    /// Waits until there are so many; more are a failure.
    pub(crate) async fn until_effects(&self, method: &str, count: usize) -> Vec<Value> {
        let start = Instant::now();
        loop {
            let found = self.effects(method).await;
            if found.len() >= count {
                assert_eq!(found.len(), count, "{method}: {found:?}");
                return found;
            }
            assert!(start.elapsed() < PATIENCE, "{method}: {found:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
