//! Recordings on their way from the sidecar's disk into the platform.
//!
//! The sidecar remembers how far each of them is, on its disk; the publisher takes one at a time, does the next
//! step and reports it before the one after. It keeps nothing: whichever host comes next, after whatever
//! crash, goes on from the last report. A step that was done but not reported is found done: an upload knows
//! its file ([`Files::upload_state`]), and the guest finds its post.
//!
//! [`publish`] is one recording's way, [`source`] a file's bytes as the sidecar streams them.

mod publish;
mod source;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parley_proto::v1::recordings_client::RecordingsClient;
use parley_proto::v1::{ClaimRecordingRequest, Recording};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status};

use self::publish::{Outcome, Publishing};
use super::{Connection, MediaChannel, MediaLink};
use crate::platform::files::Files;

/// Between two questions whether something waits, and after a failure.
const CLAIM_INTERVAL: Duration = Duration::from_secs(2);
/// The same, for a sidecar that is too old to record.
const UNSUPPORTED_INTERVAL: Duration = Duration::from_secs(60);
/// Longest time of one call; reports wait for the sidecar's disk.
const CALL_TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes of one message: a recording with all its participants, or 256 KiB of a file.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Why a recording has no post.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPosted {
    /// It may work later.
    #[error("{0}")]
    Later(String),
    /// It never will: an admin must look.
    #[error("{0}")]
    Parked(String),
}

/// Making a recording's post.
pub type PostFuture<'a> = Pin<Box<dyn Future<Output = Result<String, NotPosted>> + Send + 'a>>;

/// Who makes the posts of recordings: the plugin, or a test.
pub trait RecordingHandler: Send + Sync + 'static {
    /// Makes the post of a recording whose files the platform has, or finds it; its id. Idempotent by
    /// recording id.
    fn post_recording<'a>(&'a self, recording: &'a Recording) -> PostFuture<'a>;
}

/// What the publisher did so far.
#[derive(Debug, Default)]
pub struct PublisherCounters {
    /// Recordings taken over from the sidecar; one that failed comes again.
    pub claimed: AtomicU64,
    /// Recordings that the platform has for certain.
    pub verified: AtomicU64,
    /// Tries that failed.
    pub failed: AtomicU64,
    /// Recordings that an admin must look at.
    pub parked: AtomicU64,
    /// Bytes that went to the platform.
    pub bytes: AtomicU64,
}

/// Publishes until it is cancelled.
pub struct Publisher {
    /// Opaque id of this host process, as in `Hello`.
    pub host_id: String,
    /// Where the sidecar is.
    pub link: Arc<dyn MediaLink>,
    /// Where the files go.
    pub files: Arc<dyn Files>,
    /// Who makes the posts.
    pub handler: Arc<dyn RecordingHandler>,
    /// What was done.
    pub counters: Arc<PublisherCounters>,
}

impl Publisher {
    /// Works until `stop` is cancelled, and then stops where it is.
    pub async fn run(self, stop: CancellationToken) {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = self.work() => {}
        }
    }

    async fn work(&self) {
        let mut link = self.link.connection();
        loop {
            let found = link.wait_for(Option::is_some).await;
            // An error: the link itself is gone, the host is ending.
            let Ok(Some(connection)) = found.map(|found| found.clone()) else {
                return;
            };
            tokio::select! {
                _ = link.changed() => {}
                () = self.serve(&connection) => {}
            }
        }
    }

    /// One recording after the other, as long as this connection is the present one.
    async fn serve(&self, connection: &Connection) {
        let client = client(connection.channel.clone());
        loop {
            let pause = match self.claim(client.clone()).await {
                Ok(None) => CLAIM_INTERVAL,
                Ok(Some(recording)) => {
                    self.counters.claimed.fetch_add(1, Ordering::Relaxed);
                    let publishing = Publishing {
                        host_id: &self.host_id,
                        client: client.clone(),
                        files: &*self.files,
                        handler: &*self.handler,
                        counters: &self.counters,
                    };
                    match publishing.run(recording).await {
                        Outcome::Done => Duration::ZERO,
                        Outcome::Later => CLAIM_INTERVAL,
                    }
                }
                Err(status) if status.code() == Code::Unimplemented => UNSUPPORTED_INTERVAL,
                Err(status) => {
                    tracing::debug!(code = ?status.code(), "no answer whether a recording waits");
                    CLAIM_INTERVAL
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn claim(
        &self,
        mut client: RecordingsClient<MediaChannel>,
    ) -> Result<Option<Recording>, Status> {
        let mut request = Request::new(ClaimRecordingRequest {
            host_id: self.host_id.clone(),
            file_bytes_max: self.files.file_bytes_max(),
        });
        request.set_timeout(CALL_TIME_MAX);
        let answer = within(client.claim_recording(request)).await?;
        Ok(answer.into_inner().recording)
    }
}

fn client(channel: MediaChannel) -> RecordingsClient<MediaChannel> {
    RecordingsClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX)
}

/// tonic enforces a deadline only as a server.
async fn within<T>(call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    tokio::time::timeout(CALL_TIME_MAX, call)
        .await
        .unwrap_or_else(|_| Err(Status::deadline_exceeded("the sidecar did not answer")))
}
