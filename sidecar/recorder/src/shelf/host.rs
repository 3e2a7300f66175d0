//! What a host does: takes a recording, reads its files, says how far it is.

use std::io;

use super::{Book, Books, Note, Shelf, Stored};
use crate::publish::{Refused, Step};
use crate::store;
use crate::store::state::{Stage, State};
use crate::vfs::{File, Open};

/// Bytes of one piece of a file.
pub const PIECE_BYTES_MAX: usize = 256 * 1024;

/// Why a host's call is refused.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// There is no such recording (any more).
    #[error("there is no such recording")]
    NoSuchRecording,
    /// There is no such file.
    #[error("the recording has no file {0}")]
    NoSuchFile(u32),
    /// Another host publishes it by now.
    #[error("the recording is another host's by now")]
    Anothers,
    /// Behind the file's end.
    #[error("offset {offset} is behind the file's end ({bytes} bytes)")]
    BehindTheEnd {
        /// As asked.
        offset: u64,
        /// Of the file.
        bytes: u64,
    },
    /// The step cannot follow.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Its files are not complete.
    #[error("the recording's files are not complete: it is {}", .0.name())]
    NotReady(Stage),
    /// The disk does not do it.
    #[error("the disk refuses: {0}")]
    Io(#[from] io::Error),
}

/// How a recording's files go with the largest that the platform takes.
#[derive(Debug, PartialEq, Eq)]
enum Fit {
    Fits,
    /// It can be made in smaller parts.
    Split,
    /// Its parts cannot be smaller: so large is one.
    TooLarge(u64),
}

fn fit(state: &State, file_bytes_max: u64) -> Fit {
    let waiting = state.files.iter().filter(|file| file.file_id.is_none());
    let Some(largest) = waiting.map(|file| file.bytes).max() else {
        return Fit::Fits;
    };
    if largest <= file_bytes_max || state.post_id.is_some() {
        // A post that stands is not made of other files; then the platform has the word.
        return Fit::Fits;
    }
    match state.file_bytes_max {
        0 => Fit::Split,
        tried if tried > file_bytes_max => Fit::Split,
        _ => Fit::TooLarge(largest),
    }
}

impl Shelf {
    /// The next recording that waits to be published, which is that host's from now on. A host that holds
    /// one gets that one. Recordings with too large files are made anew in parts, and come later.
    ///
    /// # Errors
    /// The disk's.
    pub fn claim(&self, host_id: &str, file_bytes_max: u64) -> io::Result<Option<Stored>> {
        if file_bytes_max == 0 {
            return Ok(None);
        }
        let now = self.clock().now();
        let mut books = self.lock();
        let Books { by_id, claims, .. } = &mut *books;
        let mut waiting: Vec<(bool, u64, &str)> = by_id
            .values()
            .filter(|book| book.state.stage.is_claimable())
            .filter_map(|book| {
                let id = book.state.id();
                let held = claims.is_held_by(id, host_id, now);
                let free = claims.is_free_for(id, host_id, now) && book.backoff.is_over(now);
                (held || free).then_some((!held, book.state.about.started_at_ms, id))
            })
            .collect();
        waiting.sort_unstable();
        let waiting: Vec<String> = waiting
            .into_iter()
            .map(|(_, _, id)| id.to_owned())
            .collect();
        for id in waiting {
            let Some(book) = by_id.get_mut(&id) else {
                continue;
            };
            match fit(&book.state, file_bytes_max) {
                Fit::Fits => {
                    claims.take(&id, host_id, now);
                    return Ok(Some(book.stored()));
                }
                Fit::Split => {
                    self.compose_again(book, file_bytes_max)?;
                    claims.release(&id);
                    self.tell(Note::Look);
                    tracing::info!(recording = %id, file_bytes_max, "the recording is split");
                }
                Fit::TooLarge(bytes) => {
                    self.change(book, |state| {
                        state.stage = Stage::Parked;
                        state.failure = format!(
                            "a part of {bytes} bytes cannot be smaller, the platform takes {file_bytes_max}"
                        );
                    })?;
                    claims.release(&id);
                    tracing::warn!(recording = %id, bytes, file_bytes_max, "the recording is parked");
                }
            }
        }
        Ok(None)
    }

