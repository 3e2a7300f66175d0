//! Events as clients see them, and what a committed change sets off.

use serde_json::{Map, Value, json};

use crate::hooks::PlatformEvent;

/// To whom an event goes: connection, else user, else channel, else team, else all; minus omissions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) connection_id: String,
    pub(crate) user_id: String,
    pub(crate) channel_id: String,
    pub(crate) team_id: String,
    pub(crate) omit_users: Vec<String>,
    pub(crate) omit_connection_id: String,
}

impl Target {
    pub(crate) fn user(user_id: &str) -> Self {
        Self {
            user_id: user_id.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn channel(channel_id: &str) -> Self {
        Self {
            channel_id: channel_id.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn team(team_id: &str) -> Self {
        Self {
            team_id: team_id.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn omit_user(mut self, user_id: &str) -> Self {
        self.omit_users.push(user_id.to_owned());
        self
    }

    /// The `broadcast` object on the wire.
    pub(crate) fn to_json(&self) -> Value {
        let omit: Map<String, Value> = self
            .omit_users
            .iter()
            .map(|id| (id.clone(), Value::Bool(true)))
            .collect();
        json!({
            "omit_users": if omit.is_empty() { Value::Null } else { Value::Object(omit) },
            "user_id": self.user_id,
            "channel_id": self.channel_id,
            "team_id": self.team_id,
            "connection_id": self.connection_id,
            "omit_connection_id": self.omit_connection_id,
        })
    }
}

/// A WebSocket event; `data` is a JSON object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: Value,
    pub(crate) to: Target,
}

/// What happens once a change is committed, in this order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    /// Clients hear of it.
    Event(Event),
    /// The plugin hears of it.
    Hook(PlatformEvent),
    /// A session ended: its sockets close, the plugin hears of it.
    SessionRevoked { session_id: String, user_id: String },
    /// Nobody asks for the bytes of this file any more.
    FileGone(String),
}
