//! What the estimate comes to over links of some kinds.

mod common;

use std::time::Duration;

use common::{Call, Link};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn a_wide_link_is_found_by_probes_within_seconds() {
    let mut call = Call::new(Link::new(50_000_000), 3_000_000);
    call.run(secs(4));
    let (least, _) = call.run(secs(10));
    assert!(least >= 3_000_000, "{least}");
    assert_eq!(call.link.dropped, 0);
}

/// Layers leave a hole that no smaller picture fills: probes get over it.
#[test]
fn the_best_layer_is_reached_from_one_far_below() {
    let mut call = Call::new(Link::new(50_000_000), 1_800_000);
    call.layers_bps = vec![100_000, 400_000, 1_500_000];
    call.run(secs(8));
    let (least, _) = call.run(secs(10));
    assert!(least >= 1_500_000, "{least}");
}

#[test]
fn a_narrow_link_is_filled_and_not_overfilled() {
    let mut call = Call::new(Link::new(1_000_000), 3_000_000);
    call.run(secs(10));
    let (before, dropped) = (call.media_bytes, call.link.dropped);
    call.padding_bytes = 0;
    let (least, most) = call.run(secs(20));
    let used = (call.media_bytes - before) as u64 * 8 / 20;
    assert!(least > 400_000 && most < 1_300_000, "{least} {most}");
    assert!(used > 550_000, "{used}");
    // Of some 2,300: the queue is found by filling it, slowly.
    let dropped = call.link.dropped - dropped;
    assert!(dropped < 50, "{dropped}");
    // Who fills it with pictures is not thought to have too few.
    assert!(call.padding_bytes < 5_000, "{}", call.padding_bytes);
}

#[test]
fn it_follows_a_link_that_narrows_and_widens() {
    let mut call = Call::new(Link::new(3_000_000), 2_000_000);
    call.run(secs(10));
    assert!(call.estimator.estimate_bps() > 1_500_000);
    call.link.bps = 600_000;
    call.run(secs(6));
    let (_, most) = call.run(secs(10));
    assert!(most < 800_000, "{most}");
    call.link.bps = 3_000_000;
    call.run(secs(25));
    let (least, _) = call.run(secs(5));
    assert!(least > 1_300_000, "{least}");
}

#[test]
fn a_little_loss_changes_little_and_much_loss_much() {
    let mut call = Call::new(Link::new(20_000_000), 2_000_000);
    call.link.loss_per_mille = 10;
    call.run(secs(10));
    let (least, _) = call.run(secs(10));
    assert!(least > 1_300_000, "{least}");
    call.link.loss_per_mille = 300;
    call.run(secs(10));
    let (_, most) = call.run(secs(10));
    assert!(most < 1_000_000, "{most}");
}

#[test]
fn a_minimum_is_padded_up_to_where_pictures_are_less() {
    let mut call = Call::new(Link::new(20_000_000), 2_000_000);
    call.layers_bps = vec![100_000];
    call.run(secs(5));
    call.estimator.set_target(call.now, 800_000, 2_000_000);
    let before = call.media_bytes + call.padding_bytes;
    call.run(secs(5));
    let bps = (call.media_bytes + call.padding_bytes - before) * 8 / 5;
    assert!((700_000..1_100_000).contains(&bps), "{bps}");
}

#[test]
fn who_wants_nothing_sleeps() {
    let mut call = Call::new(Link::new(20_000_000), 2_000_000);
    call.run(secs(5));
    call.wanted_bps = 0;
    call.estimator.set_target(call.now, 0, 0);
    let (wakeups, padding) = (call.wakeups, call.padding_bytes);
    call.run(secs(30));
    assert_eq!(call.wakeups, wakeups);
    assert_eq!(call.padding_bytes, padding);
    assert_eq!(call.estimator.poll_timeout(), None);
    call.wanted_bps = 2_000_000;
    call.estimator.set_target(call.now, 0, 2_000_000);
    call.run(secs(8));
    assert!(call.estimator.estimate_bps() >= 2_000_000);
}

/// Each waking costs: they are as many as there is reason for.
#[test]
fn timers_are_rare_without_probes() {
    let mut call = Call::new(Link::new(20_000_000), 1_000_000);
    call.run(secs(10));
    let before = call.wakeups;
    call.run(secs(10));
    let per_second = (call.wakeups - before) / 10;
    assert!(per_second <= 45, "{per_second}");
}

#[test]
fn numbers_wrap_unnoticed() {
    let mut call = Call::new(Link::new(50_000_000), 8_000_000);
    call.run(secs(10));
    let (least, _) = call.run(secs(90));
    assert!(least > 6_000_000, "{least}");
    assert!(call.media_bytes / 1_100 > 70_000);
}

#[test]
fn a_reset_starts_from_what_it_is_told() {
    let mut call = Call::new(Link::new(20_000_000), 2_000_000);
    call.run(secs(5));
    call.estimator.reset(call.now, 300_000);
    call.estimator.poll_estimate();
    let (_, _) = call.run(secs(8));
    assert!(call.estimator.estimate_bps() >= 2_000_000);
}

#[test]
fn the_round_trip_is_known() {
    let mut call = Call::new(Link::new(20_000_000), 1_000_000);
    assert_eq!(call.estimator.rtt(), None);
    call.run(secs(2));
    let rtt = call.estimator.rtt();
    let expected = Duration::from_millis(40)..Duration::from_millis(100);
    assert!(rtt.is_some_and(|rtt| expected.contains(&rtt)), "{rtt:?}");
}
