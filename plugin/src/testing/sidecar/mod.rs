//! A media server in memory: the rules of the proto files about rooms and sessions, without media.

mod node;
mod recordings;
mod rooms;
mod serve;
mod sessions;
mod stats;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use parley_proto::v1::{self, event::Kind};
use prost::Message;
use tonic::{Response, Status};

use recordings::Disk;
use stats::track;

type Answer<T> = Result<Response<T>, Status>;

#[derive(Default)]
pub(crate) struct State {
    pub(crate) start_id: String,
    pub(crate) unreachable: bool,
    pub(crate) rooms: BTreeMap<String, FakeRoom>,
    events: VecDeque<v1::Event>,
    /// Signals as they came.
    pub(crate) signals: Vec<v1::SignalRequest>,
    pub(crate) detached: Vec<String>,
    /// Of all media.
    pub(crate) media_port: u16,
    pub(crate) calls: u64,
    /// What outlasts a restart.
    pub(crate) disk: Disk,
}

#[derive(Default, Clone)]
pub(crate) struct FakeRoom {
    pub(crate) room: v1::Room,
    pub(crate) policy: v1::RoomPolicy,
    pub(crate) timers: BTreeMap<String, u64>,
    seq: u64,
}

/// See the module; clones are the same server.
#[derive(Clone)]
pub(crate) struct FakeSidecar {
    state: Arc<Mutex<State>>,
    clock: Arc<AtomicI64>,
}

impl FakeSidecar {
    pub(crate) fn new(clock: Arc<AtomicI64>) -> Self {
        let state = State {
            start_id: "start1".to_owned(),
            media_port: 8443,
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            clock,
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Killed and started again: nothing is left but another start id.
    pub(crate) fn restart(&self, start_id: &str) {
        let disk = std::mem::take(&mut self.state().disk);
        *self.state() = State {
            start_id: start_id.to_owned(),
            disk,
            ..State::default()
        };
    }

    pub(crate) fn next_event(&self) -> Option<Vec<u8>> {
        self.state()
            .events
            .pop_front()
            .map(|event| event.encode_to_vec())
    }

    /// The only room there is.
    pub(crate) fn only_room(&self) -> FakeRoom {
        let state = self.state();
        assert_eq!(state.rooms.len(), 1);
        state.rooms.values().next().unwrap().clone()
    }

    pub(crate) fn sessions(&self) -> Vec<String> {
        let state = self.state();
        let sessions = state.rooms.values().flat_map(|room| &room.room.sessions);
        sessions.map(|session| session.session_id.clone()).collect()
    }

    /// A timer of the only room comes up.
    pub(crate) fn fire(&self, name: &str) {
        let room = self.only_room().room.room_id;
        let timer = v1::TimerFired {
            name: name.to_owned(),
            ..Default::default()
        };
        self.emit(&room, Kind::TimerFired(timer));
    }

    pub(crate) fn emit(&self, room_id: &str, kind: Kind) {
        let now_ms = self.now_ms();
        self.state().emit(room_id, now_ms, kind);
    }

    pub(crate) fn end(&self, room_id: &str, reason: v1::RoomEndReason) {
        let now_ms = self.now_ms();
        self.state().end(room_id, now_ms, reason, "");
    }

    pub(crate) fn remove(&self, room_id: &str, session: &str, reason: v1::LeaveReason) {
        let now_ms = self.now_ms();
        self.state()
            .remove(room_id, now_ms, |s| s.session_id == session, reason);
    }

    fn now_ms(&self) -> i64 {
        self.clock.load(Ordering::Relaxed)
    }
}

impl State {
    fn emit(&mut self, room_id: &str, at_ms: i64, kind: Kind) {
        let Some(room) = self.rooms.get_mut(room_id) else {
            return;
        };
        room.seq += 1;
        self.events.push_back(v1::Event {
            room_id: room_id.to_owned(),
            generation: room.room.generation,
            seq: room.seq,
            at_ms,
            room_labels: room.room.labels.clone(),
            kind: Some(kind),
        });
    }

    fn end(&mut self, room_id: &str, now_ms: i64, reason: v1::RoomEndReason, actor: &str) {
        self.end_recording(room_id, now_ms, v1::RecordingEndReason::CallEnded, "");
        self.remove(room_id, now_ms, |_| true, v1::LeaveReason::RoomEnded);
        let Some(room) = self.rooms.get(room_id) else {
            return;
        };
        let ended = v1::RoomEnded {
            reason: reason.into(),
            actor_id: actor.to_owned(),
            opened_at_ms: room.room.opened_at_ms,
            participants_ever: room.room.participants_ever.clone(),
        };
        self.emit(room_id, now_ms, Kind::RoomEnded(ended));
        self.rooms.remove(room_id);
    }

    fn remove(
        &mut self,
        room_id: &str,
        now_ms: i64,
        who: impl Fn(&v1::Session) -> bool,
        reason: v1::LeaveReason,
    ) -> u32 {
        let mut left = 0;
        while let Some(room) = self.rooms.get_mut(room_id)
            && let Some(at) = room.room.sessions.iter().position(&who)
        {
            let session = room.room.sessions.remove(at);
            if room.room.screen_session_id == session.session_id {
                room.room.screen_session_id.clear();
            }
            let remaining = room.room.sessions.len() as u32;
            left += 1;
            let stats = v1::SessionStats {
                session_id: session.session_id.clone(),
                participant_id: session.participant_id.clone(),
                at_ms: now_ms,
                duration_ms: (now_ms - session.joined_at_ms) as u64,
                tracks: vec![track("0", 10)],
                ..v1::SessionStats::default()
            };
            let kind = Kind::SessionLeft(v1::SessionLeft {
                session: Some(session),
                reason: reason.into(),
                r#final: Some(v1::SessionWithStats {
                    session: None,
                    stats: Some(stats),
                }),
                remaining,
            });
            self.emit(room_id, now_ms, kind);
        }
        left
    }

    fn empty(&mut self, room_id: &str, now_ms: i64) {
        if self
            .rooms
            .get(room_id)
            .is_some_and(|room| room.room.sessions.is_empty())
        {
            self.end(room_id, now_ms, v1::RoomEndReason::Empty, "");
        }
    }

    fn room(&mut self, room_id: &str, generation: u64) -> Result<&mut FakeRoom, Status> {
        let room = self
            .rooms
            .get_mut(room_id)
            .ok_or_else(|| Status::not_found("room"))?;
        if generation != 0 && generation < room.room.generation {
            return Err(Status::aborted("generation"));
        }
        Ok(room)
    }
}
