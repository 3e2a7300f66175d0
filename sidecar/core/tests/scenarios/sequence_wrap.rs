//! The sixteen bits of a slot's sequence numbers wrap and its rollover counter goes on: every listener
//! decrypts every packet, time and reports go on as if nothing had been.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::line::Logs;
use crate::support::{Profile, Sim};

const PACKETS: u64 = 70_000;
const LISTENERS: [&str; 3] = ["a", "c", "d"];

/// Voices that `name` was sent, whether or not it could decrypt them.
fn delivered(sim: &mut Sim, name: &str) -> u64 {
    let address = sim.client(name).address;
    sim.delivered.get(&(address, 111)).copied().unwrap_or(0)
}

/// One of ours, an official client and one that asked for levels listen to one voice.
fn call() -> Sim {
    let mut sim = Sim::new();
    sim.join("a", Profile::Ours);
    sim.join("b", Profile::Ours);
    sim.join("c", Profile::Official);
    sim.join("d", Profile::Transcriber);
    sim.run_ms(1_500);
    sim.set("b", parley_core::api::StateChange::Unmuted(true))
        .unwrap();
    sim
}

fn listen_across_the_wrap(mut sim: Sim) -> BTreeMap<&'static str, Logs> {
    let mut logs: BTreeMap<&str, Logs> = BTreeMap::new();
    for _ in 0..PACKETS / 50 {
        sim.talk(&["b"], 1_000);
        for name in LISTENERS {
            let log = logs.entry(name).or_default();
            log.take(&mut sim.client(name).heard);
        }
    }
    sim.network = crate::support::Network::default();
    sim.talk(&["b"], 1_000);
    for name in LISTENERS {
        let log = logs.entry(name).or_default();
        log.take(&mut sim.client(name).heard);
        assert_eq!(
            delivered(&mut sim, name),
            log.packets(),
            "{name} decrypts all"
        );
    }
    assert_eq!(sim.drop_of("egress_index_reused"), 0);
    assert_eq!(sim.drop_of("egress_not_sealed"), 0);
    logs
}

#[test]
fn seventy_thousand_packets_arrive_each_once() {
    for (name, logs) in listen_across_the_wrap(call()) {
        let log = logs.0.values().next().unwrap();
        assert!(log.last - log.first >= PACKETS - 1, "{name}: {log:?}");
        assert!(log.last > 0x1_0000, "{name}: {} to {}", log.first, log.last);
        assert_eq!(log.missing(), 0, "{name}");
        // One in five seconds.
        assert!(log.reports() > 250, "{name}: {} reports", log.reports());
        let moved = log.line_moved(48_000);
        assert!(moved < Duration::from_millis(5), "{name}: {moved:?}");
    }
}

#[test]
fn a_network_that_loses_and_swaps_changes_nothing_about_it() {
    let mut sim = call();
    sim.talk(&["b"], 200);
    sim.network.loss = 0.03;
    sim.network.jitter = Duration::from_millis(50);
    for (name, logs) in listen_across_the_wrap(sim) {
        let log = logs.0.values().next().unwrap();
        assert!(log.last - log.first >= PACKETS * 9 / 10, "{name}");
        assert!(log.last > 0x1_0000, "{name}: {} to {}", log.first, log.last);
        let share = log.missing() as f64 / PACKETS as f64;
        assert!((0.04..0.08).contains(&share), "{name}: {share} is missing");
        // It is as far off as the newest packet was late.
        let moved = log.line_moved(48_000);
        assert!(moved < Duration::from_millis(55), "{name}: {moved:?}");
    }
}
