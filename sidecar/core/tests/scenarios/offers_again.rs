//! An offer that got lost is made again, and the session ends up with everything it should have.

use parley_core::api::{Command, ConnectionId, EventKind, ParticipantId};

use crate::support::{Profile, Sim, session_ref};
use crate::video::{film, publish};

#[test]
fn an_unanswered_offer_is_made_again() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Official);
    sim.client("bob").mute_signalling = true;
    let mid = publish(&mut sim, "alice", false, &[]);
    // Bob never sees the offer that brings the camera.
    sim.client("bob").inbox.clear();
    sim.client("bob").mute_signalling = false;
    film(&mut sim, "alice", mid, &[None], 400);
    let seen = sim.client("bob").heard_from("alice").len();
    assert!(seen >= 30, "{seen}");
    assert_eq!(sim.drop_of("offer_unanswered"), 1);
}

#[test]
fn a_lost_change_of_direction_is_made_again() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Official);
    let mid = publish(&mut sim, "alice", false, &[]);
    film(&mut sim, "alice", mid, &[None], 30);
    sim.set("alice", parley_core::api::StateChange::Video(None))
        .unwrap();
    sim.run_ms(200);
    sim.client("bob").mute_signalling = true;
    let again = parley_core::api::StateChange::Video(Some("stream-alice-false".into()));
    sim.set("alice", again).unwrap();
    sim.run_ms(100);
    sim.client("bob").inbox.clear();
    sim.client("bob").mute_signalling = false;
    sim.client("bob").heard.clear();
    film(&mut sim, "alice", mid, &[None], 400);
    let seen = sim.client("bob").heard_from("alice").len();
    assert!(seen >= 30, "{seen}");
}

#[test]
fn a_new_signalling_connection_gets_the_open_offer() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Official);
    sim.client("bob").mute_signalling = true;
    publish(&mut sim, "alice", false, &[]);
    sim.events.clear();
    let previous = sim.session("bob").connection;
    sim.command(Command::Reconnect {
        session: session_ref("bob"),
        participant: ParticipantId("p-bob".into()),
        previous,
        connection: ConnectionId("newer".into()),
        labels: parley_core::api::Labels::new(),
    })
    .unwrap();
    let repeated = sim.events.iter().any(|event| match &event.kind {
        EventKind::Signal {
            connection, json, ..
        } => connection.0 == "newer" && json.contains("offer"),
        _ => false,
    });
    assert!(repeated);
}

#[test]
fn a_listener_who_spoils_an_offer_harms_nobody_who_speaks() {
    let mut sim = Sim::call(&["mallory", "a", "b"], Profile::Ours);
    sim.talk(&["a", "b"], 400);
    // A third voice needs another slot, which Mallory is offered and answers with nonsense.
    sim.client("mallory").mute_signalling = true;
    sim.join("c", Profile::Ours);
    sim.set("c", parley_core::api::StateChange::Unmuted(true))
        .unwrap();
    sim.run_ms(1_000);
    sim.talk(&["a", "b", "c"], 200);
    let kind = str0m::media::MediaKind::Audio;
    let (_, json) = sim.client("mallory").offer_line(kind, "x", &[]);
    let answer = json.replacen("\"offer\"", "\"answer\"", 1);
    assert!(sim.signal("mallory", answer).is_err());
    sim.client("a").heard.clear();
    sim.talk(&["c"], 200);
    assert_eq!(sim.core.counters().panics, 0);
    assert_eq!(sim.view().sessions.len(), 4);
    assert!(sim.client("a").heard_from("c").len() >= 8);
}
