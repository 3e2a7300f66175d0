//! The one thread that writes all recordings: rings to journals, syncs in rounds over all of them, and what
//! becomes of a recording when the disk is slow, full or broken.
//!
//! Everything happens in turns ([`Io::turn`]), which know the time only from the clock: the thread
//! ([`thread`]) is a loop of turns and pauses.

mod live;
mod space;
pub(crate) mod thread;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parley_media::recording::{EndReason, Trouble};

use crate::Clock;
use crate::counters::Counters;
use crate::journal::Journal;
use crate::tap::{RecordingKey, Report, Ring};
use crate::vfs::Vfs;
use live::Live;
use space::Space;
pub(crate) use space::used;
use thread::{Command, Inbox};

/// What is in memory is given to the operating system at least so often: then it outlives the process.
const WRITE_EVERY: Duration = Duration::from_millis(200);
/// A sync round over all recordings at least so often, with the pause between two turns less than 1 s...
const SYNC_EVERY: Duration = Duration::from_millis(900);
/// ... or when so much is not synced, bytes of all recordings.
const SYNC_BYTES: usize = 1 << 20;
/// Pause between two turns while there is a recording. The rings are looked at so often instead of a wake-up
/// per packet.
const PAUSE: Duration = Duration::from_millis(25);
/// Pause while there is none; a new one wakes the thread up.
const IDLE_PAUSE: Duration = Duration::from_secs(2);
/// What recordings that cannot be written keep in memory until they can, bytes of all recordings.
const KEPT_BYTES: usize = 6 << 20;

/// What the thread is made with.
pub(crate) struct IoConfig {
    /// Of all recordings.
    pub(crate) root: PathBuf,
    /// Bytes that all recordings may have; 0: any number.
    pub(crate) quota_bytes: u64,
    /// Held free per recording for sound, bytes.
    pub(crate) reserve_bytes: u64,
}

/// What becomes known, to whom it concerns. Must not block.
pub(crate) trait Listener: Send {
    /// To the shell.
    fn report(&mut self, report: Report);
    /// The recording's journal is complete, as far as it will ever be. `at_ms`: Unix milliseconds.
    fn ended(&mut self, recording_id: &str, reason: EndReason, at_ms: u64);
    /// What holds now; only told when it changes.
    fn in_trouble(&mut self, recording_id: &str, trouble: Trouble);
}

/// What is to be done after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Again,
    Pause(Duration),
    /// Nothing will ever come any more.
    Done,
}

/// See the module.
pub(crate) struct Io {
    vfs: Arc<dyn Vfs>,
    clock: Arc<dyn Clock>,
    /// One of each shard; a recording's entries are all in one.
    rings: Vec<Ring>,
    /// What waited in each when the turn began, bytes.
    waiting: Vec<usize>,
    inbox: Arc<Inbox>,
    listener: Box<dyn Listener>,
    recordings: BTreeMap<RecordingKey, Live>,
    space: Space,
    written_at: Instant,
    synced_at: Instant,
    counters: Arc<Counters>,
}

impl Io {
    pub(crate) fn new(
        config: IoConfig,
        vfs: Arc<dyn Vfs>,
        clock: Arc<dyn Clock>,
        rings: Vec<Ring>,
        inbox: Arc<Inbox>,
        listener: Box<dyn Listener>,
    ) -> Self {
        let now = clock.now();
        Self {
            space: Space::new(config),
            vfs,
            clock,
            rings,
            waiting: Vec::new(),
            inbox,
            listener,
            recordings: BTreeMap::new(),
            written_at: now,
            synced_at: now,
            counters: Arc::default(),
        }
    }

    /// What it counts.
    pub(crate) fn counters(&self) -> Arc<Counters> {
        self.counters.clone()
    }

