//! A picture sent twice, in VP8 and in AV1: each viewer gets exactly one of them.

use parley_media::channel::SlotKind;
use str0m::format::Codec;
use str0m::media::{MediaKind, Mid};

use crate::support::client::Heard;
use crate::support::{Profile, Sim};
use crate::video::{film, publish};

/// The second encoding, on another line of the same media stream.
fn add_av1(sim: &mut Sim, name: &'static str) -> Mid {
    let stream = format!("stream-{name}-true");
    let (mid, offer) = sim.client(name).offer_line(MediaKind::Video, &stream, &[]);
    sim.client(name).av1_lines.push(mid);
    sim.client(name).send_description(offer);
    sim.run_ms(200);
    assert!(sim.client(name).pending.is_none(), "answered");
    mid
}

fn film_both(sim: &mut Sim, (vp8, av1): (Mid, Mid), frames: usize) {
    for _ in 0..frames {
        film(sim, "alice", vp8, &[None], 1);
        film(sim, "alice", av1, &[None], 1);
    }
}

/// Packets of alice's picture by codec, VP8 and AV1.
fn seen(sim: &mut Sim, viewer: &str) -> (usize, usize) {
    let client = sim.client(viewer);
    let packets = client.heard_from("alice");
    let vp8 = client.pt_of(Codec::Vp8);
    let of_vp8 = packets.iter().filter(|heard| heard.pt == *vp8).count();
    (of_vp8, packets.len() - of_vp8)
}

fn clear(sim: &mut Sim) {
    for client in sim.clients.values_mut() {
        client.heard.clear();
    }
}

fn check_unbroken(packets: &[Heard]) {
    for pair in packets.windows(2) {
        assert_eq!(pair[0].ssrc, pair[1].ssrc);
        assert_eq!(pair[1].seq, pair[0].seq + 1);
        assert!(pair[1].ts.wrapping_sub(pair[0].ts).cast_signed() > 0);
        let starts = |heard: &Heard| {
            heard.payload[0] == 0x18 || heard.payload[0] == 0x90 && heard.payload[4] & 1 == 0
        };
        assert!(
            pair[0].pt == pair[1].pt || starts(&pair[1]),
            "changed without a key frame"
        );
    }
}

#[test]
fn l33_each_viewer_gets_exactly_one_late_joiners_too() {
    let mut sim = Sim::new();
    for (name, profile) in [
        ("alice", Profile::OfficialAv1),
        ("both", Profile::OfficialAv1),
        ("plain", Profile::Official),
        ("phone", Profile::Mobile),
        ("ours", Profile::Ours),
        ("ours-both", Profile::OursAv1),
    ] {
        sim.join(name, profile);
    }
    sim.run_ms(1_500);
    let pair = (
        publish(&mut sim, "alice", true, &[]),
        add_av1(&mut sim, "alice"),
    );
    film_both(&mut sim, pair, 30);
    sim.join("late", Profile::Official);
    sim.join("late-both", Profile::OfficialAv1);
    film_both(&mut sim, pair, 60);
    clear(&mut sim);
    film_both(&mut sim, pair, 30);
    for viewer in ["both", "ours-both", "late-both"] {
        let (vp8, av1) = seen(&mut sim, viewer);
        assert!(vp8 == 0 && av1 >= 28, "{viewer}: {vp8} {av1}");
    }
    for viewer in ["plain", "phone", "ours", "late"] {
        let (vp8, av1) = seen(&mut sim, viewer);
        assert!(vp8 >= 28 && av1 == 0, "{viewer}: {vp8} {av1}");
    }
    let maps = sim.clients.values().filter(|client| client.name != "alice");
    for client in maps {
        let slots = client.slot_map.slots.iter().map(|slot| slot.kind);
        let entries = client.media_map.values().map(|entry| entry.kind);
        let screens = slots
            .chain(entries)
            .filter(|kind| *kind == SlotKind::Screen);
        assert_eq!(screens.count(), 1, "{}", client.name);
    }
}

#[test]
fn l33_the_second_encoding_comes_and_goes_without_a_gap() {
    for profile in [Profile::OfficialAv1, Profile::OursAv1] {
        let mut sim = Sim::call(&["alice", "bob"], profile);
        let vp8 = publish(&mut sim, "alice", true, &[]);
        film(&mut sim, "alice", vp8, &[None], 30);
        let before = seen(&mut sim, "bob");
        assert!(before.0 >= 20 && before.1 == 0, "{before:?}");

        let av1 = add_av1(&mut sim, "alice");
        film_both(&mut sim, (vp8, av1), 30);
        let both = seen(&mut sim, "bob");
        assert!(both.1 >= 25, "{both:?}");

        // A browser short of power or bandwidth pauses an encoding without a word.
        film(&mut sim, "alice", vp8, &[None], 180);
        let after = seen(&mut sim, "bob");
        assert!(after.0 - both.0 >= 45, "{both:?} {after:?}");

        film_both(&mut sim, (vp8, av1), 60);
        let again = seen(&mut sim, "bob");
        assert!(again.1 - after.1 >= 25, "{after:?} {again:?}");
        let packets: Vec<_> = sim
            .client("bob")
            .heard_from("alice")
            .into_iter()
            .cloned()
            .collect();
        check_unbroken(&packets);
    }
}

#[test]
fn l33_layers_of_vp8_go_on_for_who_does_not_take_av1() {
    let mut sim = Sim::new();
    for (name, profile) in [
        ("alice", Profile::OfficialAv1),
        ("both", Profile::OfficialAv1),
        ("plain", Profile::Official),
    ] {
        sim.join(name, profile);
    }
    sim.run_ms(1_500);
    let vp8 = publish(&mut sim, "alice", true, &["l", "h"]);
    let av1 = add_av1(&mut sim, "alice");
    for _ in 0..300 {
        film(&mut sim, "alice", vp8, &[Some("l"), Some("h")], 1);
        film(&mut sim, "alice", av1, &[None], 1);
    }
    clear(&mut sim);
    for _ in 0..40 {
        film(&mut sim, "alice", vp8, &[Some("l"), Some("h")], 1);
        film(&mut sim, "alice", av1, &[None], 1);
    }
    assert_eq!(seen(&mut sim, "both").0, 0);
    assert!(seen(&mut sim, "both").1 >= 35);
    assert_eq!(seen(&mut sim, "plain").1, 0);
    let plain = sim.client("plain");
    let better = plain.heard_from("alice:h").len();
    assert!(better >= 35, "{better}");
}
