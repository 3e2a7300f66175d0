//! What is said and shown, as the journal's entries.

use opus::{Application, Channels, Encoder};
use parley_compose::{Composer, Finished, Options};
use parley_media::recording::{At, EndReason, Entry, Media, TrackId, TrackKind};

use super::Memory;

/// 320x240, 10 pictures per second, 4 s; a key frame each second.
static CLIP: &[u8] = include_bytes!("clip.ivf");

/// Entries with their times, in any order until they are played.
#[derive(Default)]
pub(crate) struct Scene {
    timed: Vec<(u64, Owned)>,
}

/// An entry that owns what it says.
#[derive(Clone)]
pub(crate) enum Owned {
    Plain(Entry<'static>),
    Session(String, String, String),
    Track(TrackId, TrackKind, String),
    Media {
        track: TrackId,
        sequence: u64,
        rtp: u32,
        marker: bool,
        payload: Vec<u8>,
    },
}

impl Owned {
    pub(crate) fn entry(&self, at: u64) -> Entry<'_> {
        match self {
            Owned::Plain(entry) => *entry,
            Owned::Session(session, participant, name) => Entry::Session {
                session,
                participant,
                name,
            },
            Owned::Track(track, kind, session) => Entry::Track {
                track: *track,
                kind: *kind,
                session,
            },
            Owned::Media {
                track,
                sequence,
                rtp,
                marker,
                payload,
            } => Entry::Media(Media {
                track: *track,
                at: At(at),
                sequence: *sequence,
                rtp: *rtp,
                marker: *marker,
                level: None,
                payload,
            }),
        }
    }
}

/// Opus packets of a tone, 20 ms each.
pub(crate) fn tone(hz: f32, amplitude: f32, count: usize) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(48_000, Channels::Mono, Application::Audio).unwrap();
    encoder.set_complexity(3).unwrap();
    (0..count)
        .map(|packet| {
            let pcm: Vec<f32> = (0..960)
                .map(|i| {
                    let t = (packet * 960 + i) as f32 / 48_000.0;
                    (t * hz * std::f32::consts::TAU).sin() * amplitude
                })
                .collect();
            encoder.encode_vec_float(&pcm, 1_500).unwrap()
        })
        .collect()
}

/// The clip's frames.
pub(crate) fn clip() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut rest = &CLIP[32..];
    while rest.len() > 12 {
        let end = 12 + u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
        frames.push(rest[12..end].to_vec());
        rest = &rest[end..];
    }
    frames
}

/// A frame to RTP payloads as Chromium makes them: 15-bit picture id, TL0PICIDX, TID.
pub(crate) fn packetize(frame: &[u8], picture_id: u16, tl0: u8, tid: u8) -> Vec<Vec<u8>> {
    frame
        .chunks(1_100)
        .enumerate()
        .map(|(number, part)| {
            let id = (0x8000 | picture_id & 0x7fff).to_be_bytes();
            let start = if number == 0 { 0x10 } else { 0 };
            let mut payload = vec![0x80 | start, 0xe0, id[0], id[1], tl0, tid << 6];
            payload.extend_from_slice(part);
            payload
        })
        .collect()
}

impl Scene {
    /// Begins with segment 1 at 0.
    pub(crate) fn new() -> Self {
        let mut scene = Self::default();
        scene.segment(1, 0, false);
        scene
    }

    pub(crate) fn add(&mut self, at_ms: u64, entry: Entry<'static>) {
        self.timed.push((at_ms * 1_000, Owned::Plain(entry)));
    }

    pub(crate) fn segment(&mut self, number: u32, at_ms: u64, after_gap: bool) {
        self.add(
            at_ms,
            Entry::Segment {
                number,
                at: At(at_ms * 1_000),
                wall_ms: 1_700_000_000_000 + at_ms,
                after_gap,
            },
        );
    }

    pub(crate) fn track(&mut self, at_ms: u64, track: u32, kind: TrackKind, name: &str) {
        let (at, session) = (at_ms * 1_000, format!("session of {name}"));
        let owned = Owned::Session(session.clone(), format!("id of {name}"), name.to_owned());
        self.timed.push((at, owned));
        self.timed
            .push((at, Owned::Track(TrackId(track), kind, session)));
    }

    /// A voice that sounds from `from_ms` on.
    pub(crate) fn voice(&mut self, track: u32, from_ms: u64, packets: &[Vec<u8>]) {
        for (number, packet) in packets.iter().enumerate() {
            let number = number as u64;
            let at = from_ms * 1_000 + number * 20_000;
            let media = Owned::Media {
                track: TrackId(track),
                sequence: 1_000 + number,
                rtp: 77_000 + number as u32 * 960,
                marker: false,
                payload: packet.clone(),
            };
            self.timed.push((at, media));
        }
    }

    /// Frames at ten per second from `from_ms` on; those for which `keep(frame, packet)` is false are lost.
    pub(crate) fn pictures(
        &mut self,
        track: u32,
        from_ms: u64,
        frames: &[Vec<u8>],
        keep: impl Fn(usize, usize) -> bool,
    ) {
        self.late_pictures(track, from_ms, frames, keep, |_| 0);
    }

    /// The same; `late(frame)` ms longer under way.
    pub(crate) fn late_pictures(
        &mut self,
        track: u32,
        from_ms: u64,
        frames: &[Vec<u8>],
        keep: impl Fn(usize, usize) -> bool,
        late: impl Fn(usize) -> u64,
    ) {
        let mut sequence = 5_000;
        for (number, frame) in frames.iter().enumerate() {
            let packets = packetize(frame, number as u16, number as u8, 0);
            let last = packets.len() - 1;
            for (part, payload) in packets.into_iter().enumerate() {
                sequence += 1;
                if keep(number, part) {
                    let media = Owned::Media {
                        track: TrackId(track),
                        sequence,
                        rtp: number as u32 * 9_000,
                        marker: part == last,
                        payload,
                    };
                    let at = (from_ms + late(number)) * 1_000 + number as u64 * 100_000;
                    self.timed.push((at, media));
                }
            }
        }
    }

    pub(crate) fn show(&mut self, at_ms: u64, track: Option<u32>) {
        let at = At(at_ms * 1_000);
        let track = track.map(TrackId);
        self.add(at_ms, Entry::Show { track, at });
    }

    pub(crate) fn end(&mut self, at_ms: u64) {
        let at = At(at_ms * 1_000);
        let reason = EndReason::Stopped;
        self.add(at_ms, Entry::End { at, reason });
    }

    /// The entries in the journal's order.
    pub(crate) fn sorted(mut self) -> Vec<(u64, Owned)> {
        self.timed.sort_by_key(|(at, _)| *at);
        self.timed
    }

    pub(crate) fn compose(self, options: Options) -> (Finished, Memory) {
        let files = Memory::default();
        let mut composer = Composer::new(files.clone(), options);
        for (at, owned) in self.sorted() {
            composer.push(owned.entry(at)).unwrap();
        }
        (composer.finish().unwrap(), files)
    }
}
