//! Joining and leaving.

use crate::api::{
    CommandError, ConnectionId, EventKind, Join, Labels, LeaveReason, ParticipantId, RoomEndReason,
    SessionField, SessionId, SessionView, Who,
};
use crate::demux::Owner;
use crate::ids::{Arena, Key};
use crate::session::Session;
use crate::shared::Shared;

use super::audio::source_of;
use super::{Connections, PARTICIPANTS_MAX, Room};

impl Room {
    /// Adds a session, or gives an existing one a new media connection. The second value is true for a
    /// new session.
    pub(crate) fn join(
        &mut self,
        join: Join,
        shared: &mut Shared,
    ) -> Result<(SessionView, bool), CommandError> {
        let own = self.names.get(&join.session.session).copied();
        if self.connections.is_of_another(&join.connection, own) {
            return Err(CommandError::Exists("connection"));
        }
        let participant = join.participant.clone();
        if !self.joins.take(participant, shared.now.instant, 1) {
            shared.drop_one("join_rate");
            return Err(CommandError::Limit("join_rate"));
        }
        if let Some(seat) = own {
            if !join.replaces_session {
                return Err(CommandError::Exists("session"));
            }
            return self.replace(seat, join, shared).map(|view| (view, false));
        }
        let node_max = shared.config.limits.sessions_per_room_max;
        let max = match self.policy.max_sessions {
            0 => node_max,
            policy => node_max.min(policy as usize),
        };
        if self.sessions.len() >= max {
            return Err(CommandError::Limit("max_sessions"));
        }
        let own_max = self.policy.max_sessions_per_participant as usize;
        if own_max > 0 && self.sessions_of(&join.participant) >= own_max {
            return Err(CommandError::Limit("max_sessions_per_participant"));
        }
        Ok((self.add(join, shared), true))
    }

    fn sessions_of(&self, participant: &ParticipantId) -> usize {
        self.in_order()
            .filter(|session| session.participant == *participant)
            .count()
    }

    fn add(&mut self, join: Join, shared: &mut Shared) -> SessionView {
        let first = self.participants_ever.is_empty();
        if self.participants_ever.len() < PARTICIPANTS_MAX
            && self.participants_known.insert(join.participant.clone())
        {
            self.participants_ever.push(join.participant.clone());
        }
        let slots_before = self.voice_slots();
        let owner = Owner {
            room: self.key,
            seat: self.sessions.next_key(),
        };
        let session = Box::new(Session::new(owner, join, shared));
        let view = session.view();
        self.names.insert(session.id.clone(), owner.seat);
        let seat = self.sessions.insert(session);
        debug_assert_eq!(seat, owner.seat);
        self.order.push(seat);
        self.connections.add(&view.connection, seat);
        self.unmuted += usize::from(view.unmuted);
        tracing::debug!(room = %self.id.room.0, session = %view.session.0, "joined");
        let joined = EventKind::SessionJoined {
            session: view.clone(),
            first,
            replaced: false,
        };
        self.emit(joined, shared);
        // Others hear of it only by what the newcomer says and shows.
        if self.voice_slots() > slots_before {
            self.unsettle_all(shared);
        }
        self.handle_membership(shared);
        view
    }

    fn replace(
        &mut self,
        seat: Key,
        join: Join,
        shared: &mut Shared,
    ) -> Result<SessionView, CommandError> {
        let session = self.sessions.get_mut(seat).ok_or(CommandError::NoSession)?;
        if session.participant != join.participant {
            return Err(CommandError::NotYours);
        }
        let (screen, video) = (
            session.announced.screen.is_some(),
            session.announced.video.is_some(),
        );
        self.untap(seat, shared);
        let session = self.sessions.get_mut(seat).ok_or(CommandError::NoSession)?;
        let former = session.connection.clone();
        session.replace_media(join, shared);
        let view = session.view();
        self.connections.remove(&former, seat);
        self.connections.add(&view.connection, seat);
        self.note_sharing();
        tracing::debug!(room = %self.id.room.0, session = %view.session.0, "media replaced");
        for (was, field) in [(screen, SessionField::Screen), (video, SessionField::Video)] {
            if was {
                let session = view.clone();
                self.emit(EventKind::SessionChanged { session, field }, shared);
            }
        }
        let joined = EventKind::SessionJoined {
            session: view.clone(),
            first: false,
            replaced: true,
        };
        self.emit(joined, shared);
        self.free_voice(seat, shared);
        self.unsettle_all(shared);
        self.choose_picture(shared);
        Ok(view)
    }

