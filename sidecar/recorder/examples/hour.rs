//! What a recording costs the sidecar: four voices and a shared screen through tap, journal and composing,
//! as fast as it goes or in real time. `cargo xtask bench recording` runs it.
//!
//! Counted is the processor time of the whole process but for the thread that makes the packets; and by how
//! much the process' memory grew at most, the packets' own apart.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout)] // a bench that cannot go on ends

use std::f32::consts::TAU;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parley_media::recording::{At, EndReason, Entry, Media, TrackId, TrackKind};
use parley_recorder::store::state::Stage;
use parley_recorder::vfs::Disk;
use parley_recorder::{
    PrepareRequest, Pushed, Recorder, RecorderConfig, RecordingKey, SystemClock, TapWriter,
};
use rustix::time::{ClockId, clock_gettime};

const SPEAKERS: u16 = 4;
/// A packet of sound each.
const FRAME: Duration = Duration::from_millis(20);
const SAMPLES: usize = 960;
/// Sound that is repeated.
const LOOP_FRAMES: usize = 500;
/// Of the screen.
const PICTURES_PER_SECOND: u64 = 15;
const SCREEN_BITS_PER_SECOND: u64 = 1_000_000;
const KEYFRAME_EVERY_S: u64 = 10;
const KEYFRAME_BYTES: usize = 80_000;
const PACKET_BYTES: usize = 1_150;
/// Pause after each recorded second where it goes as fast as it can: the ring is for two at most, and
/// composing has to keep up, else the time after the end is that of its backlog.
const BREATH: Duration = Duration::from_millis(45);

struct Arguments {
    minutes: u64,
    real_time: bool,
    json: bool,
    dir: Option<PathBuf>,
}

fn arguments() -> Arguments {
    let mut given = Arguments {
        minutes: 60,
        real_time: false,
        json: false,
        dir: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--minutes" => {
                given.minutes = words
                    .next()
                    .and_then(|n| n.parse().ok())
                    .expect("--minutes: a number")
            }
            "--dir" => given.dir = Some(words.next().expect("--dir: a folder").into()),
            "--real-time" => given.real_time = true,
            "--json" => given.json = true,
            other => {
                panic!("{other}: unknown; known are --minutes N, --dir FOLDER, --real-time, --json")
            }
        }
    }
    given
}

/// What goes into the tap, and where it stands.
struct Source {
    voices: Vec<Vec<Vec<u8>>>,
    keyframe: Vec<Vec<u8>>,
    picture: Vec<Vec<u8>>,
    sequences: [u64; SPEAKERS as usize + 1],
}

impl Source {
    fn new() -> Self {
        let picture_bytes = (SCREEN_BITS_PER_SECOND / 8 / PICTURES_PER_SECOND) as usize;
        Self {
            voices: (0..SPEAKERS).map(voice).collect(),
            keyframe: packets(KEYFRAME_BYTES, true),
            picture: packets(picture_bytes, false),
            sequences: [0; SPEAKERS as usize + 1],
        }
    }

    /// One recorded second. Packets that found no room.
    fn second(&mut self, second: u64, key: RecordingKey, tap: &mut TapWriter) -> u64 {
        let mut dropped = 0;
        let mut push =
            |entry: Entry<'_>| dropped += u64::from(tap.push(key, &entry) == Pushed::Dropped);
        let start = second * 1_000_000;
        let mut pictures = 0;
        for frame in 0..50u64 {
            let at = At(start + frame * 20_000);
            let index = second * 50 + frame;
            for speaker in 0..SPEAKERS {
                let voice = &self.voices[usize::from(speaker)];
                let sequence = &mut self.sequences[usize::from(speaker)];
                *sequence += 1;
                push(Entry::Media(Media {
                    track: TrackId::new(1, speaker),
                    at,
                    sequence: *sequence,
                    rtp: (index as u32).wrapping_mul(SAMPLES as u32),
                    marker: false,
                    level: Some(-25),
                    payload: &voice[index as usize % voice.len()],
                }));
            }
            while pictures * 50 <= frame * PICTURES_PER_SECOND {
                let begins = pictures == 0 && second.is_multiple_of(KEYFRAME_EVERY_S);
                let packets = if begins {
                    &self.keyframe
                } else {
                    &self.picture
                };
                let rtp = ((second * PICTURES_PER_SECOND + pictures) * 90_000 / PICTURES_PER_SECOND)
                    as u32;
                for (number, payload) in packets.iter().enumerate() {
                    let sequence = &mut self.sequences[usize::from(SPEAKERS)];
                    *sequence += 1;
                    push(Entry::Media(Media {
                        track: TrackId::new(1, SPEAKERS),
                        at,
                        sequence: *sequence,
                        rtp,
                        marker: number + 1 == packets.len(),
                        level: None,
                        payload,
                    }));
                }
                pictures += 1;
            }
        }
        dropped
    }
}

/// Something with the bit rate of speech: a gliding tone with overtones and noise.
fn voice(speaker: u16) -> Vec<Vec<u8>> {
    let mut encoder = opus::Encoder::new(48_000, opus::Channels::Mono, opus::Application::Voip)
        .expect("an encoder");
    encoder
        .set_bitrate(opus::Bitrate::Bits(40_000))
        .expect("a bit rate");
    let mut noise = 0x2545_f491_u32 ^ u32::from(speaker);
    let mut phase = 0.0f32;
    let sounds = (0..LOOP_FRAMES).map(|frame| {
        let pitch = 110.0 + 40.0 * f32::from(speaker) + 30.0 * (frame as f32 / 40.0).sin();
        let loudness = 0.1 + 0.1 * (frame as f32 / 7.0).sin().abs();
        let samples: Vec<f32> = (0..SAMPLES)
            .map(|_| {
                phase = (phase + TAU * pitch / 48_000.0) % TAU;
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let hiss = (noise >> 16) as f32 / 65_536.0 - 0.5;
                loudness
                    * (phase.sin()
                        + 0.5 * (2.0 * phase).sin()
                        + 0.3 * (5.0 * phase).sin()
                        + 0.2 * hiss)
            })
            .collect();
        encoder.encode_vec_float(&samples, 1_200).expect("a packet")
    });
    sounds.collect()
}

