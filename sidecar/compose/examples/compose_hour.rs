//! What composing alone costs: an hour with four speakers and a shared screen, as fast as it goes.
//! `compose_hour [--json] [--minutes N]`. The entries are made on the fly; files go to a temporary
//! folder. (`cargo xtask bench recording` measures all of a recording.)

#![allow(clippy::print_stdout)] // That is what it is for.

use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::time::Instant;

use opus::{Application, Channels, Encoder};
use parley_compose::{Composer, Options, Parts};
use parley_media::recording::{At, EndReason, Entry, Media, TrackId, TrackKind};

const SPEAKERS: u32 = 4;
const SCREEN: TrackId = TrackId(100);
/// Pictures per second, bytes of one, of a key frame; seconds between those: 1 Mbit/s.
const RATE: u64 = 15;
const PICTURE: usize = 7_700;
const KEY_FRAME: usize = 90_000;
const KEY_EVERY: u64 = 10;
/// Bytes of a packet's payload.
const PACKET: usize = 1_100;

struct Folder(PathBuf);

impl Parts for Folder {
    type File = File;

    fn create(&mut self, name: &str) -> io::Result<File> {
        File::create(self.0.join(name))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    let minutes: u64 = match arguments.iter().position(|it| it == "--minutes") {
        Some(at) => arguments.get(at + 1).ok_or("how many?")?.parse()?,
        None => 60,
    };
    let folder = tempfile::tempdir()?;
    let voices = (0..SPEAKERS).map(speech).collect::<Result<Vec<_>, _>>()?;
    let quiet = packets(250, |i| 0.001 * noise(i))?;
    let mut composer = Composer::new(Folder(folder.path().into()), Options::default());

    let begun = Instant::now();
    let cpu_before = cpu_seconds()?;
    begin(&mut composer)?;
    let mut screen = Screen::new();
    for frame in 0..minutes * 60 * 50 {
        let at = At(1_000 + frame * 20_000);
        for speaker in 0..SPEAKERS {
            let packets = if talks(speaker, frame) {
                &voices[speaker as usize]
            } else {
                &quiet
            };
            composer.push(Entry::Media(Media {
                track: TrackId(speaker),
                at,
                sequence: frame,
                rtp: (frame as u32).wrapping_mul(960),
                marker: false,
                level: None,
                payload: &packets[frame as usize % packets.len()],
            }))?;
            if frame % 250 == 100 {
                composer.push(report(TrackId(speaker), at, frame, 960))?;
            }
        }
        screen.send(&mut composer, at, frame)?;
        if frame % 50 == 0 {
            composer.push(report(SCREEN, at, frame, 1_800))?;
            composer.flush()?;
        }
    }
    let end = At(minutes * 60_000_000);
    let reason = EndReason::Stopped;
    composer.push(Entry::End { at: end, reason })?;
    let stopped = Instant::now();
    let finished = composer.finish()?;
    let finish_ms = stopped.elapsed().as_secs_f64() * 1e3;
    let cpu = (cpu_seconds()? - cpu_before) / (minutes * 60) as f64;
    let wall = begun.elapsed().as_secs_f64();
    let mut bytes = 0;
    for file in &finished.files {
        bytes += fs::metadata(folder.path().join(&file.name))?.len();
    }
    let rss = peak_rss_mib()?;
    let lost = finished.lost.audio_packets + finished.lost.video_frames + finished.lost.malformed;
    if json {
        println!(
            "{{\"minutes\":{minutes},\"cpu_per_second\":{cpu:.5},\"wall_seconds\":{wall:.2},\
             \"finish_ms\":{finish_ms:.2},\"peak_rss_mib\":{rss:.1},\"bytes\":{bytes},\
             \"duration_ms\":{},\"lost\":{lost}}}",
            finished.duration_ms
        );
    } else {
        println!(
            "{minutes} min composed in {wall:.1} s: {cpu:.4} s of a core per second, finish() \
             {finish_ms:.1} ms, peak RSS {rss:.1} MiB (test data included), {bytes} bytes, {lost} lost"
        );
    }
    Ok(())
}

/// Everybody is there from the beginning; the screen is shown.
fn begin(composer: &mut Composer<Folder>) -> io::Result<()> {
    composer.push(Entry::Segment {
        number: 1,
        at: At(0),
        wall_ms: 0,
        after_gap: false,
    })?;
    for speaker in 0..SPEAKERS {
        let session = format!("session {speaker}");
        composer.push(Entry::Session {
            session: &session,
            participant: &format!("participant {speaker}"),
            name: &format!("Speaker {speaker}"),
        })?;
        composer.push(Entry::Track {
            track: TrackId(speaker),
            kind: TrackKind::Voice,
            session: &session,
        })?;
    }
    composer.push(Entry::Track {
        track: SCREEN,
        kind: TrackKind::Screen,
        session: "session 0",
    })?;
    composer.push(Entry::Show {
        track: Some(SCREEN),
        at: At(0),
    })
}

/// In turns of seven seconds, and in every third turn somebody talks over it.
fn talks(speaker: u32, frame: u64) -> bool {
    let turn = frame / 350;
    let over = turn.is_multiple_of(3) && (turn + 1) % u64::from(SPEAKERS) == u64::from(speaker);
    turn % u64::from(SPEAKERS) == u64::from(speaker) || over
}

fn report(track: TrackId, at: At, frame: u64, ticks: u32) -> Entry<'static> {
    let micros = frame * 20_000;
    Entry::SenderReport {
        track,
        at,
        ntp: ((3_900_000_000 + micros / 1_000_000) << 32)
            | (((micros % 1_000_000) << 32) / 1_000_000),
        rtp: (frame as u32).wrapping_mul(ticks),
    }
}

