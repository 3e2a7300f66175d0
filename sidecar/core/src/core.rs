//! The facade: commands, datagrams and time in; datagrams, events and the next wake-up out.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use str0m::net::DatagramSend;

use crate::api::{
    Command, CommandError, CoreConfig, Generation, HandOver, Labels, LeaveReason, NodeCounters,
    Now, Orders, Output, ParticipantId, Reply, RoomEndReason, RoomId, RoomPolicy, RoomRef,
    RoomView, TupleNews,
};
use crate::commands;
use crate::demux::{Owner, Tuple, Whose};
use crate::ids::{Arena, Key};
use crate::outbox::{Outgoing, Payload};
use crate::room::Room;
use crate::shared::Shared;
use crate::timers::Wake;

/// Without anything to do the shell still comes back after this.
const IDLE: Duration = Duration::from_secs(3600);

/// Drains of sessions between two outputs. A room of a thousand needs a few for each.
const DRIVES_MAX: u32 = 20_000;

/// All rooms and sessions of one shard.
///
/// After every call of a `handle_` method drain [`Self::poll_output`] until it says
/// [`Output::Timeout`]. Several datagrams may be handed in before one drain: what they write to the
/// same session then leaves in one batch.
#[derive(Debug)]
pub struct Core {
    rooms: Arena<Box<Room>>,
    names: BTreeMap<RoomId, Key>,
    pub(crate) shared: Shared,
    /// Holds the bytes that the last [`Output::Transmit`] lent out.
    lent: Option<DatagramSend>,
    /// Kept between calls for its capacity.
    pub(crate) expected: Vec<Owner>,
}

impl Core {
    /// An empty core. Cheap but for the DTLS certificate, which is made once per process.
    pub fn new(config: CoreConfig, now: Now) -> Self {
        Self {
            rooms: Arena::default(),
            names: BTreeMap::new(),
            shared: Shared::new(config, now),
            lent: None,
            expected: Vec::new(),
        }
    }

    /// Leaves audio to str0m, which costs several times as much: to compare the two ways out. Before the
    /// first session.
    pub fn leave_audio_to_rtc(&mut self) {
        self.shared.compact_audio = false;
    }

    /// Leaves decrypting audio to str0m too, likewise to compare.
    pub fn leave_inbound_audio_to_rtc(&mut self) {
        self.shared.inbound_audio = false;
    }

    /// Handles one command. A panic of our own in it ends its room, not the process.
    pub fn handle_command(&mut self, command: Command, now: Now) -> Result<Reply, CommandError> {
        self.shared.now = now;
        let room = commands::room_of(&command).cloned();
        let handled = catch_unwind(AssertUnwindSafe(|| commands::handle(self, command)));
        let reply = handled.unwrap_or_else(|_| {
            match room.and_then(|room| commands::key_of(&self.names, &room).ok()) {
                Some(key) => self.end_broken(key),
                None => self.shared.counters.panics += 1,
            }
            Err(CommandError::Internal)
        });
        self.settle();
        reply
    }

    /// Handles one datagram that arrived at `local`, one of [`CoreConfig::media_addresses`]. If it is for
    /// a session of another shard, nothing was done with it, and it is to be handed over.
    pub fn handle_datagram(
        &mut self,
        local: SocketAddr,
        from: SocketAddr,
        data: &[u8],
        now: Now,
    ) -> Option<HandOver> {
        self.shared.counters.bytes_in += data.len() as u64;
        let tuple = Tuple {
            local,
            remote: from,
        };
        self.datagram(tuple, data, None, now)
    }

    /// Handles one datagram that arrived at another shard, `via`. It is checked as any other.
    pub fn handle_handed_over(
        &mut self,
        via: u8,
        local: SocketAddr,
        from: SocketAddr,
        data: &[u8],
        now: Now,
    ) {
        let tuple = Tuple {
            local,
            remote: from,
        };
        // Nothing is handed on twice.
        let _ = self.datagram(tuple, data, Some(via), now);
    }

