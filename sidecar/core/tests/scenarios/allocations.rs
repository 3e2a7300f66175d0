//! A voice packet costs one allocation, that of its payload, however many hear it.

use crate::support::{Profile, Sim};

const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

fn one_for_each_packet(names: &[&'static str]) {
    const PACKETS: u64 = 100;
    let mut sim = Sim::call(names, Profile::Ours);
    // Until every buffer has the size it needs.
    sim.talk(&["a", "b"], 4_000);
    sim.run_ms(10);
    let before = sim.core.counters().packets_forwarded;
    (sim.voices, sim.voices_asked) = (0, 0);
    sim.talk(&["a", "b"], PACKETS / 2 * 20);
    sim.run_ms(10);
    let forwarded = sim.core.counters().packets_forwarded - before;
    assert_eq!(forwarded, PACKETS * (names.len() as u64 - 1));
    assert_eq!((sim.voices, sim.voices_asked), (PACKETS, PACKETS));
}

#[test]
fn two_listeners_cost_no_allocation_each() {
    one_for_each_packet(&NAMES[..3]);
}

#[test]
fn eleven_listeners_cost_no_allocation_each() {
    one_for_each_packet(&NAMES);
}
