//! Sound and pictures of one moment stay together, whatever the clocks do.

#![allow(clippy::unwrap_used)] // What a test cannot set up, fails.

mod support;

use opus::{Channels, Decoder};
use parley_compose::Options;
use parley_media::recording::{At, Entry, TrackId, TrackKind};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use support::scene::{Owned, Scene};
use support::{reader, scene};

/// Seconds; and between two claps.
const LENGTH: u64 = 300;
const EVERY: u64 = 10;

/// A real instant, µs, on a clock that is `ppm` too fast.
fn on_clock(real: u64, ppm: i64) -> u64 {
    (real as i64 + real as i64 * ppm / 1_000_000) as u64
}

fn ntp(real: u64, ppm: i64) -> u64 {
    let micros = on_clock(real, ppm) + 3_900_000_000_000_000;
    ((micros / 1_000_000) << 32) | (((micros % 1_000_000) << 32) / 1_000_000)
}

/// What was sent, and when the claps' sounds and pictures were captured, ms.
#[derive(Default)]
struct Claps {
    timed: Vec<(u64, Owned)>,
    sounds: Vec<u64>,
    pictures: Vec<u64>,
}

/// Claps: a burst of sound, and a picture of its own size, captured in the same moment.
fn claps(audio_ppm: i64, video_ppm: i64, ntp_ppm: i64) -> Claps {
    let mut random = SmallRng::seed_from_u64(7);
    let quiet = scene::tone(300.0, 0.01, 500);
    let loud = scene::tone(1_500.0, 0.5, 3);
    let mut scene = Scene::new();
    scene.track(0, 0, TrackKind::Voice, "Ann");
    scene.track(0, 1, TrackKind::Camera, "Ann");
    scene.show(0, Some(1));
    let mut claps = Claps::default();
    let mut timed = scene.sorted();
    let mut sound = 0;
    let mut picture = 0_u64;
    // Each clock makes its own packets at its own pace: a faster one makes more.
    for real in (0..LENGTH * 1_000_000).step_by(1_000) {
        let mut late = |least: u64| least + random.random_range(0..15_000);
        if on_clock(real, audio_ppm) >= sound * 20_000 {
            let rtp = sound as u32 * 960;
            // The clap's packet is the one that begins nearest to the whole seconds.
            let since_clap = real % (EVERY * 1_000_000);
            let payload = if since_clap < 20_000 && real > 1_000_000 {
                claps.sounds.push(real / 1_000);
                &loud[1]
            } else {
                &quiet[sound as usize % 500]
            };
            let media = Owned::Media {
                track: TrackId(0),
                sequence: sound,
                rtp,
                marker: false,
                payload: payload.clone(),
            };
            let at = real + late(20_000);
            timed.push((at, media));
            if sound.is_multiple_of(250) {
                timed.push((at, report(0, at, ntp(real, ntp_ppm), rtp)));
            }
            sound += 1;
        }
        if on_clock(real, video_ppm) >= picture * 40_000 {
            let rtp = picture as u32 * 3_600;
            let since_clap = real % (EVERY * 1_000_000);
            let clap = since_clap < 40_000 && real > 1_000_000;
            if clap {
                claps.pictures.push(real / 1_000);
            }
            let mut frame = vec![0, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0];
            frame.resize(if clap { 500 } else { 60 }, 0);
            let payload = scene::packetize(&frame, picture as u16, picture as u8, 0).remove(0);
            let media = Owned::Media {
                track: TrackId(1),
                sequence: picture,
                rtp,
                marker: true,
                payload,
            };
            // Pictures wait in the sender's pacer.
            let at = real + late(80_000);
            timed.push((at, media));
            if picture.is_multiple_of(25) {
                timed.push((at, report(1, at, ntp(real, ntp_ppm), rtp)));
            }
            picture += 1;
        }
    }
    timed.sort_by_key(|(at, _)| *at);
    claps.timed = timed;
    claps
}

fn report(track: u32, at: u64, ntp: u64, rtp: u32) -> Owned {
    Owned::Plain(Entry::SenderReport {
        track: TrackId(track),
        at: At(at),
        ntp,
        rtp,
    })
}

/// ms at which each clap is heard and seen in the file.
fn heard_and_seen(bytes: &[u8]) -> (Vec<u64>, Vec<u64>) {
    let contents = reader::contents(bytes);
    let mut decoder = Decoder::new(48_000, Channels::Mono).unwrap();
    let mut pcm = vec![0.0; 960];
    let mut heard = Vec::<u64>::new();
    for block in &contents.audio {
        decoder.decode_float(&block.data, &mut pcm, false).unwrap();
        for (i, part) in pcm.chunks(48).enumerate() {
            let loud = part.iter().any(|x| x.abs() > 0.2);
            // RFC 7845: the encoder's delay is no part of the sound.
            let ms = (block.ms + i as u64).saturating_sub(7);
            if loud && heard.last().is_none_or(|last| ms > last + 1_000) {
                heard.push(ms);
            }
        }
    }
    let seen = contents
        .video
        .iter()
        .filter(|block| block.data.len() == 500);
    let mut times = Vec::<u64>::new();
    for ms in seen.map(|block| block.ms) {
        if times.last().is_none_or(|last| ms > last + 1_000) {
            times.push(ms);
        }
    }
    (heard, times)
}

#[test]
fn claps_are_heard_when_they_are_seen_for_five_minutes_of_drift() {
    for (audio_ppm, video_ppm, ntp_ppm) in [(200, -200, 100), (-200, 200, -200)] {
        let files = support::Memory::default();
        let mut composer = parley_compose::Composer::new(files.clone(), Options::default());
        let claps = claps(audio_ppm, video_ppm, ntp_ppm);
        for (at, owned) in &claps.timed {
            composer.push(owned.entry(*at)).unwrap();
        }
        let finished = composer.finish().unwrap();
        assert_eq!(finished.lost, parley_compose::Lost::default());
        let (heard, seen) = heard_and_seen(&files.bytes("recording.webm"));
        assert_eq!(heard.len() as u64, LENGTH / EVERY - 1);
        assert_eq!(seen.len(), heard.len());
        for number in 0..heard.len() {
            // From capture to file: the path's 20 ms; 40 ms apart would be seen.
            let sound = heard[number] as i64 - claps.sounds[number] as i64;
            let picture = seen[number] as i64 - claps.pictures[number] as i64;
            assert!(
                (0..50).contains(&sound),
                "clap {number}: heard after {sound} ms"
            );
            assert!(
                (0..50).contains(&picture),
                "clap {number}: seen after {picture} ms"
            );
            assert!(
                (sound - picture).abs() < 25,
                "clap {number}: {sound} and {picture} ms"
            );
        }
    }
}
