//! Events to clients: their scopes, and the call object.
//!
//! Every event carries `broadcast.channel_id`, also one for a single user or connection: mobile clients
//! route by it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::Guest;
use crate::env::{Broadcast, PlatformError};
use crate::ids::{ChannelId, ConnectionId, SessionId, UserId};
use crate::media::{Room, Session};
use crate::record::Record;
use crate::recording::recording_of_call;

type Result = std::result::Result<(), PlatformError>;

impl Guest<'_> {
    /// To everybody in the channel.
    pub(crate) fn to_channel(&self, name: &str, channel: &ChannelId, data: Value) -> Result {
        let to = Broadcast {
            channel_id: channel.clone(),
            ..Broadcast::default()
        };
        self.env.publish(name, &data.to_string(), &to)
    }

    /// To all connections of a user.
    pub(crate) fn to_user(
        &self,
        name: &str,
        channel: &ChannelId,
        user: &UserId,
        data: Value,
    ) -> Result {
        let to = Broadcast {
            channel_id: channel.clone(),
            user_id: user.clone(),
            ..Broadcast::default()
        };
        self.env.publish(name, &data.to_string(), &to)
    }

    /// To one connection.
    pub(crate) fn to_connection(
        &self,
        name: &str,
        channel: &ChannelId,
        connection: &ConnectionId,
        data: Value,
    ) -> Result {
        let to = Broadcast {
            channel_id: channel.clone(),
            connection_id: connection.clone(),
            ..Broadcast::default()
        };
        self.env.publish(name, &data.to_string(), &to)
    }

    /// To each user with one of these sessions, once.
    pub(crate) fn to_users_of<'s>(
        &self,
        name: &str,
        channel: &ChannelId,
        sessions: impl IntoIterator<Item = &'s Session>,
        data: &Value,
    ) -> Result {
        let users: BTreeSet<_> = sessions
            .into_iter()
            .map(|session| &session.user_id)
            .collect();
        users
            .into_iter()
            .try_for_each(|user| self.to_user(name, channel, user, data.clone()))
    }

    /// `parley_connection`: a session's connection is `away`, or `back`.
    pub(crate) fn publish_connection(
        &self,
        channel: &ChannelId,
        room: &Room,
        session: &Session,
        state: &str,
    ) -> Result {
        let data = json!({
            "userID": session.user_id,
            "session_id": session.id,
            "channelID": channel,
            "state": state,
        });
        self.to_users_of("parley_connection", channel, &room.sessions, &data)
    }

    /// `user_left`: this session is in the call no more.
    pub(crate) fn publish_left(
        &self,
        channel: &ChannelId,
        user: &UserId,
        session: &SessionId,
    ) -> Result {
        let data = json!({ "user_id": user, "session_id": session, "channelID": channel });
        self.to_channel("user_left", channel, data)
    }

    /// The call as this user's clients know it, with what concerns the user alone.
    pub(crate) fn call_object_for(&self, user: &UserId, record: &Record, room: &Room) -> Value {
        let mut call = self.call_object_for_all(user, record, room);
        if record.dismissed.contains(user) {
            call["dismissed_notification"] = json!({ user.as_str(): true });
        }
        call
    }

    /// The call as everybody's clients know it, in the words of one reader.
    pub(crate) fn call_object_for_all(
        &self,
        reader: &UserId,
        record: &Record,
        room: &Room,
    ) -> Value {
        let mut call = call_object(record, room);
        if let Some(recording) = recording_of_call(record, room) {
            call["recording"] = self.job_state_for(reader, &recording);
        }
        call
    }

    /// `call_start`: the channel has a call now.
    pub(crate) fn announce(&self, record: &Record, room: &Room) -> Result {
        let data = json!({
            "id": record.call_id,
            "channelID": record.channel_id,
            "start_at": record.start_at,
            "thread_id": thread_id(record),
            "post_id": record.post_id,
            "owner_id": record.owner_id,
            "host_id": host_id(record, room),
        });
        self.to_channel("call_start", &record.channel_id, data)
    }
}

/// The call as clients know it, without its recording.
fn call_object(record: &Record, room: &Room) -> Value {
    let sessions: Vec<Value> = room
        .sessions
        .iter()
        .filter(|session| !session.labels.bot)
        .map(|session| {
            let mut shown = json!({
                "session_id": session.id,
                "user_id": session.user_id,
                "unmuted": session.unmuted,
                "raised_hand": session.hand_raised_at_ms,
                "video": session.video,
            });
            if session.away {
                shown["parley"] = json!({ "away": true });
            }
            shown
        })
        .collect();
    json!({
        "id": record.call_id,
        "start_at": record.start_at,
        "title": record.title,
        "sessions": sessions,
        "thread_id": thread_id(record),
        "post_id": record.post_id,
        "screen_sharing_session_id": room.screen_session_id,
        "owner_id": record.owner_id,
        "host_id": host_id(record, room),
    })
}

/// The effective host; without anybody there the owner, so that it is never empty.
fn host_id(record: &Record, room: &Room) -> UserId {
    record
        .host(&room.sessions)
        .unwrap_or_else(|| record.owner_id.clone())
}

/// The thread that the call belongs to: the one it was started in, else that of its own post.
pub(crate) fn thread_id(record: &Record) -> &str {
    if record.thread_id.is_empty() {
        record.post_id.as_str()
    } else {
        record.thread_id.as_str()
    }
}
