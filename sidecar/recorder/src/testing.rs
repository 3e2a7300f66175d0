//! A recorder's disk half without threads: memory, a clock by hand, and a composer that copies payloads.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parley_compose::{Finished, FinishedFile, Options, Parts as _};
use parley_media::recording::{At, EndReason, Entry, Media, TrackId};

use crate::composing::{Compose, MakeComposer, Output, OutputFile, Worker};
use crate::journal::{Journal, Timeline};
use crate::publish::Step;
use crate::shelf::{Ended, GRACE, Shelf, ShelfConfig};
use crate::store::state::{About, State};
use crate::vfs::{MemoryVfs, Vfs};
use crate::{Clock, ManualClock};

/// Unix milliseconds when tests begin.
pub(crate) const WALL_MS: u64 = 1_800_000_000_000;
/// One packet's payload.
pub(crate) const PACKET: [u8; 100] = [9; 100];

/// What a composer does wrong.
#[derive(Debug, Default)]
pub(crate) struct Mischief {
    /// Panics with so many more entries.
    pub(crate) panics: AtomicU32,
    /// Fails so many more finishes.
    pub(crate) failures: AtomicU32,
    /// Composers that were made.
    pub(crate) made: AtomicU32,
}

/// A machine; its disk outlives it.
pub(crate) struct Machine {
    pub(crate) vfs: MemoryVfs,
    pub(crate) clock: ManualClock,
    pub(crate) shelf: Shelf,
    pub(crate) worker: Worker,
    pub(crate) mischief: Arc<Mischief>,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self::start(MemoryVfs::default(), ManualClock::at(WALL_MS)).unwrap()
    }

    pub(crate) fn start(vfs: MemoryVfs, clock: ManualClock) -> io::Result<Self> {
        let config = ShelfConfig {
            root: root(),
            grace: GRACE,
            exclusive: false,
        };
        let shelf = Shelf::open(config, Arc::new(vfs.clone()), Arc::new(clock.clone()))?;
        let mischief = Arc::new(Mischief::default());
        let worker = Worker::new(shelf.clone(), copying(mischief.clone()));
        Ok(Self {
            vfs,
            clock,
            shelf,
            worker,
            mischief,
        })
    }

    /// The same disk, another process.
    pub(crate) fn restart(&self) -> Self {
        Self::start(self.vfs.clone(), self.clock.clone()).unwrap()
    }

    /// What the composing thread does until it has nothing to do.
    pub(crate) fn work(&mut self) {
        for note in self.shelf.inbox().waiting() {
            self.worker.take(note);
        }
        for _ in 0..1000 {
            if !self.worker.turn() {
                return;
            }
        }
        panic!("the worker never rests");
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.clock.advance(by);
        self.work();
    }

    /// Begins, as `Recorder::prepare` does.
    pub(crate) fn begin(&self, id: &str) -> io::Result<Journal> {
        let begun = self.shelf.begin(about(id)).map_err(io::Error::other)?;
        let dir = self.shelf.dir_of(id);
        let segments = crate::journal::segments(&self.vfs, &dir)?;
        let at = At((self.clock.wall_ms() - begun.started_at_ms) * 1000);
        let timeline = Timeline {
            at,
            wall_ms: self.clock.wall_ms(),
            boot: None,
        };
        let next = segments.last().map_or(1, |last| last + 1);
        Journal::begin(&self.vfs, dir, next, timeline, begun.resumed)
    }

    /// Packets of one voice, 20 ms apart from `from_ms` on.
    pub(crate) fn speak(
        &self,
        journal: &mut Journal,
        from_ms: u64,
        packets: u64,
    ) -> io::Result<()> {
        for n in 0..packets {
            journal.append(&voice(from_ms + n * 20));
        }
        journal.write()?;
        journal.sync(&self.vfs)
    }

    /// Begins, speaks a second, and ends.
    pub(crate) fn record(&self, id: &str) -> io::Result<()> {
        let mut journal = self.begin(id)?;
        self.speak(&mut journal, 0, 50)?;
        self.end(id, journal, EndReason::Stopped)
    }

    pub(crate) fn end(&self, id: &str, mut journal: Journal, reason: EndReason) -> io::Result<()> {
        let at = journal.latest();
        journal.append(&Entry::End { at, reason });
        journal.write()?;
        journal.sync(&self.vfs)?;
        let at_ms = journal.wall_ms(at);
        self.shelf.ended(id, Ended { reason, at_ms });
        Ok(())
    }

    pub(crate) fn state(&self, id: &str) -> State {
        self.shelf.get(id).unwrap().state
    }

    /// A whole file as a host reads it.
    pub(crate) fn read(&self, host: &str, id: &str, number: u32) -> Vec<u8> {
        let mut reader = self.shelf.read_file(host, id, number, 0).unwrap();
        let mut bytes = Vec::new();
        while let Some(piece) = reader.piece().unwrap() {
            bytes.extend(piece);
        }
        bytes
    }

    /// All steps of a host that succeeds.
    pub(crate) fn publish(&self, host: &str, id: &str) {
        for step in steps(self.state(id).files.len()) {
            self.shelf.report(host, id, &step).unwrap();
        }
    }
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from("/data/recordings")
}

