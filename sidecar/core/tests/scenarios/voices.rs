//! Who speaks: told by the channel to ours, by events for the others, at most four times a second.

use parley_core::api::{EventKind, StateChange};
use parley_media::channel::ServerMessage;

use crate::support::{Profile, Sim};

/// Speech and pauses: levels that vary, as a voice's do.
fn speak(sim: &mut Sim, name: &'static str, ms: u64) {
    for n in 0..ms / 20 {
        let now = sim.now;
        let level = if n % 4 < 2 { -15 } else { -60 };
        sim.client(name).send_voice(now, level, true);
        sim.run_ms(20);
    }
}

fn told(sim: &Sim) -> Vec<(String, bool)> {
    let events = sim.events.iter();
    let voices = events.filter_map(|event| match &event.kind {
        EventKind::VoiceChanged { session, on, .. } => Some((session.0.clone(), *on)),
        _ => None,
    });
    voices.collect()
}

#[test]
fn l36_official_rooms_hear_of_voices_by_events() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Official);
    speak(&mut sim, "alice", 3_000);
    assert_eq!(told(&sim), [("alice".to_owned(), true)]);
    assert!(sim.session("alice").voice);
    sim.set("alice", StateChange::Unmuted(false)).unwrap();
    sim.run_ms(500);
    assert_eq!(told(&sim).last(), Some(&("alice".to_owned(), false)));
}

#[test]
fn ours_hear_of_voices_by_the_channel() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    speak(&mut sim, "alice", 3_000);
    assert_eq!(told(&sim), [], "no event is needed");
    let voices = |sim: &mut Sim| -> Vec<Vec<String>> {
        let messages = sim.client("bob").messages.iter();
        let voices = messages.filter_map(|message| match message {
            ServerMessage::Voice(sessions) => Some(sessions.clone()),
            _ => None,
        });
        voices.collect()
    };
    assert_eq!(voices(&mut sim), [vec!["alice".to_owned()]]);
    sim.set("alice", StateChange::Unmuted(false)).unwrap();
    sim.run_ms(500);
    assert_eq!(voices(&mut sim).last(), Some(&vec![]));
}

#[test]
fn silence_claims_no_slot() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    for _ in 0..50 {
        let now = sim.now;
        sim.client("alice").send_voice(now, -127, false);
        sim.run_ms(20);
    }
    assert!(sim.client("bob").heard.is_empty());
    assert!(sim.client("bob").slot_map.slots.is_empty());
}
