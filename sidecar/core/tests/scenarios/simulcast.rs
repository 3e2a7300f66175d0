//! Layers by what the viewer's link takes: up when there is room, down when there is not, switched at
//! key frames.

use std::time::Duration;

use str0m::media::Mid;

use crate::support::{Profile, Sim};
use crate::video::{film, publish};

const RIDS: [&str; 2] = ["l", "h"];

fn layers_seen(sim: &mut Sim, viewer: &str) -> (usize, usize) {
    let heard = &sim.client(viewer).heard;
    let of = |text: &str| {
        let part = format!("alice:{text}:");
        heard
            .iter()
            .filter(|h| h.payload.windows(part.len()).any(|w| w == part.as_bytes()))
            .count()
    };
    (of("l"), of("h"))
}

fn film_layers(sim: &mut Sim, mid: Mid, frames: usize) {
    film(sim, "alice", mid, &[Some("l"), Some("h")], frames);
}

/// About 240 kbit/s and 1.9 Mbit/s.
fn film_heavy(sim: &mut Sim, mid: Mid, frames: usize) {
    for _ in 0..frames {
        let now = sim.now;
        let client = sim.client("alice");
        let asked: Vec<_> = client.keyframe_requests.drain(..).collect();
        for (rid, packets) in [("l", 1), ("h", 8)] {
            let first = !client.video_seq.contains_key(&format!("{mid}{rid}"));
            let wanted = asked.iter().any(|r| r.rid.as_deref() == Some(rid));
            client.send_frame(now, mid, Some(rid), first || wanted, (packets, 960));
        }
        sim.run_ms(33);
    }
}

#[test]
fn a_thin_link_keeps_the_small_layer_and_its_voice() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.network.down_bps = Some(900_000);
    let mid = publish(&mut sim, "alice", true, &RIDS);
    film_heavy(&mut sim, mid, 300);
    sim.client("bob").heard.clear();
    film_heavy(&mut sim, mid, 200);
    let (low, high) = layers_seen(&mut sim, "bob");
    assert!(low >= 150, "low {low}, high {high}");
    assert!(high < 400, "low {low}, high {high}");

    // The link widens: the better layer follows.
    sim.network.down_bps = Some(6_000_000);
    film_heavy(&mut sim, mid, 400);
    sim.client("bob").heard.clear();
    film_heavy(&mut sim, mid, 60);
    let (low, high) = layers_seen(&mut sim, "bob");
    assert!(high >= 50 * 8, "low {low}, high {high}");

    // And a cliff: down to the small layer again.
    sim.network.down_bps = Some(500_000);
    film_heavy(&mut sim, mid, 120);
    sim.client("bob").heard.clear();
    film_heavy(&mut sim, mid, 100);
    let (low, high) = layers_seen(&mut sim, "bob");
    assert!(low >= 70 && high < 100, "low {low}, high {high}");
}

#[test]
fn a_good_link_gets_the_better_layer() {
    for profile in [Profile::Ours, Profile::Official] {
        let mut sim = Sim::call(&["alice", "bob"], profile);
        let mid = publish(&mut sim, "alice", true, &RIDS);
        film_layers(&mut sim, mid, 300);
        let (low, high) = layers_seen(&mut sim, "bob");
        assert!(high > 100, "{profile:?}: low {low}, high {high}");
        sim.client("bob").heard.clear();
        film_layers(&mut sim, mid, 60);
        let stats = sim.stats("bob");
        let screen = stats.tracks.iter().find(|t| t.kind == "screen" && !t.up);
        assert_eq!(screen.map(|t| t.rid.as_str()), Some("h"));
        let (low, high) = layers_seen(&mut sim, "bob");
        assert!(
            low == 0 && high >= 50,
            "{profile:?}: low {low}, high {high}"
        );
    }
}

#[test]
fn l32_switching_leaves_no_gap() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.network.jitter = Duration::from_millis(1);
    let mid = publish(&mut sim, "alice", true, &RIDS);
    film_layers(&mut sim, mid, 300);
    let bob = sim.client("bob");
    let mut packets: Vec<_> = bob.heard_from("alice").into_iter().cloned().collect();
    packets.sort_by_key(|h| h.seq);
    assert!(packets.len() > 200);
    for pair in packets.windows(2) {
        assert_eq!(pair[1].seq, pair[0].seq + 1);
        assert!(pair[1].ts.wrapping_sub(pair[0].ts).cast_signed() > 0);
    }
}
