//! All recordings of this disk, as they are known in memory and kept in their `state.json`: who begins one,
//! who ends one, who publishes one. What is told here is on the disk before it is told.
//!
//! The calls block for as long as the disk takes; only [`Shelf::ended`], [`Shelf::in_trouble`] and
//! [`Shelf::host_attached`] never do.

mod begin;
mod composed;
mod host;
mod notes;
mod open;
mod upkeep;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use begin::{BeginError, Begun};
pub use composed::Composed;
pub use host::{FileReader, HostError, PIECE_BYTES_MAX};
pub use notes::Ended;
pub(crate) use notes::{Inbox, Note};
pub use upkeep::RECOVER;

use crate::Clock;
use crate::publish::{Backoff, Claims};
use crate::store::state::{Stage, State};
use crate::store::{self, RootLock};
use crate::vfs::Vfs;

/// How long a recording that an earlier start left in progress waits for somebody to go on with it, once a
/// host is attached.
pub const RESUME_WAIT: Duration = Duration::from_secs(60);
/// How long a verified recording stays.
pub const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// What a shelf is made with.
#[derive(Debug, Clone)]
pub struct ShelfConfig {
    /// The directory of all recordings; made if missing.
    pub root: PathBuf,
    /// How long a verified recording stays. Usually [`GRACE`].
    pub grace: Duration,
    /// Keep other processes away by a lock in `root`. Off only where `root` is no real directory.
    pub exclusive: bool,
}

/// A recording as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// What is on the disk.
    pub state: State,
    /// Bytes of its directory, as last looked at.
    pub disk_bytes: u64,
}

/// A directory of which no recording can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Bytes in it.
    pub disk_bytes: u64,
}

/// Figures of all recordings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Media is written, or waits for its call to come back.
    pub in_progress: usize,
    /// Closed, and the platform does not have them for certain; parked ones too.
    pub unposted: usize,
    /// An admin must look.
    pub parked: usize,
    /// Directories of which no recording can be made.
    pub damaged: usize,
    /// Since the end of the longest waiting unposted one.
    pub oldest_unposted: Duration,
    /// Of all directories.
    pub disk_bytes: u64,
}

/// A handle; clones are the same shelf.
#[derive(Clone)]
pub struct Shelf {
    inner: Arc<Inner>,
}

struct Inner {
    config: ShelfConfig,
    vfs: Arc<dyn Vfs>,
    clock: Arc<dyn Clock>,
    books: Mutex<Books>,
    inbox: Inbox,
    _lock: Option<RootLock>,
}

#[derive(Default)]
struct Books {
    by_id: BTreeMap<String, Book>,
    damaged: BTreeMap<String, Damaged>,
    claims: Claims,
    /// Since when a host is there; `None`: none ever came.
    attached_since: Option<Instant>,
    /// Requests to take up a recording again that were refused; told once.
    refused: BTreeSet<String>,
    next_scan: Option<Instant>,
}

struct Book {
    state: State,
    disk_bytes: u64,
    /// Publishing.
    backoff: Backoff,
    /// Composing.
    composing: Backoff,
    /// This process writes its journal.
    is_open: bool,
    /// Since when it waits to be resumed.
    orphan_since: Instant,
}

impl Book {
    fn new(state: State, now: Instant) -> Self {
        Self {
            state,
            disk_bytes: 0,
            backoff: Backoff::default(),
            composing: Backoff::default(),
            is_open: false,
            orphan_since: now,
        }
    }

    fn stored(&self) -> Stored {
        Stored {
            state: self.state.clone(),
            disk_bytes: self.disk_bytes,
        }
    }
}

impl Shelf {
    /// All recordings, newest first.
    #[must_use]
    pub fn list(&self) -> Vec<Stored> {
        let books = self.lock();
        let mut all: Vec<Stored> = books.by_id.values().map(Book::stored).collect();
        all.sort_by(|a, b| {
            let key = |stored: &Stored| {
                (
                    stored.state.about.started_at_ms,
                    stored.state.id().to_owned(),
                )
            };
            key(b).cmp(&key(a))
        });
        all
    }

    /// Directories of which no recording can be made.
    #[must_use]
    pub fn damaged(&self) -> Vec<Damaged> {
        self.lock().damaged.values().cloned().collect()
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, recording_id: &str) -> Option<Stored> {
        self.lock().by_id.get(recording_id).map(Book::stored)
    }

    /// Figures of all.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let books = self.lock();
        let mut counts = Counts {
            damaged: books.damaged.len(),
            disk_bytes: books
                .damaged
                .values()
                .map(|damaged| damaged.disk_bytes)
                .sum(),
            ..Counts::default()
        };
        let now_ms = self.inner.clock.wall_ms();
        let mut oldest_ms = 0;
        for book in books.by_id.values() {
            let stage = book.state.stage;
            counts.in_progress += usize::from(stage == Stage::InProgress);
            counts.parked += usize::from(stage == Stage::Parked);
            counts.disk_bytes = counts.disk_bytes.saturating_add(book.disk_bytes);
            if stage.is_unposted() {
                counts.unposted += 1;
                let since = book
                    .state
                    .ended_at_ms
                    .unwrap_or(book.state.about.started_at_ms);
                oldest_ms = oldest_ms.max(now_ms.saturating_sub(since));
            }
        }
        counts.oldest_unposted = Duration::from_millis(oldest_ms);
        counts
    }

    /// The directory of a recording.
    #[must_use]
    pub fn dir_of(&self, recording_id: &str) -> PathBuf {
        store::dir_of(&self.inner.config.root, recording_id)
    }

    pub(crate) fn root(&self) -> &std::path::Path {
        &self.inner.config.root
    }

    pub(crate) fn vfs(&self) -> &Arc<dyn Vfs> {
        &self.inner.vfs
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        self.inner.clock.as_ref()
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        // Nothing is left half done where a panic could come: states are replaced whole.
        self.inner
            .books
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn save(&self, state: &State) -> io::Result<()> {
        store::save(self.inner.vfs.as_ref(), self.root(), state)
    }

    /// Changes a recording's state, on the disk first.
    fn change(&self, book: &mut Book, change: impl FnOnce(&mut State)) -> io::Result<()> {
        let mut state = book.state.clone();
        change(&mut state);
        if state != book.state {
            self.save(&state)?;
            book.state = state;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
