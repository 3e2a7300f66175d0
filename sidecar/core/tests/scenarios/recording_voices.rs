//! A recording has every voice while it is unmuted, as it came in, whoever has a slot.

use std::collections::BTreeMap;

use parley_core::api::{ParticipantId, StateChange};
use parley_media::recording::{EndReason, Entry, TrackKind};

use crate::support::recording::start;
use crate::support::{Profile, Sim};

const NAMES: [&str; 11] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];

fn voice_packets(sim: &Sim, of: &str) -> usize {
    let tracks = sim.tracks(of, TrackKind::Voice);
    tracks.iter().map(|track| sim.media(*track).len()).sum()
}

#[test]
fn only_the_unmuted_are_recorded() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.talk(&["bob"], 200);
    assert!(sim.recorded.is_empty(), "nothing before the start");
    sim.record(start());
    sim.talk(&["bob"], 400);
    sim.run_ms(50);
    assert_eq!(voice_packets(&sim, "bob"), 20);
    assert_eq!(voice_packets(&sim, "alice"), 0);

    sim.set("bob", StateChange::Unmuted(false)).unwrap();
    sim.run_ms(50);
    sim.talk(&["bob"], 400);
    sim.run_ms(50);
    assert_eq!(voice_packets(&sim, "bob"), 20, "muted");

    sim.set("bob", StateChange::Unmuted(true)).unwrap();
    sim.talk(&["bob"], 400);
    sim.run_ms(50);
    assert_eq!(voice_packets(&sim, "bob"), 40);
    assert_eq!(sim.tracks("bob", TrackKind::Voice).len(), 1, "one track");

    sim.stop_recording();
    let entries = sim.recorded.len();
    sim.talk(&["bob"], 200);
    assert_eq!(sim.recorded.len(), entries, "nothing after the end");
    let last = sim.entries().pop();
    assert!(matches!(
        last,
        Some(Entry::End {
            reason: EndReason::Stopped,
            ..
        })
    ));
}

#[test]
fn packets_are_recorded_as_they_came_with_who_sent_them_and_when() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.record(start());
    sim.talk(&["bob"], 2_000);
    sim.run_ms(50);
    let entries = sim.entries();
    assert_eq!(
        entries[0],
        Entry::Session {
            session: "bob",
            participant: "p-bob",
            name: ""
        }
    );
    let track = sim.tracks("bob", TrackKind::Voice)[0];
    assert!(matches!(entries[1], Entry::Track { .. }));
    let media = sim.media(track);
    for pair in media.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1);
        assert_eq!(pair[1].rtp.wrapping_sub(pair[0].rtp), 960);
        let took_us = pair[1].at.0 - pair[0].at.0;
        assert!((19_000..=21_000).contains(&took_us), "{took_us}");
    }
    assert!(media[0].payload.starts_with(b"bob:"));
    assert_eq!(media[0].level, Some(-20));
    let reports = entries
        .iter()
        .filter(|e| matches!(e, Entry::SenderReport { .. }));
    // str0m sends one each second or so.
    assert!((1..=4).contains(&reports.count()));
}

#[test]
fn more_voices_than_slots_are_all_recorded() {
    let mut sim = Sim::call(&NAMES, Profile::Ours);
    sim.record(start());
    sim.talk(&NAMES[..10], 1_000);
    sim.run_ms(50);
    let mut recorded = BTreeMap::new();
    for name in &NAMES[..10] {
        recorded.insert(*name, voice_packets(&sim, name));
    }
    assert!(recorded.values().all(|count| *count == 50), "{recorded:?}");
}

#[test]
fn the_room_says_who_records_it() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    assert_eq!(sim.view().recording, None);
    let started = sim.record(start());
    assert_eq!(sim.view().recording, Some(started.clone()));
    assert_eq!(started.starter, ParticipantId("p-alice".into()));
    let stopped = sim.stop_recording().expect("it was in progress");
    let end = stopped.ended.clone().expect("over");
    assert_eq!(end.reason, EndReason::Stopped);
    assert_eq!(end.stopper, Some(ParticipantId("p-bob".into())));
    assert_eq!(
        sim.view().recording,
        Some(stopped),
        "the last one is told on"
    );
    assert_eq!(sim.stop_recording(), None, "again is fine");
    assert_eq!(sim.recording_events().len(), 2);
}
