use proptest::prelude::*;

use super::*;

/// A frame of `packets` packets; the descriptor is Chromium's.
fn payloads(key: bool, id: u16, tl0: u8, tid: u8, packets: usize) -> Vec<Vec<u8>> {
    (0..packets)
        .map(|number| {
            let start = if number == 0 { 0x10 } else { 0 };
            let id = (0x8000 | id).to_be_bytes();
            let mut payload = vec![0x80 | start, 0xe0, id[0], id[1], tl0, tid << 6];
            match (number, key) {
                (0, true) => payload.extend([0, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 1, 0xb4, 0]),
                (0, false) => payload.extend([1, 0, 0]),
                _ => payload.push(number as u8),
            }
            payload
        })
        .collect()
}

struct Sender {
    depacketizer: Depacketizer,
    ready: Vec<Frame>,
    lost: Lost,
    sequence: u64,
    ticks: i64,
}

impl Sender {
    fn new() -> Self {
        Self {
            depacketizer: Depacketizer::new(),
            ready: Vec::new(),
            lost: Lost::default(),
            sequence: 100,
            ticks: 0,
        }
    }

    /// Sends a frame without the packets in `missing`.
    fn send(&mut self, frame: &[Vec<u8>], missing: &[usize]) {
        self.ticks += 3_000;
        for (number, payload) in frame.iter().enumerate() {
            if !missing.contains(&number) {
                self.packet(
                    self.sequence + number as u64,
                    number + 1 == frame.len(),
                    payload,
                );
            }
        }
        self.sequence += frame.len() as u64;
    }

    fn packet(&mut self, sequence: u64, marker: bool, payload: &[u8]) {
        self.depacketizer.push(
            0,
            self.ticks,
            sequence,
            marker,
            payload,
            &mut self.ready,
            &mut self.lost,
        );
    }

    /// Nothing that is missing will come any more. Returns which frames came out.
    fn over(&mut self) -> Vec<i64> {
        self.depacketizer
            .expire(u64::MAX, &mut self.ready, &mut self.lost);
        self.ready
            .drain(..)
            .map(|frame| frame.ticks / 3_000)
            .collect()
    }
}

#[test]
fn frames_are_put_together_whatever_the_order() {
    let mut sender = Sender::new();
    let frame = payloads(true, 1, 1, 0, 3);
    sender.ticks = 3_000;
    for (sequence, part) in [(0, 0), (2, 2), (2, 2), (1, 1), (0, 0)] {
        sender.packet(sequence, part == 2, &frame[part]);
    }
    assert_eq!(sender.ready.len(), 1);
    assert_eq!(sender.ready[0].key, Some((320, 180)));
    assert_eq!(
        sender.ready[0].data,
        [0, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 1, 0xb4, 0, 1, 2]
    );
    assert_eq!(sender.lost, Lost::default());
}

#[test]
fn after_a_loss_everything_waits_for_a_key_frame() {
    let mut sender = Sender::new();
    sender.send(&payloads(true, 1, 1, 0, 2), &[]);
    sender.send(&payloads(false, 2, 2, 0, 2), &[1]);
    sender.send(&payloads(false, 3, 3, 0, 2), &[]);
    sender.send(&payloads(false, 4, 4, 0, 2), &[]);
    sender.send(&payloads(true, 5, 5, 0, 2), &[]);
    sender.send(&payloads(false, 6, 6, 0, 2), &[]);
    assert_eq!(sender.over(), [1, 5, 6]);
    assert!(sender.lost.video_frames >= 3, "{:?}", sender.lost);
}

#[test]
fn a_late_packet_within_its_time_costs_nothing() {
    let mut sender = Sender::new();
    sender.send(&payloads(true, 1, 1, 0, 2), &[]);
    let late = payloads(false, 2, 2, 0, 2);
    sender.send(&late, &[1]);
    sender.send(&payloads(false, 3, 3, 0, 2), &[]);
    sender.ticks = 6_000;
    sender.packet(103, true, &late[1]);
    assert_eq!(sender.over(), [1, 2, 3]);
    assert_eq!(sender.lost, Lost::default());
}