    /// Removes whom `who` names; says how many.
    pub(crate) fn leave(&mut self, who: &Who, reason: LeaveReason, shared: &mut Shared) -> u32 {
        let seats: Vec<Key> = self
            .in_order()
            .filter(|session| match who {
                Who::Session(id) => session.id == *id,
                Who::Participant(participant) => session.participant == *participant,
            })
            .map(|session| session.owner.seat)
            .collect();
        let count = seats.len() as u32;
        for seat in seats {
            self.remove(seat, reason, shared);
        }
        count
    }

    /// Ends one session. A seat that is empty already is fine.
    pub(crate) fn remove(&mut self, seat: Key, reason: LeaveReason, shared: &mut Shared) {
        self.take_out(seat, reason, shared);
        self.unpin_gone(shared);
        self.choose_picture(shared);
        self.handle_membership(shared);
        if self.sessions.len() == 0
            && self.policy.end_when_empty
            && !self.participants_ever.is_empty()
        {
            self.end(RoomEndReason::Empty, None, shared);
        }
    }

    fn take_out(&mut self, seat: Key, reason: LeaveReason, shared: &mut Shared) {
        self.untap(seat, shared);
        let Some(mut session) = self.sessions.remove(seat) else {
            return;
        };
        self.names.remove(&session.id);
        self.order.retain(|other| *other != seat);
        self.connections.remove(&session.connection, seat);
        self.unmuted = self.unmuted.saturating_sub(usize::from(session.unmuted));
        self.selector.remove(source_of(seat));
        self.reels.retain(|_, reel| reel.publication.seat != seat);
        if self.sharing.contains(&seat) || self.selector.epoch() != self.selector_epoch {
            self.sharing.retain(|other| *other != seat);
            self.selector_epoch = self.selector.epoch();
            self.unsettle_all(shared);
        }
        #[cfg(feature = "sabotage")]
        shared.panic_for(crate::shared::Fault::PanicInRemoval);
        session.close_media(shared);
        let stats = session.stats(shared.now, self);
        tracing::debug!(room = %self.id.room.0, session = %session.id.0, ?reason, "left");
        let left = EventKind::SessionLeft {
            session: session.view(),
            reason,
            stats,
            remaining: self.sessions.len() as u32,
        };
        self.emit(left, shared);
    }

    /// Somebody came or went.
    fn handle_membership(&mut self, shared: &mut Shared) {
        self.selector_epoch = self.selector.epoch();
        self.watch_loneliness(shared);
        self.reschedule(shared);
    }

    /// Ends the room for all.
    pub(crate) fn end(
        &mut self,
        reason: RoomEndReason,
        actor: Option<ParticipantId>,
        shared: &mut Shared,
    ) {
        if self.over {
            return;
        }
        self.end_recording_with_room(reason, shared);
        for seat in self.order.clone() {
            self.take_out(seat, LeaveReason::RoomEnded, shared);
        }
        self.tell_end(reason, actor, shared);
    }

    /// Ends a room that panics while it ends: its sessions are dropped as they are, without a word of
    /// their own.
    pub(crate) fn abandon(&mut self, shared: &mut Shared) {
        self.sessions = Arena::default();
        self.names.clear();
        self.order.clear();
        self.connections = Connections::default();
        self.unmuted = 0;
        self.sharing.clear();
        if !self.over {
            self.end_recording_with_room(RoomEndReason::Internal, shared);
            self.tell_end(RoomEndReason::Internal, None, shared);
        }
    }

