//! The composing thread: one for all recordings, of low priority. It reads the journals of recordings in
//! progress behind the I/O thread, so that little is left to do when they end, and finishes closed ones.
//!
//! Recordings that end with their live file at hand come first, others share the rest of the time in
//! slices. A composer that fails or panics loses its live file, and once more is tried from the journals;
//! then the recording is parked, and its journals stay.

pub mod by_hand;
mod job;
mod output;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parley_compose::Composer;

pub use job::{Compose, MakeComposer};
pub use output::{Output, OutputFile};

use crate::shelf::{Composed, Note, Shelf};
use crate::store;
use crate::store::state::{Stage, State};
use job::{Failure, Job};

/// Journals in progress are read so often.
const TURN: Duration = Duration::from_millis(500);
/// The longest that one recording holds up the others.
const SLICE: Duration = Duration::from_millis(200);
/// What comes by itself is looked for so often.
const UPKEEP: Duration = Duration::from_secs(5);
/// Priority below the media thread's.
const NICE: i32 = 10;

/// A composer as it is used outside of tests.
#[must_use]
pub fn composer() -> MakeComposer {
    Arc::new(|output, options| Box::new(Composer::new(output, options)))
}

/// The thread; it ends when this is dropped, and what it had not finished is composed by the next start.
#[derive(Debug)]
pub struct ComposingThread {
    thread: Option<JoinHandle<()>>,
    stop: StopHandle,
}

struct StopHandle(Shelf);

impl std::fmt::Debug for StopHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StopHandle")
    }
}

impl ComposingThread {
    /// Starts the shelf's thread.
    ///
    /// # Errors
    /// The system gives none, or the shelf has one.
    pub fn spawn(shelf: Shelf, make: MakeComposer) -> io::Result<Self> {
        let notes = shelf.inbox().take();
        let notes = notes.ok_or_else(|| io::Error::other("the shelf has its thread"))?;
        let stop = StopHandle(shelf.clone());
        let thread = std::thread::Builder::new()
            .name("compose".to_owned())
            .spawn(move || {
                if let Err(error) = rustix::process::nice(NICE) {
                    tracing::debug!(%error, "the composing thread keeps its priority");
                }
                Worker::new(shelf, make).run(&notes);
            })?;
        Ok(Self {
            thread: Some(thread),
            stop,
        })
    }
}

