//! The hub's rules, on virtual time.

use parley_core::api::{EventKind, Labels, RoomEndReason, RoomRef};

use super::*;
use crate::watch::room::UNACKED_MAX;

struct World {
    hub: Hub,
    now: Instant,
}

impl World {
    fn new() -> Self {
        Self {
            hub: Hub::new(),
            now: Instant::now(),
        }
    }

    fn hello(&mut self, id: &str) -> HostKey {
        self.hub.handle_hello(id, self.now).unwrap()
    }

    fn event(&mut self, room: &str, generation: u64, seq: u64) {
        self.push(
            room,
            generation,
            seq,
            EventKind::TimerFired {
                name: format!("t{seq}"),
                payload: Vec::new(),
            },
        );
    }

    fn end(&mut self, room: &str, generation: u64, seq: u64) {
        self.push(
            room,
            generation,
            seq,
            EventKind::RoomEnded {
                reason: RoomEndReason::Ended,
                actor: None,
                opened_at_ms: 0,
                participants_ever: Vec::new(),
            },
        );
    }

    fn push(&mut self, room: &str, generation: u64, seq: u64, kind: EventKind) {
        let event = RoomEvent {
            room: RoomRef {
                room: RoomId(room.to_owned()),
                generation,
            },
            room_labels: Labels::new(),
            seq,
            at_ms: 0,
            kind,
        };
        self.hub.handle_event(event, self.now);
    }

    fn ack(&mut self, host: HostKey, room: &str, generation: u64, seq: u64) {
        self.hub
            .handle_ack(host, &RoomId(room.to_owned()), generation, seq, self.now);
    }

    /// Lets time pass, answering the pings of `alive`.
    fn pass(&mut self, time: Duration, alive: &[HostKey]) -> Vec<String> {
        let end = self.now + time;
        let mut seen = self.drain(alive);
        while let Some(at) = self.hub.poll_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.hub.handle_timeout(self.now);
            seen.extend(self.drain(alive));
        }
        self.now = end;
        seen
    }

    /// Outputs as `host room generation seq`, pings answered.
    fn drain(&mut self, alive: &[HostKey]) -> Vec<String> {
        let mut seen = Vec::new();
        while let Some(output) = self.hub.poll_output() {
            match output {
                HubOutput::Send(host, ToHost::Event(event)) => seen.push(format!(
                    "{} {} {} {}",
                    host.0, event.room.room.0, event.room.generation, event.seq
                )),
                HubOutput::Send(host, ToHost::Snapshot(snapshot)) => seen.push(format!(
                    "{} {} snapshot {}",
                    host.0, snapshot.view.room.room.0, snapshot.seq
                )),
                HubOutput::Send(host, ToHost::Ping(nonce)) => {
                    if alive.contains(&host) {
                        self.hub.handle_pong(host, nonce);
                    }
                }
                HubOutput::Send(host, ToHost::Ready) => seen.push(format!("{} ready", host.0)),
                HubOutput::Close(host, reason) => seen.push(format!("{} close {reason:?}", host.0)),
                HubOutput::NeedSnapshot(room, ticket) => {
                    seen.push(format!("need {} {ticket}", room.0));
                }
            }
        }
        seen
    }

    fn seen(&mut self) -> Vec<String> {
        self.drain(&[])
    }
}

