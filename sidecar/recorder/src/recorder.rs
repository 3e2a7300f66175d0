//! The handle of it all: starts the threads, begins recordings.

mod request;

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use parley_media::recording::{At, EndReason, Trouble};

pub use request::{PrepareError, PrepareRequest, Prepared, RecorderConfig};

use crate::Clock;
use crate::composing::{ComposingThread, MakeComposer, composer};
use crate::counters::{Counters, IoCounts};
use crate::io::thread::{Command, Inbox};
use crate::io::{Io, IoConfig, Listener, thread, used};
use crate::journal::{Journal, Timeline, resume_point};
use crate::shelf::{Begun, Ended, Shelf, ShelfConfig};
use crate::store::state::About;
use crate::tap::{RING_BYTES, RecordingKey, Report, TapWriter, ring};
use crate::vfs::Vfs;

/// A handle; clones are the same recorder.
#[derive(Clone)]
pub struct Recorder {
    inner: Arc<Inner>,
}

struct Inner {
    config: RecorderConfig,
    vfs: Arc<dyn Vfs>,
    clock: Arc<dyn Clock>,
    shelf: Shelf,
    inbox: Arc<Inbox>,
    open: Arc<Open>,
    counters: Arc<Counters>,
    /// One begins at a time.
    preparing: Mutex<()>,
    keys: AtomicU32,
    threads: Mutex<Option<(JoinHandle<()>, ComposingThread)>>,
}

/// A shard's end: what it records, and what becomes of it.
pub type Tap = (TapWriter, Receiver<Report>);

/// Recordings in progress, by key.
type Open = Mutex<BTreeMap<RecordingKey, (String, bool)>>;

impl Recorder {
    /// Looks at what is on the disk and starts the threads.
    ///
    /// # Errors
    /// The directory cannot be used, or another process uses it, or there are no threads.
    pub fn start(
        config: RecorderConfig,
        vfs: Arc<dyn Vfs>,
        clock: Arc<dyn Clock>,
    ) -> io::Result<(Self, TapWriter, Receiver<Report>)> {
        Self::start_with(config, vfs, clock, composer())
    }

    /// As [`Recorder::start`], with a tap for each of so many shards. Each hears of all recordings.
    ///
    /// # Errors
    /// Those of [`Recorder::start`].
    pub fn start_for(
        config: RecorderConfig,
        vfs: Arc<dyn Vfs>,
        clock: Arc<dyn Clock>,
        shards: usize,
    ) -> io::Result<(Self, Vec<Tap>)> {
        Self::start_all(config, vfs, clock, composer(), shards)
    }

    /// As [`Recorder::start`], with another composer.
    ///
    /// # Errors
    /// Those of [`Recorder::start`].
    pub fn start_with(
        config: RecorderConfig,
        vfs: Arc<dyn Vfs>,
        clock: Arc<dyn Clock>,
        make: MakeComposer,
    ) -> io::Result<(Self, TapWriter, Receiver<Report>)> {
        let (recorder, mut taps) = Self::start_all(config, vfs, clock, make, 1)?;
        let (tap, reports) = taps.pop().ok_or_else(|| io::Error::other("no tap"))?;
        Ok((recorder, tap, reports))
    }

    fn start_all(
        config: RecorderConfig,
        vfs: Arc<dyn Vfs>,
        clock: Arc<dyn Clock>,
        make: MakeComposer,
        shards: usize,
    ) -> io::Result<(Self, Vec<Tap>)> {
        let shelf_config = ShelfConfig {
            root: config.dir.clone(),
            grace: config.grace,
            exclusive: config.exclusive,
        };
        let shelf = Shelf::open(shelf_config, vfs.clone(), clock.clone())?;
        let (mut taps, mut rings, mut reports) = (vec![], vec![], vec![]);
        for _ in 0..shards {
            let (tap, ring) = ring(RING_BYTES);
            let (report, told) = channel();
            taps.push((tap, told));
            rings.push(ring);
            reports.push(report);
        }
        let open = Arc::new(Open::default());
        let inbox = Arc::new(Inbox::default());
        let io = Io::new(
            IoConfig {
                root: config.dir.clone(),
                quota_bytes: config.quota_bytes,
                reserve_bytes: config.reserve_bytes,
            },
            vfs.clone(),
            clock.clone(),
            rings,
            inbox.clone(),
            Box::new(Tell {
                reports,
                shelf: shelf.clone(),
                open: open.clone(),
            }),
        );
        let counters = io.counters();
        let composing = ComposingThread::spawn(shelf.clone(), make)?;
        let threads = (thread::spawn(io)?, composing);
        let inner = Inner {
            config,
            vfs,
            clock,
            shelf,
            inbox,
            open,
            counters,
            preparing: Mutex::new(()),
            keys: AtomicU32::new(1),
            threads: Mutex::new(Some(threads)),
        };
        let inner = Arc::new(inner);
        Ok((Self { inner }, taps))
    }

