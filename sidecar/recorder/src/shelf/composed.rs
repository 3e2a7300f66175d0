//! A closed recording's files are made, or cannot be.

use std::io;

use super::{Book, Shelf, Stored};
use crate::store;
use crate::store::state::{Stage, State, StoredFile, reason};

/// What came out of composing. All files are synced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Composed {
    /// In the order in which they are shown.
    pub files: Vec<StoredFile>,
    /// Whose voice or picture is in it.
    pub participants: Vec<String>,
    /// Stretches of which nothing was recorded.
    pub gaps: u32,
    /// Of the whole recording, gaps included.
    pub duration_ms: u64,
    /// Something of the journals could not be read or understood.
    pub is_damaged: bool,
}

/// Participants of whom a recording tells.
const PARTICIPANTS_MAX: usize = 1000;

impl Shelf {
    /// What is to be composed next: closed ones, the first that ended first, unless they failed a moment
    /// ago, and but those in `others`.
    pub(crate) fn to_compose(&self, others: impl Fn(&str) -> bool) -> Option<Stored> {
        let now = self.clock().now();
        let books = self.lock();
        let due = |book: &&Book| {
            let waits = book.state.stage == Stage::Closed && book.composing.is_over(now);
            waits && !others(book.state.id())
        };
        let ended = |book: &&Book| (book.state.ended_at_ms, book.state.about.started_at_ms);
        books
            .by_id
            .values()
            .filter(due)
            .min_by_key(ended)
            .map(Book::stored)
    }

    /// Recordings whose journal this process writes.
    pub(crate) fn in_progress(&self) -> Vec<State> {
        let books = self.lock();
        let open = books.by_id.values().filter(|book| book.is_open);
        open.map(|book| book.state.clone()).collect()
    }

    /// Its files are complete: it waits for a host. One of which nothing came out is done, unless that may
    /// be a damage's fault.
    pub(crate) fn composed(&self, recording_id: &str, composed: Composed) -> io::Result<Stage> {
        let now_ms = self.clock().wall_ms();
        self.with_closed(recording_id, |book, shelf| {
            shelf.change(book, |state| {
                if state.ended_at_ms.is_none() {
                    let end = state
                        .about
                        .started_at_ms
                        .saturating_add(composed.duration_ms);
                    state.ended_at_ms = Some(end);
                }
                state.participants = composed.participants;
                state.participants.truncate(PARTICIPANTS_MAX);
                state.gaps = composed.gaps;
                state.files = composed.files;
                state.failure.clear();
                state.stage = match (state.files.is_empty(), composed.is_damaged) {
                    (false, _) => Stage::Ready,
                    (true, true) => {
                        state.failure = "nothing in its damaged journals could be read".to_owned();
                        Stage::Parked
                    }
                    (true, false) => {
                        state.failure = "nobody was to be heard or seen".to_owned();
                        state.verified_at_ms = Some(now_ms);
                        Stage::Verified
                    }
                };
            })?;
            book.composing.went_on();
            Ok(book.state.stage)
        })
    }

    /// The disk did not do it: it is tried again later.
    pub(crate) fn composing_failed(&self, recording_id: &str, why: &io::Error) {
        let now = self.clock().now();
        let why = reason(&format!("its files cannot be written: {why}"));
        let _ = self.with_closed(recording_id, |book, _| {
            book.composing.failed(now, rand::random());
            // In memory alone: the disk is what is in trouble.
            book.state.failure = why;
            Ok(Stage::Closed)
        });
    }

    /// It cannot be composed: its journals stay, and an admin must look.
    pub(crate) fn park(&self, recording_id: &str, why: &str) -> io::Result<Stage> {
        self.with_closed(recording_id, |book, shelf| {
            shelf.change(book, |state| {
                state.stage = Stage::Parked;
                state.failure = reason(why);
            })?;
            Ok(Stage::Parked)
        })
    }

    fn with_closed(
        &self,
        recording_id: &str,
        change: impl FnOnce(&mut Book, &Self) -> io::Result<Stage>,
    ) -> io::Result<Stage> {
        let mut books = self.lock();
        let book = books.by_id.get_mut(recording_id);
        let Some(book) = book.filter(|book| book.state.stage == Stage::Closed) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        change(book, self)
    }

    /// Its files are thrown away and made anew, none larger than `file_bytes_max` (0: any).
    pub(super) fn compose_again(&self, book: &mut Book, file_bytes_max: u64) -> io::Result<()> {
        self.change(book, |state| {
            state.stage = Stage::Closed;
            state.files.clear();
            state.file_bytes_max = file_bytes_max;
        })?;
        book.composing.went_on();
        Ok(())
    }

    /// The published files are all there, as long as they should be.
    pub(super) fn out_is_whole(&self, state: &State) -> bool {
        let out = store::out_of(self.root(), state.id());
        let Ok(found) = self.vfs().list(&out) else {
            return state.files.is_empty();
        };
        state.files.iter().all(|file| {
            found
                .iter()
                .any(|found| found.name == file.name && found.bytes == file.bytes)
        })
    }
}
