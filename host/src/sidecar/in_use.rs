//! One sidecar in use: watched from the first question to the farewell.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parley_proto::v1::node_client::NodeClient;
use parley_proto::v1::{DrainRequest, GetHealthRequest, GoodbyeRequest};
use tokio::process::Child;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::attach::Attached;
use super::process::{Process, await_exit};
use crate::media::Connection;

/// How often the sidecar is asked for its health.
const HEALTH_INTERVAL: Duration = Duration::from_millis(500);
/// How long one answer may take.
pub(super) const HEALTH_TIME_MAX: Duration = Duration::from_secs(1);
/// Unanswered questions in a row after which the sidecar is replaced: about 3 s. One alone proves nothing:
/// it may be this host that stood still (suspended, stopped, starved) while the answer lay in its socket.
const UNANSWERED_MAX: u32 = 3;
/// From the end of a process' sockets to its own.
const DYING_TIME_MAX: Duration = Duration::from_millis(200);
/// How long the farewell may take.
const GOODBYE_TIME_MAX: Duration = Duration::from_secs(1);
/// How long an asked end may take: the sidecar waits up to 2 s for its last events to be acked.
const FINISH_TIME_MAX: Duration = Duration::from_secs(4);
/// How often an older sidecar is asked whether its last call ended.
const IDLE_INTERVAL: Duration = Duration::from_secs(2);

/// A sidecar in use.
pub(super) struct InUse {
    attached: Attached,
    process: Option<Process>,
    /// Cancelled when the process ended, if this host started it.
    child_ended: CancellationToken,
    since: Instant,
    /// Told to take no call any more.
    retiring: AtomicBool,
}

/// Why a sidecar is not in use any more.
pub(super) enum Lost {
    /// The host is to end.
    Stopped,
    /// It was asked to end, and did.
    Finished,
    /// Its process ended.
    Ended,
    /// It does not answer.
    Mute,
    /// Its process may live, but the connection does not.
    Disconnected,
    /// It was of an older version and had no call any more: it was asked to end.
    Outdated,
}

impl InUse {
    pub(super) fn new(attached: Attached, child: Option<Child>) -> Self {
        let process = attached.pid.and_then(Process::open);
        let child_ended = CancellationToken::new();
        if let Some(child) = child {
            tokio::spawn(await_exit(child, child_ended.clone()));
        }
        Self {
            attached,
            process,
            child_ended,
            since: Instant::now(),
            retiring: AtomicBool::new(false),
        }
    }

    /// For the rest of the host.
    pub(super) fn connection(&self) -> Connection {
        self.attached.connection.clone()
    }

    /// Whether it is of an older version than this one. Never the other way round: two hosts over one
    /// sidecar would replace each other's.
    pub(super) fn is_older_than(&self, version: &str) -> bool {
        let running = numbers(&self.attached.info.sidecar_version);
        running.is_some() && running < numbers(version)
    }

    /// Returns when it has no call and was told to take none any more.
    pub(super) async fn retire(&self) -> Lost {
        let mut node = NodeClient::new(self.attached.connection.channel.clone());
        let mut asking = tokio::time::interval(IDLE_INTERVAL);
        loop {
            asking.tick().await;
            // No answer is a matter of its health.
            let health = node.get_health(GetHealthRequest {}).await;
            if !health.is_ok_and(|health| health.into_inner().rooms == 0) {
                continue;
            }
            let drain = DrainRequest {
                request_id: crate::trace::TraceId::random().to_string(),
                // A call that began in this moment is not cut short.
                deadline_ms: 0,
            };
            self.retiring.store(true, Ordering::Relaxed);
            if node.drain(drain).await.is_ok() {
                self.end().await;
                return Lost::Outdated;
            }
        }
    }

    /// Whether its end is what was asked for.
    pub(super) fn is_retiring(&self) -> bool {
        self.retiring.load(Ordering::Relaxed)
    }

    /// How long it has been in use.
    pub(super) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Kills it and waits until it is gone.
    pub(super) async fn kill(&self) {
        if let Some(process) = &self.process {
            process.kill().await;
        }
    }

    /// Returns when the process ends.
    pub(super) async fn end(&self) {
        match &self.process {
            Some(process) => process.end().await,
            None => self.child_ended.cancelled().await,
        }
    }

    /// What a lost connection means: the socket of a dying process is closed before it is gone.
    pub(super) async fn ended_or_disconnected(&self) -> Lost {
        match tokio::time::timeout(DYING_TIME_MAX, self.end()).await {
            Ok(()) => Lost::Ended,
            Err(_) => Lost::Disconnected,
        }
    }

    /// Ends its rooms and its process in order; kills what does not end.
    pub(super) async fn finish(&self) -> Lost {
        let mut node = NodeClient::new(self.attached.connection.channel.clone());
        let asked = async {
            let drain = DrainRequest {
                request_id: crate::trace::TraceId::random().to_string(),
                // The earliest there is: 0 would mean none.
                deadline_ms: 1,
            };
            if let Err(status) = node.drain(drain).await {
                tracing::warn!(%status, "the sidecar was not asked to end");
            }
            self.end().await;
        };
        if tokio::time::timeout(FINISH_TIME_MAX, asked).await.is_err() {
            tracing::warn!("the sidecar did not end in time; it is killed");
            self.kill().await;
        }
        Lost::Finished
    }
}

/// Major, minor and patch of a version; `None` = it is none of ours.
fn numbers(version: &str) -> Option<Vec<u64>> {
    let parts: Option<Vec<u64>> = version.split('.').map(|part| part.parse().ok()).collect();
    parts.filter(|parts| parts.len() == 3)
}

/// Returns when it does not answer any more.
pub(super) async fn health(connection: &Connection) -> Lost {
    let mut node = NodeClient::new(connection.channel.clone());
    let mut asking = tokio::time::interval(HEALTH_INTERVAL);
    asking.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut unanswered = 0;
    loop {
        asking.tick().await;
        let health = node.get_health(GetHealthRequest {});
        match tokio::time::timeout(HEALTH_TIME_MAX, health).await {
            Ok(Ok(_)) => unanswered = 0,
            Ok(Err(status)) => {
                tracing::debug!(%status, "health");
                return Lost::Disconnected;
            }
            Err(_) => {
                unanswered += 1;
                tracing::warn!(unanswered, "the sidecar did not answer in time");
                if unanswered >= UNANSWERED_MAX {
                    return Lost::Mute;
                }
            }
        }
    }
}

/// Says that this host leaves in order.
pub(super) async fn goodbye(connection: &Connection, host_id: &str) {
    let mut node = NodeClient::new(connection.channel.clone());
    let farewell = node.goodbye(GoodbyeRequest {
        host_id: host_id.to_owned(),
    });
    if !matches!(
        tokio::time::timeout(GOODBYE_TIME_MAX, farewell).await,
        Ok(Ok(_))
    ) {
        tracing::warn!("the sidecar did not hear the goodbye");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_their_numbers() {
        assert!(numbers("0.9.10") < numbers("0.10.2"));
        assert!(numbers("1.0.0") > numbers("0.99.99"));
        assert_eq!(numbers("1.0"), None);
        assert_eq!(numbers("1.0.0-dev"), None);
    }
}
