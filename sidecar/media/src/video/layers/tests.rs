//! What one viewer gets as its link changes.

use super::*;
use proptest::prelude::*;

const K: u64 = 1_000;

fn want(id: u64, screen: bool, layers_bps: &[u64]) -> Want {
    Want {
        id,
        priority: Priority {
            screen,
            ..Priority::default()
        },
        layers_bps: layers_bps.to_vec(),
    }
}

/// An allocator on a clock of seconds.
struct Viewer {
    allocator: LayerAllocator,
    start: Instant,
    wants: Vec<Want>,
}

impl Viewer {
    fn new(wants: Vec<Want>) -> Self {
        Self {
            allocator: LayerAllocator::new(),
            start: Instant::now(),
            wants,
        }
    }

    /// Layers by id, as `[(id, layer)]`.
    fn at(&mut self, seconds: f64, estimate_bps: u64) -> Vec<(u64, usize)> {
        self.pass(seconds, estimate_bps, estimate_bps)
            .layers
            .into_iter()
            .collect()
    }

    fn pass(&mut self, seconds: f64, estimate_bps: u64, sent_bps: u64) -> Allocation {
        let now = self.start + Duration::from_secs_f64(seconds);
        self.allocator.handle_estimate(estimate_bps, now);
        self.allocator.allocate(&self.wants, sent_bps, now)
    }
}

#[test]
fn without_an_estimate_everybody_gets_the_base_layer() {
    let mut allocator = LayerAllocator::new();
    let wants = [
        want(1, true, &[500 * K, 2_500 * K]),
        want(2, false, &[1_000 * K]),
    ];
    let allocation = allocator.allocate(&wants, 0, Instant::now());
    assert_eq!(allocation.layers, [(1, 0), (2, 0)].into());
    assert_eq!(allocation.desired_bps, 3_500 * K);
}

#[test]
fn base_layers_come_before_anybodys_second_rung_and_the_screen_climbs_first() {
    let mut viewer = Viewer::new(vec![
        want(1, false, &[200 * K, 1_000 * K]),
        want(2, true, &[500 * K, 2_500 * K]),
        want(3, false, &[200 * K, 1_000 * K]),
    ]);
    assert_eq!(viewer.at(0.0, 900 * K), [(1, 0), (2, 0), (3, 0)]);
    assert_eq!(
        viewer.at(6.0, 3_000 * K),
        [(1, 0), (2, 0), (3, 0)],
        "5 s of 3 Mb/s not yet seen"
    );
    viewer.at(11.5, 3_000 * K);
    assert_eq!(viewer.at(12.0, 3_000 * K), [(1, 0), (2, 1), (3, 0)]);
}

#[test]
fn down_at_once_and_up_one_rung_a_second() {
    let mut viewer = Viewer::new(vec![want(1, true, &[500 * K, 1_000 * K, 2_500 * K])]);
    assert_eq!(viewer.at(0.0, 5_000 * K), [(1, 1)]);
    assert_eq!(viewer.at(0.5, 5_000 * K), [(1, 1)]);
    assert_eq!(viewer.at(1.0, 5_000 * K), [(1, 2)]);
    assert_eq!(viewer.at(2.0, 1_000 * K), [(1, 1)]);
    assert_eq!(viewer.at(2.1, 100 * K), []);
    assert_eq!(
        viewer.at(3.0, 5_000 * K),
        [],
        "was unfunded: waits for a steady estimate"
    );
    viewer.at(7.0, 5_000 * K);
    assert_eq!(viewer.at(8.5, 5_000 * K), [(1, 1)]);
}

#[test]
fn a_start_that_was_too_low_holds_nobody_up_for_long() {
    let mut viewer = Viewer::new(vec![
        want(1, false, &[500 * K, 1_000 * K]),
        want(2, false, &[500 * K, 1_000 * K]),
    ]);
    assert_eq!(viewer.at(0.0, 500 * K), [(1, 0)]);
    assert_eq!(viewer.at(0.5, 1_800 * K), [(1, 0)]);
    assert_eq!(viewer.at(1.4, 1_800 * K), [(1, 0)]);
    assert_eq!(viewer.at(1.6, 1_800 * K), [(1, 1), (2, 0)]);
    // It fell: now five seconds have to pass.
    assert_eq!(viewer.at(3.0, 900 * K), [(1, 0), (2, 0)]);
    assert_eq!(viewer.at(4.0, 1_800 * K), [(1, 0), (2, 0)]);
    assert_eq!(viewer.at(8.9, 1_800 * K), [(1, 0), (2, 0)]);
    assert_eq!(viewer.at(9.1, 1_800 * K), [(1, 1), (2, 0)]);
}

