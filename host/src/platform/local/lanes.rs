//! Platform events on their way to the plugin: one order per user (or channel), lanes beside each other,
//! so that a slow hook call holds up few others.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::hub::{Drops, Hub};
use super::limits;
use crate::hooks::{Hooks, PlatformEvent};

type Receivers = Vec<mpsc::Receiver<PlatformEvent>>;

/// The queues; [`Lanes::start`] empties them.
pub(crate) struct Lanes {
    senders: Vec<mpsc::Sender<PlatformEvent>>,
    receivers: Mutex<Option<Receivers>>,
    hub: Arc<Hub>,
}

impl Lanes {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        let (senders, receivers) = (0..limits::HOOK_LANES)
            .map(|_| mpsc::channel(limits::HOOK_LANE_QUEUE))
            .unzip();
        Self {
            senders,
            receivers: Mutex::new(Some(receivers)),
            hub,
        }
    }

    pub(crate) fn push(&self, event: PlatformEvent) {
        let mut hasher = DefaultHasher::new();
        key(&event).hash(&mut hasher);
        let lane = (hasher.finish() % limits::HOOK_LANES as u64) as usize;
        if self.senders[lane].try_send(event).is_err() {
            Drops::count(&self.hub.drops.hook_events);
            tracing::warn!(lane, "plugin too slow: a platform event was dropped");
        }
    }

    /// Starts delivery, once; `hooks` says who is the plugin at the moment.
    pub(crate) fn start(
        &self,
        hooks: impl Fn() -> Option<Arc<dyn Hooks>> + Clone + Send + 'static,
    ) {
        let receivers = self
            .receivers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        for mut receiver in receivers.into_iter().flatten() {
            let hooks = hooks.clone();
            tokio::spawn(async move {
                while let Some(event) = receiver.recv().await {
                    if let Some(hooks) = hooks() {
                        hooks.platform_event(event).await;
                    }
                }
            });
        }
    }
}

fn key(event: &PlatformEvent) -> &str {
    match event {
        PlatformEvent::Connected { user_id, .. }
        | PlatformEvent::Disconnected { user_id, .. }
        | PlatformEvent::JoinedChannel { user_id, .. }
        | PlatformEvent::LeftChannel { user_id, .. }
        | PlatformEvent::UserDeactivated { user_id }
        | PlatformEvent::LoginRevoked { user_id, .. } => user_id,
        PlatformEvent::ChannelArchived { channel_id } => channel_id,
    }
}
