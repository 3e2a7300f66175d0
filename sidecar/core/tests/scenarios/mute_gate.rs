//! Nobody's packets are forwarded while muted, and unmuting needs no offer.

use crate::support::{Profile, Sim};
use parley_core::api::StateChange;

#[test]
fn l29_muted_packets_stay_here() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.talk(&["bob"], 400);
    assert!(!sim.client("alice").heard_from("bob").is_empty());

    sim.set("bob", StateChange::Unmuted(false)).unwrap();
    sim.run_ms(100);
    sim.client("alice").heard.clear();
    sim.talk(&["bob"], 600);
    sim.run_ms(100);
    assert_eq!(sim.client("alice").heard_from("bob").len(), 0);
    assert!(sim.stats("bob").drops["muted"] >= 25);

    let offers = sim.client("alice").offers_seen.len();
    sim.set("bob", StateChange::Unmuted(true)).unwrap();
    sim.talk(&["bob"], 600);
    assert!(sim.client("alice").heard_from("bob").len() >= 25);
    assert_eq!(sim.client("alice").offers_seen.len(), offers);
}