fn view(room: &str, generation: u64) -> RoomView {
    RoomView {
        room: RoomRef {
            room: RoomId(room.to_owned()),
            generation,
        },
        labels: Labels::new(),
        opened_at_ms: 0,
        sessions: Vec::new(),
        screen: None,
        participants_ever: Vec::new(),
        recording: None,
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn events_wait_for_a_host_then_come_in_order_and_ready_after_them() {
    let mut world = World::new();
    world.event("a", 1, 1);
    world.event("a", 1, 2);
    world.event("b", 1, 1);
    assert!(world.seen().is_empty());
    let host = world.hello("h");
    let seen = world.seen();
    let of = |room: &str| {
        seen.iter()
            .filter(|s| s.contains(room))
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(of(" a "), ["1 a 1 1", "1 a 1 2"]);
    assert_eq!(of(" b "), ["1 b 1 1"]);
    assert_eq!(seen.last().unwrap(), "1 ready");
    world.ack(host, "a", 1, 2);
    world.ack(host, "b", 1, 1);
    assert_eq!(world.hub.unacked(), 0);
}

#[test]
fn unacked_events_come_again_on_the_next_stream() {
    let mut world = World::new();
    let first = world.hello("h");
    world.event("a", 1, 1);
    world.event("a", 1, 2);
    world.event("a", 1, 3);
    world.ack(first, "a", 1, 1);
    world.seen();
    world.hub.handle_gone(first, world.now);
    world.hello("h");
    assert_eq!(world.seen(), ["2 a 1 2", "2 a 1 3", "2 ready"]);
}

#[test]
fn the_same_host_again_replaces_its_former_stream() {
    let mut world = World::new();
    world.hello("h");
    world.event("a", 1, 1);
    world.seen();
    world.hello("h");
    assert_eq!(world.seen(), ["1 close Replaced", "2 a 1 1", "2 ready"]);
    assert_eq!(world.hub.hosts(), 1);
}

#[test]
fn each_room_has_one_owner() {
    let mut world = World::new();
    world.hello("h");
    world.hello("g");
    world.seen();
    for room in ["a", "b", "c", "d"] {
        world.event(room, 1, 1);
        world.event(room, 1, 2);
    }
    let seen = world.seen();
    assert_eq!(seen.len(), 8);
    for room in ["a", "b", "c", "d"] {
        let owners: BTreeSet<_> = seen
            .iter()
            .filter(|s| s.contains(&format!(" {room} ")))
            .map(|s| s.split(' ').next().unwrap().to_owned())
            .collect();
        assert_eq!(owners.len(), 1, "{room}");
    }
}

#[test]
fn a_room_moves_after_three_seconds_without_ack_and_late_acks_count_for_nothing() {
    let mut world = World::new();
    let slow = world.hello("slow");
    let quick = world.hello("quick");
    world.seen();
    world.event("a", 1, 1);
    assert_eq!(world.seen(), ["1 a 1 1"]);
    let alive = [slow, quick];
    assert!(world.pass(SECOND * 2, &alive).is_empty());
    assert_eq!(world.pass(SECOND, &alive), ["2 a 1 1"]);
    world.ack(slow, "a", 1, 1);
    assert_eq!(world.hub.unacked(), 1, "the old owner's ack is late");
    world.event("a", 1, 2);
    assert_eq!(world.seen(), ["2 a 1 2"]);
    world.ack(quick, "a", 1, 2);
    assert_eq!(world.hub.unacked(), 0);
    assert_eq!(world.hub.counters().handovers, 1);
}

#[test]
fn acks_keep_a_room_where_it_is() {
    let mut world = World::new();
    let owner = world.hello("h");
    let other = world.hello("g");
    world.seen();
    for seq in 1..=3 {
        world.event("a", 1, seq);
    }
    world.seen();
    for seq in 1..=3 {
        assert!(world.pass(SECOND * 2, &[owner, other]).is_empty());
        world.ack(owner, "a", 1, seq);
    }
    assert!(world.pass(SECOND * 10, &[owner, other]).is_empty());
    assert_eq!(world.hub.counters().handovers, 0);
}

#[test]
fn a_new_room_does_not_go_to_a_host_that_stalls() {
    let mut world = World::new();
    let slow = world.hello("slow");
    let quick = world.hello("quick");
    world.event("a", 1, 1);
    world.pass(SECOND * 4, &[slow, quick]);
    world.event("b", 1, 1);
    assert_eq!(world.seen(), ["2 b 1 1"]);
    world.ack(slow, "a", 1, 1);
    world.event("c", 1, 1);
    assert_eq!(
        world.seen(),
        ["1 c 1 1"],
        "it acks again, and has fewer rooms"
    );
}

#[test]
fn a_host_that_misses_a_ping_loses_its_rooms() {
    let mut world = World::new();
    let silent = world.hello("silent");
    let other = world.hello("other");
    world.event("a", 1, 1);
    world.ack(silent, "a", 1, 1);
    world.seen();
    assert!(world.pass(Duration::from_millis(3900), &[other]).is_empty());
    assert_eq!(
        world.pass(Duration::from_millis(200), &[other]),
        ["1 close Silent"]
    );
    world.event("a", 1, 2);
    assert_eq!(world.seen(), ["2 a 1 2"]);
}

#[test]
fn the_only_host_keeps_its_rooms_however_slow() {
    let mut world = World::new();
    let host = world.hello("h");
    world.event("a", 1, 1);
    world.seen();
    assert!(world.pass(SECOND * 20, &[host]).is_empty());
    world.hello("g");
    assert_eq!(
        world.pass(SECOND * 3, &[host, HostKey(2)]),
        ["2 ready", "2 a 1 1"]
    );
}

#[test]
fn too_many_unacked_events_become_one_snapshot() {
    let mut world = World::new();
    let max = UNACKED_MAX as u64;
    for seq in 1..=max + 1 {
        world.event("a", 1, seq);
    }
    let ticket = max + 1;
    assert_eq!(world.seen(), [format!("need a {ticket}")]);
    world.event("a", 1, max + 2);
    let host = world.hello("h");
    assert!(world.seen().is_empty(), "nothing overtakes the snapshot");
    world.hub.handle_snapshot(
        &RoomId("a".into()),
        ticket,
        Some(view("a", 1)),
        7,
        world.now,
    );
    let seen = world.seen();
    assert_eq!(
        seen,
        [
            format!("1 a snapshot {}", max + 1),
            format!("1 a 1 {}", max + 2),
            "1 ready".to_owned()
        ]
    );
    world.ack(host, "a", 1, max + 2);
    assert_eq!(world.hub.unacked(), 0);
}

#[test]
fn a_gap_from_the_core_becomes_a_snapshot() {
    let mut world = World::new();
    world.hello("h");
    world.event("a", 1, 1);
    world.seen();
    world.event("a", 1, 4);
    assert_eq!(world.seen(), ["need a 2"]);
    world
        .hub
        .handle_snapshot(&RoomId("a".into()), 2, Some(view("a", 1)), 7, world.now);
    assert_eq!(world.seen(), ["1 a snapshot 4"]);
}

#[test]
fn the_end_of_a_room_needs_no_snapshot() {
    let mut world = World::new();
    let max = UNACKED_MAX as u64;
    for seq in 1..=max {
        world.event("a", 1, seq);
    }
    world.end("a", 1, max + 1);
    let host = world.hello("h");
    assert_eq!(
        world.seen(),
        [format!("1 a 1 {}", max + 1), "1 ready".to_owned()]
    );
    world.ack(host, "a", 1, max + 1);
    assert!(world.hub.rooms.is_empty());
}

#[test]
fn a_snapshot_of_a_room_that_ended_meanwhile_is_left_out() {
    let mut world = World::new();
    world.hello("h");
    world.event("a", 1, 1);
    world.event("a", 1, 3);
    world.end("a", 1, 4);
    world.seen();
    world
        .hub
        .handle_snapshot(&RoomId("a".into()), 2, None, 7, world.now);
    assert_eq!(world.seen(), ["1 a 1 4"]);
}

#[test]
fn only_what_was_sent_can_be_acked() {
    let mut world = World::new();
    let host = world.hello("h");
    for seq in 1..=IN_FLIGHT_MAX as u64 + 10 {
        world.event("a", 1, seq);
    }
    let seen = world.seen();
    assert_eq!(seen.len(), IN_FLIGHT_MAX + 1, "ready, and the window");
    world.ack(host, "a", 1, 100_000);
    assert_eq!(world.hub.unacked(), 10);
    assert_eq!(world.seen().len(), 10);
}

#[test]
fn a_newer_generation_follows_the_end_of_the_old_one() {
    let mut world = World::new();
    let host = world.hello("h");
    world.event("a", 1, 1);
    world.end("a", 1, 2);
    world.event("a", 2, 1);
    assert_eq!(world.seen(), ["1 ready", "1 a 1 1", "1 a 1 2", "1 a 2 1"]);
    world.ack(host, "a", 1, 2);
    assert_eq!(world.hub.unacked(), 1);
    world.ack(host, "a", 2, 1);
    world.event("a", 2, 2);
    assert_eq!(world.seen(), ["1 a 2 2"], "the room lives on");
}

#[test]
fn ended_rooms_that_nobody_fetches_are_bounded() {
    let mut world = World::new();
    for n in 0..ENDED_ROOMS_MAX + 5 {
        world.end(&format!("r{n}"), 1, 1);
    }
    assert_eq!(world.hub.rooms.len(), ENDED_ROOMS_MAX);
    assert_eq!(world.hub.counters().rooms_forgotten, 5);
}

#[test]
fn a_stopped_host_of_two_loses_nothing_and_nothing_doubles_at_the_other() {
    // Two hosts, one is stopped for 20 s in the middle: each event is handled (acked by its owner) once.
    let mut world = World::new();
    let stopped = world.hello("stopped");
    let other = world.hello("other");
    let mut handled: BTreeSet<(String, String)> = BTreeSet::new();
    let mut note = |world: &mut World, lines: Vec<String>, acks: bool| {
        for line in lines {
            let parts: Vec<&str> = line.split(' ').collect();
            if let [host, room, _, seq] = parts[..]
                && host == "2"
                && acks
            {
                assert!(
                    handled.insert((room.to_owned(), seq.to_owned())),
                    "{line} twice"
                );
                world.ack(other, room, 1, seq.parse().unwrap());
            }
        }
    };
    for seq in 1..=40 {
        for room in ["a", "b"] {
            world.event(room, 1, seq);
        }
        let lines = world.pass(SECOND / 2, &[other]);
        note(&mut world, lines, true);
    }
    let lines = world.pass(SECOND * 5, &[other]);
    note(&mut world, lines, true);
    world.ack(stopped, "a", 1, 40);
    assert_eq!(world.hub.unacked(), 0);
    assert_eq!(handled.len(), 80);
}
