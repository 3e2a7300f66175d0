//! What recordings cost without composing: ten of them, four voices of 50 packets and a screen of 100 packets
//! a second each, in real time. Tells the processor time of a packet in the tap (the media thread's share)
//! and behind it (ring to disk), how many found no room, and by how much the process' memory grew.
//!
//! `tap [--seconds N] [--recordings N] [--dir FOLDER]`

#![allow(clippy::expect_used, clippy::print_stdout)] // a bench that cannot go on ends

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parley_compose::Finished;
use parley_media::recording::{At, EndReason, Entry, Media, TrackId, TrackKind};
use parley_recorder::composing::{Compose, MakeComposer};
use parley_recorder::vfs::Disk;
use parley_recorder::{
    PrepareRequest, Pushed, Recorder, RecorderConfig, RecordingKey, Report, SystemClock, TapWriter,
};
use rustix::time::{ClockId, clock_gettime};

const VOICES: u16 = 4;
const TICK: Duration = Duration::from_millis(20);
/// 40 kbit/s.
const SOUND: [u8; 100] = [1; 100];
/// Two a tick: 0.9 Mbit/s.
const PICTURE: [u8; 1150] = [2; 1150];

/// Composes nothing.
struct Idle;

impl Compose for Idle {
    fn push(&mut self, _entry: Entry<'_>) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<Finished> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

fn argument(name: &str) -> Option<String> {
    let mut words = std::env::args().skip_while(|word| word != name);
    words.nth(1)
}

fn number(name: &str, default: u64) -> u64 {
    argument(name).map_or(default, |word| word.parse().expect("a number"))
}

fn processor(clock: ClockId) -> f64 {
    let now = clock_gettime(clock);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// Resident memory now, KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("VmRSS");
    line.trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number")
}

/// One tick's packets of one recording: how many, and how many found no room.
fn tick(tap: &mut TapWriter, key: RecordingKey, at: u64) -> (u64, u64) {
    let (mut pushed, mut dropped) = (0, 0);
    for track in (0..VOICES).chain([VOICES, VOICES]) {
        let payload: &[u8] = if track == VOICES { &PICTURE } else { &SOUND };
        let entry = Entry::Media(Media {
            track: TrackId::new(1, track),
            at: At(at),
            sequence: at,
            rtp: 0,
            marker: false,
            level: Some(-25),
            payload,
        });
        pushed += 1;
        dropped += u64::from(tap.push(key, &entry) == Pushed::Dropped);
    }
    (pushed, dropped)
}

fn main() {
    let temporary = tempfile::tempdir().expect("a folder");
    let dir = argument("--dir").map_or_else(|| temporary.path().to_path_buf(), PathBuf::from);
    let seconds = number("--seconds", 20);
    let before = resident();
    let config = RecorderConfig::new(dir.join("recordings"));
    let idle: MakeComposer = Arc::new(|_, _| Box::new(Idle));
    let (recorder, mut tap, reports) =
        Recorder::start_with(config, Arc::new(Disk), Arc::new(SystemClock), idle)
            .expect("a recorder");
    let keys: Vec<RecordingKey> = (0..number("--recordings", 10))
        .map(|number| {
            let prepared = recorder.prepare(PrepareRequest {
                recording_id: format!("r{number}"),
                ..PrepareRequest::default()
            });
            prepared.expect("a recording").key
        })
        .collect();
    for key in &keys {
        for track in 0..=VOICES {
            let kind = if track == VOICES {
                TrackKind::Screen
            } else {
                TrackKind::Voice
            };
            let (track, session) = (TrackId::new(1, track), "s");
            let pushed = tap.push(
                *key,
                &Entry::Track {
                    track,
                    kind,
                    session,
                },
            );
            assert_eq!(pushed, Pushed::Away);
        }
    }

    let (mut packets, mut dropped, mut most, mut in_tap) = (0, 0, before, 0.0);
    let (all, mine) = (
        processor(ClockId::ProcessCPUTime),
        processor(ClockId::ThreadCPUTime),
    );
    let begin = Instant::now();
    for ticks in 0..seconds * 50 {
        let start = processor(ClockId::ThreadCPUTime);
        for key in &keys {
            let (pushed, refused) = tick(&mut tap, *key, ticks * 20_000);
            packets += pushed;
            dropped += refused;
        }
        in_tap += processor(ClockId::ThreadCPUTime) - start;
        if ticks % 50 == 0 {
            most = most.max(resident());
        }
        let next = TICK * u32::try_from(ticks + 1).expect("less than a year");
        std::thread::sleep(next.saturating_sub(begin.elapsed()));
    }
    let mine = processor(ClockId::ThreadCPUTime) - mine;
    let behind = processor(ClockId::ProcessCPUTime) - all - mine;
    for key in &keys {
        let (at, reason) = (At(seconds * 1_000_000), EndReason::Stopped);
        assert_eq!(tap.push(*key, &Entry::End { at, reason }), Pushed::Away);
    }
    let ended = reports
        .iter()
        .filter(|report| matches!(report, Report::Ended { .. }));
    assert_eq!(ended.take(keys.len()).count(), keys.len());
    recorder.close();

    let per_packet = |seconds: f64| seconds * 1e9 / packets as f64;
    println!("{packets} packets in {seconds} s, {dropped} found no room");
    println!("tap:    {:.0} ns a packet", per_packet(in_tap));
    println!(
        "behind: {:.0} ns a packet (journals' readers too), {:.4} of a core",
        per_packet(behind),
        behind / seconds as f64
    );
    println!("memory: {} KiB more", most - before);
}
