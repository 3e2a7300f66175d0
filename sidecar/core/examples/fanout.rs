//! How much of a CPU forwarding costs in the core alone, without sockets: one room, so many listeners,
//! so many speakers. `cargo run --release -p parley-core --example fanout -- 50 3 10`; with a fourth number,
//! listeners beyond so many are shared with another shard.

// It measures real time.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "../tests/scenarios/support/mod.rs"]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod support;

use std::time::{Duration, Instant};

use parley_core::api::StateChange;
use support::{Profile, Sim};

#[allow(clippy::expect_used)]
fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|a| a.parse::<usize>().expect("a number"));
    let sessions = arguments.next().unwrap_or(50);
    let speakers = arguments.next().unwrap_or(3);
    let seconds = arguments.next().unwrap_or(10);
    let names: Vec<&'static str> = (0..sessions)
        .map(|n| &*Box::leak(format!("s{n}").into_boxed_str()))
        .collect();
    let mut sim = Sim::new();
    if let Some(above) = arguments.next() {
        sim = sim.with_neighbour(above);
    }
    for name in &names {
        sim.join(name, Profile::Ours);
    }
    sim.run_ms(4_000);
    for name in &names {
        sim.set(name, StateChange::Unmuted(true)).expect("unmuted");
    }
    sim.talk(&names[..speakers], 400);
    let before = sim.core.counters().packets_forwarded;
    let orders = sim.core.counters().ordered;
    sim.core_time = Duration::ZERO;
    if let Some(neighbour) = &mut sim.neighbour {
        neighbour.core_time = Duration::ZERO;
    }
    let start = Instant::now();
    sim.talk(&names[..speakers], seconds as u64 * 1_000);
    let forwarded = sim.core.counters().packets_forwarded - before;
    let busy = sim.core_time.as_secs_f64();
    #[allow(clippy::print_stdout)]
    {
        println!(
            "{sessions} sessions, {speakers} speakers: {forwarded} packets forwarded, \
             {busy:.2} s in the core, {:.0} per CPU-second, {:.0} ns each ({:.1} s in all)",
            forwarded as f64 / busy,
            busy / forwarded as f64 * 1e9,
            start.elapsed().as_secs_f64(),
        );
        if let Some(neighbour) = &sim.neighbour {
            let ordered = sim.core.counters().ordered - orders;
            let away = neighbour.core_time.as_secs_f64();
            println!(
                "{ordered} by the other shard, {:.0} ns each there; {:.0} ns each for all of them",
                away / ordered as f64 * 1e9,
                (busy + away) / (forwarded + ordered) as f64 * 1e9,
            );
        }
    }
}
