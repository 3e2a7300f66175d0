//! The room as a whole: its minute hand, its end, and its state when events were lost.

use super::Result;
use crate::Guest;
use crate::access::{self, Action};
use crate::call::{STATS_PERIOD_MS, STATS_TIMER};
use crate::env::Level;
use crate::events::removal_reason;
use crate::ids::UserId;
use crate::media::{EndReason, Event, Room, Session};
use crate::record;

/// Sessions looked after per minute: a request has a budget, so large rooms take turns.
const SESSIONS_PER_MINUTE_MAX: usize = 250;

impl Guest<'_> {
    /// Once a minute: statistics, access of those who are there, and repairs.
    pub(super) async fn minute(&self, event: &Event) -> Result {
        let (Some(record), Some(room)) = (self.record_of(event)?, self.room(event).await?) else {
            return Ok(());
        };
        // First: whatever fails below, there is a next time.
        self.media
            .set_timer(&record.room(), STATS_TIMER, STATS_PERIOD_MS)
            .await?;
        let record = self.ensure_post(record, event.seq)?;
        // For the post, should the media server die: it alone knows who was here.
        let known = |user: &UserId| record.participants.contains(user);
        if !room.participants_ever.iter().all(known) {
            record::update(self.env, &record.channel_id, &record.call_id, |record| {
                record.participants = merge(&record.participants, &room.participants_ever);
                true
            })?;
        }
        let minute = event.at_ms / STATS_PERIOD_MS as i64;
        let sessions = turn(&room.sessions, minute);
        match self.media.room_stats(&event.call_id).await {
            Ok(all) => {
                for stats in &all {
                    if let Some(session) = sessions.iter().find(|s| s.id == stats.session_id) {
                        self.keep_stats(event, session, stats)?;
                    }
                }
            }
            Err(error) => self.env.log(Level::Warn, "stats", &error.to_string()),
        }
        for session in sessions {
            let (user, channel) = (&session.user_id, &record.channel_id);
            let stay = access::check(self.env, &self.settings, Action::Stay, user, channel, false);
            if let Err(refusal) = stay
                && let Some(reason) = removal_reason(refusal)
            {
                self.remove(&record.room(), channel, session, reason)
                    .await?;
            }
        }
        Ok(())
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
    pub(super) async fn snapshot(&self, event: &Event, room: &Room) -> Result {
        let Some(record) = self.record_of(event)? else {
            return Ok(());
        };
        let channel = &event.labels.channel_id;
        // Who joined and was not told so has no media yet.
        for session in room.sessions.iter().filter(|session| !session.connected) {
            let data = self.join_data(&record, session)?;
            self.to_connection("join", channel, &session.connection_id, data)?;
        }
        let state = self.state_data(&record.owner_id, &record, room);
        self.to_channel("call_state", channel, state)?;
        self.host_changed(&record, room)?;
        match &room.recording {
            Some(recording) => self.recording_changed(event, recording).await,
            None => Ok(()),
        }
    }
}

/// The share of the sessions whose turn it is in this minute: all of a room of ordinary size.
fn turn(sessions: &[Session], minute: i64) -> &[Session] {
    let turns = sessions.len().div_ceil(SESSIONS_PER_MINUTE_MAX).max(1);
    // A remainder by a positive number that fits: never negative, never too large.
    let turn = minute.rem_euclid(turns as i64) as usize;
    let start = (turn * SESSIONS_PER_MINUTE_MAX).min(sessions.len());
    let end = (start + SESSIONS_PER_MINUTE_MAX).min(sessions.len());
    &sessions[start..end]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_gets_a_turn() {
        for n in [0, 1, 249, 250, 251, 1_000] {
            let sessions = vec![Session::default(); n];
            let seen: usize = (7..7 + n.div_ceil(250).max(1) as i64)
                .map(|minute| turn(&sessions, minute).len())
                .sum();
            assert_eq!(seen, n);
        }
        assert!(turn(&[], -1).is_empty());
    }
}
