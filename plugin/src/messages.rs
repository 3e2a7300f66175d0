//! Clients' WebSocket messages: each one parsed at the door, checked, and handed on.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::Guest;
use crate::access::{self, Action};
use crate::env::{ClientMessage, Level, Value};
use crate::ids::ChannelId;
use crate::media::{ClientSignal, FoundSession, LeaveReason, MediaError, StateChange, Who};
use crate::refusal::Refusal;

/// Longest compressed SDP taken from a client.
const SDP_ZLIB_BYTES_MAX: usize = 64 * 1024;
/// Longest SDP as JSON text.
const SDP_JSON_BYTES_MAX: usize = 256 * 1024;
/// Longest candidate or state as JSON text.
const SMALL_JSON_BYTES_MAX: usize = 4 * 1024;
/// Longest media stream id.
const STREAM_ID_BYTES_MAX: usize = 64;

impl Guest<'_> {
    /// Handles a client's message. Refusals go back to its connection as an `error` event.
    pub async fn on_client_message(&self, message: ClientMessage) {
        if message.user_id.is_empty() || message.connection_id.is_empty() {
            return;
        }
        let done = match message.action.as_str() {
            "join" => self.join(&message).await,
            "reconnect" => self.reconnect(&message).await,
            "leave" => self.leave(&message).await,
            "call_state" => self.call_state(&message).await,
            "sdp" => self.sdp(&message).await,
            "ice" => self.ice(&message).await,
            "mute" => self.set_state(&message, StateChange::Unmuted(false)).await,
            "unmute" => self.set_state(&message, StateChange::Unmuted(true)).await,
            "raise_hand" => {
                self.set_state(&message, StateChange::HandRaised(true))
                    .await
            }
            "unraise_hand" => {
                self.set_state(&message, StateChange::HandRaised(false))
                    .await
            }
            "screen_on" => self.screen_on(&message).await,
            "screen_off" => self.set_state(&message, StateChange::Screen(None)).await,
            "video_on" => self.video_on(&message).await,
            "react" => self.react(&message).await,
            "video_off" => self.set_state(&message, StateChange::Video(None)).await,
            // Other clients know more than we do.
            _ => return,
        };
        if let Err(refusal) = done {
            self.refuse(&message, refusal).await;
        }
    }

    async fn refuse(&self, message: &ClientMessage, refusal: Refusal) {
        let code = refusal.code();
        self.env.log(
            Level::Debug,
            "message",
            &format!("{} refused: {code}", message.action),
        );
        // Official clients take an `error` within the call for the end of it: to them such a message is
        // refused in silence, as they know it.
        if !matches!(message.action.as_str(), "join" | "call_state") {
            let own = self.own_session(message).await;
            if own.is_ok_and(|found| found.is_some_and(|found| !found.session.slots)) {
                return;
            }
        }
        let data = json!({
            "data": refusal.text(self.lang(&message.user_id)),
            "connID": message.connection_id,
            "code": code,
        });
        let channel = ChannelId::parse(optional_text(message, "channelID")).unwrap_or_default();
        if let Err(error) = self.to_connection("error", &channel, &message.connection_id, data) {
            self.env.log(
                Level::Warn,
                "message",
                &format!("error event not sent: {error}"),
            );
        }
    }

    /// The session that this connection speaks for: the user's own, or none.
    pub(crate) async fn own_session(
        &self,
        message: &ClientMessage,
    ) -> Result<Option<FoundSession>, Refusal> {
        let found = self
            .media
            .find_by_connection(&message.connection_id)
            .await?;
        Ok(found
            .into_iter()
            .find(|found| found.session.user_id == message.user_id))
    }

    async fn leave(&self, message: &ClientMessage) -> Result<(), Refusal> {
        for found in self
            .media
            .find_by_connection(&message.connection_id)
            .await?
        {
            if found.session.user_id == message.user_id {
                let who = Who::Session(found.session.id.clone());
                self.media
                    .leave(&found.room(), who, LeaveReason::Left)
                    .await?;
            }
        }
        Ok(())
    }

    /// The call of a channel, for somebody who can read it.
    async fn call_state(&self, message: &ClientMessage) -> Result<(), Refusal> {
        let channel_id = ChannelId::parse(text(message, "channelID")?)
            .ok_or(Refusal::BadRequest("channelID"))?;
        let user = &message.user_id;
        access::check(
            self.env,
            &self.settings,
            Action::Read,
            user,
            &channel_id,
            false,
        )?;
        let call = match self.live(&channel_id).await? {
            Some((record, room)) => self.call_object_for(user, &record, &room),
            None => serde_json::Value::Null,
        };
        let data = json!({ "channel_id": channel_id, "call": call.to_string() });
        self.to_connection("call_state", &channel_id, &message.connection_id, data)?;
        Ok(())
    }

    async fn sdp(&self, message: &ClientMessage) -> Result<(), Refusal> {
        let signal = match field(message, "data") {
            Some(Value::Bytes(bytes)) if bytes.len() <= SDP_ZLIB_BYTES_MAX => {
                ClientSignal::SdpZlib(bytes.clone())
            }
            Some(Value::Text(json) | Value::Json(json)) if json.len() <= SDP_JSON_BYTES_MAX => {
                ClientSignal::SdpJson(json.clone())
            }
            _ => return Err(Refusal::BadRequest("data")),
        };
        self.signal(message, signal).await
    }

    async fn ice(&self, message: &ClientMessage) -> Result<(), Refusal> {
        match field(message, "data") {
            Some(Value::Text(json) | Value::Json(json)) if json.len() <= SMALL_JSON_BYTES_MAX => {
                self.signal(message, ClientSignal::Candidate(json.clone()))
                    .await
            }
            // The end of candidates, said in one way or another.
            Some(Value::Null) | None => Ok(()),
            Some(_) => Err(Refusal::BadRequest("data")),
        }
    }

    async fn signal(&self, message: &ClientMessage, signal: ClientSignal) -> Result<(), Refusal> {
        let Some(found) = self.own_session(message).await? else {
            return Ok(());
        };
        match self.media.signal(&found, signal).await {
            // It ended or moved meanwhile: the client is told by other events.
            Err(MediaError::NotFound | MediaError::Stale) => Ok(()),
            Err(MediaError::Limit(_)) => Err(Refusal::RateLimited),
            other => other.map_err(Refusal::from),
        }
    }

    async fn screen_on(&self, message: &ClientMessage) -> Result<(), Refusal> {
        if !self.settings.allow_screen_sharing {
            return Err(Refusal::ScreenDisabled);
        }
        #[derive(Deserialize)]
        struct Data {
            #[serde(rename = "screenStreamID")]
            stream: String,
        }
        let data: Data = state_data(message)?;
        let stream = stream_id(data.stream, "screenStreamID")?;
        self.set_state(message, StateChange::Screen(Some(stream)))
            .await
    }

    async fn video_on(&self, message: &ClientMessage) -> Result<(), Refusal> {
        if !self.settings.enable_video {
            return Err(Refusal::VideoDisabled);
        }
        #[derive(Deserialize)]
        struct Data {
            #[serde(rename = "videoStreamID")]
            stream: String,
        }
        let data: Data = state_data(message)?;
        let stream = stream_id(data.stream, "videoStreamID")?;
        self.set_state(message, StateChange::Video(Some(stream)))
            .await
    }

    async fn set_state(&self, message: &ClientMessage, change: StateChange) -> Result<(), Refusal> {
        let Some(found) = self.own_session(message).await? else {
            return Ok(());
        };
        // Taking something back is always allowed.
        if matches!(
            change,
            StateChange::Unmuted(true)
                | StateChange::HandRaised(true)
                | StateChange::Screen(Some(_))
                | StateChange::Video(Some(_))
        ) {
            let (user, channel) = (&message.user_id, &found.channel_id);
            access::check(self.env, &self.settings, Action::Stay, user, channel, false)?;
        }
        match self.media.set_state(&found, change).await {
            Err(MediaError::NotFound | MediaError::Stale) => Ok(()),
            Err(MediaError::Precondition) => Err(Refusal::ScreenTaken),
            Err(MediaError::Limit(_)) => Err(Refusal::RateLimited),
            other => other.map_err(Refusal::from),
        }
    }
}

