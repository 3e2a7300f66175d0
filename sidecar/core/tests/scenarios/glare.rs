//! Offers that cross: the server's wins, and the client's comes after it.

use crate::support::{Profile, Sim};
use str0m::media::MediaKind;

#[test]
fn l24_the_servers_offer_wins_and_the_client_offers_again() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Official);
    // Two more sessions make the server offer more slots while alice holds her signalling back.
    sim.client("alice").mute_signalling = true;
    sim.join("carol", Profile::Official);
    sim.join("dave", Profile::Official);
    sim.run_ms(300);
    let (_, offer) = sim
        .client("alice")
        .offer_line(MediaKind::Audio, "mic2", &[]);
    sim.signal("alice", offer).unwrap();
    assert_eq!(sim.drop_of("offer_glare"), 1);

    let seen = sim.client("alice").offers_seen.len();
    sim.client("alice").mute_signalling = false;
    sim.run_ms(300);
    assert_eq!(sim.client("alice").offers_seen.len(), seen + 1);
    let (mid, again) = sim
        .client("alice")
        .offer_line(MediaKind::Audio, "mic2", &[]);
    sim.signal("alice", again).unwrap();
    sim.run_ms(300);
    assert!(sim.client("alice").pending.is_none(), "answered");

    sim.client("alice").mic_mid = Some(mid);
    sim.talk(&["alice"], 500);
    assert!(sim.client("bob").heard_from("alice").len() >= 20);
}

#[test]
fn an_answer_to_nothing_is_passed_over() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Official);
    let sdp = sim.client("alice").offers_seen[0].replace("a=setup:actpass", "a=setup:active");
    let answer = parley_media::sdp::Description {
        kind: parley_media::sdp::DescriptionKind::Answer,
        sdp,
    };
    sim.signal("alice", answer.to_json()).unwrap();
    assert_eq!(sim.drop_of("answer_unexpected"), 1);
    sim.talk(&["alice"], 300);
    assert!(!sim.client("bob").heard_from("alice").is_empty());
}
