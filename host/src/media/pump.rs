//! The event pump: what happened in the sidecar's rooms reaches the guest, at least once and in order.
//!
//! One `Watch` stream at a time. Rooms are handled in parallel, the events of one room one after the other
//! ([`rooms`]). An event is acked only when the guest's handling returned; whatever was not acked when a
//! stream ended comes again on the next one, so nothing is kept here. Before a stream of a new start of the
//! sidecar is opened, the guest hears of the restart ([`restart`]).

mod handler;
mod restart;
mod rooms;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub use self::handler::{EventHandler, HandlerFuture, NotHandled};
use self::restart::RestartNotice;
use super::{Connection, MediaLink};
use crate::platform::Platform;
use crate::trace::{self, TraceId};

/// How often the guest may look after what has no timer of its own.
const TICK_INTERVAL: Duration = Duration::from_secs(10);
/// Pause before a lost stream is opened again on the same connection.
const RECONNECT_PAUSE: Duration = Duration::from_millis(100);

/// What the pump did so far.
#[derive(Debug, Default)]
pub struct PumpCounters {
    /// Events whose handling returned ok.
    pub handled: AtomicU64,
    /// Handlings that are to be repeated.
    pub retried: AtomicU64,
    /// Events given up and acked.
    pub poisoned: AtomicU64,
    /// Streams opened.
    pub streams: AtomicU64,
    /// Restarts of the sidecar that the guest was told of.
    pub restarts: AtomicU64,
}

/// Pumps until it is cancelled.
pub struct Pump {
    /// Opaque id of this host process, as in `Hello`.
    pub host_id: String,
    /// Where the sidecar is.
    pub link: Arc<dyn MediaLink>,
    /// Remembers which start of the sidecar the guest knows of.
    pub platform: Arc<dyn Platform>,
    /// Who handles the events.
    pub handler: Arc<dyn EventHandler>,
    /// What was done.
    pub counters: Arc<PumpCounters>,
}

impl Pump {
    /// Works until `stop` is cancelled; returns when the last handling is done.
    pub async fn run(self, stop: CancellationToken) {
        tokio::join!(self.pump(&stop), self.tick(&stop));
    }

    async fn pump(&self, stop: &CancellationToken) {
        let mut link = self.link.connection();
        let mut notice = RestartNotice::default();
        loop {
            let found = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                found = link.wait_for(Option::is_some) => found.map(|found| found.clone()),
            };
            // An error: the link itself is gone, the host is ending.
            let Ok(Some(connection)) = found else { return };
            let ended = stop.child_token();
            let cancel_on_change = async {
                let _ = link.changed().await;
                ended.cancel();
                std::future::pending().await
            };
            let lost = tokio::select! {
                lost = self.watch(&connection, &mut notice, &ended) => lost,
                never = cancel_on_change => never,
            };
            stop.cancelled_or(RECONNECT_PAUSE).await;
            // Whoever withdrew the connection meanwhile has said why, and whether that was an orderly end.
            let withdrawn = stop.is_cancelled() || link.borrow().is_none();
            match lost {
                Err(error) if withdrawn => {
                    tracing::debug!(%error, "event stream ended with its sidecar")
                }
                Err(error) => tracing::warn!(%error, "event stream lost"),
                Ok(()) => tracing::debug!("event stream ended"),
            }
        }
    }

    async fn watch(
        &self,
        connection: &Connection,
        notice: &mut RestartNotice,
        ended: &CancellationToken,
    ) -> Result<(), stream::StreamError> {
        if !notice.tell(self, &connection.start_id, ended).await {
            return Ok(());
        }
        self.counters.streams.fetch_add(1, Ordering::Relaxed);
        stream::follow(self, connection, ended).await
    }

    async fn tick(&self, stop: &CancellationToken) {
        let mut ticks = tokio::time::interval(TICK_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            // A failure is logged by the sandbox; the next tick is its repetition.
            let _ = trace::scope(TraceId::random(), self.handler.tick()).await;
        }
    }
}

/// A pause that an end cuts short.
trait CancelledOr {
    async fn cancelled_or(&self, pause: Duration);
}

impl CancelledOr for CancellationToken {
    async fn cancelled_or(&self, pause: Duration) {
        let _ = tokio::time::timeout(pause, self.cancelled()).await;
    }
}