pub(crate) fn about(id: &str) -> About {
    About {
        recording_id: id.to_owned(),
        room_id: "room".to_owned(),
        generation: 1,
        labels: [("channel".to_owned(), "c".to_owned())].into(),
        starter_id: "starter".to_owned(),
        started_at_ms: WALL_MS,
    }
}

pub(crate) fn voice(at_ms: u64) -> Entry<'static> {
    Entry::Media(Media {
        track: TrackId::new(1, 0),
        at: At(at_ms * 1000),
        sequence: at_ms / 20,
        rtp: 0,
        marker: false,
        level: None,
        payload: &PACKET,
    })
}

/// What a host reports when all goes well.
pub(crate) fn steps(files: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    for number in 1..=u32::try_from(files).unwrap() {
        steps.push(Step::UploadBegun {
            number,
            upload_id: format!("u{number}"),
        });
        steps.push(Step::FileUploaded {
            number,
            file_id: format!("f{number}"),
        });
    }
    steps.push(Step::Posted {
        post_id: "post".to_owned(),
    });
    steps.push(Step::Verified);
    steps
}

/// Writes payloads one behind the other into files of at most `bytes_max`.
struct Copying {
    output: Output,
    options: Options,
    mischief: Arc<Mischief>,
    file: Option<OutputFile>,
    bytes: u64,
    done: Finished,
}

pub(crate) fn copying(mischief: Arc<Mischief>) -> MakeComposer {
    Arc::new(move |output, options| {
        mischief.made.fetch_add(1, Ordering::Relaxed);
        Box::new(Copying {
            output,
            options,
            mischief: mischief.clone(),
            file: None,
            bytes: 0,
            done: Finished::default(),
        })
    })
}

fn spend(count: &AtomicU32) -> bool {
    let spent = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
    spent.is_ok()
}

impl Compose for Copying {
    fn push(&mut self, entry: Entry<'_>) -> io::Result<()> {
        if let Entry::Segment { after_gap, .. } = entry {
            self.done.gaps += u32::from(after_gap);
        }
        let Entry::Media(media) = entry else {
            return Ok(());
        };
        assert!(!spend(&self.mischief.panics), "mischief");
        let length = media.payload.len() as u64;
        let is_full = self.options.bytes_max > 0 && self.bytes + length > self.options.bytes_max;
        if self.file.is_none() || is_full {
            let name = format!("recording-{}.webm", self.done.files.len() + 1);
            self.file = Some(self.output.create(&name)?);
            self.bytes = 0;
            self.done.files.push(FinishedFile {
                name,
                content_type: "audio/webm",
                duration_ms: 0,
                starts_at_ms: media.at.0 / 1000,
            });
        }
        self.bytes += length;
        self.done.duration_ms = media.at.0 / 1000;
        self.file.as_mut().unwrap().write_all(media.payload)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), io::Write::flush)
    }

    fn finish(self: Box<Self>) -> io::Result<Finished> {
        if spend(&self.mischief.failures) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "mischief"));
        }
        Ok(self.done)
    }
}

/// The recording's directory as somebody with a hammer left it.
pub(crate) fn overwrite(vfs: &MemoryVfs, path: &str, text: &[u8]) {
    let path = root().join(path);
    let mut file = vfs.open(&path, crate::vfs::Open::Empty).unwrap();
    file.write_at(0, text).unwrap();
    file.sync().unwrap();
    vfs.sync_dir(path.parent().unwrap()).unwrap();
}
