//! Leaving, losing, ending: what is said, in which order, and who stays.

use std::time::Duration;

use crate::support::{Profile, Sim, room_ref};
use parley_core::api::*;

fn kinds(sim: &Sim) -> Vec<String> {
    let names = sim.events.iter().map(|event| {
        let text = format!("{:?}", event.kind);
        text.split([' ', '(', '{']).next().unwrap().to_owned()
    });
    names.filter(|name| name != "Signal").collect()
}

fn seconds(s: u64) -> Option<Duration> {
    Some(Duration::from_secs(s))
}

#[test]
fn events_count_without_gaps_and_name_what_happened() {
    let policy = RoomPolicy {
        end_when_empty: true,
        ..RoomPolicy::default()
    };
    let mut sim = Sim::with(policy, Limits::default());
    sim.join("alice", Profile::Ours);
    sim.join("bob", Profile::Ours);
    sim.run_ms(1_000);
    sim.leave("alice");
    sim.leave("bob");
    let seqs: Vec<u64> = sim.events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    assert_eq!(
        kinds(&sim),
        [
            "RoomOpened",
            "SessionJoined",
            "SessionJoined",
            "MediaChanged",
            "MediaChanged",
            "SessionLeft",
            "SessionLeft",
            "RoomEnded"
        ]
    );
    let EventKind::RoomEnded {
        reason,
        participants_ever,
        ..
    } = &sim.events.last().unwrap().kind
    else {
        panic!("room did not end");
    };
    assert_eq!(*reason, RoomEndReason::Empty);
    assert_eq!(participants_ever.len(), 2);
    assert!(matches!(
        sim.command(Command::GetRoom { room: room_ref() }),
        Err(CommandError::NoRoom)
    ));
    assert_eq!(sim.core.counters().sessions, 0);
}

#[test]
fn l42_an_official_session_goes_at_once_when_its_media_is_lost() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Official);
    sim.client("alice").mute_network = true;
    // Also not again when ICE gives up, too.
    sim.run_ms(40_000);
    let left = sim.events.iter().filter_map(|event| match &event.kind {
        EventKind::SessionLeft {
            session, reason, ..
        } => Some((session.session.0.clone(), *reason)),
        _ => None,
    });
    let left: Vec<_> = left.collect();
    assert_eq!(left, [("alice".into(), LeaveReason::MediaLost)]);
}

/// The end of a session that is gone for too long is the end of its media, whether or not that still works.
#[test]
fn l41_who_does_not_come_back_is_neither_heard_nor_hears() {
    let policy = RoomPolicy {
        disconnect_timeout: seconds(30),
        ..RoomPolicy::default()
    };
    let mut sim = Sim::with(policy, Limits::default()).called(&["alice", "bob"], Profile::Official);
    let connection = sim.session("alice").connection;
    sim.command(Command::Detach { connection }).unwrap();
    sim.talk(&["alice", "bob"], 20_000);
    let heard = |sim: &mut Sim, who: &str, whom: &str| sim.client(who).heard_from(whom).len();
    assert!(heard(&mut sim, "bob", "alice") > 900, "media goes on");
    sim.talk(&["alice", "bob"], 11_000);
    assert_eq!(sim.view().sessions.len(), 1);
    for name in ["alice", "bob"] {
        sim.client(name).heard.clear();
    }
    sim.talk(&["alice", "bob"], 1_000);
    assert_eq!(heard(&mut sim, "bob", "alice"), 0);
    assert_eq!(heard(&mut sim, "alice", "bob"), 0);
}

#[test]
fn ours_is_kept_as_reconnecting_and_comes_back_by_itself() {
    let policy = RoomPolicy {
        disconnect_timeout: seconds(30),
        ..RoomPolicy::default()
    };
    let mut sim = Sim::with(policy, Limits::default());
    sim.join("alice", Profile::Ours);
    sim.join("bob", Profile::Ours);
    sim.run_ms(1_000);
    sim.client("alice").mute_network = true;
    sim.run_ms(12_500);
    assert_eq!(sim.session("alice").media, MediaState::Reconnecting);
    sim.client("alice").mute_network = false;
    sim.run_ms(4_000);
    assert_eq!(sim.session("alice").media, MediaState::Connected);

    sim.client("alice").mute_network = true;
    sim.run_ms(45_000);
    assert_eq!(
        sim.view().sessions.len(),
        1,
        "gone after the disconnect timeout"
    );
}

#[test]
fn nobody_is_lost_because_this_process_stood_still() {
    for profile in [Profile::Ours, Profile::Official] {
        let mut sim = Sim::call(&["alice", "bob"], profile);
        sim.talk(&["alice"], 400);
        // Nothing is handled for 15 s: a stopped process, a paused virtual machine.
        sim.now += Duration::from_secs(15);
        let now = sim.time();
        sim.core.handle_timeout(now);
        sim.drain_core();
        sim.run_ms(3_000);
        assert_eq!(sim.view().sessions.len(), 2, "{profile:?}");
        sim.client("bob").heard.clear();
        sim.talk(&["alice"], 600);
        assert!(
            sim.client("bob").heard_from("alice").len() >= 20,
            "{profile:?}"
        );
    }
}

