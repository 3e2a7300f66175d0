use opus::{Application, Encoder};
use proptest::prelude::*;

use super::*;

/// A tone of 20 ms packets.
fn packets(hz: f32, count: usize, fec: bool) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(48_000, Channels::Mono, Application::Voip).unwrap();
    if fec {
        encoder.set_inband_fec(true).unwrap();
        encoder.set_packet_loss_perc(20).unwrap();
        encoder.set_bitrate(opus::Bitrate::Bits(32_000)).unwrap();
    }
    (0..count)
        .map(|packet| {
            let pcm: Vec<f32> = (0..FRAME)
                .map(|i| {
                    let t = (packet * FRAME + i) as f32 / 48_000.0;
                    (t * hz * std::f32::consts::TAU).sin() * 0.3
                })
                .collect();
            encoder.encode_vec_float(&pcm, 1_500).unwrap()
        })
        .collect()
}

struct Player {
    track: SoundTrack,
    session: SessionClock,
    lost: Lost,
    heard: Vec<f32>,
}

impl Player {
    fn new() -> Self {
        Self {
            track: SoundTrack::new(TrackKind::Voice),
            session: SessionClock::new(),
            lost: Lost::default(),
            heard: Vec::new(),
        }
    }

    /// Sends packet `number` of 20 ms at `arrival` µs.
    fn send(&mut self, arrival: u64, number: u64, payload: &[u8]) {
        let rtp = number as u32 * FRAME as u32;
        self.track.push(
            &mut self.session,
            arrival,
            number,
            rtp,
            payload,
            &mut self.lost,
        );
    }

    fn play(&mut self, frames: usize) {
        for _ in 0..frames {
            let mut sum = [0.0; FRAME * 2];
            let start = self.heard.len() as i64;
            self.track.mix(start, &mut sum, &mut self.lost);
            self.heard.extend(sum.chunks_exact(2).map(|pair| pair[0]));
        }
    }

    fn power(&self, from: usize, to: usize) -> f32 {
        let part = &self.heard[from..to];
        part.iter().map(|x| x * x).sum::<f32>() / part.len() as f32
    }
}

#[test]
fn a_voice_is_heard_where_it_was_captured_and_not_elsewhere() {
    let mut player = Player::new();
    for (number, packet) in packets(440.0, 50, false).iter().enumerate() {
        player.send(100_000 + number as u64 * 20_000, number as u64, packet);
    }
    player.play(75);
    assert_eq!(player.power(0, 4_700), 0.0);
    assert!(player.power(9_600, 52_000) > 0.03);
    assert!(player.power(54_500, 72_000) < 1e-6);
    assert_eq!(player.lost, Lost::default());
}

#[test]
fn order_and_duplicates_make_no_difference() {
    let sent = packets(440.0, 50, false);
    let mut straight = Player::new();
    let mut mixed = Player::new();
    for (number, packet) in sent.iter().enumerate() {
        straight.send(100_000 + number as u64 * 20_000, number as u64, packet);
    }
    // Arrival times belong to the packets; only the order of the journal differs.
    for pair in (0..50_usize).collect::<Vec<_>>().chunks(2) {
        for &number in [pair[1], pair[0], pair[1]].iter() {
            mixed.send(
                100_000 + number as u64 * 20_000,
                number as u64,
                &sent[number],
            );
        }
    }
    // The first packet told of is the second: it is the one that the clock begins with.
    straight.play(60);
    mixed.play(60);
    assert_eq!(straight.heard, mixed.heard);
    assert_eq!(mixed.lost.audio_packets, 0);
}

#[test]
fn lost_packets_are_concealed_and_counted() {
    for fec in [false, true] {
        let mut player = Player::new();
        for (number, packet) in packets(440.0, 50, fec).iter().enumerate() {
            if ![20, 30, 31].contains(&number) {
                player.send(100_000 + number as u64 * 20_000, number as u64, packet);
            }
        }
        player.play(60);
        for lost in [20, 30] {
            let at = 4_800 + lost * FRAME;
            assert!(
                player.power(at, at + FRAME) > 0.01,
                "packet {lost}, FEC {fec}"
            );
        }
        assert_eq!(player.lost.audio_packets, 3);
    }
}

#[test]
fn a_clock_200_ppm_off_is_followed_over_minutes() {
    let sent = packets(440.0, 50, false);
    for ppm in [-200_i64, 200] {
        let mut player = Player::new();
        let mut frames = 0;
        for number in 0..50 * 240_u64 {
            let arrival = number as i64 * 20_000 * (1_000_000 + ppm) / 1_000_000;
            player.send(
                arrival as u64 + 100_000,
                number,
                &sent[number as usize % 50],
            );
            // Half a second behind.
            while (frames as i64) * 20_000 < arrival - 500_000 {
                player.play(1);
                frames += 1;
            }
        }
        let sent_until = samples(50 * 240 * 20_000 * (1_000_000 + ppm) / 1_000_000 + 100_000);
        let away =
            player.track.tail + player.track.waiting.len() as i64 * FRAME as i64 - sent_until;
        assert!(away.abs() < 2 * TOLERANCE, "{ppm} ppm: {away} samples");
        assert_eq!(player.lost.audio_packets, 0);
    }
}

#[test]
fn bogus_payloads_are_skipped_and_counted() {
    let mut player = Player::new();
    for (number, packet) in packets(440.0, 50, false).iter().enumerate() {
        let arrival = 100_000 + number as u64 * 20_000;
        // Code 3 without a count, and one that claims 49 frames (RFC 6716 section 3.2.5).
        match number {
            10 => player.send(arrival, 10, &[0xff]),
            20 => player.send(arrival, 20, &[0xff, 0x31, 0, 1, 2, 3]),
            _ => player.send(arrival, number as u64, packet),
        }
    }
    player.play(60);
    assert_eq!(player.lost.malformed, 2);
    assert!(player.power(4_800 + 12 * FRAME, 4_800 + 19 * FRAME) > 0.03);
    assert!(player.power(4_800 + 22 * FRAME, 4_800 + 49 * FRAME) > 0.03);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn anything_may_come(sent in proptest::collection::vec(
        (0_u64..60_000, 0_u64..300, any::<u32>(), proptest::collection::vec(any::<u8>(), 0..60)), 1..120)) {
        let mut player = Player::new();
        let mut arrival = 0;
        for (elapsed, sequence, rtp, payload) in sent {
            arrival += elapsed;
            let rtp = if rtp % 3 == 0 { rtp } else { sequence as u32 * 960 };
            player.track.push(&mut player.session, arrival, sequence, rtp, &payload, &mut player.lost);
            if arrival as usize * 48 / 1_000 > player.heard.len() + 24_000 {
                player.play(1);
            }
            prop_assert!(player.track.waiting.len() <= WAITING_MAX);
            prop_assert!(player.track.decoded.len() <= 6 * PACKET_MAX as usize);
        }
        prop_assert!(player.heard.iter().all(|x| x.abs() <= PEAK_MAX));
    }
}