    /// Takes a host's report; it is on the disk when this returns.
    ///
    /// # Errors
    /// [`HostError`]; nothing has changed then.
    pub fn report(
        &self,
        host_id: &str,
        recording_id: &str,
        step: &Step,
    ) -> Result<Stored, HostError> {
        let now = self.clock().now();
        let now_ms = self.clock().wall_ms();
        let mut books = self.lock();
        let Books { by_id, claims, .. } = &mut *books;
        let book = by_id
            .get_mut(recording_id)
            .ok_or(HostError::NoSuchRecording)?;
        if !claims.take(recording_id, host_id, now) {
            return Err(HostError::Anothers);
        }
        let mut state = book.state.clone();
        let taken = step.take(&mut state, now_ms);
        if !state.stage.is_claimable() {
            claims.release(recording_id);
        }
        if taken? {
            self.save(&state)?;
            let first_time = state.post_id.is_none();
            book.state = state;
            match step {
                Step::FileUploaded { .. } if first_time => book.backoff.went_on(),
                Step::Verified => book.backoff.went_on(),
                Step::Failed { .. } | Step::FileLost { .. } => {
                    book.backoff.failed(now, rand::random());
                }
                _ => {}
            }
            tracing::info!(
                recording = recording_id,
                step = step.name(),
                stage = book.state.stage.name(),
                failures = book.state.failures,
                "publishing"
            );
        }
        if matches!(step, Step::Failed { .. }) {
            claims.release(recording_id);
        }
        Ok(book.stored())
    }

    /// Opens a file for reading from an offset on.
    ///
    /// # Errors
    /// [`HostError`]
    pub fn read_file(
        &self,
        host_id: &str,
        recording_id: &str,
        number: u32,
        offset: u64,
    ) -> Result<FileReader, HostError> {
        let now = self.clock().now();
        let mut books = self.lock();
        let Books { by_id, claims, .. } = &mut *books;
        let book: &Book = by_id.get(recording_id).ok_or(HostError::NoSuchRecording)?;
        if !book.state.stage.is_claimable() {
            return Err(HostError::NotReady(book.state.stage));
        }
        let file = book
            .state
            .file(number)
            .ok_or(HostError::NoSuchFile(number))?;
        if !claims.take(recording_id, host_id, now) {
            return Err(HostError::Anothers);
        }
        if offset > file.bytes {
            let bytes = file.bytes;
            return Err(HostError::BehindTheEnd { offset, bytes });
        }
        let path = store::out_of(self.root(), recording_id).join(&file.name);
        let opened = self.vfs().open(&path, Open::Read)?;
        Ok(FileReader {
            shelf: self.clone(),
            host_id: host_id.to_owned(),
            recording_id: recording_id.to_owned(),
            file: opened,
            offset,
            end: file.bytes,
        })
    }

    fn prolong(&self, host_id: &str, recording_id: &str) -> Result<(), HostError> {
        let now = self.clock().now();
        let mut books = self.lock();
        if !books.by_id.contains_key(recording_id) {
            return Err(HostError::NoSuchRecording);
        }
        let ours = books.claims.take(recording_id, host_id, now);
        ours.then_some(()).ok_or(HostError::Anothers)
    }
}

/// Reads a file for the host that publishes it; each piece prolongs its claim.
pub struct FileReader {
    shelf: Shelf,
    host_id: String,
    recording_id: String,
    file: Box<dyn File>,
    offset: u64,
    end: u64,
}

impl FileReader {
    /// The next piece, at most [`PIECE_BYTES_MAX`] bytes; `None` at the end.
    ///
    /// # Errors
    /// [`HostError::Anothers`], or the disk's; also when the file is shorter than it should be.
    pub fn piece(&mut self) -> Result<Option<Vec<u8>>, HostError> {
        self.shelf.prolong(&self.host_id, &self.recording_id)?;
        let left = usize::try_from(self.end - self.offset).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(None);
        }
        let mut piece = vec![0; left.min(PIECE_BYTES_MAX)];
        if self.file.read_at(self.offset, &mut piece)? < piece.len() {
            return Err(HostError::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        self.offset += piece.len() as u64;
        Ok(Some(piece))
    }
}
