//! Two clients in a room hear each other, byte for byte, each under the other's name.

use crate::support::{Profile, Sim};
use parley_media::channel::SlotKind;

#[test]
fn two_of_ours_hear_each_other() {
    hear(Profile::Ours);
}

#[test]
fn two_in_a_direct_channel_hear_each_other_by_one_slot() {
    hear(Profile::Direct);
}

#[test]
fn two_official_clients_hear_each_other() {
    hear(Profile::Official);
}

fn hear(profile: Profile) {
    let mut sim = Sim::call(&["alice", "bob"], profile);
    assert!(sim.client("alice").connected);
    sim.talk(&["alice", "bob"], 1_000);
    sim.run_ms(100);
    for (listener, speaker) in [("alice", "bob"), ("bob", "alice")] {
        let client = sim.client(listener);
        let heard = client.heard_from(speaker);
        assert!(
            heard.len() >= 45,
            "{listener} heard {} of {speaker}",
            heard.len()
        );
        let slot = client
            .slot_of(speaker, SlotKind::Voice)
            .expect("in the map");
        assert!(heard.iter().all(|h| h.mid == slot));
        assert!(
            client.heard_from(listener).is_empty(),
            "nobody hears himself"
        );
    }
}
