//! The event hub: which room's events go to which host, and what is still unacknowledged.
//!
//! Events stay until acked. Each room belongs to exactly one of the attached hosts; it moves when that
//! host's stream ends, when no ack came for [`ACK_PATIENCE`] while events wait, or when the host misses a
//! ping. The next owner gets everything unacked again; acks of the old one count for nothing.
//!
//! Feed it with `handle_*`, then drain [`Hub::poll_output`]; call [`Hub::handle_timeout`] no later than
//! [`Hub::poll_timeout`] says.

mod delivery;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parley_core::api::{Generation, RoomEvent, RoomId, RoomView};

use super::room::{Position, Pushed, Room, Snapshot};

/// A room moves when its owner acked nothing for so long while events wait.
pub const ACK_PATIENCE: Duration = Duration::from_secs(3);
/// Between two pings of a host.
pub const PING_EVERY: Duration = Duration::from_secs(2);
/// A host that does not answer a ping for so long is gone.
pub const PING_PATIENCE: Duration = Duration::from_secs(2);
/// Events on their way to one host, unacked. Its stream holds more than that, so it is never full
/// unless the host stopped reading.
pub const IN_FLIGHT_MAX: usize = 512;
/// Hosts attached at a time.
pub const HOSTS_MAX: usize = 64;
/// Ended rooms whose last events wait for a host; beyond, the oldest is forgotten and counted.
pub const ENDED_ROOMS_MAX: usize = 4096;

/// One `Watch` stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostKey(u64);

/// A message for a host.
#[derive(Debug, Clone)]
pub enum ToHost {
    /// An event.
    Event(Arc<RoomEvent>),
    /// A room's state in place of events that were given up.
    Snapshot(Arc<Snapshot>),
    /// Answer with this nonce.
    Ping(u64),
    /// All that was unacked at Hello was sent.
    Ready,
}

/// Why the hub ends a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The same host opened another one.
    Replaced,
    /// It missed a ping, or stopped reading.
    Silent,
}

/// What the hub wants done.
#[derive(Debug, Clone)]
pub enum HubOutput {
    /// Send on a stream.
    Send(HostKey, ToHost),
    /// End a stream; the hub has forgotten it.
    Close(HostKey, CloseReason),
    /// Ask the core for the room, then call [`Hub::handle_snapshot`] with the ticket.
    NeedSnapshot(RoomId, u64),
}

/// The hub takes no more hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("limit reached: {HOSTS_MAX} hosts")]
pub struct TooManyHosts;

/// What happened so far; absolute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HubCounters {
    /// Events taken from the core.
    pub events: u64,
    /// Events given up for a snapshot or a room's end.
    pub events_given_up: u64,
    /// Rooms given to another host because theirs did not ack.
    pub handovers: u64,
    /// Acks of hosts that do not own the room, or of nothing that was sent.
    pub acks_ignored: u64,
    /// Ended rooms forgotten before any host acked their end.
    pub rooms_forgotten: u64,
    /// Streams ended for silence.
    pub hosts_silent: u64,
}

#[derive(Debug)]
struct Host {
    id: String,
    rooms: BTreeSet<RoomId>,
    /// Rooms with something to send, each once.
    line: VecDeque<RoomId>,
    in_flight: usize,
    /// Lost a room for want of an ack, and acked nothing since.
    stalled: bool,
    ping_at: Instant,
    ping_sent: Option<(u64, Instant)>,
    /// What was unacked at Hello; `None` once Ready was said.
    owed_at_hello: Option<BTreeMap<RoomId, Position>>,
}

/// See the module.
#[derive(Debug)]
pub struct Hub {
    rooms: BTreeMap<RoomId, Room>,
    hosts: BTreeMap<HostKey, Host>,
    /// When a room's owner has waited long enough.
    patience_ends: BTreeSet<(Instant, RoomId)>,
    ended: VecDeque<RoomId>,
    /// Entries of all rooms: asked for after each event, whose cost must not grow with the rooms.
    unacked: usize,
    outputs: VecDeque<HubOutput>,
    counters: HubCounters,
    next_key: u64,
    next_nonce: u64,
    /// Off only to see the tests of hand-over fail.
    handover: bool,
}