    /// Does what there is to do.
    pub(crate) fn turn(&mut self) -> Next {
        // 1. What was there before the commands were looked at: no packet is older than its recording.
        let is_last = self.rings.iter().all(Ring::is_abandoned) || self.inbox.is_closing();
        self.waiting.clear();
        self.waiting.extend(self.rings.iter().map(Ring::waiting));
        self.obey();
        let now = self.clock.now();
        // 2. At most what one sync round takes, so that memory is bounded while the disk is slow.
        let is_all = self.drain(now);
        // 3. To the operating system, and to the disk.
        let is_last = is_last && is_all;
        self.write(now, is_last);
        // 4. What has changed.
        self.tell(now);
        match (is_all, is_last) {
            (false, _) => Next::Again,
            (true, true) => self.done(),
            (true, false) if self.recordings.is_empty() => Next::Pause(IDLE_PAUSE),
            (true, false) => Next::Pause(PAUSE),
        }
    }

    /// The thread is broken: nothing more is written.
    pub(crate) fn fail(&mut self) {
        for (key, live) in std::mem::take(&mut self.recordings) {
            let at = live.journal.latest();
            self.listener.report(Report::Ended {
                key,
                reason: EndReason::Internal,
                at,
            });
            let at_ms = live.journal.wall_ms(at);
            self.listener.ended(&live.id, EndReason::Internal, at_ms);
        }
    }

    fn obey(&mut self) {
        for command in self.inbox.take() {
            match command {
                Command::Begin { key, id, journal } => {
                    let live = Live::new(id, *journal, self.clock.now());
                    self.recordings.insert(key, live);
                }
                Command::Discard(key) => {
                    if let Some(mut live) = self.recordings.remove(&key) {
                        live.journal.close();
                    }
                }
            }
        }
    }

    /// Takes what waited out of the rings; false: not all of it.
    fn drain(&mut self, now: Instant) -> bool {
        let Self {
            rings,
            waiting,
            recordings,
            counters,
            ..
        } = self;
        let kept_max = KEPT_BYTES / recordings.len().max(1);
        let share = SYNC_BYTES / rings.len().max(1);
        let mut is_all = true;
        for (ring, waiting) in rings.iter_mut().zip(waiting.iter()) {
            ring.drain(share.min(*waiting), |framed| {
                if let Some(live) = recordings.get_mut(&framed.key) {
                    live.take(framed.class, framed.body, kept_max, now, counters);
                }
            });
            if share < *waiting {
                is_all = false;
                continue;
            }
            for (key, at, reason) in ring.late_ends() {
                if let Some(live) = recordings.get_mut(&key) {
                    live.end(at, reason, now);
                }
            }
        }
        is_all
    }

    fn write(&mut self, now: Instant, is_last: bool) {
        let unsynced: usize = self
            .recordings
            .values()
            .map(|live| live.journal.unsynced())
            .sum();
        let since = now.saturating_duration_since(self.synced_at);
        let wants = self.recordings.values().any(|live| live.wants_sync(now));
        let sync = wants || is_last || unsynced >= SYNC_BYTES || since >= SYNC_EVERY;
        if !sync && now.saturating_duration_since(self.written_at) < WRITE_EVERY {
            return;
        }
        self.written_at = now;
        if sync {
            self.synced_at = now;
            self.space.look(self.vfs.as_ref(), now);
        }
        for live in self.recordings.values_mut() {
            if is_last {
                live.retry_now(now);
            }
            live.round(self.vfs.as_ref(), &mut self.space, now, sync);
        }
        if sync && !self.recordings.is_empty() {
            let took = self.clock.now().saturating_duration_since(now);
            self.counters.synced(took);
        }
    }

    fn tell(&mut self, now: Instant) {
        let listener = self.listener.as_mut();
        self.recordings.retain(|key, live| {
            live.tell(*key, now, listener);
            let Some((reason, at)) = live.is_over(now) else {
                return true;
            };
            live.journal.close();
            listener.ended(&live.id, reason, live.journal.wall_ms(at));
            listener.report(Report::Ended {
                key: *key,
                reason,
                at,
            });
            false
        });
    }

    /// What has not ended stays as it is: the next start goes on with it.
    fn done(&mut self) -> Next {
        for live in self.recordings.values_mut() {
            live.journal.close();
        }
        Next::Done
    }
}

impl Command {
    /// Hands a new recording to the thread.
    pub(crate) fn begin(key: RecordingKey, id: String, journal: Journal) -> Self {
        Self::Begin {
            key,
            id,
            journal: Box::new(journal),
        }
    }
}

#[cfg(test)]
mod tests;
