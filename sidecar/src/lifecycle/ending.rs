//! Why and how the process ends.

use std::time::Duration;

use parley_core::api::{Command, Reply, RoomEndReason};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{sleep_until, timeout};

use super::lease::Lease;
use crate::config::LeaseRules;
use crate::core_client::CoreClient;
use crate::grpc::{Attachments, NodeState, Services};

/// How long a stop waits for hosts to ack the last events.
const ACKS_PATIENCE: Duration = Duration::from_secs(2);
/// How long the last datagrams (end of DTLS) get to leave.
const LAST_WORDS: Duration = Duration::from_millis(50);
/// Between two looks at whether a draining node is empty.
const DRAIN_LOOK_EVERY: Duration = Duration::from_millis(500);
/// Between two looks at how many sessions live.
const SESSIONS_LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why the process ends in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// SIGTERM or SIGINT.
    Signal,
    /// No host needs it any more.
    LeaseOver,
    /// Drained: the last room ended, or the deadline passed.
    Drained,
}

/// The signals that the process answers.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    drain: Signal,
}

impl Signals {
    /// Takes them over. Must run inside the runtime.
    pub(super) fn install() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            drain: signal(SignalKind::user_defined1())?,
        })
    }

    /// Returns when the process shall stop; SIGUSR1 only drains.
    pub(super) async fn stop(&mut self, node: &NodeState) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.drain.recv() => {
                    tracing::info!("asked to drain");
                    node.drain(None);
                }
            }
        }
    }
}

/// Returns when the lease is over.
pub(super) async fn lease_over<C: CoreClient>(
    rules: LeaseRules,
    attachments: &Attachments,
    core: &C,
) {
    let mut attached = attachments.subscribe();
    let mut lease = Lease::new(rules, tokio::time::Instant::now());
    let mut look = tokio::time::interval(SESSIONS_LOOK_EVERY);
    loop {
        let state = *attached.borrow_and_update();
        let now = tokio::time::Instant::now();
        lease.handle_attached(state.attached, state.said_goodbye, now);
        let counters = core.health().counters;
        lease.handle_busy(counters.sessions, counters.recordings);
        let ends_at = lease.ends_at();
        tokio::select! {
            // Cannot fail: we hold a reference to the sender.
            _ = attached.changed() => {}
            _ = look.tick() => {}
            () = sleep_until(ends_at.unwrap_or(now)), if ends_at.is_some() => return,
        }
    }
}

/// Returns when a draining node may end.
pub(super) async fn drained<C: CoreClient>(node: &NodeState, core: &C) {
    let mut state = node.subscribe();
    // Cannot fail: we hold a reference to the sender.
    let _ = state.wait_for(|state| state.draining).await;
    loop {
        let deadline = state.borrow_and_update().deadline;
        if deadline.is_some_and(|deadline| deadline <= tokio::time::Instant::now()) {
            return;
        }
        if let Ok(Reply::Rooms(rooms)) = core.command(Command::ListRooms).await
            && rooms.is_empty()
        {
            return;
        }
        let look = tokio::time::Instant::now() + DRAIN_LOOK_EVERY;
        sleep_until(deadline.map_or(look, |deadline| deadline.min(look))).await;
    }
}

/// Ends all rooms, and gives hosts and clients the time to hear of it.
pub(super) async fn end_rooms<C: CoreClient>(services: &Services<C>, core: &C) {
    services.node().drain(None);
    let Ok(Reply::Rooms(rooms)) = core.command(Command::ListRooms).await else {
        return;
    };
    for room in rooms {
        let end = Command::EndRoom {
            room: room.room,
            actor: None,
            reason: RoomEndReason::Shutdown,
        };
        if let Err(error) = core.command(end).await {
            tracing::warn!(%error, "a room did not end");
        }
    }
    tokio::time::sleep(LAST_WORDS).await;
    if services.events().status().hosts > 0
        && timeout(ACKS_PATIENCE, services.events().all_acked())
            .await
            .is_err()
    {
        tracing::warn!("some last events were not acked");
    }
}
