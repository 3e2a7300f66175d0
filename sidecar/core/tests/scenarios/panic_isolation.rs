//! A panic of ours ends as little as possible: inside one session's media stack that session, in a
//! room's bookkeeping that room; never the process.

use crate::support::sctp::SHUTDOWN;
use crate::support::{Profile, Sim, room_ref, session_ref};
use parley_core::Fault;
use parley_core::api::*;

#[test]
fn the_others_talk_on() {
    let mut sim = Sim::call(&["alice", "bob", "carol"], Profile::Ours);
    sim.core.sabotage(Fault::PanicInSession);
    let now = sim.now;
    sim.client("alice").send_voice(now, -20, true);
    sim.run_ms(20);
    let left: Vec<_> = sim
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::SessionLeft {
                session, reason, ..
            } => Some((session.session.0.clone(), *reason)),
            _ => None,
        })
        .collect();
    assert_eq!(left, [("alice".to_owned(), LeaveReason::Internal)]);
    assert_eq!(sim.core.counters().panics, 1);
    sim.clients.remove("alice");
    sim.talk(&["bob", "carol"], 500);
    assert!(sim.client("bob").heard_from("carol").len() >= 20);
}

fn other_room() -> RoomRef {
    RoomRef {
        room: RoomId("other".into()),
        generation: 1,
    }
}

/// A call of two, and another room with one session, which is settled.
fn two_rooms() -> Sim {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.command(Command::OpenRoom {
        room: other_room(),
        policy: RoomPolicy::default(),
        labels: Labels::new(),
    })
    .unwrap();
    join_other(&mut sim, "zoe").unwrap();
    sim.run_ms(100);
    sim.events.clear();
    sim
}

fn join_other(sim: &mut Sim, name: &str) -> Result<Reply, CommandError> {
    sim.command(Command::Join(Join {
        session: SessionRef {
            room: other_room(),
            session: SessionId(name.into()),
        },
        participant: ParticipantId(name.into()),
        connection: ConnectionId(name.into()),
        labels: Labels::new(),
        capabilities: Capabilities::default(),
        replaces_session: false,
        unmuted: false,
    }))
}

/// The other room has ended by our fault, told once and last; the call goes on, and the name is free.
fn check_other_ended_alone(sim: &mut Sim, panics: u64) {
    assert_eq!(sim.core.counters().panics, panics);
    let ends: Vec<_> = sim
        .events
        .iter()
        .filter(|event| event.room == other_room())
        .skip_while(|event| !matches!(event.kind, EventKind::RoomEnded { .. }))
        .collect();
    assert_eq!(ends.len(), 1, "{ends:?}");
    let EventKind::RoomEnded { reason, .. } = &ends[0].kind else {
        unreachable!();
    };
    assert_eq!(*reason, RoomEndReason::Internal);
    let counters = sim.core.counters();
    assert_eq!((counters.rooms, counters.sessions), (1, 2));
    sim.core.heal();
    sim.client("bob").heard.clear();
    sim.talk(&["alice"], 500);
    assert!(sim.client("bob").heard_from("alice").len() >= 20);
    let reopened = sim.command(Command::OpenRoom {
        room: other_room(),
        policy: RoomPolicy::default(),
        labels: Labels::new(),
    });
    assert!(matches!(reopened, Ok(Reply::Room { created: true, .. })));
    join_other(sim, "zoe").unwrap();
}

#[test]
fn a_session_that_is_drained_without_end_ends_alone() {
    let mut sim = Sim::call(&["alice", "bob", "carol"], Profile::Ours);
    sim.core.sabotage(Fault::DrainsWithoutEnd);
    sim.client("alice").deaf = true;
    let shutdown = sim.sctp("alice", SHUTDOWN, 0, &0u32.to_be_bytes());
    sim.client("alice").keys.send_in_dtls(shutdown);
    sim.flush_dtls("alice");
    // Who speaks is told over the channel.
    sim.talk(&["bob", "carol"], 1_000);
    let left = sim.events.iter().find_map(|event| match &event.kind {
        EventKind::SessionLeft {
            session, reason, ..
        } => Some((session.session.0.clone(), *reason)),
        _ => None,
    });
    assert_eq!(left, Some(("alice".to_owned(), LeaveReason::Internal)));
    assert_eq!(sim.view().sessions.len(), 2);
    sim.client("bob").heard.clear();
    sim.talk(&["carol"], 500);
    assert!(sim.client("bob").heard_from("carol").len() >= 20);
}

#[test]
fn a_panic_at_the_door_costs_one_datagram() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.core.sabotage(Fault::PanicAtTheDoor);
    sim.inject("203.0.113.9:5555".parse().unwrap(), &[0; 40]);
    sim.core.heal();
    assert_eq!(sim.core.counters().panics, 1);
    assert_eq!(sim.drop_of("datagram_panic"), 1);
    sim.talk(&["alice"], 500);
    assert!(sim.client("bob").heard_from("alice").len() >= 20);
}

#[test]
fn a_panic_in_a_command_ends_its_room_alone() {
    let mut sim = two_rooms();
    sim.core.sabotage(Fault::PanicInCommand);
    let session = SessionRef {
        room: other_room(),
        session: SessionId("zoe".into()),
    };
    let change = StateChange::HandRaised(true);
    let reply = sim.command(Command::SetState { session, change });
    assert_eq!(reply.unwrap_err(), CommandError::Internal);
    check_other_ended_alone(&mut sim, 1);
}

#[test]
fn a_panic_while_settling_ends_its_room_alone() {
    let mut sim = two_rooms();
    sim.core.sabotage(Fault::PanicInSettle);
    // The command itself is done; what follows from it fails.
    sim.command(Command::SetState {
        session: SessionRef {
            room: other_room(),
            session: SessionId("zoe".into()),
        },
        change: StateChange::Screen(Some("a_screen".into())),
    })
    .unwrap();
    check_other_ended_alone(&mut sim, 1);
}

#[test]
fn a_room_that_panics_even_while_it_ends_is_gone_too() {
    let mut sim = two_rooms();
    join_other(&mut sim, "yves").unwrap();
    sim.core.sabotage(Fault::PanicInRemoval);
    let reply = sim.command(Command::Leave {
        room: other_room(),
        who: Who::Session(SessionId("yves".into())),
        reason: LeaveReason::Left,
    });
    assert_eq!(reply.unwrap_err(), CommandError::Internal);
    check_other_ended_alone(&mut sim, 2);
}

#[test]
fn a_panic_while_removing_a_session_that_failed_ends_its_room_alone() {
    let mut sim = Sim::with(
        RoomPolicy {
            media_timeout: Some(std::time::Duration::from_secs(3)),
            ..RoomPolicy::default()
        },
        Limits::default(),
    );
    sim.join("alice", Profile::Ours);
    sim.client("alice").mute_network = true;
    sim.core.sabotage(Fault::PanicInRemoval);
    sim.run_ms(5_000);
    let counters = sim.core.counters();
    assert_eq!((counters.rooms, counters.sessions), (0, 0));
    assert_eq!(counters.panics, 1, "nobody was left to take out");
    let command = Command::SetState {
        session: session_ref("alice"),
        change: StateChange::HandRaised(true),
    };
    let reply = sim.command(command);
    assert_eq!(reply.unwrap_err(), CommandError::NoRoom);
    let ended = sim.events.last().unwrap();
    assert_eq!(ended.room, room_ref());
    assert!(matches!(
        ended.kind,
        EventKind::RoomEnded {
            reason: RoomEndReason::Internal,
            ..
        }
    ));
}
