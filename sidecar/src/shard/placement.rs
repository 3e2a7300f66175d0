//! Which shard a room lives on: chosen when it is opened, and the same until it ends.
//!
//! Two that open one room at the same time must meet on one shard, so a room has its place from the moment
//! at which somebody asks to open it ([`Reservation`]) until its shard knows it neither as open nor as asked
//! for. What is open, and how many are in it, the shards' threads say themselves, by the events they make:
//! in the order in which it happened, and before anybody has an answer. Only then is the lock taken there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use parley_core::api::{EventKind, RoomEvent, RoomId};

/// A room counts as so many sessions until more have come: rooms that are opened at once are spread.
const SESSIONS_EXPECTED: u64 = 2;

/// The node has as many rooms as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// Shared by the services and the threads.
#[derive(Debug, Clone)]
pub(super) struct Placement(Arc<Mutex<Table>>);

/// A room's place while a command to open it is on its way; dropped when that was handled, or never will be.
#[derive(Debug)]
pub(crate) struct Reservation {
    placement: Placement,
    room: RoomId,
}

#[derive(Debug)]
struct Table {
    rooms: HashMap<RoomId, Place>,
    /// What each shard has to bear, in sessions.
    weights: Vec<u64>,
    rooms_max: usize,
}

#[derive(Debug)]
struct Place {
    shard: usize,
    is_open: bool,
    /// Commands to open it that are on their way.
    opening: u32,
    sessions: u64,
}

impl Place {
    fn weight(&self) -> u64 {
        self.sessions.max(SESSIONS_EXPECTED)
    }
}

impl Placement {
    /// For so many shards, with so many rooms on all of them together.
    pub(super) fn new(shards: usize, rooms_max: usize) -> Self {
        Self(Arc::new(Mutex::new(Table {
            rooms: HashMap::new(),
            weights: vec![0; shards],
            rooms_max,
        })))
    }

    /// Where a room is, or is about to be.
    pub(super) fn shard_of(&self, room: &RoomId) -> Option<usize> {
        self.lock().rooms.get(room).map(|place| place.shard)
    }

    /// The place of a room that is to be opened: where it is, else the shard with the fewest sessions, of
    /// several the one that is least busy by `loads`, of several the first.
    pub(super) fn reserve(
        &self,
        room: &RoomId,
        loads: &[f64],
    ) -> Result<(usize, Reservation), Full> {
        let mut table = self.lock();
        let Table {
            rooms,
            weights,
            rooms_max,
        } = &mut *table;
        let open = rooms.len();
        let shard = match rooms.get_mut(room) {
            Some(place) => {
                place.opening += 1;
                place.shard
            }
            None if open >= *rooms_max => return Err(Full),
            None => {
                let load = |shard: usize| loads.get(shard).copied().unwrap_or(0.0);
                let least = (0..weights.len()).min_by(|&a, &b| {
                    let sessions = weights[a].cmp(&weights[b]);
                    sessions.then(load(a).total_cmp(&load(b)))
                });
                let shard = least.unwrap_or(0);
                let place = Place {
                    shard,
                    is_open: false,
                    opening: 1,
                    sessions: 0,
                };
                weights[shard] += place.weight();
                rooms.insert(room.clone(), place);
                shard
            }
        };
        drop(table);
        let reservation = Reservation {
            placement: self.clone(),
            room: room.clone(),
        };
        Ok((shard, reservation))
    }

    /// A shard's thread made an event.
    pub(super) fn handle_event(&self, shard: usize, event: &RoomEvent) {
        let work: fn(&mut Place) = match &event.kind {
            EventKind::RoomOpened(_) => |place| {
                place.is_open = true;
                place.sessions = 0;
            },
            EventKind::RoomEnded { .. } => |place| {
                place.is_open = false;
                place.sessions = 0;
            },
            EventKind::SessionJoined {
                replaced: false, ..
            } => |place| place.sessions += 1,
            EventKind::SessionLeft { .. } => {
                |place| place.sessions = place.sessions.saturating_sub(1)
            }
            _ => return,
        };
        self.lock().change(&event.room.room, shard, work);
    }

