//! The thread's turns on a clock that the test moves, over a file system that fails when told.

mod crash;
mod slow;
mod trouble;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use parley_media::recording::{At, EndReason, Entry, Media, TrackId, TrackKind, Trouble};

use super::thread::{Command, Inbox};
use super::{Io, IoConfig, Listener, Next};
use crate::journal::{Journal, Reader, Timeline};
use crate::tap::{Pushed, RecordingKey, Report, TapWriter, ring};
use crate::vfs::{MemoryVfs, Vfs};
use crate::{Clock, ManualClock};

const VOICE: TrackId = TrackId::new(1, 0);
const SCREEN: TrackId = TrackId::new(1, 1);
const STEP: Duration = Duration::from_millis(20);
/// A packet of sound and one of pictures: 20 ms of 48 kbit/s and of 400 kbit/s.
const SOUND: [u8; 120] = [1; 120];
const PICTURE: [u8; 1000] = [2; 1000];

type Heard = Arc<Mutex<Vec<String>>>;

struct Ear(Heard);

impl Listener for Ear {
    fn report(&mut self, report: Report) {
        self.0.lock().unwrap().push(match report {
            Report::Trouble { key, trouble } => format!("{} {trouble:?}", key.0),
            Report::VideoLost { key } => format!("{} VideoLost", key.0),
            Report::Ended { key, reason, .. } => format!("{} {reason:?}", key.0),
        });
    }

    fn ended(&mut self, recording_id: &str, reason: EndReason, _at_ms: u64) {
        self.0
            .lock()
            .unwrap()
            .push(format!("{recording_id} over: {reason:?}"));
    }

    fn in_trouble(&mut self, recording_id: &str, trouble: Trouble) {
        self.0
            .lock()
            .unwrap()
            .push(format!("{recording_id}: {trouble:?}"));
    }
}

struct Rig {
    vfs: MemoryVfs,
    clock: ManualClock,
    io: Io,
    tap: TapWriter,
    inbox: Arc<Inbox>,
    heard: Heard,
    at: u64,
    /// What the tap took, per recording, in order.
    pushed: Vec<Vec<u64>>,
    /// Of those, the sound.
    voices: Vec<Vec<u64>>,
}

fn dir(key: u32) -> PathBuf {
    PathBuf::from(format!("/rec/r{key}"))
}

impl Rig {
    fn new(vfs: MemoryVfs) -> Self {
        Self::with(vfs, 4 << 20, 0)
    }

    fn with(vfs: MemoryVfs, ring_bytes: usize, quota_bytes: u64) -> Self {
        let clock = ManualClock::at(1_000_000);
        let (tap, ring) = ring(ring_bytes);
        let inbox = Arc::new(Inbox::default());
        let heard = Heard::default();
        vfs.create_dir(Path::new("/rec")).unwrap();
        vfs.sync_dir(Path::new("/")).unwrap();
        let config = IoConfig {
            root: "/rec".into(),
            quota_bytes,
            reserve_bytes: 200_000,
        };
        let shared = Arc::new(vfs.clone());
        let ear = Box::new(Ear(heard.clone()));
        let io = Io::new(
            config,
            shared,
            Arc::new(clock.clone()),
            vec![ring],
            inbox.clone(),
            ear,
        );
        Self {
            vfs,
            clock,
            io,
            tap,
            inbox,
            heard,
            at: 0,
            pushed: Vec::new(),
            voices: Vec::new(),
        }
    }

    /// Begins recordings 0..count with a voice and a screen each.
    fn begin(&mut self, count: u32) {
        for key in 0..count {
            self.vfs.create_dir(&dir(key)).unwrap();
            self.vfs.sync_dir(Path::new("/rec")).unwrap();
            let timeline = Timeline {
                at: At(0),
                wall_ms: self.clock.wall_ms(),
                boot: self.clock.boot(),
            };
            let journal = Journal::begin(&self.vfs, dir(key), 1, timeline, false).unwrap();
            let key = RecordingKey(key);
            self.inbox
                .put(Command::begin(key, format!("r{}", key.0), journal));
            for (track, kind) in [(VOICE, TrackKind::Voice), (SCREEN, TrackKind::Screen)] {
                let session = "s";
                let entry = Entry::Track {
                    track,
                    kind,
                    session,
                };
                assert_eq!(self.tap.push(key, &entry), Pushed::Away);
            }
            self.pushed.push(Vec::new());
            self.voices.push(Vec::new());
        }
        assert_eq!(self.io.turn(), Next::Pause(super::PAUSE));
    }

    fn push(&mut self, key: u32, track: TrackId, payload: &[u8]) -> Pushed {
        self.at += 1;
        let entry = Entry::Media(Media {
            track,
            at: At(self.at),
            sequence: self.at,
            rtp: 0,
            marker: false,
            level: None,
            payload,
        });
        let pushed = self.tap.push(RecordingKey(key), &entry);
        if pushed == Pushed::Away {
            self.pushed[key as usize].push(self.at);
            if track == VOICE {
                self.voices[key as usize].push(self.at);
            }
        }
        pushed
    }

    fn end(&mut self, key: u32) {
        let (at, reason) = (At(self.at), EndReason::Stopped);
        assert_eq!(
            self.tap.push(RecordingKey(key), &Entry::End { at, reason }),
            Pushed::Away
        );
    }

    fn turn(&mut self) {
        while self.io.turn() == Next::Again {}
    }

    /// So long, a packet of sound and one of pictures for each recording every 20 ms.
    fn run(&mut self, time: Duration) {
        for _ in 0..time.as_millis() / STEP.as_millis() {
            self.clock.advance(STEP);
            for key in 0..self.pushed.len() as u32 {
                let _ = self.push(key, VOICE, &SOUND);
                let _ = self.push(key, SCREEN, &PICTURE);
            }
            self.turn();
        }
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

/// What is read of a recording: the moments of its packets, of sound and of pictures, packets told to be
/// missing, and whether it has an end.
#[derive(Debug, Default, PartialEq)]
struct Read {
    media: Vec<u64>,
    audio: usize,
    video: usize,
    dropped: (u32, u32),
    ended: bool,
    segments: usize,
}

fn read(vfs: &MemoryVfs, key: u32) -> Read {
    let mut reader = Reader::new(Arc::new(vfs.clone()), dir(key));
    let mut read = Read::default();
    while let Some(entry) = reader.next() {
        match entry {
            Entry::Media(media) => {
                read.media.push(media.at.0);
                read.audio += usize::from(media.track == VOICE);
                read.video += usize::from(media.track == SCREEN);
            }
            Entry::Dropped { audio, video, .. } => {
                read.dropped.0 += audio;
                read.dropped.1 += video;
            }
            Entry::End { .. } => read.ended = true,
            Entry::Segment { .. } => read.segments += 1,
            _ => {}
        }
    }
    read
}
