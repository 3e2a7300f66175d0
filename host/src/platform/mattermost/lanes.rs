//! Messages and events on their way to the plugin: one order per connection or user, lanes beside each other.
//!
//! The server delivers a connection's messages one by one and drops what does not fit into a queue of ten, so
//! that its calls are answered when the message is queued, not when it is handled.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::{Activation, limits};
use crate::hooks::{self, ClientMessage, PlatformEvent};
use crate::platform::{Broadcast, Platform};
use crate::trace::{self, TraceId};

enum Job {
    Message(ClientMessage),
    Event(PlatformEvent),
}

/// The queues.
pub(super) struct Lanes {
    queues: Vec<mpsc::Sender<(TraceId, Job)>>,
    platform: Arc<dyn Platform>,
    /// Connections that were told within the last [`hooks::DROPPED_EVERY`] that a message was dropped.
    told: Arc<Mutex<HashSet<String>>>,
}

impl Lanes {
    /// Must run inside the runtime.
    pub(super) fn start(activation: &Arc<dyn Activation>, platform: Arc<dyn Platform>) -> Self {
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
        Self {
            queues: (0..limits::LANES).map(lane).collect(),
            platform,
            told: Arc::default(),
        }
    }

    /// A client that sends faster than the plugin works loses messages, and is told so.
    pub(super) fn message(&self, id: TraceId, message: ClientMessage) {
        let lane = self.of(&message.connection_id);
        let Err(refused) = lane.try_send((id, Job::Message(message))) else {
            return;
        };
        tracing::warn!("the plugin is too slow: a client's message was dropped");
        if let (_, Job::Message(message)) = refused.into_inner() {
            self.tell_dropped(message);
        }
    }

    fn tell_dropped(&self, message: ClientMessage) {
        let ClientMessage {
            action,
            connection_id,
            ..
        } = message;
        if !lock(&self.told).insert(connection_id.clone()) {
            return;
        }
        let (platform, told) = (Arc::clone(&self.platform), Arc::clone(&self.told));
        tokio::spawn(async move {
            let data = hooks::dropped_data(&connection_id, &action).to_string();
            let to = Broadcast {
                connection_id: connection_id.clone(),
                ..Broadcast::default()
            };
            if let Err(error) = platform
                .publish_event(hooks::DROPPED_EVENT, &data, to)
                .await
            {
                tracing::debug!(?error, "a client was not told of its dropped message");
            }
            tokio::time::sleep(hooks::DROPPED_EVERY).await;
            lock(&told).remove(&connection_id);
        });
    }

    /// Waits for room: an event may take a right away.
    pub(super) async fn event(&self, id: TraceId, event: PlatformEvent) {
        let lane = self.of(key(&event));
        let _ = lane.send((id, Job::Event(event))).await;
    }

    fn of(&self, key: &str) -> &mpsc::Sender<(TraceId, Job)> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        &self.queues[(hasher.finish() % self.queues.len() as u64) as usize]
    }
}

fn lock(told: &Mutex<HashSet<String>>) -> MutexGuard<'_, HashSet<String>> {
    // No code panics with the lock held.
    told.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hooks::Hooks;
    use crate::platform::mattermost::{ActivationFuture, ServerFacts};
    use crate::testing::FakePlatform;

    /// A plugin that is still loading.
    struct Loading;

    impl Activation for Loading {
        fn activate<'a>(&'a self, _: &'a ServerFacts) -> ActivationFuture<'a, Result<(), String>> {
            Box::pin(async { Ok(()) })
        }

        fn settings_changed(&self) -> ActivationFuture<'_, ()> {
            Box::pin(async {})
        }

        fn deactivate(&self) -> ActivationFuture<'_, ()> {
            Box::pin(async {})
        }

        fn support_data(&self) -> serde_json::Value {
            serde_json::Value::Null
        }

        fn hooks(&self) -> ActivationFuture<'_, Arc<dyn Hooks>> {
            Box::pin(std::future::pending())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_too_much_is_told_so_once_a_second_by_an_event() {
        let platform = Arc::new(FakePlatform::default());
        let activation: Arc<dyn Activation> = Arc::new(Loading);
        let lanes = Lanes::start(&activation, platform.clone());
        let flood = || {
            for _ in 0..limits::LANE_QUEUE + 10 {
                let message = ClientMessage {
                    action: "mute".to_owned(),
                    connection_id: "conn1".to_owned(),
                    ..ClientMessage::default()
                };
                lanes.message(TraceId::random(), message);
            }
        };
        flood();
        tokio::task::yield_now().await;
        flood();
        tokio::task::yield_now().await;
        assert_eq!(platform.events(), ["parley_dropped"]);
        tokio::time::sleep(hooks::DROPPED_EVERY * 2).await;
        flood();
        tokio::task::yield_now().await;
        assert_eq!(platform.events(), ["parley_dropped", "parley_dropped"]);
    }
}
