//! A new media connection in the same session: no leaving, no second joining, and it works.

use crate::support::{Profile, Sim};
use parley_core::api::*;

#[test]
fn a_reloaded_page_talks_on_in_the_same_session() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.talk(&["alice", "bob"], 300);
    sim.events.clear();
    sim.clients.remove("alice");
    sim.join_with("alice", Profile::Ours, true);
    sim.run_ms(1_500);
    assert_eq!(sim.session("alice").media, MediaState::Connected);
    assert!(sim.session("alice").unmuted, "states stay");
    let mut joins = vec![];
    for event in &sim.events {
        match &event.kind {
            EventKind::SessionLeft { .. } => panic!("nobody left"),
            EventKind::SessionJoined {
                first, replaced, ..
            } => joins.push((*first, *replaced)),
            _ => {}
        }
    }
    assert_eq!(joins, [(false, true)]);
    sim.client("bob").heard.clear();
    sim.talk(&["alice", "bob"], 600);
    assert!(sim.client("bob").heard_from("alice").len() >= 20);
    assert!(sim.client("alice").heard_from("bob").len() >= 20);
}

#[test]
fn only_the_same_participant_may_take_a_session_over() {
    let mut sim = Sim::call(&["alice"], Profile::Ours);
    let join = |participant: &str, replaces: bool| {
        Command::Join(Join {
            session: crate::support::session_ref("alice"),
            participant: ParticipantId(participant.into()),
            connection: ConnectionId("other".into()),
            labels: Labels::new(),
            capabilities: Capabilities::default(),
            replaces_session: replaces,
            unmuted: false,
        })
    };
    assert_eq!(
        sim.command(join("mallory", true)).unwrap_err(),
        CommandError::NotYours
    );
    assert_eq!(
        sim.command(join("p-alice", false)).unwrap_err(),
        CommandError::Exists("session")
    );
}

#[test]
fn an_unknown_session_is_made_when_the_sidecar_forgot_it() {
    let mut sim = Sim::new();
    sim.join_with("alice", Profile::Ours, true);
    sim.run_ms(1_000);
    assert_eq!(sim.session("alice").media, MediaState::Connected);
}

#[test]
fn the_labels_are_those_of_the_latest_join() {
    let mut sim = Sim::call(&["alice"], Profile::Ours);
    let labels = Labels::from([("login".to_owned(), "second".to_owned())]);
    let join = Command::Join(Join {
        session: crate::support::session_ref("alice"),
        participant: ParticipantId("p-alice".into()),
        connection: ConnectionId("other".into()),
        labels: labels.clone(),
        capabilities: Capabilities::default(),
        replaces_session: true,
        unmuted: false,
    });
    sim.command(join).unwrap();
    assert_eq!(sim.session("alice").labels, labels);
}