impl Drop for ComposingThread {
    fn drop(&mut self) {
        self.stop.0.tell(Note::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread does, one turn at a time.
pub(crate) struct Worker {
    shelf: Shelf,
    make: MakeComposer,
    live: HashMap<String, Live>,
    /// A closed recording without a live file.
    closed: Option<Job>,
    closed_id: String,
    /// Recordings whose composer failed once.
    failed: HashMap<String, String>,
    again: Vec<Note>,
    next_upkeep: Option<Instant>,
}

enum Live {
    Going(Box<Job>),
    /// To be composed when it is closed.
    Spoilt,
}

impl Worker {
    pub(crate) fn new(shelf: Shelf, make: MakeComposer) -> Self {
        Self {
            shelf,
            make,
            live: HashMap::new(),
            closed: None,
            closed_id: String::new(),
            failed: HashMap::new(),
            again: Vec::new(),
            next_upkeep: None,
        }
    }

    fn run(&mut self, notes: &Receiver<Note>) {
        let mut pause = Duration::ZERO;
        loop {
            match notes.recv_timeout(pause) {
                Ok(Note::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(note) => self.take(note),
                Err(RecvTimeoutError::Timeout) => {}
            }
            for note in notes.try_iter() {
                if matches!(note, Note::Stop) {
                    return;
                }
                self.take(note);
            }
            pause = if self.turn() { Duration::ZERO } else { TURN };
        }
    }

    /// Takes a note, now or with the next turn.
    pub(crate) fn take(&mut self, note: Note) {
        if let Err(note) = self.shelf.note(note) {
            self.again.push(note);
        }
    }

    /// Everything once. `true`: there is more to do at once.
    pub(crate) fn turn(&mut self) -> bool {
        for note in std::mem::take(&mut self.again) {
            self.take(note);
        }
        let now = self.shelf.clock().now();
        if self.next_upkeep.is_none_or(|at| at <= now) {
            self.next_upkeep = Some(now + UPKEEP);
            self.shelf.upkeep();
        }
        let ended = self.finish_live();
        let live = self.follow();
        let closed = self.work_at_closed();
        ended || live || closed
    }

    /// Reads on in journals that are being written.
    fn follow(&mut self) -> bool {
        let states = self.shelf.in_progress();
        // A recording that ended is in `finish_live`'s hands; one that was discarded in nobody's.
        self.live.retain(|id, _| {
            states.iter().any(|state| state.id() == id)
                || self
                    .shelf
                    .get(id)
                    .is_some_and(|stored| stored.state.stage == Stage::Closed)
        });
        let mut more = false;
        for state in states {
            match self.follow_one(&state) {
                Ok(has_more) => more |= has_more,
                Err(failure) => self.spoil(state.id(), failure),
            }
        }
        more
    }

    fn follow_one(&mut self, state: &State) -> Result<bool, Failure> {
        if !self.live.contains_key(state.id()) {
            let job = Job::new(&self.shelf, state, &self.make)?;
            self.live
                .insert(state.id().to_owned(), Live::Going(Box::new(job)));
        }
        let Some(Live::Going(job)) = self.live.get_mut(state.id()) else {
            return Ok(false);
        };
        let more = job.pull(self.shelf.clock(), SLICE)?;
        job.rest(self.shelf.clock())?;
        Ok(more)
    }

    /// Gives a live file up: the journal needs the room, or the composer is at its end.
    fn spoil(&mut self, id: &str, failure: Failure) {
        self.live.insert(id.to_owned(), Live::Spoilt);
        let _ = store::clear_out(self.shelf.vfs().as_ref(), self.shelf.root(), id);
        match failure {
            Failure::Disk(error) => {
                tracing::warn!(recording = id, %error, "its live file is given up: it is composed later");
            }
            Failure::Composer(why) => {
                tracing::error!(recording = id, %why, "its live file is given up: it is composed later");
                self.failed.insert(id.to_owned(), why);
            }
        }
    }

    /// Recordings that ended and whose live file lacks little. `true`: one lacks more (it was resumed a
    /// moment ago), and goes on with the next turn.
    fn finish_live(&mut self) -> bool {
        let ended: Vec<(String, u64)> = self
            .live
            .keys()
            .filter_map(|id| self.shelf.get(id))
            .filter(|stored| stored.state.stage == Stage::Closed)
            .map(|stored| (stored.state.id().to_owned(), stored.state.file_bytes_max))
            .collect();
        let mut more = false;
        for (id, file_bytes_max) in ended {
            let Some(Live::Going(mut job)) = self.live.remove(&id) else {
                continue;
            };
            if file_bytes_max != job.file_bytes_max {
                continue;
            }
            match job.pull(self.shelf.clock(), SLICE) {
                Ok(true) => {
                    self.live.insert(id, Live::Going(job));
                    more = true;
                }
                Ok(false) => {
                    let done = job.finish(&self.shelf);
                    self.settle(&id, done);
                }
                Err(failure) => self.settle(&id, Err(failure)),
            }
        }
        more
    }

    /// Goes on with a closed recording that is composed from its journals.
    fn work_at_closed(&mut self) -> bool {
        if self.closed.is_none() {
            let live = &self.live;
            let is_live = |id: &str| matches!(live.get(id), Some(Live::Going(_)));
            let Some(stored) = self.shelf.to_compose(is_live) else {
                return false;
            };
            stored.state.id().clone_into(&mut self.closed_id);
            match Job::new(&self.shelf, &stored.state, &self.make) {
                Ok(job) => self.closed = Some(job),
                Err(failure) => self.settle(&self.closed_id.clone(), Err(failure)),
            }
        }
        let Some(mut job) = self.closed.take() else {
            return true;
        };
        let id = self.closed_id.clone();
        let pulled = match job.pull(self.shelf.clock(), SLICE) {
            Ok(true) => {
                self.closed = Some(job);
                return true;
            }
            Ok(false) => job.finish(&self.shelf),
            Err(failure) => Err(failure),
        };
        self.settle(&id, pulled);
        true
    }

    fn settle(&mut self, id: &str, done: Result<Composed, Failure>) {
        let settled = match done {
            Ok(composed) => {
                let (files, gaps) = (composed.files.len(), composed.gaps);
                let stage = self.shelf.composed(id, composed);
                if let Ok(stage) = &stage {
                    self.failed.remove(id);
                    tracing::info!(
                        recording = id,
                        stage = stage.name(),
                        files,
                        gaps,
                        "composed"
                    );
                }
                stage
            }
            Err(Failure::Disk(error)) => Err(error),
            Err(Failure::Composer(why)) => {
                let _ = store::clear_out(self.shelf.vfs().as_ref(), self.shelf.root(), id);
                if self.failed.remove(id).is_none() {
                    tracing::error!(recording = id, %why, "composing failed, and is tried once more");
                    self.failed.insert(id.to_owned(), why);
                    return;
                }
                tracing::error!(recording = id, %why, "the recording is parked, its journals stay");
                self.shelf.park(id, &why)
            }
        };
        if let Err(error) = settled {
            tracing::warn!(recording = id, %error, "composing is tried again later");
            let stored = self.shelf.get(id);
            if stored.is_some_and(|stored| stored.state.stage == Stage::Closed) {
                let _ = store::clear_out(self.shelf.vfs().as_ref(), self.shelf.root(), id);
                self.shelf.composing_failed(id, &error);
            }
        }
    }
}

#[cfg(test)]
mod tests;