    /// Begins a recording, or goes on with one that an earlier start left in progress. Blocks for as long
    /// as the disk takes: when it returns, directory, state and the segment's header survive a crash, and
    /// the tap takes the recording's entries.
    ///
    /// # Errors
    /// [`PrepareError`]; nothing has begun then.
    pub fn prepare(&self, request: PrepareRequest) -> Result<Prepared, PrepareError> {
        let inner = &*self.inner;
        let _one = inner
            .preparing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let id = request.recording_id.clone();
        self.check_running()?;
        if inner.shelf.get(&id).is_none() {
            // One that goes on does as it would have without the restart: with sound alone if need be.
            self.check_room()?;
        }
        let begun = inner.shelf.begin(About {
            recording_id: request.recording_id,
            room_id: request.room_id,
            generation: request.generation,
            labels: request.labels,
            starter_id: request.starter_id,
            started_at_ms: inner.clock.wall_ms(),
        })?;
        let (journal, at) = self.begin_journal(&id, &begun).inspect_err(|_| {
            // What stays of it is found by the next scan.
            let _ = inner.shelf.discard(&id, begun.resumed);
        })?;
        let key = RecordingKey(inner.keys.fetch_add(1, Ordering::Relaxed));
        let prepared = Prepared {
            key,
            segment: journal.segment(),
            started_at_ms: begun.started_at_ms,
            elapsed: Duration::from_micros(at.0),
            resumed: begun.resumed,
        };
        self.open().insert(key, (id.clone(), begun.resumed));
        inner.inbox.put(Command::begin(key, id, journal));
        Ok(prepared)
    }

    /// A recording that was prepared is not wanted after all; nothing was pushed, and nobody was told. Blocks
    /// for as long as the disk takes.
    pub fn discard(&self, key: RecordingKey) {
        self.inner.inbox.put(Command::Discard(key));
        let Some((id, resumed)) = self.open().remove(&key) else {
            return;
        };
        if let Err(error) = self.inner.shelf.discard(&id, resumed) {
            tracing::warn!(recording = %id, %error, "a recording that never began stays on the disk");
        }
    }

    /// What was dropped and synced since the process began.
    #[must_use]
    pub fn io_counts(&self) -> IoCounts {
        self.inner.counters.counts()
    }

    /// What is on the disk, and how it is published.
    #[must_use]
    pub fn shelf(&self) -> &Shelf {
        &self.inner.shelf
    }

    /// Lets what is in the tap reach the disk, and ends the threads. Recordings that have not ended stay in
    /// progress for the next start. Blocks for as long as the disk takes.
    pub fn close(&self) {
        self.inner.inbox.close();
        let threads = self
            .inner
            .threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some((io, composing)) = threads {
            // A panic in it was told.
            let _ = io.join();
            drop(composing);
        }
    }

    fn check_running(&self) -> Result<(), PrepareError> {
        let inner = &*self.inner;
        let threads = inner.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if threads.as_ref().is_none_or(|(io, _)| io.is_finished()) {
            return Err(PrepareError::Closed);
        }
        let most = inner.config.recordings_max;
        if self.open().len() >= most {
            return Err(PrepareError::TooMany(most));
        }
        Ok(())
    }

    fn check_room(&self) -> Result<(), PrepareError> {
        let inner = &*self.inner;
        let RecorderConfig {
            ref dir,
            floor_bytes,
            quota_bytes,
            reserve_bytes,
            ..
        } = inner.config;
        let free_bytes = inner.vfs.free_bytes(dir)?;
        if free_bytes < floor_bytes.max(reserve_bytes) {
            return Err(PrepareError::LowSpace { free_bytes });
        }
        if quota_bytes > 0 && used(inner.vfs.as_ref(), dir)? >= quota_bytes {
            return Err(PrepareError::OverQuota { quota_bytes });
        }
        Ok(())
    }

    fn begin_journal(&self, id: &str, begun: &Begun) -> io::Result<(Journal, At)> {
        let Inner {
            vfs, clock, shelf, ..
        } = &*self.inner;
        let dir = shelf.dir_of(id);
        let point = resume_point(vfs, &dir)?;
        let (wall_ms, boot) = (clock.wall_ms(), clock.boot());
        let timeline = Timeline {
            at: point.elapsed(wall_ms, boot, begun.started_at_ms),
            wall_ms,
            boot,
        };
        let journal = Journal::begin(
            vfs.as_ref(),
            dir,
            point.next_segment,
            timeline,
            begun.resumed,
        )?;
        Ok((journal, timeline.at))
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<RecordingKey, (String, bool)>> {
        self.inner
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// From the I/O thread to the shell and the shelf.
struct Tell {
    /// To each shard: which of them has the recording's room is not known here.
    reports: Vec<Sender<Report>>,
    shelf: Shelf,
    open: Arc<Open>,
}

impl Listener for Tell {
    fn report(&mut self, report: Report) {
        if let Report::Ended { key, .. } = report {
            self.open
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&key);
        }
        for shard in &self.reports {
            // One that is gone needs no word.
            let _ = shard.send(report);
        }
    }

    fn ended(&mut self, recording_id: &str, reason: EndReason, at_ms: u64) {
        self.shelf.ended(recording_id, Ended { reason, at_ms });
    }

    fn in_trouble(&mut self, recording_id: &str, trouble: Trouble) {
        self.shelf.in_trouble(recording_id, trouble);
    }
}

#[cfg(test)]
mod tests;