    /// A panic while the lock is held cannot leave the table half-changed in a way that matters.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn change(&mut self, room: &RoomId, shard: usize, work: impl FnOnce(&mut Place)) {
        let Some(place) = self.rooms.get_mut(room).filter(|p| p.shard == shard) else {
            return;
        };
        let before = place.weight();
        work(place);
        let is_over = !place.is_open && place.opening == 0;
        let after = if is_over { 0 } else { place.weight() };
        if let Some(weight) = self.weights.get_mut(shard) {
            *weight = (*weight + after).saturating_sub(before);
        }
        if is_over {
            self.rooms.remove(room);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut table = self.placement.lock();
        if let Some(shard) = table.rooms.get(&self.room).map(|place| place.shard) {
            table.change(&self.room, shard, |place| place.opening -= 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use parley_core::api::{
        Capabilities, ConnectionId, LeaveReason, MediaState, ParticipantId, RoomEndReason, RoomRef,
        RoomView, SessionId, SessionStats, SessionView,
    };

    use super::*;

    fn id(name: &str) -> RoomId {
        RoomId(name.into())
    }

    fn event(name: &str, kind: EventKind) -> RoomEvent {
        let room = RoomRef {
            room: id(name),
            generation: 1,
        };
        RoomEvent {
            room,
            room_labels: BTreeMap::new(),
            seq: 1,
            at_ms: 0,
            kind,
        }
    }

    fn opened(name: &str) -> RoomEvent {
        let view = RoomView {
            room: event(
                name,
                EventKind::TimerFired {
                    name: String::new(),
                    payload: vec![],
                },
            )
            .room,
            labels: BTreeMap::new(),
            opened_at_ms: 0,
            sessions: vec![],
            screen: None,
            participants_ever: vec![],
            recording: None,
        };
        event(name, EventKind::RoomOpened(view))
    }

    fn ended(name: &str) -> RoomEvent {
        let kind = EventKind::RoomEnded {
            reason: RoomEndReason::Ended,
            actor: None,
            opened_at_ms: 0,
            participants_ever: vec![],
        };
        event(name, kind)
    }

    fn session() -> SessionView {
        SessionView {
            session: SessionId("s".into()),
            participant: ParticipantId("p".into()),
            connection: ConnectionId("c".into()),
            labels: BTreeMap::new(),
            capabilities: Capabilities::default(),
            joined_at_ms: 0,
            unmuted: false,
            hand_raised_at_ms: 0,
            screen: false,
            video: false,
            voice: false,
            media: MediaState::Connecting,
            detached_at_ms: 0,
        }
    }

    fn joined(name: &str, replaced: bool) -> RoomEvent {
        let (session, first) = (session(), false);
        let kind = EventKind::SessionJoined {
            session,
            first,
            replaced,
        };
        event(name, kind)
    }

    fn left(name: &str) -> RoomEvent {
        let kind = EventKind::SessionLeft {
            session: session(),
            reason: LeaveReason::Left,
            stats: SessionStats::default(),
            remaining: 0,
        };
        event(name, kind)
    }

    /// Opens a room and answers.
    fn open(placement: &Placement, name: &str) -> usize {
        let (shard, reservation) = placement.reserve(&id(name), &[]).unwrap();
        placement.handle_event(shard, &opened(name));
        drop(reservation);
        shard
    }

    #[test]
    fn rooms_are_spread_by_their_sessions_and_then_by_load() {
        let placement = Placement::new(3, 100);
        let shards: Vec<usize> = (0..6).map(|n| open(&placement, &n.to_string())).collect();
        assert_eq!(shards, [0, 1, 2, 0, 1, 2]);
        for _ in 0..5 {
            placement.handle_event(1, &joined("1", false));
            placement.handle_event(0, &joined("0", false));
            placement.handle_event(0, &joined("0", true));
        }
        placement.handle_event(0, &left("0"));
        // Sessions: 4 + 2, 5 + 2, 2 + 2.
        assert_eq!(open(&placement, "a"), 2);
        let (shard, _reservation) = placement.reserve(&id("b"), &[0.5, 0.0, 0.1]).unwrap();
        assert_eq!(shard, 2, "6, 7 and 6: the less busy one");
        assert_eq!(open(&placement, "c"), 0);
    }

    #[test]
    fn two_who_open_a_room_at_the_same_time_meet() {
        let placement = Placement::new(2, 100);
        let (first, a) = placement.reserve(&id("r"), &[]).unwrap();
        let (second, b) = placement.reserve(&id("r"), &[]).unwrap();
        assert_eq!(first, second);
        // The first is refused, the second finds out that there is room again.
        drop(a);
        assert_eq!(placement.shard_of(&id("r")), Some(first));
        placement.handle_event(first, &opened("r"));
        drop(b);
        assert_eq!(placement.shard_of(&id("r")), Some(first));
        // It ends by itself while it is opened anew.
        let (again, c) = placement.reserve(&id("r"), &[]).unwrap();
        placement.handle_event(first, &ended("r"));
        placement.handle_event(first, &opened("r"));
        drop(c);
        assert_eq!((again, placement.shard_of(&id("r"))), (first, Some(first)));
    }

    #[test]
    fn nothing_is_kept_of_rooms_that_ended_or_never_opened() {
        let placement = Placement::new(2, 2);
        for _ in 0..10 {
            let (_, refused) = placement.reserve(&id("never"), &[]).unwrap();
            drop(refused);
            let shard = open(&placement, "r");
            placement.handle_event(shard, &joined("r", false));
            placement.handle_event(shard, &ended("r"));
            placement.handle_event(shard, &left("r"));
        }
        assert!(placement.lock().rooms.is_empty());
        assert_eq!(placement.lock().weights, [0, 0]);
    }

    #[test]
    fn the_limit_is_of_all_shards_together_and_for_new_rooms() {
        let placement = Placement::new(2, 2);
        open(&placement, "a");
        let (_, reservation) = placement.reserve(&id("b"), &[]).unwrap();
        assert_eq!(placement.reserve(&id("c"), &[]).unwrap_err(), Full);
        assert!(placement.reserve(&id("a"), &[]).is_ok());
        drop(reservation);
        assert!(placement.reserve(&id("c"), &[]).is_ok());
    }
}
