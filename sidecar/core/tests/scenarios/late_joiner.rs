//! Who comes late hears whoever speaks already, and a growing room gets its slots in few offers.

use crate::support::{Profile, Sim};
use parley_core::api::StateChange;

#[test]
fn a_late_joiner_hears_who_speaks_already() {
    for profile in [Profile::Ours, Profile::Official] {
        let mut sim = Sim::call(&["alice", "bob"], profile);
        sim.talk(&["alice", "bob"], 400);
        sim.join("carol", profile);
        sim.talk(&["alice", "bob"], 1_000);
        let carol = sim.client("carol");
        for speaker in ["alice", "bob"] {
            let heard = carol.heard_from(speaker).len();
            assert!(heard >= 20, "{profile:?}: {heard} of {speaker}");
        }
    }
}

#[test]
fn slots_grow_in_at_most_three_offers() {
    const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let mut sim = Sim::new();
    for name in NAMES {
        sim.join(name, Profile::Ours);
        sim.run_ms(400);
    }
    assert_eq!(sim.client("a").offers_seen.len(), 2, "most of many listen");
    for name in NAMES {
        sim.set(name, StateChange::Unmuted(true)).unwrap();
        sim.run_ms(200);
    }
    sim.run_ms(300);
    assert_eq!(sim.client("a").offers_seen.len(), 3, "2, 4, 10");
    sim.talk(&NAMES[..10], 600);
    for listener in NAMES {
        for speaker in NAMES[..10].iter().filter(|speaker| **speaker != listener) {
            let heard = sim.client(listener).heard_from(speaker).len();
            assert!(heard >= 20, "{listener} heard {heard} of {speaker}");
        }
    }
}