    fn tell_end(
        &mut self,
        reason: RoomEndReason,
        actor: Option<ParticipantId>,
        shared: &mut Shared,
    ) {
        tracing::debug!(room = %self.id.room.0, ?reason, "room ended");
        let ended = EventKind::RoomEnded {
            reason,
            actor,
            opened_at_ms: self.opened.wall_ms,
            participants_ever: std::mem::take(&mut self.participants_ever),
        };
        self.emit(ended, shared);
        // Not before: who panics on the way here has not told the end yet.
        self.over = true;
        shared.room_ended = true;
    }

    /// Moves a session's signalling to another connection, under other labels if there are any.
    pub(crate) fn reconnect(
        &mut self,
        session: &SessionId,
        participant: &ParticipantId,
        previous: &ConnectionId,
        (connection, labels): (ConnectionId, Labels),
        shared: &mut Shared,
    ) -> Result<SessionView, CommandError> {
        let session = self.session_mut(session)?;
        if session.participant != *participant {
            return Err(CommandError::NotYours);
        }
        if session.connection != *previous {
            return Err(CommandError::Stale("connection"));
        }
        session.connection = connection.clone();
        if !labels.is_empty() {
            session.labels = labels;
        }
        session.detached = None;
        session.repeat_offer(shared);
        let (seat, view) = (session.owner.seat, session.view());
        self.connections.remove(previous, seat);
        self.connections.add(&connection, seat);
        self.flush_signals(seat, shared);
        Ok(view)
    }

    /// A signalling connection is lost; says how many sessions it carried.
    pub(crate) fn detach(&mut self, connection: &ConnectionId, shared: &mut Shared) -> u32 {
        let mut count = 0;
        for &seat in self.connections.seats(connection) {
            if let Some(session) = self.sessions.get_mut(seat) {
                session.detached.get_or_insert(shared.now);
                count += 1;
            }
        }
        count
    }

    pub(crate) fn session_mut(&mut self, id: &SessionId) -> Result<&mut Session, CommandError> {
        let seat = self.names.get(id).ok_or(CommandError::NoSession)?;
        match self.sessions.get_mut(*seat) {
            Some(session) => Ok(session),
            None => Err(CommandError::NoSession),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Capabilities, CoreConfig, Limits, Now, RoomId, RoomPolicy, RoomRef};
    use crate::api::{SessionRef, VideoDown};
    use std::time::Instant;

    fn join(number: u32) -> Join {
        Join {
            session: SessionRef {
                room: RoomRef {
                    room: RoomId("room".into()),
                    generation: 1,
                },
                session: SessionId(format!("s{number}")),
            },
            participant: ParticipantId(format!("p{number}")),
            connection: ConnectionId(format!("c{number}")),
            labels: Labels::new(),
            capabilities: Capabilities {
                dc_signaling: true,
                slots_v1: true,
                video_down: VideoDown::Slots,
                ..Capabilities::default()
            },
            replaces_session: false,
            unmuted: false,
        }
    }

    /// However many are there already, nobody's lines are looked at for the sake of one who only listens.
    #[test]
    fn a_listener_who_comes_or_goes_is_no_work_for_the_others() {
        let config = CoreConfig {
            node: 0,
            shard: 0,
            seed: 1,
            media_addresses: vec![],
            limits: Limits::default(),
        };
        let now = Now {
            instant: Instant::now(),
            wall_ms: 0,
        };
        let mut shared = Shared::new(config, now);
        let key = Key { slot: 0, epoch: 0 };
        let room = join(0).session.room;
        let policy = RoomPolicy::default();
        let mut room = Room::open(key, room, policy, Labels::new(), &mut shared);
        let mut offered = 0;
        for number in 0..40 {
            room.join(join(number), &mut shared).unwrap();
            let seats = shared.take_unsettled(key);
            offered += usize::from(!seats.is_empty());
            room.settle(&seats, &mut shared);
        }
        // Once for each step of voice slots that a room of listeners reaches.
        assert_eq!(offered, 1);
        for number in [3, 20, 39] {
            let who = Who::Session(SessionId(format!("s{number}")));
            assert_eq!(room.leave(&who, LeaveReason::Left, &mut shared), 1);
            assert!(shared.take_unsettled(key).is_empty());
        }
    }
}