    /// What other shards are to be told; after datagrams that were handed over, and when sessions may have
    /// ended.
    pub fn poll_tuple_news(&mut self) -> Option<TupleNews> {
        self.shared.demux.poll_news()
    }

    /// What the shard `said.shard` told.
    pub fn handle_tuple_news(&mut self, said: TupleNews, now: Now) {
        self.shared.demux.handle_news(said, now.instant);
    }

    fn datagram(
        &mut self,
        tuple: Tuple,
        data: &[u8],
        via: Option<u8>,
        now: Now,
    ) -> Option<HandOver> {
        self.shared.now = now;
        let shared = &mut self.shared;
        // Bytes of strangers are parsed in it.
        let routed = catch_unwind(AssertUnwindSafe(|| {
            #[cfg(feature = "sabotage")]
            shared.panic_for(crate::shared::Fault::PanicAtTheDoor);
            shared.demux.whose(tuple, data, via, now.instant)
        }));
        let (owner, packet) = match routed {
            Ok(Ok(Whose::Ours(owner, packet))) => (owner, packet),
            Ok(Ok(Whose::Theirs(hand_over))) => return Some(hand_over),
            Ok(Err(refusal)) => {
                shared.drop_one(refusal.name());
                return None;
            }
            Err(_) => {
                tracing::error!("panic while routing a datagram");
                shared.counters.panics += 1;
                shared.drop_one("datagram_panic");
                return None;
            }
        };
        self.in_room(owner, |room, shared| {
            room.handle_datagram(owner.seat, tuple, packet, data, shared);
        });
        self.settle();
        None
    }

    /// Lets timers fire.
    pub fn handle_timeout(&mut self, now: Now) {
        self.shared.now = now;
        self.shared.lanes.wake(now.instant);
        // While a lane is full it is woken each millisecond.
        let lost = std::mem::take(&mut self.shared.lanes.control_lost);
        if lost > 0 {
            self.shared.counters.drop_many("egress_control_lost", lost);
        }
        while let Some((at, wake)) = self.shared.timers.pop_due(now.instant) {
            match wake {
                Wake::Room(key) => {
                    self.wake_room(key, at);
                }
                Wake::Pictures(owner) => self.in_room(owner, |room, shared| {
                    room.wake_pictures(owner.seat, at, shared);
                }),
                Wake::Session(owner) => self.in_room(owner, |room, shared| {
                    let due = room
                        .sessions
                        .get_mut(owner.seat)
                        .and_then(|session| session.peer.as_mut())
                        .is_some_and(|peer| peer.is_due(at, shared));
                    if due {
                        room.drive(owner.seat, shared);
                    }
                }),
            }
            self.settle();
        }
    }

    fn wake_room(&mut self, key: Key, at: Instant) {
        self.guard_room(key, |room, shared| {
            if room.came_up(at) {
                room.handle_timeout(shared);
            }
        });
    }

