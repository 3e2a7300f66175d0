//! Random hand-overs, loss, reordering and pauses: every index once, time strictly forward.

use super::*;
use crate::sequence::ListenerSequence;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const A: StreamKey = StreamKey(1);
const B: StreamKey = StreamKey(2);

fn packet(sequence: u64, timestamp: u32) -> AudioIn {
    AudioIn {
        sequence,
        timestamp,
        marker: false,
    }
}

fn ms(start: Instant, ms: u64) -> Instant {
    start + Duration::from_millis(ms)
}

#[test]
fn a_switch_continues_number_and_time_and_sets_the_marker() {
    let start = Instant::now();
    let mut slot = SlotRewriter::new(u32::MAX - 500);
    let first = slot.rewrite(A, packet(65_530, 7), start).unwrap();
    assert_eq!(
        (first.index, first.timestamp, first.marker),
        (0, u32::MAX - 500, true)
    );
    let second = slot.rewrite(A, packet(65_531, 967), ms(start, 33)).unwrap();
    assert_eq!(
        second.timestamp,
        first.timestamp.wrapping_add(960),
        "jitter stays out of it"
    );
    assert!(!second.marker);
    let other = slot
        .rewrite(B, packet(9, 1_000_000), ms(start, 38))
        .unwrap();
    assert_eq!(other.index, 2);
    assert_eq!(
        other.timestamp,
        second.timestamp.wrapping_add(960),
        "never below a frame"
    );
    let pause = slot
        .rewrite(A, packet(65_600, 99), ms(start, 1_038))
        .unwrap();
    assert_eq!(
        pause.timestamp,
        other.timestamp.wrapping_add(48_000),
        "by arrival"
    );
}

#[test]
fn older_than_the_owners_first_is_dropped_and_reordering_above_it_is_not() {
    let start = Instant::now();
    let mut slot = SlotRewriter::new(0);
    slot.rewrite(A, packet(10, 9_600), start).unwrap();
    assert_eq!(slot.rewrite(A, packet(9, 8_640), start), None);
    assert_eq!(slot.rewrite(A, packet(12, 11_520), start).unwrap().index, 2);
    let late = slot.rewrite(A, packet(11, 10_560), start).unwrap();
    assert_eq!((late.index, late.timestamp), (1, 960));
    assert_eq!(slot.rewrite(A, packet(11, 10_560), start), None, "repeated");
}

#[test]
fn dtx_gaps_pass_unchanged() {
    let start = Instant::now();
    let mut slot = SlotRewriter::new(0);
    slot.rewrite(A, packet(1, 0), start).unwrap();
    let after = slot.rewrite(A, packet(2, 19_200), ms(start, 400)).unwrap();
    assert_eq!((after.index, after.timestamp), (1, 19_200));
}

#[test]
fn a_clock_that_stands_still_or_leaps_is_anchored_anew() {
    let start = Instant::now();
    let mut slot = SlotRewriter::new(0);
    slot.rewrite(A, packet(1, 500), start).unwrap();
    assert_eq!(
        slot.rewrite(A, packet(2, 500), ms(start, 20))
            .unwrap()
            .timestamp,
        960
    );
    let leap = slot
        .rewrite(A, packet(3, 2_000_000_000), ms(start, 40))
        .unwrap();
    assert_eq!((leap.index, leap.timestamp), (2, 1_920));
    let jump = slot
        .rewrite(A, packet(40_000, 2_000_000_960), ms(start, 60))
        .unwrap();
    assert_eq!((jump.index, jump.timestamp), (3, 2_880), "no gap of 40,000");
}

/// What happens to one 20 ms frame of a source.
#[derive(Debug, Clone)]
struct Step {
    steal: bool,
    lost: bool,
    late_ms: u64,
    silent_frames: u64,
    withheld: bool,
}

fn any_step() -> impl Strategy<Value = Step> {
    (
        proptest::bool::weighted(0.1),
        proptest::bool::weighted(0.1),
        prop_oneof![4 => Just(0u64), 1 => 1..90u64],
        prop_oneof![9 => Just(0u64), 1 => 1..50u64],
        proptest::bool::weighted(0.2),
    )
        .prop_map(|(steal, lost, late_ms, silent_frames, withheld)| Step {
            steal,
            lost,
            late_ms,
            silent_frames,
            withheld,
        })
}

/// An arrival: when, whose, its numbers, withheld from the listener.
type Arrival = (u64, usize, u64, u32, bool);

fn arrivals(steps: &[Step], bases: [u32; 3]) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    let (mut frame, mut owner) = (0, 0);
    let mut sequences = [70_000u64, 5, 65_500];
    for step in steps {
        frame += 1 + step.silent_frames;
        if step.steal {
            owner = (owner + 1) % 3;
        }
        sequences[owner] += 1;
        if step.lost {
            continue;
        }
        let timestamp = bases[owner].wrapping_add((frame * 960) as u32);
        let at = frame * 20 + step.late_ms;
        arrivals.push((at, owner, sequences[owner], timestamp, step.withheld));
    }
    arrivals.sort_by_key(|arrival| arrival.0);
    arrivals
}

proptest! {
    #[test]
    fn every_index_once_and_time_strictly_forward(
        steps in proptest::collection::vec(any_step(), 1..400),
        bases: [u32; 3],
        first_timestamp: u32,
        first: u16,
    ) {
        let start = Instant::now();
        let mut slot = SlotRewriter::new(first_timestamp);
        let mut listener = ListenerSequence::new(first);
        let mut sent = BTreeMap::new();
        let mut heard = BTreeSet::new();
        for (at, owner, sequence, timestamp, withheld) in arrivals(&steps, bases) {
            let key = StreamKey(owner as u64);
            let Some(out) = slot.rewrite(key, packet(sequence, timestamp), ms(start, at)) else {
                continue;
            };
            let since = out.timestamp.wrapping_sub(first_timestamp);
            prop_assert!(sent.insert(out.index, since).is_none(), "index {} twice", out.index);
            if withheld {
                listener.withhold(out.index);
            } else if let Some(index) = listener.forward(out.index) {
                prop_assert!(heard.insert(index), "listener's index {} twice", index);
            }
        }
        let times: Vec<u32> = sent.values().copied().collect();
        for pair in times.windows(2) {
            prop_assert!(pair[0] < pair[1], "time went from {} to {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn hostile_numbers_break_no_rule(
        packets in proptest::collection::vec((0u64..3, 0u64..5_000, any::<u32>(), 0u64..100), 1..300),
    ) {
        let start = Instant::now();
        let mut slot = SlotRewriter::new(0);
        let mut sent = BTreeSet::new();
        let mut now = 0;
        for (source, sequence, timestamp, step) in packets {
            now += step;
            if let Some(out) = slot.rewrite(StreamKey(source), packet(sequence, timestamp), ms(start, now)) {
                prop_assert!(sent.insert(out.index));
            }
        }
    }
}
