//! Any order of joining, leaving, reloading, losing and changing states: no panic, no ghost, events
//! without gaps, and whoever is in at the end is heard.

use std::collections::BTreeSet;
use std::time::Duration;

use parley_core::api::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::support::{Profile, Sim};

const NAMES: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];

fn step(sim: &mut Sim, rng: &mut StdRng, inside: &mut BTreeSet<&'static str>) {
    let name = NAMES[rng.random_range(0..NAMES.len())];
    let profile = if name == "erin" {
        Profile::Official
    } else {
        Profile::Ours
    };
    match rng.random_range(0..10) {
        0..=2 if !inside.contains(name) => {
            sim.join(name, profile);
            inside.insert(name);
        }
        3 if inside.contains(name) => {
            sim.leave(name);
            sim.clients.remove(name);
            inside.remove(name);
        }
        4 if inside.contains(name) && profile == Profile::Ours => {
            sim.clients.remove(name);
            sim.join_with(name, profile, true);
        }
        5 => {
            let _ = sim.set(name, StateChange::Unmuted(rng.random()));
        }
        6 => {
            let stream = rng
                .random::<bool>()
                .then(|| format!("s{}", rng.random::<u8>()));
            let _ = sim.set(name, StateChange::Screen(stream));
        }
        7 => {
            let stream = rng
                .random::<bool>()
                .then(|| format!("v{}", rng.random::<u8>()));
            let _ = sim.set(name, StateChange::Video(stream));
        }
        8 if inside.contains(name) => sim.client(name).mute_signalling = rng.random(),
        _ => {}
    }
    let speaking: Vec<&str> = sim
        .clients
        .iter()
        .filter(|(_, client)| client.can_speak())
        .map(|(name, _)| *name)
        .collect();
    sim.talk(&speaking, rng.random_range(1..10) * 20);
}

fn check(sim: &mut Sim, inside: &BTreeSet<&'static str>) {
    for (n, event) in sim.events.iter().enumerate() {
        assert_eq!(event.seq, n as u64 + 1, "events have a gap");
    }
    let mut present = BTreeSet::new();
    for event in &sim.events {
        match &event.kind {
            EventKind::SessionJoined {
                session, replaced, ..
            } => {
                let new = present.insert(session.session.0.clone());
                assert_eq!(new, !replaced, "joined twice");
            }
            EventKind::SessionLeft {
                session, remaining, ..
            } => {
                assert!(present.remove(&session.session.0), "left twice");
                assert_eq!(*remaining as usize, present.len());
            }
            _ => {}
        }
    }
    let inside: BTreeSet<String> = inside.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(present, inside, "ghosts, or somebody was lost");
    let view = sim.view();
    assert_eq!(view.sessions.len(), inside.len());
    assert_eq!(sim.core.counters().panics, 0);
    assert_eq!(sim.drop_of("egress_index_reused"), 0);
}

#[test]
fn any_history_ends_well() {
    // More than the default: PARLEY_RUNS=200 cargo test -p parley-core --test scenarios random
    let runs = std::env::var("PARLEY_RUNS").map_or(12, |runs| runs.parse().unwrap());
    for seed in 0..runs {
        let policy = RoomPolicy {
            disconnect_timeout: Some(Duration::from_secs(60)),
            ..RoomPolicy::default()
        };
        let mut sim = Sim::with(policy, Limits::default());
        sim.network.loss = if seed % 3 == 0 { 0.05 } else { 0.0 };
        let mut rng = StdRng::seed_from_u64(seed);
        let mut inside = BTreeSet::new();
        for _ in 0..60 {
            step(&mut sim, &mut rng, &mut inside);
        }
        // Calm down: everybody signals again and has time to settle.
        sim.network.loss = 0.0;
        for client in sim.clients.values_mut() {
            client.mute_signalling = false;
        }
        sim.run_ms(25_000);
        check(&mut sim, &inside);
        if inside.len() < 2 {
            continue;
        }
        for name in &inside {
            sim.set(name, StateChange::Unmuted(true)).unwrap();
            sim.client(name).heard.clear();
        }
        let all: Vec<&str> = inside.iter().copied().collect();
        sim.talk(&all, 1_000);
        for listener in &all {
            for speaker in all.iter().filter(|speaker| *speaker != listener) {
                let heard = sim.client(listener).heard_from(speaker).len();
                assert!(
                    heard >= 30,
                    "seed {seed}: {listener} heard {heard} of {speaker}"
                );
            }
        }
    }
}
