//! A connection's way to the plugin: connected, messages one after the other, disconnected.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::super::Local;
use super::super::auth::Auth;
use super::super::hub::Drops;
use super::super::limits;
use crate::hooks::{ClientMessage, PlatformEvent, Value};

/// Dropping it ends the task after what waits.
pub(super) struct Queue {
    sender: mpsc::Sender<ClientMessage>,
    connection_id: String,
    user_id: String,
    login_session_id: String,
    is_mobile: bool,
}

impl Queue {
    pub(super) fn start(local: &Arc<Local>, connection_id: &str, auth: &Auth) -> Self {
        let (sender, mut receiver) = mpsc::channel::<ClientMessage>(limits::SOCKET_PLUGIN_QUEUE);
        let queue = Self {
            sender,
            connection_id: connection_id.to_owned(),
            user_id: auth.user.id.clone(),
            login_session_id: auth.session.id.clone(),
            is_mobile: !auth.session.device_id.is_empty(),
        };
        let (connection_id, user_id) = (queue.connection_id.clone(), queue.user_id.clone());
        let local = local.clone();
        tokio::spawn(async move {
            let ids = (connection_id, user_id);
            if let Some(hooks) = local.hooks() {
                let (connection_id, user_id) = ids.clone();
                hooks
                    .platform_event(PlatformEvent::Connected {
                        connection_id,
                        user_id,
                    })
                    .await;
            }
            while let Some(message) = receiver.recv().await {
                if let Some(hooks) = local.hooks() {
                    let _turn = local.turns.of(&message.user_id).await;
                    hooks.client_message(message).await;
                }
            }
            if let Some(hooks) = local.hooks() {
                let (connection_id, user_id) = ids;
                hooks
                    .platform_event(PlatformEvent::Disconnected {
                        connection_id,
                        user_id,
                    })
                    .await;
            }
        });
        queue
    }

    /// False: dropped, too many wait.
    pub(super) fn push(&self, local: &Local, action: String, data: Vec<(String, Value)>) -> bool {
        let message = ClientMessage {
            action,
            connection_id: self.connection_id.clone(),
            user_id: self.user_id.clone(),
            login_session_id: self.login_session_id.clone(),
            is_mobile: self.is_mobile,
            data,
        };
        let sent = self.sender.try_send(message).is_ok();
        if !sent {
            Drops::count(&local.hub.drops.plugin_queue);
        }
        sent
    }
}
