//! Messages and events on their way to the plugin: one order per connection or user, lanes beside each other.
//!
//! The server delivers a connection's messages one by one and drops what does not fit into a queue of ten, so
//! that its calls are answered when the message is queued, not when it is handled.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Activation, limits};
use crate::hooks::{ClientMessage, PlatformEvent};
use crate::trace::{self, TraceId};

enum Job {
    Message(ClientMessage),
    Event(PlatformEvent),
}

/// The queues.
pub(super) struct Lanes(Vec<mpsc::Sender<(TraceId, Job)>>);

impl Lanes {
    /// Must run inside the runtime.
    pub(super) fn start(activation: &Arc<dyn Activation>) -> Self {
        let lane = |_| {
            let (queue, mut queued) = mpsc::channel(limits::LANE_QUEUE);
            let activation = Arc::clone(activation);
            tokio::spawn(async move {
                while let Some((id, job)) = queued.recv().await {
                    let hooks = activation.hooks().await;
                    match job {
                        Job::Message(message) => {
                            trace::scope(id, hooks.client_message(message)).await;
                        }
                        Job::Event(event) => trace::scope(id, hooks.platform_event(event)).await,
                    }
                }
            });
            queue
        };
        Self((0..limits::LANES).map(lane).collect())
    }

    /// A client that sends faster than the plugin works loses messages, as the server tells it that it may.
    pub(super) fn message(&self, id: TraceId, message: ClientMessage) {
        let lane = self.of(&message.connection_id);
        if lane.try_send((id, Job::Message(message))).is_err() {
            tracing::warn!("the plugin is too slow: a client's message was dropped");
        }
    }

    /// Waits for room: an event may take a right away.
    pub(super) async fn event(&self, id: TraceId, event: PlatformEvent) {
        let lane = self.of(key(&event));
        let _ = lane.send((id, Job::Event(event))).await;
    }

    fn of(&self, key: &str) -> &mpsc::Sender<(TraceId, Job)> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        &self.0[(hasher.finish() % self.0.len() as u64) as usize]
    }
}

/// Whose order an event is part of.
fn key(event: &PlatformEvent) -> &str {
    match event {
        PlatformEvent::Connected { connection_id, .. }
        | PlatformEvent::Disconnected { connection_id, .. } => connection_id,
        PlatformEvent::JoinedChannel { user_id, .. }
        | PlatformEvent::LeftChannel { user_id, .. }
        | PlatformEvent::UserDeactivated { user_id }
        | PlatformEvent::LoginRevoked { user_id, .. } => user_id,
        PlatformEvent::ChannelArchived { channel_id } => channel_id,
    }
}
