//! Voices of one room leave by two shards, and nobody can tell: the same packets, reports that fit them,
//! the same way to the client, and never a nonce twice, whatever the lane between the shards does.

use std::collections::BTreeMap;
use std::time::Duration;

use parley_core::api::{MediaState, StateChange};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::support::client::Heard;
use crate::support::{Profile, Sim};

const FEW: [&str; 4] = ["a", "b", "c", "d"];

/// A call of which the later half is sent to by the other shard.
fn split_call(names: &[&'static str]) -> Sim {
    let (first, second) = names.split_at(names.len() / 2);
    let sim = Sim::new().with_neighbour(first.len());
    let mut sim = sim.called(first, Profile::Ours);
    sim = sim.called(second, Profile::Ours);
    assert_eq!(guests(&mut sim), second.len() as u64);
    sim
}

fn guests(sim: &mut Sim) -> u64 {
    sim.neighbour().core.counters().guests
}

fn dropped_away(sim: &mut Sim, cause: &str) -> u64 {
    let counters = sim.neighbour().core.counters();
    counters.drops.get(cause).copied().unwrap_or_default()
}

fn nobody_reused_a_nonce(sim: &mut Sim) {
    assert_eq!(sim.drop_of("egress_index_reused"), 0);
    assert_eq!(dropped_away(sim, "egress_index_reused"), 0);
    assert_eq!(dropped_away(sim, "guest_refused"), 0);
    assert_eq!(dropped_away(sim, "orders_malformed"), 0);
    assert_eq!(sim.core.counters().panics, 0);
    assert_eq!(sim.neighbour().core.counters().panics, 0);
}

fn conversation(mut sim: Sim, names: &[&'static str], profile: Profile) -> (Sim, Vec<Vec<Heard>>) {
    for name in names {
        sim.join(name, profile);
    }
    sim.run_ms(2_500);
    for name in &names[..3] {
        sim.set(name, StateChange::Unmuted(true)).unwrap();
    }
    sim.talk(&names[..2], 400);
    sim.talk(&[names[2]], 2_600);
    sim.set(names[1], StateChange::Unmuted(false)).unwrap();
    sim.talk(&names[..3], 400);
    sim.run_ms(100);
    let heard = names.iter().map(|name| sim.client(name).heard.clone());
    let heard = heard.collect();
    (sim, heard)
}

fn one_shard_or_two_is_the_same(listeners: usize, profile: Profile) {
    let name = |n: usize| -> &'static str { Box::leak(format!("p{n:02}").into_boxed_str()) };
    let names: Vec<_> = (0..listeners).map(name).collect();
    let half = listeners / 2;
    let (mut sim, split) = conversation(Sim::new().with_neighbour(half), &names, profile);
    let (_, whole) = conversation(Sim::new(), &names, profile);
    assert_eq!(guests(&mut sim), half as u64);
    let placed: Vec<u32> = sim.core.egresses().collect();
    assert_eq!(placed, [half as u32; 2]);
    let (home, away) = (sim.core.counters(), sim.neighbour().core.counters());
    assert_eq!(away.packets_forwarded, home.ordered);
    assert!(away.packets_forwarded > 100 * half as u64);
    for (name, (split, whole)) in names.iter().zip(split.iter().zip(&whole)) {
        assert!(split.len() > 50, "{name} heard {}", split.len());
        assert_eq!(split.len(), whole.len(), "{name}");
        // str0m makes up SSRCs anew each time: which belongs to which must stay the same.
        let mut lines = BTreeMap::new();
        for (split, whole) in split.iter().zip(whole) {
            assert_eq!(*lines.entry(split.ssrc).or_insert(whole.ssrc), whole.ssrc);
            assert_eq!(split.payload, whole.payload, "{name}");
            let numbers = |h: &Heard| (h.seq, h.ts, h.marker, h.pt, h.csrc.clone());
            assert_eq!(numbers(split), numbers(whole), "{name}");
        }
    }
    nobody_reused_a_nonce(&mut sim);
}

#[test]
fn forty_hear_the_same_by_two_shards_as_by_one() {
    one_shard_or_two_is_the_same(40, Profile::Ours);
}

#[test]
fn official_clients_hear_the_same_by_two_shards_as_by_one() {
    one_shard_or_two_is_the_same(6, Profile::Official);
}

#[test]
fn small_rooms_stay_whole() {
    let mut sim = Sim::new().with_neighbour(4).called(&FEW, Profile::Ours);
    sim.talk(&["a"], 200);
    assert_eq!(guests(&mut sim), 0);
    assert_eq!(sim.core.counters().ordered, 0);
}

#[test]
fn sender_reports_of_who_is_away_fit_the_packets() {
    let mut sim = split_call(&FEW);
    sim.talk(&["a"], 7_000);
    let heard = sim.client("d").heard.clone();
    let report = heard.last().unwrap().report.unwrap();
    let sent = report.sender_packet_count;
    // The second one: five seconds after the first, which came with the first packet.
    assert!(
        (245..=260).contains(&sent),
        "{sent} packets reported after 7 s"
    );
    let offset = (report.rtp_time.numer() as u32).wrapping_sub(heard[0].ts);
    let expected = f64::from(sent) * 960.0;
    assert!(
        (f64::from(offset) - expected).abs() <= 1_920.0,
        "{offset} after {sent} packets"
    );
}

#[test]
fn voices_follow_a_guest_whose_address_changes() {
    let mut sim = split_call(&FEW);
    sim.talk(&["a"], 500);
    sim.client("d").outside = Some("10.0.0.77:50123".parse().unwrap());
    sim.client("d").heard.clear();
    let mut waited = 0;
    while sim.client("d").heard.len() < 10 {
        sim.talk(&["a"], 500);
        waited += 500;
        assert!(waited < 30_000, "never heard again");
    }
    sim.sent.clear();
    sim.client("d").heard.clear();
    sim.talk(&["a"], 1_000);
    let heard = sim.client("d").heard.len();
    assert!(heard >= 49, "{heard} of 50");
    let old = sim.client("d").address;
    assert!(!sim.sent.contains_key(&(old, 111)));
}

#[test]
fn a_guest_that_is_gone_is_no_longer_sent_to_and_is_when_it_is_back() {
    let mut sim = split_call(&FEW);
    sim.talk(&["a"], 500);
    sim.client("d").mute_network = true;
    let mut waited = 0;
    while sim.session("d").media != MediaState::Reconnecting {
        sim.talk(&["a"], 500);
        waited += 500;
        assert!(waited < 40_000, "never noticed");
    }
    let to = (sim.client("d").address, 111);
    let before = sim.sent[&to];
    sim.talk(&["a"], 1_000);
    assert_eq!(sim.sent[&to], before);
    sim.client("d").mute_network = false;
    sim.talk(&["a"], 3_000);
    sim.client("d").heard.clear();
    sim.talk(&["a"], 1_000);
    let heard = sim.client("d").heard.len();
    assert!(heard >= 48, "{heard} of 50");
    assert_eq!(guests(&mut sim), 2, "nobody moves");
}

#[test]
fn a_full_lane_loses_voices_and_whoever_joins_meanwhile_is_heard_later() {
    let mut sim = split_call(&FEW);
    sim.talk(&["a"], 500);
    sim.neighbour().full = true;
    sim.client("d").heard.clear();
    sim.talk(&["a"], 1_000);
    sim.join("e", Profile::Ours);
    sim.leave("c");
    sim.talk(&["a"], 1_000);
    assert!(sim.client("d").heard.len() <= 1);
    let heard = sim.client("b").heard.len();
    assert!(heard >= 120, "b heard {heard} of 125");
    let lost = sim.drop_of("egress_lane_full");
    assert!(lost >= 140, "{lost} counted as lost");
    sim.neighbour().full = false;
    sim.client("d").heard.clear();
    sim.client("e").heard.clear();
    sim.talk(&["a"], 1_000);
    for name in ["d", "e"] {
        let heard = sim.client(name).heard.len();
        assert!(heard >= 49, "{name} heard {heard} of 50");
    }
    let placed: Vec<u32> = sim.core.egresses().collect();
    assert_eq!(guests(&mut sim), u64::from(placed[1]));
    nobody_reused_a_nonce(&mut sim);
}

#[test]
fn orders_that_come_too_late_find_nobody() {
    let mut sim = split_call(&FEW);
    sim.talk(&["a"], 500);
    sim.neighbour().delay = Duration::from_millis(50);
    sim.talk(&["a"], 100);
    // Its orders are on their way when it comes back with another connection.
    sim.clients.remove("d");
    sim.join_with("d", Profile::Ours, true);
    sim.talk(&["a"], 2_000);
    sim.client("d").heard.clear();
    sim.talk(&["a"], 1_000);
    let heard = sim.client("d").heard.len();
    assert!(heard >= 46, "{heard} of 50");
    sim.leave("d");
    sim.leave("c");
    sim.run_ms(200);
    assert_eq!(guests(&mut sim), 0);
    nobody_reused_a_nonce(&mut sim);
}

/// As `random_histories`, with a lane that is slow and at times full.
#[test]
fn any_history_ends_well_on_two_shards() {
    const NAMES: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "frank"];
    let runs = std::env::var("PARLEY_RUNS").map_or(6, |runs| runs.parse().unwrap());
    for seed in 0..runs {
        let mut sim = Sim::new().with_neighbour(1);
        let mut rng = StdRng::seed_from_u64(seed);
        let mut inside = std::collections::BTreeSet::new();
        for _ in 0..60 {
            let name = NAMES[rng.random_range(0..NAMES.len())];
            match rng.random_range(0..8) {
                0..=2 if inside.insert(name) => sim.join(name, Profile::Ours),
                3 if inside.remove(name) => {
                    sim.leave(name);
                    sim.clients.remove(name);
                }
                4 if inside.contains(name) => {
                    sim.clients.remove(name);
                    sim.join_with(name, Profile::Ours, true);
                }
                5 => sim.neighbour().full = rng.random_bool(0.3),
                6 => {
                    let millis = rng.random_range(0..60);
                    sim.neighbour().delay = Duration::from_millis(millis);
                }
                _ => {
                    let _ = sim.set(name, StateChange::Unmuted(rng.random()));
                }
            }
            talk(&mut sim, rng.random_range(1..10) * 20);
        }
        sim.neighbour().full = false;
        sim.run_ms(3_000);
        for name in &inside {
            sim.set(name, StateChange::Unmuted(true)).unwrap();
            sim.client(name).heard.clear();
        }
        talk(&mut sim, 1_000);
        sim.run_ms(100);
        for listener in &inside {
            for speaker in inside.iter().filter(|speaker| *speaker != listener) {
                let heard = sim.client(listener).heard_from(speaker).len();
                assert!(
                    heard >= 30,
                    "seed {seed}: {listener} heard {heard} of {speaker}"
                );
            }
        }
        let placed: Vec<u32> = sim.core.egresses().collect();
        assert_eq!(
            placed.iter().sum::<u32>() as usize,
            inside.len(),
            "seed {seed}"
        );
        assert_eq!(guests(&mut sim), u64::from(placed[1]), "seed {seed}");
        assert!(sim.core.counters().ordered > 0, "seed {seed}");
        nobody_reused_a_nonce(&mut sim);
        for name in inside {
            sim.leave(name);
        }
        sim.run_ms(200);
        assert_eq!(guests(&mut sim), 0, "seed {seed}");
    }
}

fn talk(sim: &mut Sim, ms: u64) {
    let clients = sim.clients.iter();
    let speaking = clients.filter(|(_, client)| client.can_speak());
    let names: Vec<&str> = speaking.map(|(name, _)| *name).collect();
    sim.talk(&names, ms);
}
