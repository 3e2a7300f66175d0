//! One recording's journals on their way through the composer. Whatever the composer does, it ends here.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parley_compose::{Composer, Finished, FinishedFile, Options};
use parley_media::recording::Entry;

use super::output::Output;
use crate::journal::{self, Reader};
use crate::shelf::{Composed, Shelf};
use crate::store::state::{State, StoredFile};
use crate::{Clock, store};

/// What the thread needs of a composer.
pub trait Compose {
    /// See [`Composer::push`].
    ///
    /// # Errors
    /// See there.
    fn push(&mut self, entry: Entry<'_>) -> io::Result<()>;

    /// See [`Composer::flush`].
    ///
    /// # Errors
    /// See there.
    fn flush(&mut self) -> io::Result<()>;

    /// See [`Composer::finish`].
    ///
    /// # Errors
    /// See there.
    fn finish(self: Box<Self>) -> io::Result<Finished>;
}

impl Compose for Composer<Output> {
    fn push(&mut self, entry: Entry<'_>) -> io::Result<()> {
        Composer::push(self, entry)
    }

    fn flush(&mut self) -> io::Result<()> {
        Composer::flush(self)
    }

    fn finish(self: Box<Self>) -> io::Result<Finished> {
        Composer::finish(*self)
    }
}

/// Makes a composer on the composing thread.
pub type MakeComposer = Arc<dyn Fn(Output, Options) -> Box<dyn Compose> + Send + Sync>;

/// Why nothing came out.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The disk's fault: later it may do.
    Disk(io::Error),
    /// The composer's: it would fail again.
    Composer(String),
}

/// Of the journals that may be thrown away when nothing at all comes out of them, bytes.
const EMPTY_JOURNAL_BYTES_MAX: u64 = 64 * 1024;
/// A live file is made playable so often.
const FLUSH_EVERY: Duration = Duration::from_secs(2);
/// A live file is written out to the disk so often.
const SYNC_EVERY: Duration = Duration::from_secs(10);

/// See the module.
pub(crate) struct Job {
    recording_id: String,
    pub(crate) file_bytes_max: u64,
    reader: Reader,
    composer: Box<dyn Compose>,
    output: Output,
    media: u64,
    has_ended: bool,
    next_flush: Option<Instant>,
    next_sync: Option<Instant>,
}

impl Job {
    /// From the beginning. What an earlier try left is thrown away.
    pub(crate) fn new(shelf: &Shelf, state: &State, make: &MakeComposer) -> Result<Self, Failure> {
        let (vfs, root, id) = (shelf.vfs(), shelf.root(), state.id());
        let out = store::out_of(root, id);
        store::clear_out(vfs.as_ref(), root, id)
            .and_then(|()| vfs.create_dir(&out))
            .and_then(|()| vfs.sync_dir(&shelf.dir_of(id)))
            .map_err(Failure::Disk)?;
        let output = Output::new(vfs.clone(), out);
        let options = Options {
            bytes_max: state.file_bytes_max,
        };
        let composer = guarded(|| Ok(make(output.clone(), options)))?;
        Ok(Self {
            recording_id: id.to_owned(),
            file_bytes_max: state.file_bytes_max,
            reader: Reader::new(vfs.clone(), shelf.dir_of(id)),
            composer,
            output,
            media: 0,
            has_ended: false,
            next_flush: None,
            next_sync: None,
        })
    }

    /// Takes what is in the journals, for so long at most. `true`: there is more.
    pub(crate) fn pull(&mut self, clock: &dyn Clock, longest: Duration) -> Result<bool, Failure> {
        let until = clock.now() + longest;
        guarded(|| {
            let mut count = 0_u32;
            while let Some(entry) = self.reader.next() {
                self.media += u64::from(matches!(entry, Entry::Media(_)));
                self.has_ended |= matches!(entry, Entry::End { .. });
                self.composer.push(entry)?;
                count = count.wrapping_add(1);
                if count.is_multiple_of(256) && clock.now() >= until {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    /// Makes what there is of a live file playable, and writes it out, now and then.
    pub(crate) fn rest(&mut self, clock: &dyn Clock) -> Result<(), Failure> {
        let now = clock.now();
        guarded(|| {
            if *self.next_flush.get_or_insert(now + FLUSH_EVERY) <= now {
                self.next_flush = Some(now + FLUSH_EVERY);
                self.composer.flush()?;
            }
            if *self.next_sync.get_or_insert(now + SYNC_EVERY) <= now {
                self.next_sync = Some(now + SYNC_EVERY);
                self.output.sync_last()?;
            }
            Ok(())
        })
    }

    /// Finishes all files; they survive a crash when this returns.
    pub(crate) fn finish(self, shelf: &Shelf) -> Result<Composed, Failure> {
        let Self {
            composer, output, ..
        } = self;
        let finished = guarded(|| composer.finish())?;
        output.sync().map_err(Failure::Disk)?;
        let mut files = Vec::new();
        // Captions of nothing are nothing.
        let has_media = |file: &FinishedFile| !file.content_type.starts_with("text/");
        let made = if finished.files.iter().any(has_media) {
            finished.files
        } else {
            Vec::new()
        };
        for file in made {
            let sealed = output.sealed(&file.name).map_err(sorted)?;
            files.push(StoredFile {
                name: file.name,
                content_type: file.content_type.to_owned(),
                bytes: sealed.bytes,
                sha256: sealed.sha256,
                duration_ms: file.duration_ms,
                starts_at_ms: file.starts_at_ms,
                upload_id: None,
                file_id: None,
            });
        }
        let damage = self.reader.damage();
        let found = shelf
            .vfs()
            .list(&shelf.dir_of(&self.recording_id))
            .map_err(Failure::Disk)?;
        let segments = found
            .iter()
            .filter(|found| journal::number_of(&found.name).is_some());
        let journal_bytes: u64 = segments.map(|found| found.bytes).sum();
        let is_empty = self.media == 0
            && (self.has_ended || journal_bytes <= EMPTY_JOURNAL_BYTES_MAX)
            && damage == journal::Damage::default();
        Ok(Composed {
            is_damaged: files.is_empty() && !is_empty,
            files,
            participants: finished.participants,
            gaps: finished.gaps,
            duration_ms: finished.duration_ms,
        })
    }
}

/// Runs the composer; its panic is a failure like others.
fn guarded<T>(work: impl FnOnce() -> io::Result<T>) -> Result<T, Failure> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(sorted(error)),
        // The hook has told where.
        Err(_) => Err(Failure::Composer("composing it panicked".to_owned())),
    }
}

/// What the operating system says is the disk's fault.
fn sorted(error: io::Error) -> Failure {
    if error.raw_os_error().is_some() {
        Failure::Disk(error)
    } else {
        Failure::Composer(format!("it cannot be composed: {error}"))
    }
}
