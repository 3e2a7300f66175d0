use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

use super::*;

/// What goes wrong between a microphone and us.
#[derive(Debug, Clone, Copy)]
struct World {
    seed: u64,
    /// The sender's NTP clock, millionths too fast.
    ntp_ppm: i64,
    /// Sound card and camera clocks likewise.
    audio_ppm: i64,
    video_ppm: i64,
    /// µs: least time under way, and what comes on top of it at random.
    path: i64,
    jitter: i64,
    /// µs: what pictures wait more than sound.
    pacer: i64,
    /// µs: the path gets longer (or shorter) by this in the middle.
    step: i64,
    reports: bool,
}

impl World {
    const QUIET: Self = Self {
        seed: 1,
        ntp_ppm: 0,
        audio_ppm: 0,
        video_ppm: 0,
        path: 30_000,
        jitter: 15_000,
        pacer: 60_000,
        step: 0,
        reports: true,
    };

    /// Plays `seconds`; `see` is told (instant of capture, its place by the audio clock, by the video
    /// clock), all in µs.
    fn play(&self, seconds: i64, mut see: impl FnMut(i64, i64, i64)) {
        let mut random = SmallRng::seed_from_u64(self.seed);
        let mut session = SessionClock::new();
        let mut audio = TrackClock::new(48_000);
        let mut video = TrackClock::new(90_000);
        let off = |real: i64, ppm: i64| real + real * ppm / 1_000_000;
        let rtp = |real: i64, ppm: i64, rate: i64| {
            (off(real, ppm) * rate / 1_000_000 + 4_294_900_000) as u32
        };
        let ntp = |real: i64| {
            let sender = off(real, self.ntp_ppm) + 3_900_000_000_000_000;
            ((sender / 1_000_000) as u64) << 32 | (((sender % 1_000_000) << 32) / 1_000_000) as u64
        };

        for number in 0..seconds * 50 {
            let real = number * 20_000;
            let path = self.path
                + if real > seconds * 500_000 {
                    self.step
                } else {
                    0
                };
            let mut arrival =
                |late: i64| (real + path + late + random.random_range(0..=self.jitter)) as u64;
            let audio_ticks =
                audio.observe(&mut session, arrival(0), rtp(real, self.audio_ppm, 48_000));
            if number % 2 == 0 {
                let video_ticks = video.observe(
                    &mut session,
                    arrival(self.pacer),
                    rtp(real, self.video_ppm, 90_000),
                );
                if number % 50 == 0 && self.reports {
                    video.report(&mut session, ntp(real), rtp(real, self.video_ppm, 90_000));
                }
                if number % 250 == 100 && self.reports {
                    audio.report(&mut session, ntp(real), rtp(real, self.audio_ppm, 48_000));
                }
                see(real, audio.capture(audio_ticks), video.capture(video_ticks));
            }
        }
    }
}

#[test]
fn an_hour_of_drift_stays_within_15_ms() {
    let world = World {
        ntp_ppm: 150,
        audio_ppm: 200,
        video_ppm: -200,
        ..World::QUIET
    };
    world.play(3600, |real, audio, video| {
        if real > 20_000_000 {
            assert!((audio - video).abs() < 15_000, "at {real}: {audio} {video}");
            assert!((audio - real - 30_000).abs() < 15_000, "at {real}: {audio}");
        }
    });
}

#[test]
fn without_reports_pictures_are_late_by_what_the_pacer_held_them() {
    let world = World {
        reports: false,
        ..World::QUIET
    };
    let mut last = (0, 0);
    world.play(60, |_, audio, video| last = (audio, video));
    assert!((50_000..70_000).contains(&(last.1 - last.0)), "{last:?}");
}

#[test]
fn the_first_report_moves_nothing_at_once() {
    let mut before: Option<(i64, i64)> = None;
    World::QUIET.play(20, |_, audio, video| {
        if let Some((a, v)) = before {
            // 40 ms later, slewed by 1 % at most.
            assert!((audio - a - 40_000_i64).abs() <= 1_000, "{a} {audio}");
            assert!((video - v - 40_000_i64).abs() <= 1_000, "{v} {video}");
        }
        before = Some((audio, video));
    });
}

#[test]
fn a_longer_path_is_followed_within_two_seconds() {
    let world = World {
        step: 700_000,
        ..World::QUIET
    };
    world.play(60, |real, audio, _| {
        if real > 33_000_000 {
            assert!(
                (audio - real - 730_000).abs() < 15_000,
                "at {real}: {audio}"
            );
        }
    });
}

#[test]
fn a_microphone_that_stood_still_begins_anew_where_it_arrives() {
    let mut session = SessionClock::new();
    let mut clock = TrackClock::new(48_000);
    for number in 0..100 {
        let ticks = clock.observe(&mut session, u64::from(number) * 20_000, number * 960);
        clock.capture(ticks);
    }
    // Muted for 30 s, meanwhile the RTP clock stood.
    let ticks = clock.observe(&mut session, 32_000_000, 100 * 960);
    assert!((clock.capture(ticks) - 32_000_000).abs() < 25_000);
}

