//! What the estimator costs: per packet sent and per report. `cargo run --release --example feedback`.
#![allow(clippy::print_stdout)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use common::Reporter;
use parley_bwe::{Estimator, SentKind};

const REPORTS: u64 = 20_000;

fn main() {
    for per_report in [2, 12, 100] {
        let mut now = Instant::now();
        let mut estimator = Estimator::new(500_000);
        estimator.set_target(now, 0, 3_000_000);
        let (mut viewer, mut seq) = (Reporter::default(), 0);
        let (mut sending, mut reading, mut waking) =
            (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        for _ in 0..REPORTS {
            let begun = Instant::now();
            for i in 0..per_report {
                estimator.sent(now + Duration::from_micros(i * 400), 1_100, SentKind::Media);
            }
            sending += begun.elapsed();
            for i in 0..per_report {
                viewer.came(seq, seq as i64 * 200 / per_report as i64 + i as i64 % 3);
                seq += 1;
            }
            now += Duration::from_millis(50);
            let report = viewer.report().unwrap_or_default();
            let begun = Instant::now();
            let _ = estimator.feedback(now, &report);
            estimator.poll_estimate();
            reading += begun.elapsed();
            let begun = Instant::now();
            estimator.handle_timeout(now + Duration::from_millis(25));
            estimator.poll_padding(now + Duration::from_millis(25));
            waking += begun.elapsed();
        }
        println!(
            "{per_report:>4} packets per report: {:>6.1} ns per packet sent, {:>7.0} ns per report, {:>6.0} ns per timeout, estimate {}",
            sending.as_nanos() as f64 / (REPORTS * per_report) as f64,
            reading.as_nanos() as f64 / REPORTS as f64,
            waking.as_nanos() as f64 / REPORTS as f64,
            estimator.estimate_bps(),
        );
    }
}
