//! What a decoder sees across switches, pauses, loss and reordering.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const LOW: StreamKey = StreamKey(1);
const HIGH: StreamKey = StreamKey(2);

fn packet(sequence: u64, frame: u16, keyframe: bool, marker: bool) -> VideoIn {
    VideoIn {
        sequence,
        timestamp: u32::from(frame) * 3_000,
        marker,
        keyframe,
        vp8: Vp8Numbers {
            picture_id: Some(PictureId {
                value: frame,
                long: true,
            }),
            tl0: Some(frame as u8),
        },
    }
}

#[test]
fn nothing_before_the_first_key_frame() {
    let now = Instant::now();
    let mut slot = VideoRewriter::new(9, 100);
    assert!(slot.set_target(Some(LOW)));
    assert_eq!(slot.rewrite(LOW, packet(5, 1, false, true), now), None);
    let first = slot.rewrite(LOW, packet(6, 2, true, true), now).unwrap();
    assert_eq!(
        (first.index, first.timestamp, first.switched),
        (9, 100, true)
    );
    assert_eq!(slot.rewrite(HIGH, packet(7, 3, true, true), now), None);
}

#[test]
fn the_low_layer_goes_on_until_the_high_ones_key_frame() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut slot = VideoRewriter::new(0, 0);
    slot.set_target(Some(LOW));
    slot.rewrite(LOW, packet(100, 10, true, true), at(0))
        .unwrap();
    assert!(slot.set_target(Some(HIGH)));
    assert!(!slot.set_target(Some(HIGH)), "asked already");
    assert_eq!(
        slot.rewrite(HIGH, packet(900, 500, false, true), at(5)),
        None
    );
    let low = slot
        .rewrite(LOW, packet(101, 11, false, true), at(33))
        .unwrap();
    assert_eq!((low.index, low.timestamp), (1, 3_000));
    let high = slot
        .rewrite(HIGH, packet(901, 501, true, false), at(34))
        .unwrap();
    assert_eq!((high.index, high.switched), (2, true));
    assert_eq!(high.timestamp, 3_000 + FRAME_TICKS_MIN, "at least a frame");
    assert_eq!(high.vp8.picture_id.unwrap().value, 12);
    assert_eq!(high.vp8.tl0, Some(12));
    assert_eq!(slot.rewrite(LOW, packet(102, 12, true, true), at(40)), None);
    assert_eq!(
        slot.rewrite(HIGH, packet(900, 500, false, true), at(41)),
        None,
        "older"
    );
    assert_eq!(
        slot.rewrite(HIGH, packet(902, 501, false, true), at(41))
            .unwrap()
            .index,
        3
    );
}

#[test]
fn a_torn_frame_leaves_one_number_out() {
    let start = Instant::now();
    let mut slot = VideoRewriter::new(0, 0);
    slot.set_target(Some(LOW));
    slot.rewrite(LOW, packet(1, 1, true, false), start).unwrap();
    slot.set_target(Some(HIGH));
    let high = slot
        .rewrite(HIGH, packet(50, 9, true, true), start)
        .unwrap();
    assert_eq!(high.index, 2);
}

#[test]
fn a_pause_ends_at_once_and_resumes_with_a_key_frame() {
    let start = Instant::now();
    let mut slot = VideoRewriter::new(0, 0);
    slot.set_target(Some(LOW));
    slot.rewrite(LOW, packet(1, 1, true, true), start).unwrap();
    assert!(!slot.set_target(None));
    assert_eq!(slot.rewrite(LOW, packet(2, 2, true, true), start), None);
    assert!(slot.set_target(Some(LOW)));
    assert_eq!(slot.rewrite(LOW, packet(300, 80, false, true), start), None);
    let later = start + Duration::from_secs(3);
    let resumed = slot
        .rewrite(LOW, packet(301, 81, true, true), later)
        .unwrap();
    assert_eq!((resumed.index, resumed.timestamp), (1, 270_000));
    assert_eq!(resumed.vp8.picture_id.unwrap().value, 2);
}

