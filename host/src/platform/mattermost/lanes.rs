//! Messages and events on their way to the plugin: one order per connection or user, lanes beside each other.
//!
//! The server delivers a connection's messages one by one and drops what does not fit into a queue of ten, so
//! that its calls are answered when the message is queued, not when it is handled.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Activation, limits};
use crate::hooks::{self, ClientMessage, PlatformEvent};
use crate::platform::rate::Buckets;
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
    pace: Mutex<Pace>,
}

/// Messages that clients may send; the server takes any number of them.
struct Pace {
    connections: Buckets<String>,
    users: Buckets<String>,
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
            pace: Mutex::new(Pace::default()),
        }
    }

    /// A client that sends faster than the plugin works loses messages, and is told so.
    pub(super) fn message(&self, id: TraceId, message: ClientMessage) {
        if !lock(&self.pace).take(&message, Instant::now()) {
            return self.tell_dropped(message);
        }
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

impl Default for Pace {
    fn default() -> Self {
        let remembered = limits::CONNECTIONS_REMEMBERED;
        Self {
            connections: Buckets::new(limits::MESSAGES_BURST, limits::MESSAGES_PER_S, remembered),
            users: Buckets::new(
                limits::MESSAGES_PER_USER_BURST,
                limits::MESSAGES_PER_USER_PER_S,
                remembered,
            ),
        }
    }
}

impl Pace {
    /// One more message. More connections of a user are no way around the limit.
    fn take(&mut self, message: &ClientMessage, now: Instant) -> bool {
        let connection = self.connections.get(message.connection_id.clone(), now);
        connection.is_none_or(|bucket| bucket.take(now)) && {
            let user = self.users.get(message.user_id.clone(), now);
            user.is_none_or(|bucket| bucket.take(now))
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics with the lock held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[tokio::test(start_paused = true)]
    async fn one_who_floods_leaves_room_for_the_others_in_the_lane() {
        let platform = Arc::new(FakePlatform::default());
        let activation: Arc<dyn Activation> = Arc::new(Loading);
        let lanes = Lanes::start(&activation, platform.clone());
        let send = |user: &str, connection: &str, times: usize| {
            for _ in 0..times {
                let message = ClientMessage {
                    user_id: user.to_owned(),
                    connection_id: connection.to_owned(),
                    ..ClientMessage::default()
                };
                lanes.message(TraceId::random(), message);
            }
        };
        let settled = || tokio::time::sleep(std::time::Duration::from_millis(1));
        send("mallory", "conn1", 2 * limits::LANE_QUEUE);
        settled().await;
        assert_eq!(platform.events(), ["parley_dropped"]);
        let same_lane = |other: &String| lanes.of("conn1").same_channel(lanes.of(other));
        let other = (2..).map(|n| format!("conn{n}")).find(same_lane).unwrap();
        send("alice", &other, 2);
        settled().await;
        assert_eq!(platform.events().len(), 1, "alice's message was dropped");
        // Nor do many connections of one user bring more.
        let queued = || -> usize {
            let lanes = lanes.queues.iter();
            lanes.map(|lane| limits::LANE_QUEUE - lane.capacity()).sum()
        };
        for n in 0..200 {
            send("mallory", &format!("another{n}"), 10);
        }
        assert!(queued() <= limits::MESSAGES_PER_USER_BURST as usize + 1);
    }
}