#[test]
fn with_ample_room_all_go_up_together_a_rung_a_second() {
    let camera = |id| want(id, false, &[200 * K, 500 * K, 1_000 * K]);
    let mut viewer = Viewer::new((1..=3).map(camera).collect());
    viewer.allocator.allocate(&viewer.wants, 0, viewer.start);
    assert_eq!(viewer.at(0.1, 4_000 * K), [(1, 1), (2, 1), (3, 1)]);
    assert_eq!(viewer.at(0.9, 4_000 * K), [(1, 1), (2, 1), (3, 1)]);
    // Half of it is used by the second: then one by one, as far as it goes.
    assert_eq!(viewer.at(1.2, 4_000 * K), [(1, 2), (2, 1), (3, 1)]);
    assert_eq!(viewer.at(2.3, 4_000 * K), [(1, 2), (2, 2), (3, 1)]);
    assert_eq!(viewer.at(3.4, 4_000 * K), [(1, 2), (2, 2), (3, 2)]);
}

#[test]
fn one_who_starts_to_be_shown_is_not_kept_waiting_by_an_old_low_estimate() {
    let mut viewer = Viewer::new(vec![]);
    viewer.at(0.0, 50 * K);
    viewer.wants = vec![want(1, true, &[500 * K, 2_500 * K])];
    assert_eq!(viewer.at(1.0, 2_800 * K), [(1, 0)]);
}

#[test]
fn a_stuck_estimate_on_an_idle_link_is_raised_after_three_seconds() {
    let mut viewer = Viewer::new(vec![want(1, true, &[500 * K]), want(2, false, &[300 * K])]);
    for tenth in 0..30 {
        let allocation = viewer.pass(f64::from(tenth) / 10.0, 200 * K, 10 * K);
        assert_eq!(allocation.raise_estimate_bps, None);
    }
    assert_eq!(
        viewer.pass(3.0, 200 * K, 10 * K).raise_estimate_bps,
        Some(300 * K)
    );
    assert_eq!(viewer.pass(3.1, 200 * K, 10 * K).raise_estimate_bps, None);
    for tenth in 32..100 {
        let allocation = viewer.pass(f64::from(tenth) / 10.0, 200 * K, 190 * K);
        assert_eq!(allocation.raise_estimate_bps, None, "the link is used");
    }
}

proptest! {
    #[test]
    fn never_above_the_estimate_and_never_a_layer_that_is_not_there(
        steps in proptest::collection::vec((0u64..2_000, 0u64..8_000), 1..100),
        rates in proptest::collection::vec(proptest::collection::btree_set(50u64..3_000, 1..4), 0..10),
    ) {
        let wants: Vec<Want> = rates
            .iter()
            .enumerate()
            .map(|(id, rates)| {
                let layers: Vec<u64> = rates.iter().map(|rate| rate * K).collect();
                want(id as u64, id == 3, &layers)
            })
            .collect();
        let mut viewer = Viewer::new(wants.clone());
        let (mut ms, mut last_ups): (u64, Option<u64>) = (0, None);
        let mut before: BTreeMap<u64, usize> = BTreeMap::new();
        for (step, estimate) in steps {
            ms += step;
            let allocation = viewer.pass(ms as f64 / 1000.0, estimate * K, 0);
            prop_assert!(allocation.granted_bps * 9 / 10 <= estimate * K);
            let sum: u64 = allocation.layers.iter().map(|(id, layer)| wants[*id as usize].layers_bps[*layer]).sum();
            prop_assert_eq!(sum, allocation.granted_bps);
            let ups: usize = allocation
                .layers
                .iter()
                .map(|(id, layer)| layer.saturating_sub(before.get(id).copied().unwrap_or(0)))
                .sum();
            let ample = allocation.granted_bps * 9 / 10 <= estimate * K / AMPLE;
            prop_assert!(ups <= 1 || ample);
            let rungs = |(id, layer): (&u64, &usize)| layer.saturating_sub(before.get(id).copied().unwrap_or(0));
            prop_assert!(allocation.layers.iter().map(rungs).all(|rungs| rungs <= 1));
            if ups > 0 {
                prop_assert!(last_ups.is_none_or(|then| ms - then >= 1_000));
                last_ups = Some(ms);
            }
            before = allocation.layers;
        }
    }
}
