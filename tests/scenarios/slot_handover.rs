//! More speakers than slots: slots change hands without a glitch in numbers or times.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use parley_tests::net::Link;
use parley_tests::world::{Tab, World};

/// More people than a listener has audio slots (10), and who listens.
const PEOPLE: [&str; 13] = [
    "p01", "p02", "p03", "p04", "p05", "p06", "p07", "p08", "p09", "p10", "p11", "p12", "listener",
];
const SPEAKERS: usize = PEOPLE.len() - 1;

async fn crowd(link: Link, seed: u64) -> (World, Vec<Tab>) {
    let world = World::with(&PEOPLE, link, seed).await;
    let mut tabs = Vec::new();
    for person in PEOPLE {
        tabs.push(world.join(person).await);
    }
    for tab in &tabs[..SPEAKERS] {
        world.unmute(tab).await;
    }
    (world, tabs)
}

async fn each_speaks_in_turn(world: &World, tabs: &[Tab]) {
    for round in 0..2 {
        for tab in &tabs[..SPEAKERS] {
            world
                .talk(
                    tab,
                    &format!("{}r{round}", tab.user),
                    Duration::from_millis(600),
                )
                .await;
            world.pass(Duration::from_millis(2100)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn everybody_gets_a_slot_and_numbers_never_jump() {
    let (world, tabs) = crowd(Link::LAN, 7).await;
    let listener = &tabs[SPEAKERS];
    world.forget(listener);
    each_speaks_in_turn(&world, &tabs).await;

    let packets = world.heard(listener, "p");
    let mut ssrcs: BTreeMap<u32, Vec<_>> = BTreeMap::new();
    for packet in packets {
        ssrcs.entry(packet.ssrc).or_default().push(packet);
    }
    assert!(ssrcs.len() <= 10, "one SSRC per slot, {} seen", ssrcs.len());
    let mut heard = BTreeSet::new();
    for (ssrc, packets) in &ssrcs {
        for pair in packets.windows(2) {
            assert_eq!(
                pair[1].sequence,
                pair[0].sequence + 1,
                "slot {ssrc}: a gap that is no loss"
            );
            let step = pair[1].rtp_time.wrapping_sub(pair[0].rtp_time);
            assert!(
                (960..1 << 31).contains(&step),
                "slot {ssrc}: time went on by {step}"
            );
        }
        heard.extend(
            packets
                .iter()
                .map(|p| String::from_utf8_lossy(&p.payload[..5]).into_owned()),
        );
    }
    assert_eq!(
        heard.len(),
        2 * SPEAKERS,
        "all of them in two rounds, heard: {heard:?}"
    );
    let most = ssrcs.values().map(|packets| speakers(packets)).max();
    assert!(most >= Some(2), "no slot ever changed hands");
}

#[tokio::test(start_paused = true)]
async fn loss_upstream_stays_a_gap_and_nothing_is_sent_twice() {
    let (world, tabs) = crowd(Link::LAN, 8).await;
    let listener = &tabs[SPEAKERS];
    world.forget(listener);
    world.sidecar.network(|n| n.set_link(Link::WIFI));
    each_speaks_in_turn(&world, &tabs).await;
    let mut seen: BTreeMap<(u32, u64), Vec<u8>> = BTreeMap::new();
    for packet in world.heard(listener, "p") {
        let first = seen
            .entry((packet.ssrc, packet.sequence))
            .or_insert_with(|| packet.payload.clone());
        assert_eq!(*first, packet.payload, "one index with two contents");
    }
    assert!(!seen.is_empty());
}

fn speakers(packets: &[parley_bench::client::Received]) -> usize {
    packets
        .iter()
        .map(|p| p.payload[..3].to_vec())
        .collect::<BTreeSet<_>>()
        .len()
}
