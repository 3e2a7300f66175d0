//! Lines on which nothing was sent yet: the media stack knows nothing of their streams, and nobody can tell.

use std::collections::BTreeMap;

use parley_core::api::StateChange;
use parley_media::sdp::sections;

use crate::support::{Profile, Sim};
use crate::video::{film, publish};

/// Bytes of sender reports (payload type 200, as RTP would have it 72) that went to a client.
fn reported(sim: &mut Sim, name: &str) -> u64 {
    let address = sim.client(name).address;
    sim.sent.get(&(address, 72)).copied().unwrap_or_default()
}

#[test]
fn what_sends_nothing_is_not_reported() {
    let mut sim = Sim::call(&["a", "b"], Profile::Ours);
    // A description more, with lines that were there before.
    let _ = publish(&mut sim, "a", false, &[]);
    sim.run_ms(1_000);
    sim.sent.clear();
    sim.run_ms(20_000);
    assert_eq!(reported(&mut sim, "a"), 0);
}

#[test]
fn the_first_report_comes_with_the_first_packet() {
    let mut sim = Sim::call(&["a", "b"], Profile::Ours);
    sim.run_ms(3_000);
    sim.talk(&["b"], 200);
    let heard = &sim.client("a").heard;
    let reports = heard.iter().filter_map(|heard| heard.report);
    assert_eq!(
        reports.map(|report| report.sender_packet_count).max(),
        Some(1)
    );
    let without = heard.iter().take_while(|heard| heard.report.is_none());
    assert!(without.count() <= 2);
}

#[test]
fn pictures_too_are_reported_from_the_first_on() {
    let mut sim = Sim::call(&["a", "b"], Profile::Ours);
    let mid = publish(&mut sim, "b", true, &[]);
    film(&mut sim, "b", mid, &[None], 30);
    let heard = &sim.client("a").heard;
    assert!(heard.len() >= 25, "{}", heard.len());
    let without = heard.iter().take_while(|heard| heard.report.is_none());
    assert!(without.count() <= 3);
}

/// The media stack would make up another SSRC for a line without a stream.
fn they_keep_their_names(profile: Profile) {
    let names = ["a", "b", "c", "d", "e"];
    let mut sim = Sim::call(&names[..2], profile);
    // More lines, offered after those that nobody has spoken on; and of the other's own.
    for name in &names[2..] {
        sim.join(name, profile);
        sim.run_ms(2_000);
        sim.set(name, StateChange::Unmuted(true)).unwrap();
        sim.run_ms(500);
    }
    let _ = publish(&mut sim, "a", false, &[]);
    sim.run_ms(500);
    let mut known = BTreeMap::new();
    let offers = sim.client("a").offers_seen.clone();
    assert!(offers.len() >= 2, "{} offers", offers.len());
    for section in offers.iter().flat_map(|offer| sections(offer)) {
        let before = known.entry(section.mid).or_insert(section.ssrcs.clone());
        assert_eq!(*before, section.ssrcs);
    }
    let named = known.values().filter(|ssrcs| !ssrcs.is_empty());
    assert!(named.count() >= 4, "{known:?}");
    for name in &names[1..] {
        sim.client("a").heard.clear();
        sim.talk(&[name], 1_000);
        let heard = sim.client("a").heard.len();
        assert!(heard >= 49, "{heard} of 50 of {name}");
    }
}

#[test]
fn our_clients_hear_what_was_offered_long_before() {
    they_keep_their_names(Profile::Ours);
}

#[test]
fn official_clients_hear_what_was_offered_long_before() {
    they_keep_their_names(Profile::Official);
}
