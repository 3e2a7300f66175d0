//! A recording begins, goes on after a restart, and ends.

use std::io;

use super::{Book, Ended, Note, Shelf};
use crate::store::state::{About, Stage, State, is_id};
use crate::{journal, store};

/// A recording that may be written now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// When its first start was, Unix milliseconds.
    pub started_at_ms: u64,
    /// An earlier start's recording goes on.
    pub resumed: bool,
}

/// Why a recording cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// See [`is_id`].
    #[error("a recording's id has 1 to 64 characters of [A-Za-z0-9_-]")]
    BadId,
    /// It is being written.
    #[error("this recording is in progress")]
    InProgress,
    /// It ended.
    #[error("this recording is over: it is {}", .0.name())]
    Over(Stage),
    /// A directory of that name makes no sense.
    #[error("there is a damaged recording of this id")]
    Damaged,
    /// The disk does not do it.
    #[error("the disk refuses: {0}")]
    Io(#[from] io::Error),
}

impl Shelf {
    /// Makes a recording's directory, or takes up one that an earlier start left in progress. When it
    /// returns, that much survives a crash.
    ///
    /// # Errors
    /// [`BeginError`]
    pub fn begin(&self, about: About) -> Result<Begun, BeginError> {
        if !is_id(&about.recording_id) {
            return Err(BeginError::BadId);
        }
        let id = about.recording_id.clone();
        let mut books = self.lock();
        if books.damaged.contains_key(&id) {
            return Err(BeginError::Damaged);
        }
        if let Some(book) = books.by_id.get_mut(&id) {
            if book.state.stage != Stage::InProgress {
                return Err(BeginError::Over(book.state.stage));
            }
            if book.is_open {
                return Err(BeginError::InProgress);
            }
            if let Some(ended) = self.end_in_journal(&book.state)? {
                self.close(book, ended)?;
                self.tell(Note::Look);
                return Err(BeginError::Over(Stage::Closed));
            }
            book.is_open = true;
            self.tell(Note::Look);
            return Ok(Begun {
                started_at_ms: book.state.about.started_at_ms,
                resumed: true,
            });
        }
        let state = State::new(about);
        if let Err(error) = store::create(self.vfs().as_ref(), self.root(), &state) {
            // Best effort: what stays is found by the next scan.
            if error.kind() != io::ErrorKind::AlreadyExists {
                let _ = store::remove(self.vfs().as_ref(), self.root(), &id);
            }
            return Err(error.into());
        }
        let begun = Begun {
            started_at_ms: state.about.started_at_ms,
            resumed: false,
        };
        let mut book = Book::new(state, self.clock().now());
        book.is_open = true;
        books.by_id.insert(id, book);
        self.tell(Note::Look);
        Ok(begun)
    }

    /// The recording that has just begun is not wanted after all, and nobody was told of it. One that was
    /// resumed waits to be resumed again.
    ///
    /// # Errors
    /// The disk's; the next scan tries again.
    pub fn discard(&self, recording_id: &str, resumed: bool) -> io::Result<()> {
        let mut books = self.lock();
        let Some(book) = books.by_id.get_mut(recording_id) else {
            return Ok(());
        };
        book.is_open = false;
        book.orphan_since = self.clock().now();
        if resumed || book.state.stage != Stage::InProgress {
            return Ok(());
        }
        books.by_id.remove(recording_id);
        self.tell(Note::Look);
        store::remove(self.vfs().as_ref(), self.root(), recording_id)
    }

    /// Its journal is complete. Told again, nothing changes.
    pub(super) fn close(&self, book: &mut Book, ended: Ended) -> io::Result<()> {
        if book.state.stage == Stage::InProgress {
            self.change(book, |state| {
                state.stage = Stage::Closed;
                state.end_reason = Some(ended.reason);
                // Else it is known when it is composed.
                state.ended_at_ms = (ended.at_ms > 0).then_some(ended.at_ms);
            })?;
        }
        book.is_open = false;
        Ok(())
    }

    /// Its journal says that it ended, although the state does not: the crash came in between.
    pub(super) fn end_in_journal(&self, state: &State) -> io::Result<Option<Ended>> {
        let dir = self.dir_of(state.id());
        let end = journal::end_of(self.vfs(), &dir)?;
        Ok(end.map(|(at, reason)| Ended {
            reason,
            at_ms: state.about.started_at_ms.saturating_add(at.0 / 1000),
        }))
    }
}