/// A busy page makes sound later than it should, without a leap of the RTP clock: what is captured from
/// then on is later by as much, and only the arrivals tell until the next report.
#[test]
fn a_source_that_stood_still_for_a_moment_stays_with_its_pictures() {
    for (stalls, reports) in [
        ([70_000, 0], true),
        ([100_000, 60_000], true),
        ([45_000, 45_000], false),
    ] {
        let mut random = SmallRng::seed_from_u64(1);
        let mut session = SessionClock::new();
        let mut audio = TrackClock::new(48_000);
        let mut video = TrackClock::new(90_000);
        let ntp = |real: i64| {
            let sender = real + 3_900_000_000_000_000;
            ((sender / 1_000_000) as u64) << 32 | (((sender % 1_000_000) << 32) / 1_000_000) as u64
        };
        let mut waiting = std::collections::VecDeque::new();
        let (mut stood, mut media) = (0, 0);
        for number in 0..6_000_i64 {
            if number == 2_000 || number == 2_900 {
                stood += stalls[usize::from(number > 2_000)];
            }
            // Of both, what was captured at the same moment.
            let real = number * 20_000 + stood;
            let path = 30_000 + random.random_range(0..=8_000);
            let picture = path + 20_000 + random.random_range(0..=8_000);
            let rtp = |micros: i64, rate: i64| (micros * rate / 1_000_000) as u32;
            let heard = audio.observe(&mut session, (real + path) as u64, rtp(media, 48_000));
            let seen = video.observe(&mut session, (real + picture) as u64, rtp(real, 90_000));
            if number % 50 == 0 {
                video.report(&mut session, ntp(real), rtp(real, 90_000));
            }
            if number % 250 == 100 && (reports || number < 1_000) {
                audio.report(&mut session, ntp(real), rtp(media, 48_000));
            }
            media += 20_000;
            waiting.push_back((real, heard, seen));
            // Composed a second later.
            if waiting.len() > 50 {
                let (real, heard, seen) = waiting.pop_front().unwrap();
                let (heard, seen) = (audio.capture(heard), video.capture(seen));
                assert!(
                    real < 5_000_000 || (heard - seen).abs() < 25_000,
                    "{stalls:?}, reports {reports}: at {real}: {heard} {seen}"
                );
            }
        }
    }
}

#[test]
fn a_report_from_another_world_changes_nothing() {
    let mut session = SessionClock::new();
    let mut clock = TrackClock::new(48_000);
    for number in 0..2_000_u32 {
        let arrival = u64::from(number) * 20_000;
        let ticks = clock.observe(&mut session, arrival, number * 960);
        assert!(
            (clock.capture(ticks) - arrival as i64).abs() <= 1_000,
            "{number}"
        );
        if number % 50 == 0 {
            clock.report(&mut session, u64::from(number) << 47, number * 960);
        }
    }
    assert!(
        !clock.report(&mut session, 0, u32::MAX / 2),
        "an instant half a day away"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn sound_and_pictures_stay_together(
        seed: u64,
        ntp_ppm in -200_i64..=200,
        audio_ppm in -200_i64..=200,
        video_ppm in -200_i64..=200,
        path in 1_000_i64..300_000,
        jitter in 0_i64..60_000,
        pacer in 0_i64..150_000,
        step in -300_000_i64..300_000,
    ) {
        let step = step.max(1_000 - path);
        let world = World { seed, ntp_ppm, audio_ppm, video_ppm, path, jitter, pacer, step, reports: true };
        let mut wrong = None;
        // A step costs its size at the slewing's rate, once the window has passed it.
        world.play(240, |real, audio, video| {
            let settled = (30_000_000..120_000_000).contains(&real) || real > 180_000_000;
            if settled && (audio - video).abs() > 25_000 {
                wrong = Some((real, audio, video));
            }
        });
        prop_assert_eq!(wrong, None);
    }

    /// Whatever a sender claims, its packets stay near their arrivals.
    #[test]
    fn nobody_leaves_the_arrivals(
        packets in proptest::collection::vec((0_u64..200_000, any::<u32>(), any::<bool>(), any::<u64>()), 1..400),
        small: bool,
    ) {
        let mut session = SessionClock::new();
        let mut clock = TrackClock::new(90_000);
        let mut arrival = 0;
        for (elapsed, rtp, report, ntp) in packets {
            arrival += elapsed;
            let rtp = if small { rtp % 400_000 } else { rtp };
            let ticks = clock.observe(&mut session, arrival, rtp);
            if report {
                clock.report(&mut session, ntp, rtp);
            }
            // A second of leaping is let pass, and what the filter takes to see a step.
            let capture = clock.capture(ticks);
            prop_assert!(capture <= arrival as i64 + LEAP + STEP, "{} at {}", capture, arrival);
            prop_assert!(capture >= arrival as i64 - 6 * LEAP, "{} at {}", capture, arrival);
        }
    }
}
