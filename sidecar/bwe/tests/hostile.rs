//! Whatever a viewer reports: no panic, no memory without end, no work beyond what was sent.

#[path = "../fuzz/checks.rs"]
mod checks;
mod common;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::Reporter;
use parley_bwe::{Estimator, Feedback, Malformed, SentKind};
use proptest::prelude::*;

fn sending(packets: u64) -> (Estimator, Instant) {
    let mut now = Instant::now();
    let mut estimator = Estimator::new(500_000);
    estimator.set_target(now, 0, 3_000_000);
    for _ in 0..packets {
        now += Duration::from_millis(1);
        estimator.sent(now, 1_000, SentKind::Media);
    }
    (estimator, now)
}

#[test]
fn a_report_that_nothing_arrived_is_survived_and_counted_once() {
    let (mut estimator, now) = sending(100);
    let all_lost = [0, 0, 0, 100, 0, 0, 0, 0, 0, 100];
    let told = Feedback {
        acked: 0,
        lost: 100,
    };
    assert_eq!(estimator.feedback(now, &all_lost), Ok(told));
    for _ in 0..1_000 {
        assert_eq!(estimator.feedback(now, &all_lost), Ok(Feedback::default()));
    }
    assert_eq!(estimator.rtt(), None);
}

#[test]
fn reports_on_what_was_never_sent_count_nothing() {
    let (mut estimator, now) = sending(10);
    let base_and_count = [[0, 10], [100, 200], [255, 250]];
    for [high, low] in base_and_count {
        let most_lost = [high, low, 0xff, 0xff, 0, 0, 0, 0, 0x1f, 0xff];
        let told = estimator.feedback(now, &most_lost);
        assert_eq!(told, Err(Malformed::ChunksEnd));
        let came = [high, low, 0, 3, 0, 0, 0, 0, 0x20, 3, 1, 1, 1];
        assert_eq!(estimator.feedback(now, &came), Ok(Feedback::default()));
    }
}

#[test]
fn a_late_packet_is_news_after_it_was_lost() {
    let (mut estimator, now) = sending(3);
    let mut viewer = Reporter::default();
    viewer.came(0, 100);
    viewer.came(2, 110);
    let told = Feedback { acked: 2, lost: 1 };
    assert_eq!(estimator.feedback(now, &viewer.report().unwrap()), Ok(told));
    viewer.came(1, 120);
    let told = Feedback { acked: 1, lost: 0 };
    assert_eq!(estimator.feedback(now, &viewer.report().unwrap()), Ok(told));
}

/// 24 bits of 64 ms are twelve days.
#[test]
fn a_viewers_clock_wraps_unnoticed() {
    let estimate = |offset: i64| {
        let (mut estimator, mut now) = sending(0);
        let mut viewer = Reporter::default();
        for seq in 0..2_000 {
            now += Duration::from_millis(3);
            estimator.sent(now, 1_000, SentKind::Media);
            viewer.came(seq, offset + 12 * seq as i64);
            if seq % 15 == 0 {
                let told = estimator.feedback(now, &viewer.report().unwrap());
                assert_eq!(told.unwrap().lost, 0);
            }
            estimator.poll_estimate();
        }
        estimator.estimate_bps()
    };
    let steady = estimate(256 * 100);
    // Half of it lies beyond the wrap.
    assert_eq!(estimate((256 << 24) - 12 * 1_000), steady);
    assert!(steady > 1_000_000, "{steady}");
}

proptest! {
    #[test]
    fn anything_may_come(bytes in prop::collection::vec(any::<u8>(), 0..1_500)) {
        checks::feedback(&bytes);
    }
}

#[test]
fn corpus() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/feedback");
    let mut inputs = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let data = std::fs::read(entry.unwrap().path()).unwrap();
        checks::feedback(&data);
        for end in 0..data.len().min(600) {
            checks::feedback(&data[..end]);
        }
        inputs += 1;
    }
    assert!(inputs > 0, "no corpus in {}", folder.display());
}