    /// The next thing to do; drain until [`Output::Timeout`].
    pub fn poll_output(&mut self) -> Output<'_> {
        self.refill();
        // First, so that the other shards have something to do meanwhile.
        if self.shared.lanes.poll()
            && let Some((shard, batch)) = self.shared.lanes.lent()
        {
            let batch = Orders(batch);
            return Output::Orders { shard, batch };
        }
        match self.shared.out.pop() {
            Some(Outgoing::Datagram {
                source,
                destination,
                payload,
            }) => {
                let payload: &[u8] = match payload {
                    Payload::Rtc(contents) => self.lent.insert(contents),
                    Payload::Own(range) => self.shared.out.own(range),
                };
                self.shared.counters.bytes_out += payload.len() as u64;
                Output::Transmit {
                    source,
                    destination,
                    payload,
                }
            }
            Some(Outgoing::Event(event)) => Output::Event(event),
            Some(Outgoing::Record { key, entry }) => Output::Record {
                key,
                entry: self.shared.out.entry(entry),
            },
            None => {
                let idle = self.shared.now.instant + IDLE;
                let timers = self.shared.timers.next();
                let next = timers.into_iter().chain(self.shared.lanes.wake_at());
                Output::Timeout(next.fold(idle, Instant::min))
            }
        }
    }

    /// Node-wide counters, absolute.
    pub fn counters(&self) -> NodeCounters {
        let counters = &self.shared.counters;
        NodeCounters {
            rooms: self.rooms.len() as u64,
            sessions: self.rooms().map(|room| room.sessions.len() as u64).sum(),
            recordings: self.rooms().filter(|room| room.is_recorded()).count() as u64,
            packets_in: counters.packets_in,
            packets_forwarded: counters.packets_forwarded,
            bytes_in: counters.bytes_in,
            bytes_out: counters.bytes_out,
            drops: counters.drops.clone(),
            panics: counters.panics,
            ordered: self.shared.lanes.ordered,
            guests: self.shared.guests.present(),
            carried: self.shared.guests.present() + u64::from(self.shared.lanes.at_home()),
            egresses: self.shared.lanes.placed().collect(),
        }
    }

    /// Switches a fault on, for tests that check the tests.
    #[cfg(feature = "sabotage")]
    pub fn sabotage(&mut self, fault: crate::shared::Fault) {
        self.shared.sabotage = Some(fault);
        self.shared.demux.skip_integrity = fault == crate::shared::Fault::StunIntegritySkipped;
    }

    /// Switches it off again.
    #[cfg(feature = "sabotage")]
    pub fn heal(&mut self) {
        self.shared.sabotage = None;
        self.shared.demux.skip_integrity = false;
    }

    /// When there is nothing for the shell, makes something, if there is anything to be made.
    fn refill(&mut self) {
        while self.shared.out.is_empty() {
            self.drain_dirty();
            if !self.shared.out.is_empty() {
                return;
            }
            let Some(mut packets) = self.shared.fan_outs.pop_front() else {
                return;
            };
            let mut left = false;
            self.in_room(packets.owner, |room, shared| {
                left = !room.fan_out(&mut packets, shared);
            });
            if left {
                self.shared.fan_outs.push_front(packets);
            }
            self.settle();
        }
    }

    /// Drains every session that was written to, until none is. One that is written to whenever it is
    /// drained would hold up everybody: it ends.
    fn drain_dirty(&mut self) {
        let mut drives = 0;
        while let Some(owner) = self.shared.dirty.pop() {
            drives += 1;
            if drives > DRIVES_MAX {
                // The last in is the first out, so it is this one.
                drives = 0;
                tracing::error!("a session is drained without end");
                self.shared.drop_one("drain_endless");
                self.shared.ended.push((owner, LeaveReason::Internal));
            } else {
                self.in_room(owner, |room, shared| room.drive(owner.seat, shared));
            }
            self.settle();
        }
    }

    /// Removes who must go and brings lines in line, until nothing is left to do.
    fn settle(&mut self) {
        loop {
            if let Some((owner, reason)) = self.shared.ended.pop() {
                self.guard_room(owner.room, |room, shared| {
                    room.remove(owner.seat, reason, shared);
                });
                continue;
            }
            let Some(room) = self.shared.unsettled.first().map(|owner| owner.room) else {
                break;
            };
            // Taken first: whatever becomes of the room, they are not unsettled any more.
            let seats = self.shared.take_unsettled(room);
            self.guard_room(room, |room, shared| room.settle(&seats, shared));
        }
        self.forget_ended();
    }

    fn forget_ended(&mut self) {
        if !std::mem::take(&mut self.shared.room_ended) {
            return;
        }
        let over: Vec<(Key, RoomId)> = self
            .rooms
            .iter()
            .filter(|(_, room)| room.over)
            .map(|(key, room)| (key, room.id.room.clone()))
            .collect();
        for (key, id) in over {
            self.rooms.remove(key);
            self.names.remove(&id);
        }
    }

    /// Runs `work` for a room's bookkeeping. A panic of our own in it ends that room, not the process.
    /// `None`: it panicked, or there is no such room.
    fn guard_room<T>(
        &mut self,
        key: Key,
        work: impl FnOnce(&mut Room, &mut Shared) -> T,
    ) -> Option<T> {
        let room = self.rooms.get_mut(key)?;
        let shared = &mut self.shared;
        match catch_unwind(AssertUnwindSafe(|| work(room, shared))) {
            Ok(done) => Some(done),
            Err(_) => {
                self.end_broken(key);
                None
            }
        }
    }

    /// Ends a room whose bookkeeping panicked and may be half-updated: in order if that is possible,
    /// else by letting go of everything. It is forgotten when the core settles, so what is still queued
    /// for it finds nothing.
    fn end_broken(&mut self, key: Key) {
        let Some(room) = self.rooms.get_mut(key) else {
            return;
        };
        let shared = &mut self.shared;
        tracing::error!(room = %room.id.room.0, "panic in a room's bookkeeping");
        shared.counters.panics += 1;
        let end = || room.end(RoomEndReason::Internal, None, shared);
        if catch_unwind(AssertUnwindSafe(end)).is_err() {
            tracing::error!(room = %room.id.room.0, "panic while ending a room");
            shared.counters.panics += 1;
            room.abandon(shared);
        }
        shared.lanes.close_room(key);
        shared.demux.close_room(key);
    }

    /// Runs `work` for one session. A panic of our own in it ends that session, not the process.
    fn in_room(&mut self, owner: Owner, work: impl FnOnce(&mut Room, &mut Shared)) {
        let Some(room) = self.rooms.get_mut(owner.room) else {
            return;
        };
        let shared = &mut self.shared;
        if catch_unwind(AssertUnwindSafe(|| work(room, shared))).is_err() {
            tracing::error!("panic while handling a session");
            self.shared.counters.panics += 1;
            self.shared.ended.push((owner, LeaveReason::Internal));
        }
    }

    pub(crate) fn room_at(&self, key: Key) -> Option<&Room> {
        self.rooms.get(key).map(|room| &**room)
    }

    pub(crate) fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.names
            .values()
            .filter_map(|key| self.rooms.get(*key).map(|room| &**room))
    }

    /// For reads: generation 0 means any.
    pub(crate) fn room(&self, id: &RoomId, generation: Generation) -> Result<&Room, CommandError> {
        let key = commands::key_of(&self.names, id)?;
        let room = self.rooms.get(key).ok_or(CommandError::NoRoom)?;
        if generation != 0 {
            commands::check_generation(room.id.generation, generation)?;
        }
        Ok(room)
    }

    /// For changes: the generation must be the room's.
    pub(crate) fn room_mut(
        &mut self,
        reference: &RoomRef,
    ) -> Result<(&mut Room, &mut Shared), CommandError> {
        let key = commands::key_of(&self.names, &reference.room)?;
        let room = self.rooms.get_mut(key).ok_or(CommandError::NoRoom)?;
        commands::check_generation(room.id.generation, reference.generation)?;
        Ok((room, &mut self.shared))
    }

    /// What `work` makes of each room, in the order of their ids; a broken one ends and is passed over.
    pub(crate) fn each_room<T>(
        &mut self,
        mut work: impl FnMut(&mut Room, &mut Shared) -> T,
    ) -> Vec<T> {
        let keys: Vec<Key> = self.names.values().copied().collect();
        let results = keys.into_iter().map(|key| self.guard_room(key, &mut work));
        results.flatten().collect()
    }

    pub(crate) fn open_room(
        &mut self,
        id: RoomRef,
        policy: RoomPolicy,
        labels: Labels,
    ) -> RoomView {
        let name = id.room.clone();
        let key = self.rooms.next_key();
        let room = Box::new(Room::open(key, id, policy, labels, &mut self.shared));
        let view = room.view();
        // Last: a name must never lead to what is not there.
        self.rooms.insert(room);
        self.names.insert(name, key);
        view
    }

    pub(crate) fn end_room(
        &mut self,
        id: &RoomRef,
        reason: RoomEndReason,
        actor: Option<ParticipantId>,
    ) {
        if let Ok((room, shared)) = self.room_mut(id) {
            room.end(reason, actor, shared);
        }
        self.settle();
    }
}
