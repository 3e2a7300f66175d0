//! The media server's events: each becomes what clients and people see of it.
//!
//! Events come at least once and in order per room. Nearly every effect may be repeated (clients take
//! states, not steps); making a post may not, and is claimed in the record by sequence number.

mod life;
mod sessions;

use serde_json::{Value, json};

use crate::Guest;
use crate::call::STATS_TIMER;
use crate::env::{Level, PlatformError};
use crate::ids::UserId;
use crate::media::{self, Event, EventKind, MediaError, Room};
use crate::record::{self, Record};
use crate::refusal::Refusal;

/// Why an event is to be delivered again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EventError {
    /// The platform or its store does not answer.
    #[error("platform: {0}")]
    Platform(PlatformError),
    /// The media server does not answer.
    #[error("media: {0}")]
    Media(MediaError),
}

impl From<MediaError> for EventError {
    fn from(error: MediaError) -> Self {
        Self::Media(error)
    }
}

impl From<PlatformError> for EventError {
    fn from(error: PlatformError) -> Self {
        Self::Platform(error)
    }
}

impl EventError {
    /// Whether doing it again can help.
    fn passes(&self) -> bool {
        matches!(
            self,
            Self::Platform(PlatformError::Unavailable(_)) | Self::Media(MediaError::Unavailable(_))
        )
    }
}

type Result<T = ()> = std::result::Result<T, EventError>;

impl Guest<'_> {
    /// Handles one encoded `parley.media.v1.Event`. `Ok` = done for good; an error = deliver it again.
    pub async fn on_media_event(&self, event: &[u8]) -> std::result::Result<(), String> {
        let event = match media::event(event) {
            Ok(event) => event,
            Err(error) => {
                // It would not become readable by being sent again.
                self.env.log(
                    Level::Error,
                    "event",
                    &format!("dropped, unreadable: {error}"),
                );
                return Ok(());
            }
        };
        match self.handle(&event).await {
            Err(error) if error.passes() => Err(error.to_string()),
            Err(error) => {
                let text = format!("{} #{}: {error}", event.call_id, event.seq);
                self.env.log(Level::Warn, "event", &text);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    async fn handle(&self, event: &Event) -> Result {
        match &event.kind {
            EventKind::Joined {
                session,
                first,
                replaced,
            } => self.joined(event, session, *first, *replaced).await,
            EventKind::Left {
                session,
                reason,
                stats,
            } => {
                if let Some(stats) = stats {
                    self.keep_stats(event, session, stats)?;
                }
                self.left(event, session, *reason).await
            }
            EventKind::Changed { session, field } => self.changed(event, session, *field).await,
            EventKind::Voice {
                session_id,
                user_id,
                on,
            } => {
                let Some(room) = self.room(event).await? else {
                    return Ok(());
                };
                let name = if *on {
                    "user_voice_on"
                } else {
                    "user_voice_off"
                };
                let data = json!({
                    "userID": user_id,
                    "session_id": session_id,
                    "channelID": event.labels.channel_id,
                });
                // Our own clients hear of voices over the data channel.
                let others = room.sessions.iter().filter(|session| !session.slots);
                Ok(self.to_users_of(name, &event.labels.channel_id, others, &data)?)
            }
            EventKind::Signal {
                session_id,
                connection_id,
                json,
            } => {
                let data = json!({ "data": json, "connID": session_id });
                let channel = &event.labels.channel_id;
                Ok(self.to_connection("signal", channel, connection_id, data)?)
            }
            EventKind::Timer { name } if name == STATS_TIMER => self.minute(event).await,
            EventKind::Alone {
                session,
                ends_in_ms,
            } => {
                let data = json!({
                    "channelID": event.labels.channel_id,
                    "ends_in_s": ends_in_ms.div_ceil(1_000),
                });
                let channel = &event.labels.channel_id;
                Ok(self.to_user("parley_alone", channel, &session.user_id, data)?)
            }
            EventKind::Ended {
                reason,
                participants,
            } => self.ended(event, *reason, participants),
            EventKind::Snapshot { room } => self.snapshot(event, room).await,
            EventKind::RecordingChanged { recording } => {
                self.recording_changed(event, recording).await
            }
            EventKind::RecordingReminder {
                recording,
                ends_in_ms,
            } => self.recording_reminder(event, recording, *ends_in_ms).await,
            EventKind::Timer { name } => self.removal_due(event, name).await,
            EventKind::Opened | EventKind::Other => Ok(()),
        }
    }

    /// The call's state, as everybody gets it, in the words of one reader.
    fn state_data(&self, reader: &UserId, record: &Record, room: &Room) -> Value {
        let call = self.call_object_for_all(reader, record, room);
        json!({ "channel_id": record.channel_id, "call": call.to_string() })
    }

    /// The record of the event's call, if that is still the channel's.
    pub(crate) fn record_of(&self, event: &Event) -> Result<Option<Record>> {
        let stored = record::load(self.env, &event.labels.channel_id)?;
        Ok(stored
            .map(|stored| stored.record)
            .filter(|record| record.call_id == event.call_id))
    }

    /// The event's room as it is now; `None` = gone.
    pub(crate) async fn room(&self, event: &Event) -> Result<Option<Room>> {
        match self.media.room(&event.call_id).await {
            Ok(room) => Ok(Some(room)),
            Err(MediaError::NotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Why a session that may not stay is removed; `None` = it may, or nobody knows now.
pub(crate) fn removal_reason(refusal: Refusal) -> Option<&'static str> {
    match refusal {
        Refusal::Deactivated => Some("deactivated"),
        Refusal::Archived => Some("archived"),
        Refusal::NotMember | Refusal::NoPermission => Some("left_channel"),
        _ => None,
    }
}