/// A share that sends VP8 of random contents, which nobody decodes here.
struct Screen {
    noise: Vec<u8>,
    payload: Vec<u8>,
    sequence: u64,
    picture: u64,
}

impl Screen {
    fn new() -> Self {
        Self {
            noise: (0..KEY_FRAME)
                .map(|i| (noise(i) * 127.0) as i8 as u8)
                .collect(),
            payload: Vec::new(),
            sequence: 0,
            picture: 0,
        }
    }

    /// Sends the pictures that are due in this frame of sound.
    fn send(&mut self, composer: &mut Composer<Folder>, at: At, frame: u64) -> io::Result<()> {
        while self.picture * 50 <= frame * RATE {
            let key = self.picture.is_multiple_of(RATE * KEY_EVERY);
            // RFC 6386 section 9.1: 1920x1080.
            let head: &[u8] = if key {
                &[0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x07, 0x38, 0x04]
            } else {
                &[0x11, 0, 0]
            };
            let size = if key { KEY_FRAME } else { PICTURE };
            for start in (0..size).step_by(PACKET) {
                let id = (0x8000 | self.picture as u16 & 0x7fff).to_be_bytes();
                let first = if start == 0 { 0x10 } else { 0 };
                self.payload.clear();
                self.payload
                    .extend([0x80 | first, 0xe0, id[0], id[1], self.picture as u8, 0]);
                if start == 0 {
                    self.payload.extend_from_slice(head);
                }
                let end = (start + PACKET).min(size);
                self.payload.extend_from_slice(&self.noise[start..end]);
                composer.push(Entry::Media(Media {
                    track: SCREEN,
                    at,
                    sequence: self.sequence,
                    rtp: (self.picture as u32).wrapping_mul(90_000 / RATE as u32),
                    marker: end == size,
                    level: None,
                    payload: &self.payload,
                }))?;
                self.sequence += 1;
            }
            self.picture += 1;
        }
        Ok(())
    }
}

/// Something with the spectrum of a voice: pulses of a changing pitch, syllables, breath.
fn speech(speaker: u32) -> Result<Vec<Vec<u8>>, opus::Error> {
    let base = 100.0 + 40.0 * speaker as f32;
    packets(1_000, move |i| {
        let t = i as f32 / 48_000.0;
        let pitch = base + 20.0 * (t * 2.0).sin();
        let voiced: f32 = (1..16)
            .map(|harmonic| {
                let harmonic = harmonic as f32;
                (t * pitch * harmonic * std::f32::consts::TAU).sin() / harmonic
            })
            .sum();
        let syllable = (t * 4.0 * std::f32::consts::TAU).sin().max(0.0);
        0.2 * voiced * syllable + 0.01 * noise(i)
    })
}

fn packets(count: usize, wave: impl Fn(usize) -> f32) -> Result<Vec<Vec<u8>>, opus::Error> {
    let mut encoder = Encoder::new(48_000, Channels::Mono, Application::Voip)?;
    encoder.set_bitrate(opus::Bitrate::Bits(32_000))?;
    encoder.set_inband_fec(true)?;
    (0..count)
        .map(|packet| {
            let pcm: Vec<f32> = (packet * 960..(packet + 1) * 960).map(&wave).collect();
            encoder.encode_vec_float(&pcm, 1_275)
        })
        .collect()
}

fn noise(i: usize) -> f32 {
    let mixed = (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f32 / (1 << 23) as f32
        - 1.0
}

/// What this thread has used.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos: f64 = stat.split(' ').next().ok_or("no schedstat")?.parse()?;
    Ok(nanos / 1e9)
}

fn peak_rss_mib() -> Result<f64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .ok_or("no VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}
