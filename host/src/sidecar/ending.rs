//! The end of a sidecar that nobody is to continue.

use parley_proto::v1::GetHealthRequest;
use parley_proto::v1::node_client::NodeClient;
use tokio_util::sync::CancellationToken;

use crate::media::LinkReceiver;

/// Decides the sidecar's end while its events are still taken: calls end with a word to everybody.
pub struct SidecarEnding {
    connection: LinkReceiver,
    end: CancellationToken,
}

impl SidecarEnding {
    pub(super) fn new(connection: LinkReceiver, end: CancellationToken) -> Self {
        Self { connection, end }
    }

    /// How many calls the sidecar has; 0 when it does not answer.
    pub async fn calls(&self) -> u32 {
        let Some(connection) = self.connection.borrow().clone() else {
            return 0;
        };
        let mut node = NodeClient::new(connection.channel);
        let asked = node.get_health(GetHealthRequest {});
        match tokio::time::timeout(super::in_use::HEALTH_TIME_MAX, asked).await {
            Ok(Ok(health)) => health.into_inner().rooms,
            Ok(Err(_)) | Err(_) => 0,
        }
    }

    /// Ends it in order, and with it the supervision. Returns when it is gone.
    pub async fn end(mut self) {
        self.end.cancel();
        // An error: the supervision ended and took its end of the link along.
        let _ = self.connection.wait_for(Option::is_none).await;
    }
}