#[test]
fn a_lost_upper_layer_costs_that_layer_only() {
    let mut sender = Sender::new();
    sender.send(&payloads(true, 1, 1, 0, 1), &[]);
    sender.send(&payloads(false, 2, 1, 1, 1), &[0]);
    sender.send(&payloads(false, 3, 1, 2, 1), &[]);
    sender.send(&payloads(false, 4, 2, 0, 1), &[]);
    sender.send(&payloads(false, 5, 2, 1, 1), &[]);
    assert_eq!(sender.over(), [1, 4, 5]);
}

#[test]
fn a_lost_lowest_layer_costs_all() {
    let mut sender = Sender::new();
    sender.send(&payloads(true, 1, 1, 0, 1), &[]);
    sender.send(&payloads(false, 2, 2, 0, 1), &[0]);
    sender.send(&payloads(false, 3, 2, 1, 1), &[]);
    sender.send(&payloads(false, 4, 3, 0, 1), &[]);
    assert_eq!(sender.over(), [1]);
}

#[test]
fn a_lost_number_that_carried_no_picture_costs_nothing() {
    let mut sender = Sender::new();
    sender.send(&payloads(true, 1, 1, 0, 1), &[]);
    sender.sequence += 1; // Padding.
    sender.send(&payloads(false, 2, 2, 0, 1), &[]);
    assert_eq!(sender.over(), [1, 2]);
}

#[test]
fn another_stream_under_the_same_name_begins_with_its_key_frame() {
    let mut sender = Sender::new();
    sender.send(&payloads(true, 1, 1, 0, 1), &[]);
    sender.sequence = 60_000;
    sender.send(&payloads(false, 2, 2, 0, 1), &[]);
    sender.send(&payloads(true, 3, 3, 0, 1), &[]);
    sender.sequence = 7;
    sender.send(&payloads(true, 4, 4, 0, 1), &[]);
    assert_eq!(sender.over(), [1, 3, 4]);
}

#[test]
fn a_key_frame_without_a_size_is_none() {
    let mut sender = Sender::new();
    sender.send(&[vec![0x10, 0, 0, 0, 1, 2, 3, 0, 0, 0, 0]], &[]);
    sender.send(&[vec![0x10, 0, 0, 0, 0x9d, 0x01, 0x2a, 0, 0, 9, 0]], &[]);
    assert_eq!(sender.over(), [0_i64; 0]);
    assert_eq!(sender.lost.malformed, 2);
}

proptest! {
    /// What comes out was sent in that order, and nothing is built on what is missing.
    #[test]
    fn what_comes_out_can_be_decoded(
        frames in proptest::collection::vec((0_u8..6, 1_usize..4, 0_u8..12), 1..60),
    ) {
        let mut sender = Sender::new();
        let mut whole = Vec::new();
        for (number, (kind, packets, missing)) in frames.iter().enumerate() {
            let key = *kind == 0 || number == 0;
            let frame = payloads(key, number as u16, number as u8, 0, *packets);
            let missing = usize::from(*missing);
            sender.send(&frame, &[missing]);
            whole.push((key, missing >= *packets));
        }
        let mut decodable = false;
        let mut expected = Vec::new();
        for (number, (key, complete)) in whole.iter().enumerate() {
            decodable = *complete && (*key || decodable);
            if decodable {
                expected.push(number as i64 + 1);
            }
        }
        prop_assert_eq!(sender.over(), expected);
    }

    #[test]
    fn anything_may_come(
        packets in proptest::collection::vec(
            (any::<u64>(), 0_u64..50, any::<bool>(), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..40)), 0..200),
    ) {
        let mut sender = Sender::new();
        for (wild, near, is_wild, marker, payload) in packets {
            sender.ticks += 1;
            sender.packet(if is_wild { wild } else { near }, marker, &payload);
            prop_assert!(sender.depacketizer.waiting.len() <= WAITING_MAX);
        }
        sender.over();
        prop_assert_eq!(sender.depacketizer.waiting_bytes, 0);
    }
}