#[test]
fn a_source_that_numbers_anew_is_shown_from_its_next_key_frame() {
    let start = Instant::now();
    let mut slot = VideoRewriter::new(0, 0);
    slot.set_target(Some(LOW));
    slot.rewrite(LOW, packet(1, 1, true, true), start).unwrap();
    assert_eq!(
        slot.rewrite(LOW, packet(9_000, 2, false, true), start),
        None
    );
    assert_eq!(slot.waiting_for(), Some(LOW));
    assert_eq!(
        slot.rewrite(LOW, packet(9_001, 3, true, true), start)
            .unwrap()
            .index,
        1
    );
}

#[test]
fn short_picture_ids_stay_short() {
    let start = Instant::now();
    let mut slot = VideoRewriter::new(0, 0);
    slot.set_target(Some(LOW));
    let short = |sequence, value| VideoIn {
        vp8: Vp8Numbers {
            picture_id: Some(PictureId { value, long: false }),
            tl0: None,
        },
        ..packet(sequence, 1, true, true)
    };
    slot.rewrite(LOW, short(1, 127), start).unwrap();
    slot.set_target(Some(HIGH));
    let out = slot.rewrite(HIGH, short(1, 5), start).unwrap();
    assert_eq!(
        out.vp8,
        Vp8Numbers {
            picture_id: Some(PictureId {
                value: 0,
                long: false
            }),
            tl0: None
        }
    );
}

#[derive(Debug, Clone, Copy)]
struct Step {
    stream: u64,
    target: Option<u64>,
    keyframe: bool,
    lost: bool,
    late: usize,
}

fn any_step() -> impl Strategy<Value = Step> {
    (
        0u64..3,
        proptest::option::weighted(0.1, 0u64..3),
        proptest::bool::weighted(0.2),
        proptest::bool::weighted(0.1),
        prop_oneof![4 => Just(0usize), 1 => 1usize..20],
    )
        .prop_map(|(stream, target, keyframe, lost, late)| Step {
            stream,
            target,
            keyframe,
            lost,
            late,
        })
}

proptest! {
    /// Every index once; frames (of one packet here) in strictly rising time and picture id.
    #[test]
    fn a_decoder_sees_one_stream(steps in proptest::collection::vec(any_step(), 1..400), bases: [u16; 3]) {
        let start = Instant::now();
        let mut slot = VideoRewriter::new(7, u32::MAX - 50_000);
        slot.set_target(Some(StreamKey(0)));
        let mut arrivals: Vec<(usize, usize, Step)> = steps
            .iter()
            .enumerate()
            .map(|(frame, step)| (frame + step.late, frame, *step))
            .collect();
        arrivals.sort_by_key(|arrival| (arrival.0, arrival.1));
        let mut sent = BTreeMap::new();
        for (at, frame, step) in arrivals {
            if let Some(target) = step.target {
                slot.set_target(Some(StreamKey(target)));
            }
            if step.lost {
                continue;
            }
            // Each stream numbers all frames, so those of the others look like losses.
            let base = bases[step.stream as usize];
            let sequence = 1_000 * (step.stream + 1) + frame as u64;
            let number = (frame as u16).wrapping_add(base) & 0x7fff;
            let input = VideoIn {
                timestamp: (frame as u32).wrapping_mul(3_000).wrapping_add(u32::from(base) << 12),
                ..packet(sequence, number, step.keyframe, true)
            };
            let now = start + Duration::from_millis(33 * at as u64);
            if let Some(out) = slot.rewrite(StreamKey(step.stream), input, now) {
                let time = out.timestamp.wrapping_sub(u32::MAX - 50_000);
                prop_assert!(sent.insert(out.index, time).is_none(), "index {} twice", out.index);
            }
        }
        let times: Vec<u32> = sent.values().copied().collect();
        for pair in times.windows(2) {
            prop_assert!(pair[0] < pair[1], "{} then {}", pair[0], pair[1]);
        }
    }
}
