//! Sessions come, go and change: what everybody else sees of it, in the protocol's order.

use serde_json::{Value, json};

use super::{Result, removal_reason};
use crate::Guest;
use crate::access::{self, Action};
use crate::env::Level;
use crate::media::{Event, Field, LeaveReason, Room, RoomRef, Session};
use crate::official;
use crate::record::Record;
use crate::resume;

impl Guest<'_> {
    pub(super) async fn joined(
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
        // A right that was lost between the check of the `join` and this moment: whoever was told of the
        // loss found no session to end.
        let user = &session.user_id;
        let stay = access::check(self.env, &self.settings, Action::Stay, user, channel, false);
        if let Err(refusal) = stay
            && let Some(reason) = removal_reason(refusal)
        {
            let room = RoomRef {
                call_id: event.call_id.clone(),
                generation: event.generation,
            };
            return self.remove(&room, channel, session, reason).await;
        }
        let record = self.ensure_post(record, event.seq)?;
        official::remember(self.env, event, session)?;
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
        if let Some(room) = room.as_ref().filter(|_| replaced) {
            self.publish_connection(channel, room, session, "back")?;
        }
        if !replaced && !session.labels.bot {
            let mut data = json!({
                "user_id": session.user_id,
                "session_id": session.id,
                "channelID": channel,
            });
            data["parley"] = json!({
                "unmuted": session.unmuted,
                "raised_hand": session.hand_raised_at_ms,
            });
            if session.labels.resumed {
                data["parley"]["resumed"] = true.into();
            }
            self.to_channel("user_joined", channel, data)?;
            if let Some(room) = room.as_ref().filter(|_| session.unmuted) {
                // They take whoever joins as muted; ours read it above.
                let official = room.sessions.iter().filter(|other| !other.slots);
                self.to_users_of(
                    "user_unmuted",
                    channel,
                    official,
                    &user_data(event, session),
                )?;
            }
        }
        if let Some(room) = &room {
            self.to_user(
                "call_state",
                channel,
                &session.user_id,
                self.state_data(&session.user_id, &record, room),
            )?;
        }
        Ok(())
    }

    pub(super) fn join_data(&self, record: &Record, session: &Session) -> Result<Value> {
        let mut data = json!({ "connID": session.connection_id });
        if session.slots {
            let token = resume::token(
                self.env,
                &session.user_id,
                &record.call_id,
                &session.id,
                session.since_ms(),
            )?;
            data["parley"] = json!({
                "v": 1,
                "session": session.id,
                "resume": token,
                "call_id": record.call_id,
            });
        }
        Ok(data)
    }

    pub(super) async fn left(
        &self,
        event: &Event,
        session: &Session,
        reason: LeaveReason,
    ) -> Result {
        let channel = &event.labels.channel_id;
        official::forget(self.env, event, session)?;
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
            self.publish_left(channel, &session.user_id, &session.id)?;
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

    pub(super) async fn changed(&self, event: &Event, session: &Session, field: Field) -> Result {
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

    pub(crate) fn host_changed(&self, record: &Record, room: &Room) -> Result {
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
}

fn user_data(event: &Event, session: &Session) -> Value {
    json!({
        "userID": session.user_id,
        "session_id": session.id,
        "channelID": event.labels.channel_id,
    })
}