/// The packets of one picture: RFC 7741's descriptor with a picture id of 15 bits, then VP8.
fn packets(bytes: usize, keyframe: bool) -> Vec<Vec<u8>> {
    let mut body = vec![0x55; bytes];
    body[0] = if keyframe { 0x10 } else { 0x11 };
    if keyframe {
        body[3..6].copy_from_slice(&[0x9d, 0x01, 0x2a]);
        body[6..8].copy_from_slice(&1920u16.to_le_bytes());
        body[8..10].copy_from_slice(&1080u16.to_le_bytes());
    }
    let parts = body.chunks(PACKET_BYTES).enumerate();
    parts
        .map(|(number, part)| {
            let start = if number == 0 { 0x10 } else { 0 };
            [&[start], part].concat()
        })
        .collect()
}

fn processor(clock: ClockId) -> f64 {
    let now = clock_gettime(clock);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// Resident memory now, bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("VmRSS");
    line.trim()
        .trim_end_matches(" kB")
        .parse::<u64>()
        .expect("a number")
        * 1024
}

fn main() {
    let arguments = arguments();
    let temporary = tempfile::tempdir().expect("a folder");
    let dir = arguments
        .dir
        .unwrap_or_else(|| temporary.path().to_path_buf())
        .join("recordings");
    let mut source = Source::new();

    let (recorder, mut tap, _reports) = Recorder::start(
        RecorderConfig::new(dir),
        Arc::new(Disk),
        Arc::new(SystemClock),
    )
    .expect("a recorder");
    let memory_before = resident();
    let prepared = recorder
        .prepare(PrepareRequest {
            recording_id: "hour".into(),
            room_id: "room".into(),
            ..PrepareRequest::default()
        })
        .expect("a recording");
    let key = prepared.key;
    let (cpu_before, made_before) = (
        processor(ClockId::ProcessCPUTime),
        processor(ClockId::ThreadCPUTime),
    );
    let begin = Instant::now();

    for speaker in 0..SPEAKERS {
        let session = format!("session{speaker}");
        let name = format!("Speaker {speaker}");
        let _ = tap.push(
            key,
            &Entry::Session {
                session: &session,
                participant: &session,
                name: &name,
            },
        );
        let _ = tap.push(
            key,
            &Entry::Track {
                track: TrackId::new(1, speaker),
                kind: TrackKind::Voice,
                session: &session,
            },
        );
    }
    let screen = TrackId::new(1, SPEAKERS);
    let _ = tap.push(
        key,
        &Entry::Track {
            track: screen,
            kind: TrackKind::Screen,
            session: "session0",
        },
    );
    let _ = tap.push(
        key,
        &Entry::Show {
            track: Some(screen),
            at: At(0),
        },
    );

    let seconds = arguments.minutes * 60;
    let mut memory_most = memory_before;
    let mut dropped = 0;
    for second in 0..seconds {
        dropped += source.second(second, key, &mut tap);
        if arguments.real_time {
            let due = begin + Duration::from_secs(second + 1);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        } else {
            std::thread::sleep(BREATH);
        }
        memory_most = memory_most.max(resident());
    }
    let stopped = Instant::now();
    let _ = tap.push(
        key,
        &Entry::End {
            at: At(seconds * 1_000_000),
            reason: EndReason::Stopped,
        },
    );
    let files = loop {
        let stored = recorder.shelf().get("hour").expect("the recording");
        memory_most = memory_most.max(resident());
        match stored.state.stage {
            Stage::Ready => break stored.state.files,
            Stage::Parked => panic!("not composed: {:?}", stored.state),
            _ => std::thread::sleep(FRAME),
        }
    };
    let finish = stopped.elapsed().as_secs_f64();
    let made = processor(ClockId::ThreadCPUTime) - made_before;
    let cpu = processor(ClockId::ProcessCPUTime) - cpu_before - made;
    let share = cpu / seconds as f64;
    let memory = memory_most.saturating_sub(memory_before);
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    let duration_ms: u64 = files.iter().map(|file| file.duration_ms).sum();
    recorder.close();
    if arguments.json {
        println!(
            "{{\"recorded_seconds\":{seconds},\"cpu_seconds\":{cpu:.2},\"cpu_cores\":{share:.4},\
             \"memory_bytes\":{memory},\"finish_seconds\":{finish:.2},\"took_seconds\":{:.1},\
             \"dropped_packets\":{dropped},\"file_bytes\":{bytes},\"file_ms\":{duration_ms}}}",
            begin.elapsed().as_secs_f64()
        );
    } else {
        println!(
            "{} min of 4 voices and a screen: {share:.4} of a core ({cpu:.1} s), memory +{:.1} MB, files of \
             {:.1} MB and {:.1} s complete {finish:.2} s after the end; {dropped} packets dropped; took {:.0} s",
            arguments.minutes,
            memory as f64 / 1e6,
            bytes as f64 / 1e6,
            duration_ms as f64 / 1e3,
            begin.elapsed().as_secs_f64()
        );
    }
}
