//! How much of a CPU a join costs in the core alone, without sockets: so many rooms, so many sessions in
//! each, nobody speaks, and they leave after so many seconds.
//! `cargo run --release -p parley-core --example joins -- 4 10 10`.

// It measures real time.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "../tests/scenarios/support/mod.rs"]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod support;

use std::time::Duration;

use support::{Profile, Sim};

#[allow(clippy::expect_used)]
fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|a| a.parse::<usize>().expect("a number"));
    let rounds = arguments.next().unwrap_or(4);
    let sessions = arguments.next().unwrap_or(10);
    let seconds = arguments.next().unwrap_or(10) as u64;
    let names: Vec<&'static str> = (0..sessions)
        .map(|n| &*Box::leak(format!("s{n}").into_boxed_str()))
        .collect();
    let (mut joining, mut there, mut leaving) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for _ in 0..rounds {
        let mut sim = Sim::new();
        for name in &names {
            sim.join(name, Profile::Ours);
            sim.run_ms(100);
        }
        sim.run_ms(500);
        joining += std::mem::take(&mut sim.core_time);
        sim.run_ms(seconds * 1_000);
        there += std::mem::take(&mut sim.core_time);
        for name in &names {
            sim.leave(name);
        }
        leaving += sim.core_time;
    }
    let joins = (rounds * sessions) as f64;
    let each = |time: Duration| time.as_secs_f64() * 1e6 / joins;
    #[allow(clippy::print_stdout)]
    {
        println!(
            "{joins} joins: {:.0} us each, {:.1} us for each second there, {:.0} us for each leave",
            each(joining),
            each(there) / seconds.max(1) as f64,
            each(leaving),
        );
    }
}
