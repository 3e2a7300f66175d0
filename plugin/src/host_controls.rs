//! What the host of a call may do with the others, by HTTP: `/calls/{channel_id}/host/...`.
//!
//! The media server gates at once and the state changes for everybody; the client that is concerned is
//! told as well, so that it takes its own device away. It may unmute itself again afterwards.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::Guest;
use crate::access::{self, Action};
use crate::env::{PlatformError, User};
use crate::events::EventError;
use crate::ids::{ChannelId, SessionId, UserId};
use crate::media::{Event, FoundSession, LeaveReason, MediaError, Room, Session, StateChange, Who};
use crate::record::{self, Record};
use crate::refusal::Refusal;

/// Who was removed leaves by itself; whoever does not is made to after this.
const REMOVE_AFTER_MS: u64 = 3_000;
/// Name of the timer that does so, before the session's id.
const REMOVE_TIMER: &str = "remove_";

#[derive(Deserialize)]
struct Target {
    session_id: String,
}

#[derive(Deserialize)]
struct NewHost {
    new_host_id: String,
}

impl Guest<'_> {
    /// Does `action` for somebody who is host or system admin.
    pub(crate) async fn host_control(
        &self,
        channel: &ChannelId,
        user: &UserId,
        action: &str,
        body: &[u8],
    ) -> Result<(), Refusal> {
        let (record, room) = self.call_of_host(channel, user, Action::End).await?;
        let call = Call { record, room };
        match action {
            "make" => self.make_host(&call, &read::<NewHost>(body)?.new_host_id),
            "mute" => self.host_mute(&call, call.session(body)?).await,
            "mute-others" => {
                let others = call.room.sessions.iter();
                for other in others.filter(|other| other.unmuted && other.user_id != *user) {
                    self.host_mute(&call, other).await?;
                }
                Ok(())
            }
            "screen-off" => {
                let target = call.session(body)?;
                self.change(&call, target, StateChange::Screen(None))
                    .await?;
                self.tell(&call, target, "host_screen_off")
            }
            "lower-hand" => {
                let target = call.session(body)?;
                let change = StateChange::HandRaised(false);
                self.change(&call, target, change).await?;
                self.tell(&call, target, "host_lower_hand")
            }
            "remove" => self.host_remove(&call, call.session(body)?).await,
            _ => Err(Refusal::BadRequest("action")),
        }
    }

    /// Makes the person of this username host; `None` when nobody of that name is in the call.
    pub(crate) async fn make_host_by_name(
        &self,
        channel: &ChannelId,
        user: &UserId,
        name: &str,
    ) -> Result<Option<User>, Refusal> {
        let (record, room) = self.call_of_host(channel, user, Action::End).await?;
        let call = Call { record, room };
        let people = call.room.sessions.iter().filter(|one| !one.labels.bot);
        let ids: BTreeSet<&UserId> = people.map(|one| &one.user_id).collect();
        for id in ids {
            let person = match self.env.user(id) {
                Err(PlatformError::NotFound) => continue,
                other => other?,
            };
            if person.username.eq_ignore_ascii_case(name) {
                self.make_host(&call, id.as_str())?;
                return Ok(Some(person));
            }
        }
        Ok(None)
    }

    /// The channel's call, for whoever may do `action` as its host. Only members learn that there is none.
    pub(crate) async fn call_of_host(
        &self,
        channel: &ChannelId,
        user: &UserId,
        action: Action,
    ) -> Result<(Record, Room), Refusal> {
        let live = self.live(channel).await?;
        let host = live
            .as_ref()
            .is_some_and(|(record, room)| Self::is_host(record, room, user));
        let may = access::check(self.env, &self.settings, action, user, channel, host);
        match (may, live) {
            (Ok(_), Some(live)) => Ok(live),
            (Ok(_), None) => Err(Refusal::NoCall),
            (Err(Refusal::NotHost), None) => {
                // "Not the host" of no call would be confusing.
                access::check(self.env, &self.settings, Action::Stay, user, channel, false)?;
                Err(Refusal::NoCall)
            }
            (Err(refusal), _) => Err(refusal),
        }
    }

    fn make_host(&self, call: &Call, new_host: &str) -> Result<(), Refusal> {
        let new_host = UserId::new(new_host);
        let present = |session: &Session| session.user_id == new_host && !session.labels.bot;
        if !call.room.sessions.iter().any(present) {
            return Err(Refusal::BadRequest("new_host_id"));
        }
        let (channel, call_id) = (&call.record.channel_id, &call.record.call_id);
        let before = call.record.host(&call.room.sessions);
        let record = record::update(self.env, channel, call_id, |record| {
            record.explicit_host = new_host.clone();
            true
        })?
        .ok_or(Refusal::NoCall)?;
        if before != record.host(&call.room.sessions) {
            self.host_changed(&record, &call.room)
                .map_err(|_| Refusal::Unavailable)?;
        }
        Ok(())
    }

    async fn host_mute(&self, call: &Call, target: &Session) -> Result<(), Refusal> {
        self.change(call, target, StateChange::Unmuted(false))
            .await?;
        self.tell(call, target, "host_mute")
    }

    async fn host_remove(&self, call: &Call, target: &Session) -> Result<(), Refusal> {
        let channel = &call.record.channel_id;
        let data = json!({
            "channel_id": channel,
            "channelID": channel,
            "call_id": call.record.call_id,
            "session_id": target.id,
            "user_id": target.user_id,
        });
        self.to_users_of("host_removed", channel, &call.room.sessions, &data)?;
        let timer = format!("{REMOVE_TIMER}{}", target.id);
        let room = call.record.room();
        // Ours leave when they are told that they are out; a room has few timers.
        if target.slots
            || self
                .media
                .set_timer(&room, &timer, REMOVE_AFTER_MS)
                .await
                .is_err()
        {
            self.end_removed(&call.record, target)
                .await
                .map_err(|_| Refusal::Unavailable)?;
        }
        Ok(())
    }

    /// A timer fired: the time may be over for somebody who was removed.
    pub(crate) async fn removal_due(&self, event: &Event, timer: &str) -> Result<(), EventError> {
        let Some(id) = timer.strip_prefix(REMOVE_TIMER) else {
            return Ok(());
        };
        let (Some(record), Some(room)) = (self.record_of(event)?, self.room(event).await?) else {
            return Ok(());
        };
        match room
            .sessions
            .iter()
            .find(|session| session.id.as_str() == id)
        {
            Some(session) => self.end_removed(&record, session).await,
            None => Ok(()),
        }
    }

    async fn end_removed(&self, record: &Record, session: &Session) -> Result<(), EventError> {
        let who = Who::Session(session.id.clone());
        let room = record.room();
        match self.media.leave(&room, who, LeaveReason::Removed).await {
            Ok(_) | Err(MediaError::NotFound | MediaError::Stale) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.publish_removed(&record.channel_id, session, "removed")?)
    }

    async fn change(
        &self,
        call: &Call,
        target: &Session,
        change: StateChange,
    ) -> Result<(), Refusal> {
        let found = FoundSession {
            call_id: call.record.call_id.clone(),
            generation: call.record.generation,
            channel_id: call.record.channel_id.clone(),
            session: target.clone(),
        };
        match self.media.set_state(&found, change).await {
            Err(MediaError::NotFound | MediaError::Stale) => Err(Refusal::BadRequest("session_id")),
            other => other.map_err(Refusal::from),
        }
    }

    /// Tells the user whose session it is.
    fn tell(&self, call: &Call, target: &Session, event: &str) -> Result<(), Refusal> {
        let channel = &call.record.channel_id;
        let data = json!({
            "channel_id": channel,
            "session_id": target.id,
            "call_id": call.record.call_id,
            "host_id": call.record.host(&call.room.sessions),
        });
        Ok(self.to_user(event, channel, &target.user_id, data)?)
    }
}

struct Call {
    record: Record,
    room: Room,
}

impl Call {
    /// The session that the request is about.
    fn session(&self, body: &[u8]) -> Result<&Session, Refusal> {
        let wanted = SessionId::new(read::<Target>(body)?.session_id);
        let mut people = self
            .room
            .sessions
            .iter()
            .filter(|session| !session.labels.bot);
        people
            .find(|session| session.id == wanted)
            .ok_or(Refusal::BadRequest("session_id"))
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|_| Refusal::BadRequest("body"))
}