fn field<'m>(message: &'m ClientMessage, name: &str) -> Option<&'m Value> {
    message
        .data
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value)
}

/// A text that has to be there.
pub(crate) fn text<'m>(message: &'m ClientMessage, name: &'static str) -> Result<&'m str, Refusal> {
    match field(message, name) {
        Some(Value::Text(text)) => Ok(text),
        _ => Err(Refusal::BadRequest(name)),
    }
}

/// A text; absent and of another type count as empty.
pub(crate) fn optional_text<'m>(message: &'m ClientMessage, name: &str) -> &'m str {
    match field(message, name) {
        Some(Value::Text(text)) => text,
        _ => "",
    }
}

/// An object; absent or null = `None`.
pub(crate) fn json_field<T: DeserializeOwned>(
    message: &ClientMessage,
    name: &'static str,
) -> Result<Option<T>, Refusal> {
    match field(message, name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Json(json) | Value::Text(json)) if json.len() <= SMALL_JSON_BYTES_MAX => {
            serde_json::from_str(json)
                .map(Some)
                .map_err(|_| Refusal::BadRequest(name))
        }
        Some(_) => Err(Refusal::BadRequest(name)),
    }
}

pub(crate) fn state_data<T: DeserializeOwned>(message: &ClientMessage) -> Result<T, Refusal> {
    json_field(message, "data")?.ok_or(Refusal::BadRequest("data"))
}

fn stream_id(id: String, name: &'static str) -> Result<String, Refusal> {
    let fits = !id.is_empty() && id.len() <= STREAM_ID_BYTES_MAX;
    if fits {
        Ok(id)
    } else {
        Err(Refusal::BadRequest(name))
    }
}
