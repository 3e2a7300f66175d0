//! The timers a room keeps by itself, and those the policy set by name.

use std::time::{Duration, Instant};

use crate::api::{CommandError, EventKind, LeaveReason, MediaState, RoomEndReason};
use crate::ids::Key;
use crate::shared::Shared;

use super::{Alone, NamedTimer, Room, TICK};

/// Media is lost when nothing came for so long: browsers check their consent each 2-5 s (RFC 7675
/// section 5.1) and our clients ping each second. str0m would need 22 s to notice.
const MEDIA_SILENCE: Duration = Duration::from_secs(10);
/// A tick that comes so late means that this process stood still, not that everybody was silent.
const STALL: Duration = Duration::from_secs(2);

impl Room {
    /// Sets or moves a named timer.
    pub(crate) fn set_timer(
        &mut self,
        name: String,
        at: Instant,
        payload: Vec<u8>,
        shared: &mut Shared,
    ) -> Result<(), CommandError> {
        let max = shared.config.limits.timers_per_room_max;
        if !self.timers.contains_key(&name) && self.timers.len() >= max {
            return Err(CommandError::Limit("timers_per_room"));
        }
        self.timers.insert(name, NamedTimer { at, payload });
        self.reschedule(shared);
        Ok(())
    }

    /// Schedules the room's next wake-up.
    pub(crate) fn reschedule(&mut self, shared: &mut Shared) {
        let named = self.timers.values().map(|timer| timer.at).min();
        let tick = (self.sessions.len() > 0).then_some(self.next_tick);
        let next = [
            named,
            tick,
            self.voice_due,
            self.keyframes_due,
            self.pictures_due,
            self.first_session_deadline(),
            self.alone_notice_deadline(),
            self.alone_deadline(),
            self.recording_due(),
        ];
        if let Some(at) = next.into_iter().flatten().min() {
            self.wake_at(at, shared);
        }
    }

    fn first_session_deadline(&self) -> Option<Instant> {
        let timeout = self.policy.first_session_timeout?;
        self.participants_ever
            .is_empty()
            .then(|| self.opened.instant + timeout)
    }

    fn alone_deadline(&self) -> Option<Instant> {
        Some(self.alone?.since + self.policy.alone_timeout?)
    }

    fn alone_notice_deadline(&self) -> Option<Instant> {
        let alone = self.alone.filter(|alone| !alone.noticed)?;
        self.policy.alone_timeout?;
        Some(alone.since + self.policy.alone_notice?)
    }

    /// Sees whether one participant is alone now, on however many devices.
    pub(super) fn watch_loneliness(&mut self, shared: &Shared) {
        let mut participants = self.in_order().map(|session| &session.participant);
        let alone = match participants.next() {
            Some(first) => participants.all(|other| other == first),
            None => false,
        };
        drop(participants);
        let known = self.alone.unwrap_or(Alone {
            since: shared.now.instant,
            noticed: false,
        });
        self.alone = alone.then_some(known);
    }

    /// Lets everything fire that is due.
    pub(crate) fn handle_timeout(&mut self, shared: &mut Shared) {
        let now = shared.now.instant;
        self.fire_named(now, shared);
        if self.first_session_deadline().is_some_and(|at| at <= now) {
            return self.end(RoomEndReason::NobodyJoined, None, shared);
        }
        if self.alone_deadline().is_some_and(|at| at <= now) {
            return self.end(RoomEndReason::Alone, None, shared);
        }
        if self.alone_notice_deadline().is_some_and(|at| at <= now) {
            self.notice_loneliness(now, shared);
        }
        if self.voice_due.is_some_and(|at| at <= now) {
            self.tell_voices(shared);
        }
        if self.pictures_due.is_some_and(|at| at <= now) {
            self.release_due(shared);
        }
        if self.keyframes_due.is_some_and(|at| at <= now) {
            self.ask_merged_keyframes(shared);
        }
        if self.recording_due().is_some_and(|at| at <= now) {
            self.handle_recording_timeout(shared);
        }
        if self.next_tick <= now {
            if now.saturating_duration_since(self.next_tick) >= STALL {
                self.forgive_silence(now);
            }
            self.next_tick = now + TICK;
            self.look_after_sessions(shared);
        }
        self.reschedule(shared);
    }

    fn forgive_silence(&mut self, now: Instant) {
        tracing::debug!(room = %self.id.room.0, "woken late: silence is forgiven");
        for (_, session) in self.sessions.iter_mut() {
            if let Some(peer) = session.peer.as_mut() {
                peer.last_datagram = now;
            }
        }
    }

    fn fire_named(&mut self, now: Instant, shared: &mut Shared) {
        let due = |timers: &std::collections::BTreeMap<String, NamedTimer>| {
            let mut due = timers.iter().filter(|(_, timer)| timer.at <= now);
            due.next().map(|(name, _)| name.clone())
        };
        while let Some(name) = due(&self.timers) {
            if let Some(timer) = self.timers.remove(&name) {
                let payload = timer.payload;
                self.emit(EventKind::TimerFired { name, payload }, shared);
            }
        }
    }

    fn notice_loneliness(&mut self, now: Instant, shared: &mut Shared) {
        let ends_in = self
            .alone_deadline()
            .map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        if let Some(alone) = &mut self.alone {
            alone.noticed = true;
        }
        let session = self.in_order().next().map(crate::session::Session::view);
        if let Some(session) = session {
            self.emit(EventKind::AloneNotice { session, ends_in }, shared);
        }
    }

    fn look_after_sessions(&mut self, shared: &mut Shared) {
        if std::mem::take(&mut self.unsettle_due) {
            self.unsettle_all(shared);
        }
        for seat in self.order.clone() {
            self.look_after(seat, shared);
        }
        self.reallocate_all(shared);
        self.forget_pictures(shared.now.instant);
        self.choose_picture(shared);
    }

    fn look_after(&mut self, seat: Key, shared: &mut Shared) {
        let now = shared.now.instant;
        let over = |since: Instant, timeout: Option<Duration>| {
            timeout.is_some_and(|timeout| now.saturating_duration_since(since) >= timeout)
        };
        let (media_timeout, disconnect) =
            (self.policy.media_timeout, self.policy.disconnect_timeout);
        let Some(session) = self.sessions.get_mut(seat) else {
            return;
        };
        let since = session.media_since;
        let reason = match session.media {
            MediaState::Connecting if over(since, media_timeout) => Some(LeaveReason::NoMedia),
            MediaState::Reconnecting if over(since, disconnect) => Some(LeaveReason::MediaLost),
            _ => None,
        };
        let detached = session
            .detached
            .is_some_and(|at| over(at.instant, disconnect));
        let reason = reason.or(detached.then_some(LeaveReason::SignallingLost));
        if let Some(reason) = reason {
            shared.ended.push((session.owner, reason));
            return;
        }
        session.expire_offer(shared);
        if session.negotiator.wanted || session.down.map_stale {
            session.mark_unsettled(shared);
        }
        let silent = session.media == MediaState::Connected
            && session.peer.as_ref().is_some_and(|peer| {
                now.saturating_duration_since(peer.last_datagram) >= MEDIA_SILENCE
            });
        if silent {
            self.lose_media(seat, false, shared);
        }
    }
}
