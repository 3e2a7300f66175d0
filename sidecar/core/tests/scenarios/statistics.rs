//! Counters per session and track: what went up, what came down, whose it was.

use parley_core::api::{EventKind, TrackStats};
use parley_media::channel::ClientMessage;

use crate::support::{Profile, Sim};
use crate::video::{film, publish};

fn track<'a>(tracks: &'a [TrackStats], kind: &str, up: bool) -> &'a TrackStats {
    let mut found = tracks.iter().filter(|t| t.kind == kind && t.up == up);
    found
        .next()
        .unwrap_or_else(|| panic!("no {kind} (up: {up}) in {tracks:?}"))
}

#[test]
fn tracks_count_what_happened() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    let mid = publish(&mut sim, "alice", true, &[]);
    film(&mut sim, "alice", mid, &[None], 90);
    sim.talk(&["alice"], 4_000);
    sim.client("bob").send(&ClientMessage::LossRate(0.25));
    sim.client("bob").send(&ClientMessage::RoundTripTime(0.04));
    sim.run_ms(100);

    let alice = sim.stats("alice");
    let voice = track(&alice.tracks, "voice", true);
    assert!(voice.packets >= 195 && voice.bytes > 1_000 && voice.ssrc != 0);
    let screen = track(&alice.tracks, "screen", true);
    assert!(screen.packets >= 80 && screen.plis >= 1, "{screen:?}");
    assert!(
        alice.rtt_ms.is_some_and(|rtt| rtt > 5.0 && rtt < 50.0),
        "{:?}",
        alice.rtt_ms
    );
    assert!(alice.duration_ms > 4_000);

    let bob = sim.stats("bob");
    let voice = track(&bob.tracks, "voice", false);
    assert_eq!(voice.source_session, "alice");
    assert!(voice.packets >= 195);
    assert!(voice.bitrate_bps > 1_000, "{}", voice.bitrate_bps);
    assert_eq!(track(&bob.tracks, "screen", false).source_session, "alice");
    assert_eq!(track(&bob.tracks, "slot", false).source_session, "");
    assert_eq!(bob.client_loss, Some(0.25));
    assert_eq!(bob.client_rtt_s, Some(0.04));
    assert!(bob.estimate_bps > 0);

    sim.leave("bob");
    let last = sim.events.iter().rev().find_map(|event| match &event.kind {
        EventKind::SessionLeft { stats, .. } => Some(stats.clone()),
        _ => None,
    });
    assert!(track(&last.unwrap().tracks, "voice", false).packets >= 195);
}

#[test]
fn loss_on_the_way_is_seen_and_pictures_are_repaired() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    let mid = publish(&mut sim, "alice", true, &[]);
    film(&mut sim, "alice", mid, &[None], 30);
    sim.client("bob").heard.clear();
    sim.network.loss = 0.05;
    film(&mut sim, "alice", mid, &[None], 300);
    sim.network.loss = 0.0;
    sim.run_ms(3_000);
    let seen = sim.client("bob").heard_from("alice").len();
    assert!(seen >= 290, "{seen} of 300 in spite of 5 % loss each way");
    let bob = sim.stats("bob");
    let screen = track(&bob.tracks, "screen", false);
    assert!(screen.nacks > 0 && screen.retransmitted > 0, "{screen:?}");
    let alice = sim.stats("alice");
    assert!(track(&alice.tracks, "screen", true).nacks > 0);
}

#[test]
fn nothing_is_lost_on_a_network_that_loses_nothing() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    let mid = publish(&mut sim, "alice", false, &["l", "h"]);
    film(&mut sim, "alice", mid, &[Some("l"), Some("h")], 300);
    sim.talk(&["alice"], 2_000);
    let alice = sim.stats("alice");
    let up: Vec<_> = alice.tracks.iter().filter(|track| track.up).collect();
    assert_eq!(up.len(), 3, "{up:?}");
    for track in up {
        assert!(track.packets > 50, "{track:?}");
        assert_eq!(track.packets_lost, 0, "{track:?}");
    }
}

#[test]
fn voices_lost_on_the_way_up_are_counted() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.talk(&["alice"], 500);
    sim.network.loss = 0.2;
    sim.talk(&["alice"], 10_000);
    sim.network.loss = 0.0;
    sim.talk(&["alice"], 500);
    let alice = sim.stats("alice");
    let voice = track(&alice.tracks, "voice", true);
    let sent = voice.packets + voice.packets_lost;
    assert!((540..=550).contains(&sent), "{voice:?}");
    assert!((60..=140).contains(&voice.packets_lost), "{voice:?}");
}
