//! The media server's events: each becomes what clients and people see of it.
//!
//! Events come at least once and in order per room. Nearly every effect may be repeated (clients take
//! states, not steps); making a post may not, and is claimed in the record by sequence number.

use serde_json::{Value, json};

use crate::Guest;
use crate::access::{self, Action};
use crate::call::{STATS_PERIOD_MS, STATS_TIMER};
use crate::env::{Level, PlatformError};
use crate::ids::UserId;
use crate::media::{
    self, EndReason, Event, EventKind, Field, LeaveReason, MediaError, Room, RoomRef, Session,
};
use crate::publish::call_object;
use crate::record::{self, Record};
use crate::refusal::Refusal;
use crate::resume;

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
            Self::Platform(PlatformError::Unavailable(_)) | Self::Media(MediaError::Unavailable)
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
            EventKind::Snapshot { room } => self.snapshot(event, room),
            EventKind::Opened | EventKind::Timer { .. } | EventKind::Other => Ok(()),
        }
    }

    async fn joined(
        &self,
        event: &Event,
        session: &Session,
        first: bool,
        replaced: bool,
    ) -> Result {
        let channel = &event.labels.channel_id;
        let Some(record) = self.record_of(event)? else {
            // Nobody would ever find this room again.
            self.env.log(
                Level::Warn,
                "event",
                &format!("{} has no record", event.call_id),
            );
            let room = RoomRef {
                call_id: event.call_id.clone(),
                generation: event.generation,
            };
            return Ok(self.media.end_room(&room, None).await?);
        };
        let record = self.ensure_post(record, event.seq)?;
        let room = self.room(event).await?;
        if let Some(room) = room.as_ref().filter(|_| !replaced) {
            let others = room.sessions.iter().filter(|other| other.id != session.id);
            if record.host(&room.sessions) != record.host(others) {
                self.host_changed(&record, room)?;
            }
            if first && event.labels.announce_at_first_join {
                self.announce(&record, room)?;
            }
        }
        self.to_connection(
            "join",
            channel,
            &session.connection_id,
            self.join_data(&record, session)?,
        )?;
        if !replaced && !session.labels.bot {
            let mut data = json!({
                "user_id": session.user_id,
                "session_id": session.id,
                "channelID": channel,
            });
            if session.labels.resumed {
                data["parley"] = json!({ "resumed": true });
            }
            self.to_channel("user_joined", channel, data)?;
        }
        if let Some(room) = &room {
            self.to_user(
                "call_state",
                channel,
                &session.user_id,
                state_data(&record, room),
            )?;
        }
        Ok(())
    }

    fn join_data(&self, record: &Record, session: &Session) -> Result<Value> {
        let mut data = json!({ "connID": session.connection_id });
        if session.slots {
            let token = resume::token(self.env, &session.user_id, &record.call_id, &session.id)?;
            data["parley"] = json!({
                "v": 1,
                "session": session.id,
                "resume": token,
                "call_id": record.call_id,
            });
        }
        Ok(data)
    }

    async fn left(&self, event: &Event, session: &Session, reason: LeaveReason) -> Result {
        let channel = &event.labels.channel_id;
        let room = self.room(event).await?;
        if let Some(room) = &room {
            let data = user_data(event, session);
            if session.screen {
                self.to_users_of("user_screen_off", channel, &room.sessions, &data)?;
            }
            if session.video {
                self.to_users_of("user_video_off", channel, &room.sessions, &data)?;
            }
        }
        if !session.labels.bot {
            let data = json!({
                "user_id": session.user_id,
                "session_id": session.id,
                "channelID": channel,
            });
            self.to_channel("user_left", channel, data)?;
        }
        if let (Some(room), Some(record)) = (&room, self.record_of(event)?) {
            let mut before: Vec<&Session> = room.sessions.iter().collect();
            let place = before.partition_point(|other| other.joined_at_ms <= session.joined_at_ms);
            before.insert(place, session);
            if record.host(before) != record.host(&room.sessions) {
                self.host_changed(&record, room)?;
            }
        }
        let told = match reason {
            LeaveReason::SignallingLost | LeaveReason::MediaLost => Some("timeout"),
            LeaveReason::NoMedia => Some("no_media"),
            LeaveReason::Protocol | LeaveReason::Internal => Some("error"),
            // Forbidden: whoever removed it said why.
            LeaveReason::Left
            | LeaveReason::Removed
            | LeaveReason::Forbidden
            | LeaveReason::RoomEnded => None,
        };
        if let Some(reason) = told {
            self.publish_removed(channel, session, reason)?;
        }
        Ok(())
    }

    async fn changed(&self, event: &Event, session: &Session, field: Field) -> Result {
        let Some(room) = self.room(event).await? else {
            return Ok(());
        };
        let mut data = user_data(event, session);
        let name = match field {
            Field::Unmuted if session.unmuted => "user_unmuted",
            Field::Unmuted => "user_muted",
            Field::Screen if session.screen => "user_screen_on",
            Field::Screen => "user_screen_off",
            Field::Video if session.video => "user_video_on",
            Field::Video => "user_video_off",
            Field::Hand => {
                data["raised_hand"] = session.hand_raised_at_ms.into();
                if session.hand_raised_at_ms > 0 {
                    "user_raise_hand"
                } else {
                    "user_unraise_hand"
                }
            }
        };
        Ok(self.to_users_of(name, &event.labels.channel_id, &room.sessions, &data)?)
    }

    /// Once a minute: statistics, access of everybody there, and repairs.
    async fn minute(&self, event: &Event) -> Result {
        let (Some(record), Some(room)) = (self.record_of(event)?, self.room(event).await?) else {
            return Ok(());
        };
        let record = self.ensure_post(record, event.seq)?;
        match self.media.room_stats(&event.call_id).await {
            Ok(all) => {
                for stats in &all {
                    if let Some(session) = room.sessions.iter().find(|s| s.id == stats.session_id) {
                        self.keep_stats(event, session, stats)?;
                    }
                }
            }
            Err(error) => self.env.log(Level::Warn, "stats", &error.to_string()),
        }
        // For the post, should the media server die: it alone knows who was here.
        let known = |user: &UserId| record.participants.contains(user);
        if !room.participants_ever.iter().all(known) {
            record::update(self.env, &record.channel_id, &record.call_id, |record| {
                record.participants = merge(&record.participants, &room.participants_ever);
                true
            })?;
        }
        for session in &room.sessions {
            let (user, channel) = (&session.user_id, &record.channel_id);
            let stay = access::check(self.env, &self.settings, Action::Stay, user, channel, false);
            if let Err(refusal) = stay
                && let Some(reason) = removal_reason(refusal)
            {
                self.remove(&record.room(), channel, session, reason)
                    .await?;
            }
        }
        Ok(self
            .media
            .set_timer(&record.room(), STATS_TIMER, STATS_PERIOD_MS)
            .await?)
    }

    fn ended(&self, event: &Event, reason: EndReason, participants: &[UserId]) -> Result {
        let channel = &event.labels.channel_id;
        if reason == EndReason::Replaced {
            return Ok(());
        }
        let stored = record::load(self.env, channel)?
            .filter(|stored| stored.record.call_id == event.call_id);
        let Some(stored) = stored else {
            // A reader was faster and knew less: complete the post. The clients were told, and the
            // channel may have another call by now.
            if let Some(record) = record::take_ended(self.env, &event.call_id)? {
                let all = merge(&record.participants, participants);
                self.end_call_post(&record, event.at_ms, &all)?;
            }
            return Ok(());
        };
        if stored.record.generation > event.generation {
            return Ok(());
        }
        let all = merge(&stored.record.participants, participants);
        self.end_call_post(&stored.record, event.at_ms, &all)?;
        let told = match reason {
            EndReason::Ended => Some("ended"),
            EndReason::Alone => Some("alone"),
            EndReason::NobodyJoined => Some("nobody_joined"),
            EndReason::Shutdown | EndReason::Internal => Some("shutdown"),
            // A call that empties ends by `user_left` alone.
            EndReason::Empty | EndReason::Replaced => None,
        };
        if let Some(reason) = told {
            self.publish_end(channel, reason)?;
        }
        // Last: should anything before fail, the event comes again and finds the record.
        let call = &event.call_id;
        let mut present = Some(stored);
        while let Some(stored) = present {
            if record::delete(self.env, &stored)? {
                break;
            }
            present = record::load(self.env, channel)?.filter(|s| s.record.call_id == *call);
        }
        self.env
            .log(Level::Info, "call", &format!("ended {call}: {reason:?}"));
        Ok(())
    }

    /// Events were lost: everybody gets the state as it is.
    fn snapshot(&self, event: &Event, room: &Room) -> Result {
        let Some(record) = self.record_of(event)? else {
            return Ok(());
        };
        let channel = &event.labels.channel_id;
        // Who joined and was not told so has no media yet.
        for session in room.sessions.iter().filter(|session| !session.connected) {
            let data = self.join_data(&record, session)?;
            self.to_connection("join", channel, &session.connection_id, data)?;
        }
        self.to_channel("call_state", channel, state_data(&record, room))?;
        self.host_changed(&record, room)
    }

    fn host_changed(&self, record: &Record, room: &Room) -> Result {
        let Some(host) = record.host(&room.sessions) else {
            return Ok(());
        };
        let data = json!({
            "hostID": host,
            "call_id": record.call_id,
            "channelID": record.channel_id,
        });
        Ok(self.to_users_of(
            "call_host_changed",
            &record.channel_id,
            &room.sessions,
            &data,
        )?)
    }

    /// The record of the event's call, if that is still the channel's.
    fn record_of(&self, event: &Event) -> Result<Option<Record>> {
        let stored = record::load(self.env, &event.labels.channel_id)?;
        Ok(stored
            .map(|stored| stored.record)
            .filter(|record| record.call_id == event.call_id))
    }

    /// The event's room as it is now; `None` = gone.
    async fn room(&self, event: &Event) -> Result<Option<Room>> {
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

fn state_data(record: &Record, room: &Room) -> Value {
    json!({ "channel_id": record.channel_id, "call": call_object(record, room).to_string() })
}

fn user_data(event: &Event, session: &Session) -> Value {
    json!({
        "userID": session.user_id,
        "session_id": session.id,
        "channelID": event.labels.channel_id,
    })
}

fn merge(before: &[UserId], now: &[UserId]) -> Vec<UserId> {
    let mut all = before.to_vec();
    for user in now {
        if !all.contains(user) {
            all.push(user.clone());
        }
    }
    all
}