#[test]
fn a_session_without_media_is_removed_in_time() {
    let policy = RoomPolicy {
        media_timeout: seconds(10),
        ..RoomPolicy::default()
    };
    let mut sim = Sim::with(policy, Limits::default());
    sim.join("alice", Profile::Ours);
    sim.run_ms(500);
    sim.join("ghost", Profile::Ours);
    sim.client("ghost").mute_network = true;
    sim.client("ghost").outgoing.clear();
    sim.run_ms(12_000);
    let view = sim.view();
    assert_eq!(view.sessions.len(), 1);
    assert_eq!(view.sessions[0].session.0, "alice");
}

#[test]
fn l40_l41_a_lost_signalling_connection_ends_the_session_unless_it_returns() {
    let policy = RoomPolicy {
        disconnect_timeout: seconds(10),
        ..RoomPolicy::default()
    };
    let mut sim = Sim::with(policy, Limits::default());
    sim.join("alice", Profile::Ours);
    sim.join("bob", Profile::Ours);
    sim.run_ms(1_000);
    for name in ["alice", "bob"] {
        let connection = sim.session(name).connection;
        let reply = sim.command(Command::Detach { connection }).unwrap();
        assert!(matches!(reply, Reply::Count(1)));
    }
    sim.run_ms(5_000);
    let previous = sim.session("alice").connection;
    let back = |previous: &ConnectionId| Command::Reconnect {
        session: crate::support::session_ref("alice"),
        participant: ParticipantId("p-alice".into()),
        previous: previous.clone(),
        connection: ConnectionId("new".into()),
        labels: Labels::new(),
    };
    sim.command(back(&previous)).unwrap();
    assert_eq!(
        sim.command(back(&previous)).unwrap_err(),
        CommandError::Stale("connection"),
        "the second of two racing reconnects is refused"
    );
    sim.run_ms(8_000);
    let view = sim.view();
    assert_eq!(view.sessions.len(), 1);
    assert_eq!(view.sessions[0].connection.0, "new");
}

#[test]
fn a_room_that_nobody_joins_ends() {
    let policy = RoomPolicy {
        first_session_timeout: seconds(60),
        ..RoomPolicy::default()
    };
    let mut sim = Sim::with(policy, Limits::default());
    sim.run_ms(59_000);
    assert_eq!(kinds(&sim), ["RoomOpened"]);
    sim.run_ms(1_100);
    assert_eq!(kinds(&sim), ["RoomOpened", "RoomEnded"]);
}

#[test]
fn one_participant_alone_gets_a_notice_and_then_the_end() {
    let policy = RoomPolicy {
        alone_timeout: seconds(20),
        alone_notice: seconds(15),
        ..RoomPolicy::default()
    };
    let mut sim = Sim::with(policy, Limits::default());
    sim.join("alice", Profile::Ours);
    sim.join("bob", Profile::Ours);
    sim.run_ms(10_000);
    sim.leave("bob");
    sim.run_ms(14_900);
    assert!(!kinds(&sim).contains(&"AloneNotice".into()));
    sim.run_ms(200);
    assert!(kinds(&sim).contains(&"AloneNotice".into()));
    assert!(!kinds(&sim).contains(&"RoomEnded".into()));
    sim.run_ms(5_000);
    assert!(kinds(&sim).contains(&"RoomEnded".into()));
}

#[test]
fn named_timers_fire_once_and_can_be_moved() {
    let mut sim = Sim::new();
    let set = |name: &str, ms| Command::SetTimer {
        room: room_ref(),
        name: name.into(),
        after: Duration::from_millis(ms),
        payload: vec![7],
    };
    sim.command(set("a", 1_000)).unwrap();
    sim.command(set("b", 1_000)).unwrap();
    sim.command(set("a", 3_000)).unwrap();
    sim.command(Command::ClearTimer {
        room: room_ref(),
        name: "b".into(),
    })
    .unwrap();
    sim.run_ms(2_900);
    assert!(!kinds(&sim).contains(&"TimerFired".into()));
    sim.run_ms(200);
    let fired = kinds(&sim).iter().filter(|k| *k == "TimerFired").count();
    assert_eq!(fired, 1);
    for n in 0..16 {
        sim.command(set(&format!("t{n}"), 1_000)).unwrap();
    }
    assert_eq!(
        sim.command(set("one-more", 1_000)).unwrap_err(),
        CommandError::Limit("timers_per_room")
    );
}

#[test]
fn one_participant_has_as_many_sessions_as_the_policy_says() {
    let policy = RoomPolicy {
        max_sessions_per_participant: 2,
        ..RoomPolicy::default()
    };
    let mut sim = Sim::with(policy, Limits::default());
    let join = |session: &str, participant: &str| {
        Command::Join(Join {
            session: crate::support::session_ref(session),
            participant: ParticipantId(participant.into()),
            connection: ConnectionId(format!("connection-of-{session}")),
            labels: Labels::new(),
            capabilities: Capabilities::default(),
            replaces_session: false,
            unmuted: false,
        })
    };
    sim.command(join("one", "ann")).unwrap();
    sim.command(join("two", "ann")).unwrap();
    assert_eq!(
        sim.command(join("three", "ann")).unwrap_err(),
        CommandError::Limit("max_sessions_per_participant")
    );
    sim.command(join("three", "ben")).unwrap();
}
