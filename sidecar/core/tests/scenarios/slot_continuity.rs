//! A slot never glitches: one SSRC, no gap of our making, time strictly forward, whoever is in it.

use std::collections::BTreeMap;

use crate::support::client::Heard;
use crate::support::{Profile, Sim};
use parley_core::api::StateChange;

const NAMES: [&str; 11] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];

fn check(heard: &[Heard]) {
    let mut slots: BTreeMap<&str, Vec<&Heard>> = BTreeMap::new();
    for packet in heard {
        slots.entry(&packet.mid).or_default().push(packet);
    }
    for (mid, packets) in slots {
        for pair in packets.windows(2) {
            assert_eq!(pair[0].ssrc, pair[1].ssrc, "slot {mid} changed its SSRC");
            assert_eq!(pair[1].seq, pair[0].seq + 1, "slot {mid} has a gap");
            let step = pair[1].ts.wrapping_sub(pair[0].ts).cast_signed();
            assert!(step >= 960, "slot {mid}: time moved by {step}");
        }
    }
}

#[test]
fn owners_change_without_a_seam() {
    let mut sim = Sim::call(&NAMES, Profile::Ours);
    // More speakers than slots, taking turns.
    for turn in 0..12 {
        let speakers: Vec<&str> = (0..4).map(|n| NAMES[(turn + n) % 10]).collect();
        sim.talk(&speakers, 2_500);
    }
    sim.run_ms(100);
    let listener = sim.client("k");
    let owners: std::collections::BTreeSet<_> =
        listener.heard.iter().map(|h| h.csrc.clone()).collect();
    assert!(
        owners.len() >= 10,
        "only {} people were heard",
        owners.len()
    );
    check(&listener.heard.clone());
}

#[test]
fn mute_and_return_leave_no_gap() {
    let mut sim = Sim::call(&["a", "b"], Profile::Ours);
    for _ in 0..4 {
        sim.talk(&["b"], 300);
        sim.set("b", StateChange::Unmuted(false)).unwrap();
        sim.talk(&["b"], 300);
        sim.set("b", StateChange::Unmuted(true)).unwrap();
    }
    sim.run_ms(100);
    assert!(sim.client("a").heard.len() > 40);
    check(&sim.client("a").heard.clone());
}

#[test]
fn loss_and_reordering_never_repeat_a_number() {
    let mut sim = Sim::call(&["a", "b", "c"], Profile::Ours);
    sim.network.loss = 0.1;
    sim.network.jitter = std::time::Duration::from_millis(60);
    for turn in 0..10 {
        let speaker = ["a", "b"][turn % 2];
        sim.talk(&[speaker], 1_000);
    }
    sim.run_ms(200);
    assert_eq!(sim.drop_of("egress_index_reused"), 0);
    let mut seen = std::collections::BTreeSet::new();
    let heard = sim.client("c").heard.clone();
    assert!(heard.len() > 350, "{}", heard.len());
    for packet in &heard {
        assert!(seen.insert((packet.ssrc, packet.seq)), "sent twice");
    }
    let mut in_order = heard;
    in_order.sort_by_key(|h| (h.mid.clone(), h.seq));
    for pair in in_order
        .windows(2)
        .filter(|pair| pair[0].mid == pair[1].mid)
    {
        let step = pair[1].ts.wrapping_sub(pair[0].ts).cast_signed();
        assert!(step > 0, "time stands still or goes back by {step}");
    }
}

#[test]
fn a_source_that_jumps_in_its_numbers_is_heard_on_without_a_gap() {
    let mut sim = Sim::call(&["a", "b"], Profile::Ours);
    sim.talk(&["b"], 400);
    sim.client("b").jump(30_000);
    sim.talk(&["b"], 400);
    sim.run_ms(50);
    assert!(sim.client("a").heard.len() >= 38);
    check(&sim.client("a").heard.clone());
}

#[test]
fn packets_carry_their_publication_as_csrc() {
    let mut sim = Sim::call(&["a", "b"], Profile::Ours);
    sim.talk(&["b"], 300);
    let client = sim.client("a");
    let csrc = client.slot_map.slots[0].csrc;
    assert!(client.heard.iter().all(|h| h.csrc == [csrc]));
}
