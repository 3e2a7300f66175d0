//! Who leaves, or comes back with another media connection, ends the tracks; a flood stays with who
//! floods.

use parley_media::recording::{Entry, TrackId, TrackKind};

use crate::support::recording::start;
use crate::support::{Profile, Sim};
use crate::video::{film, publish};
use parley_core::api::StateChange;

fn ended(sim: &Sim) -> Vec<TrackId> {
    let entries = sim.entries();
    let ended = entries.iter().filter_map(|entry| match entry {
        Entry::TrackEnd { track, .. } => Some(*track),
        _ => None,
    });
    ended.collect()
}

#[test]
fn a_new_media_connection_makes_new_tracks() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    let screen = publish(&mut sim, "bob", true, &[]);
    sim.record(start());
    sim.talk(&["bob"], 200);
    film(&mut sim, "bob", screen, &[None], 20);
    let voice = sim.tracks("bob", TrackKind::Voice);
    let shared = sim.tracks("bob", TrackKind::Screen);
    sim.join_with("bob", Profile::Ours, true);
    let gone = ended(&sim);
    assert_eq!(gone.len(), 2);
    assert!(gone.contains(&voice[0]) && gone.contains(&shared[0]));
    assert_eq!(sim.shown(), [Some(shared[0]), None]);
    sim.run_ms(1_500);
    sim.talk(&["bob"], 200);
    sim.run_ms(50);
    let voices = sim.tracks("bob", TrackKind::Voice);
    assert_eq!(voices.len(), 2);
    assert_ne!(voices[0], voices[1]);
    assert_eq!(sim.media(voices[1]).len(), 10);
}

#[test]
fn who_leaves_ends_the_tracks() {
    let mut sim = Sim::call(&["alice", "bob", "carol"], Profile::Ours);
    sim.record(start());
    sim.talk(&["bob", "carol"], 200);
    sim.leave("bob");
    assert_eq!(ended(&sim), sim.tracks("bob", TrackKind::Voice));
    sim.talk(&["carol"], 200);
    let carol = sim.tracks("carol", TrackKind::Voice)[0];
    assert_eq!(sim.media(carol).len(), 20);
}

/// P7 (ASVS 17.2.7): what a flooder may send is bounded before it is recorded.
#[test]
fn a_flood_of_one_is_bounded_and_harms_no_others_recording() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    let camera = publish(&mut sim, "alice", false, &[]);
    sim.record(start());
    sim.set("alice", StateChange::Unmuted(true)).unwrap();
    for round in 0..100 {
        // 10 Mbyte/s of pictures, and words at fifty times their pace.
        let now = sim.now;
        let client = sim.client("alice");
        client.send_frame(now, camera, None, round == 0, (200, 1_000));
        for _ in 0..50 {
            client.send_voice(now, 0, true);
        }
        sim.client("bob").send_voice(now, -20, true);
        sim.run_ms(20);
    }
    sim.run_ms(200);
    let bob = sim.tracks("bob", TrackKind::Voice)[0];
    assert_eq!(sim.media(bob).len(), 100, "bob is whole");
    let bytes: usize = sim.recorded.iter().map(|(_, bytes)| bytes.len()).sum();
    // Two seconds and the burst of one.
    assert!(bytes < 3 * 2_500_000 + 100_000, "{bytes}");
}

/// P7: sound goes before pictures and lives on a full disk's reserve, so what one may have of it is little.
#[test]
fn one_session_has_no_more_sound_in_a_recording_than_opus_can_be() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.record(start());
    sim.set("alice", StateChange::Unmuted(true)).unwrap();
    for _ in 0..500 {
        let now = sim.now;
        for _ in 0..2 {
            let sound = vec![7; 1_000];
            sim.client("alice").send_voice_of(now, -20, true, sound);
        }
        sim.client("bob").send_voice(now, -20, true);
        sim.run_ms(20);
    }
    sim.run_ms(200);
    let bob = sim.tracks("bob", TrackKind::Voice)[0];
    assert_eq!(sim.media(bob).len(), 500, "bob is whole");
    let alice = sim.tracks("alice", TrackKind::Voice)[0];
    let bytes: usize = sim
        .media(alice)
        .iter()
        .map(|media| media.payload.len())
        .sum();
    // Ten seconds of 510 kbit/s, and a burst of two.
    assert!((500_000..780_000).contains(&bytes), "{bytes}");
    assert!(sim.drop_of("recording_sound_rate") > 200);
}
