//! The room as a whole: its minute hand, its end, and its state when events were lost.

use super::{Result, state_data};
use crate::Guest;
use crate::access::{self, Action};
use crate::call::{STATS_PERIOD_MS, STATS_TIMER};
use crate::env::Level;
use crate::events::removal_reason;
use crate::ids::UserId;
use crate::media::{EndReason, Event, Room};
use crate::record;

impl Guest<'_> {
    /// Once a minute: statistics, access of everybody there, and repairs.
    pub(super) async fn minute(&self, event: &Event) -> Result {
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

    pub(super) fn ended(
        &self,
        event: &Event,
        reason: EndReason,
        participants: &[UserId],
    ) -> Result {
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
    pub(super) fn snapshot(&self, event: &Event, room: &Room) -> Result {
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