impl Default for Hub {
    fn default() -> Self {
        Self::new()
    }
}

impl Hub {
    /// No rooms, no hosts.
    #[must_use]
    pub fn new() -> Self {
        Self {
            rooms: BTreeMap::new(),
            hosts: BTreeMap::new(),
            patience_ends: BTreeSet::new(),
            ended: VecDeque::new(),
            unacked: 0,
            outputs: VecDeque::new(),
            counters: HubCounters::default(),
            next_key: 1,
            next_nonce: 1,
            handover: !crate::sabotage::is_active("watch_handover_disabled"),
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<HubOutput> {
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let patience = self.patience_ends.first().map(|(at, _)| *at);
        let pings = self.hosts.values().map(Host::next_timeout).min();
        [patience, pings].into_iter().flatten().min()
    }

    /// What happened so far.
    #[must_use]
    pub fn counters(&self) -> HubCounters {
        self.counters
    }

    /// Events that no host has acked.
    #[must_use]
    pub fn unacked(&self) -> usize {
        debug_assert_eq!(
            self.unacked,
            self.rooms.values().map(Room::unacked).sum::<usize>()
        );
        self.unacked
    }

    /// Attached hosts.
    #[must_use]
    pub fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// A host opened a stream and said Hello. A former stream of the same host ends.
    pub fn handle_hello(&mut self, host_id: &str, now: Instant) -> Result<HostKey, TooManyHosts> {
        let former = self.hosts.iter().find(|(_, host)| host.id == host_id);
        if let Some(former) = former.map(|(key, _)| *key) {
            self.close(former, CloseReason::Replaced, now);
        }
        if self.hosts.len() >= HOSTS_MAX {
            return Err(TooManyHosts);
        }
        let key = HostKey(self.next_key);
        self.next_key += 1;
        self.hosts.insert(
            key,
            Host {
                id: host_id.to_owned(),
                rooms: BTreeSet::new(),
                line: VecDeque::new(),
                in_flight: 0,
                stalled: false,
                ping_at: now + PING_EVERY,
                ping_sent: None,
                owed_at_hello: Some(BTreeMap::new()),
            },
        );
        let unowned: Vec<RoomId> = self
            .rooms
            .iter()
            .filter(|(_, room)| room.owner.is_none())
            .map(|(id, _)| id.clone())
            .collect();
        for id in unowned {
            self.give(&id, key, now);
        }
        let owed = self
            .rooms
            .iter()
            .filter(|(_, room)| room.owner == Some(key));
        let owed = owed
            .filter_map(|(id, room)| Some((id.clone(), room.last()?)))
            .collect();
        if let Some(host) = self.hosts.get_mut(&key) {
            host.owed_at_hello = Some(owed);
        }
        self.send_to(key);
        Ok(key)
    }

    /// A stream ended.
    pub fn handle_gone(&mut self, key: HostKey, now: Instant) {
        let Some(host) = self.hosts.remove(&key) else {
            return;
        };
        for id in host.rooms {
            if let Some(room) = self.rooms.get_mut(&id) {
                room.owner = None;
                room.in_line = false;
                room.rewind();
            }
            self.wait_for_ack(&id, None);
            if let Some(next) = self.choose(None).filter(|_| self.handover) {
                self.give(&id, next, now);
            }
        }
        self.send_to_all();
    }

    /// The core made an event.
    pub fn handle_event(&mut self, event: RoomEvent, now: Instant) {
        self.counters.events += 1;
        let id = event.room.room.clone();
        let ticket = self.counters.events;
        let room = self.rooms.entry(id.clone()).or_default();
        let (was_ended, sent_before) = (room.ended, room.sent());
        let before = room.unacked();
        let pushed = room.push(event, ticket);
        self.unacked = (self.unacked + room.unacked()).saturating_sub(before);
        let taken_back = sent_before.saturating_sub(room.sent());
        let (owner, ended, waits) = (room.owner, room.ended, room.waiting_since.is_some());
        if let Some(host) = owner.and_then(|key| self.hosts.get_mut(&key)) {
            host.in_flight = host.in_flight.saturating_sub(taken_back);
        }
        match pushed {
            Pushed::Duplicate => return,
            Pushed::Appended => {}
            Pushed::Collapsed { ticket, given_up } => {
                self.counters.events_given_up += given_up as u64;
                self.outputs
                    .push_back(HubOutput::NeedSnapshot(id.clone(), ticket));
            }
            Pushed::CollapsedByEnd { given_up } => self.counters.events_given_up += given_up as u64,
        }
        if ended && !was_ended {
            self.remember_end(id.clone());
        }
        match owner.or_else(|| self.choose(None)) {
            Some(key) if owner.is_none() => self.give(&id, key, now),
            Some(key) => {
                if !waits {
                    self.wait_for_ack(&id, Some(now));
                }
                self.stand_in_line(&id, key);
            }
            None => {}
        }
        self.send_to_all();
    }

    /// The core answered [`HubOutput::NeedSnapshot`]; `None` when it has no such room (any more).
    pub fn handle_snapshot(
        &mut self,
        id: &RoomId,
        ticket: u64,
        view: Option<RoomView>,
        at_ms: u64,
        now: Instant,
    ) {
        let Some(room) = self.rooms.get_mut(id) else {
            return;
        };
        let before = room.unacked();
        if !room.fill(ticket, view, at_ms) {
            return;
        }
        // A question that led to nothing is taken out.
        self.unacked = (self.unacked + room.unacked()).saturating_sub(before);
        if let Some(key) = room.owner {
            let waits = !room.is_empty();
            self.wait_for_ack(id, waits.then_some(now));
            self.stand_in_line(id, key);
            self.send_to(key);
        }
    }

    /// A host is done with everything of a room up to a position.
    pub fn handle_ack(
        &mut self,
        key: HostKey,
        id: &RoomId,
        generation: Generation,
        seq: u64,
        now: Instant,
    ) {
        let Some(host) = self.hosts.get_mut(&key) else {
            return;
        };
        // Even a late ack shows that the host handles events again.
        host.stalled = false;
        let room = self
            .rooms
            .get_mut(id)
            .filter(|room| room.owner == Some(key));
        let done = room.map_or(0, |room| room.ack(Position { generation, seq }));
        if done == 0 {
            self.counters.acks_ignored += 1;
            return;
        }
        host.in_flight = host.in_flight.saturating_sub(done);
        self.unacked = self.unacked.saturating_sub(done);
        let (empty, ended) = self
            .rooms
            .get(id)
            .map_or((true, false), |r| (r.is_empty(), r.ended));
        self.wait_for_ack(id, (!empty).then_some(now));
        if empty && ended {
            self.forget(id);
        }
        self.send_to(key);
    }

    /// A host answered a ping.
    pub fn handle_pong(&mut self, key: HostKey, nonce: u64) {
        if let Some(host) = self.hosts.get_mut(&key)
            && host.ping_sent.is_some_and(|(sent, _)| sent == nonce)
        {
            host.ping_sent = None;
        }
    }

    /// A host's stream takes nothing more: it stopped reading.
    pub fn handle_blocked(&mut self, key: HostKey, now: Instant) {
        self.close(key, CloseReason::Silent, now);
    }

    /// Lets time-outs happen.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.pings(now);
        while let Some((at, id)) = self.patience_ends.first().cloned() {
            if at > now {
                break;
            }
            self.patience_ended(&id, now);
        }
        self.send_to_all();
    }
}

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
