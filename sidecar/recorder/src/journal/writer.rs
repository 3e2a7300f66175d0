//! Writes one recording's segments. What is not known to be synced stays in memory, so that it can be
//! written again elsewhere when a sync fails.

use std::io;
use std::path::{Path, PathBuf};

use parley_media::recording::{At, Entry, codec};

use super::header::{self, Boot};
use super::roster::Roster;
use super::{SEGMENT_BYTES, SEGMENTS_MAX, frame, path_of};
use crate::vfs::{File, Open, Vfs};

/// Kept for the next time after a sync, bytes.
const TAIL_CAPACITY: usize = 256 << 10;
/// Room is reserved in such steps, bytes.
const RESERVE_STEP: u64 = 1 << 20;

/// Where a moment of the recording stands on the clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timeline {
    pub(crate) at: At,
    /// Unix milliseconds.
    pub(crate) wall_ms: u64,
    pub(crate) boot: Option<Boot>,
}

impl Timeline {
    /// The same clocks at a later moment.
    fn after(self, at: At) -> Self {
        let micros = at.0.saturating_sub(self.at.0);
        Self {
            at,
            wall_ms: self.wall_ms.saturating_add(micros / 1000),
            boot: self.boot.map(|boot| Boot {
                id: boot.id,
                micros: boot.micros.saturating_add(micros),
            }),
        }
    }
}

/// See the module.
pub(crate) struct Journal {
    dir: PathBuf,
    segment: u32,
    file: Option<Box<dyn File>>,
    /// The file's name survives a crash.
    named: bool,
    timeline: Timeline,
    roster: Roster,
    body: Vec<u8>,
    next: u64,
    /// The latest moment that was appended, and that was synced.
    latest: At,
    synced_latest: At,
    /// What is in the file for good, bytes.
    synced: u64,
    /// What follows there, in the file or not yet.
    tail: Vec<u8>,
    /// The part of the tail that is this segment's own beginning; another segment gets another one.
    head: usize,
    /// The part of the tail that was written.
    written: usize,
    reserved: u64,
}

impl Journal {
    /// Begins segment `segment` of the recording in `dir`, which is there. Synced when it returns, with its
    /// name.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn begin(
        vfs: &dyn Vfs,
        dir: PathBuf,
        segment: u32,
        timeline: Timeline,
        after_gap: bool,
    ) -> io::Result<Self> {
        let mut journal = Self {
            dir,
            segment: segment.saturating_sub(1),
            file: None,
            named: false,
            timeline,
            roster: Roster::default(),
            body: Vec::new(),
            // Above every number of the segments before, without reading them.
            next: u64::from(segment) << 40 | 1,
            latest: timeline.at,
            synced_latest: timeline.at,
            synced: 0,
            tail: Vec::new(),
            head: 0,
            written: 0,
            reserved: 0,
        };
        journal.open_next(vfs, after_gap)?;
        Ok(journal)
    }

    /// Its present segment.
    pub(crate) fn segment(&self) -> u32 {
        self.segment
    }

    /// The latest moment that was appended.
    pub(crate) fn latest(&self) -> At {
        self.latest
    }

    /// Unix milliseconds of a moment, by the wall clock as it was when this start's part began.
    pub(crate) fn wall_ms(&self, at: At) -> u64 {
        self.timeline.after(at).wall_ms
    }

    /// Bytes in memory that are not known to be synced.
    pub(crate) fn unsynced(&self) -> usize {
        self.tail.len()
    }

    /// Bytes in memory that are not in the file.
    pub(crate) fn unwritten(&self) -> usize {
        self.tail.len() - self.written
    }

    /// The segment is long enough.
    pub(crate) fn is_full(&self) -> bool {
        self.synced >= SEGMENT_BYTES
    }

    /// Appends an entry, in memory.
    pub(crate) fn append(&mut self, entry: &Entry<'_>) {
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        codec::encode(entry, &mut body);
        self.append_encoded(entry, &body);
        self.body = body;
    }

    /// Appends an entry, in memory, of which the codec made this body.
    pub(crate) fn append_encoded(&mut self, entry: &Entry<'_>, body: &[u8]) {
        self.roster.note(self.next, entry, body);
        self.latest = self.latest.max(entry.at().unwrap_or_default());
        frame::put(self.next, body, &mut self.tail);
        self.next += 1;
    }

    /// Lets the operating system have what is in memory.
    ///
    /// # Errors
    /// Those of the file system. Nothing is lost by it, and it may be tried again.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        if self.unwritten() == 0 {
            return Ok(());
        }
        let offset = self.synced + self.written as u64;
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        file.write_at(offset, &self.tail[self.written..])?;
        self.written = self.tail.len();
        Ok(())
    }

    /// Lets what was written survive a crash.
    ///
    /// # Errors
    /// Those of the file system. The segment is not to be trusted then: [`Journal::rewrite`].
    pub(crate) fn sync(&mut self, vfs: &dyn Vfs) -> io::Result<()> {
        if self.written == 0 {
            return Ok(());
        }
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        file.sync()?;
        if !self.named {
            vfs.sync_dir(&self.dir)?;
            self.named = true;
        }
        self.synced += self.written as u64;
        self.tail.drain(..self.written);
        self.tail.shrink_to(TAIL_CAPACITY);
        self.written = 0;
        self.head = 0;
        if self.tail.is_empty() {
            self.synced_latest = self.latest;
        }
        Ok(())
    }

    /// Holds room for `bytes` more than there is.
    ///
    /// # Errors
    /// Those of [`File::reserve`].
    pub(crate) fn reserve(&mut self, bytes: u64) -> io::Result<()> {
        let needed = self.synced + self.tail.len() as u64 + bytes;
        if needed <= self.reserved {
            return Ok(());
        }
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        file.reserve(needed + RESERVE_STEP)?;
        self.reserved = needed + RESERVE_STEP;
        Ok(())
    }

    /// Goes on in another segment, with whatever is not known to be synced: because this one is full, or
    /// cannot be trusted. Synced when it returns.
    ///
    /// # Errors
    /// Those of the file system. Nothing is lost by it, and it may be tried again.
    pub(crate) fn rewrite(&mut self, vfs: &dyn Vfs) -> io::Result<()> {
        self.open_next(vfs, false)
    }

    /// Gives back the room that is not needed.
    pub(crate) fn close(&mut self) {
        if let Some(mut file) = self.file.take() {
            let end = self.synced + self.written as u64;
            // Only room is lost if it does not work.
            let _ = file.set_len(end);
        }
    }

    fn open_next(&mut self, vfs: &dyn Vfs, after_gap: bool) -> io::Result<()> {
        let number = self.segment + 1;
        let path = path_of(&self.dir, number);
        if number > SEGMENTS_MAX {
            return Err(io::Error::other("no segment's number is left"));
        }
        if vfs.open(&path, Open::Read).is_ok() {
            // Whatever it is, it is not overwritten.
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let timeline = self.timeline.after(self.synced_latest);
        let unsynced = &self.tail[self.head..];
        let first = frame::first(unsynced).map_or(self.next, |frame| frame.number);
        let mut tail = Vec::with_capacity(TAIL_CAPACITY);
        tail.extend_from_slice(&header::encode(timeline.boot));
        let segment = Entry::Segment {
            number,
            at: timeline.at,
            wall_ms: timeline.wall_ms,
            after_gap,
        };
        self.body.clear();
        codec::encode(&segment, &mut self.body);
        frame::put(0, &self.body, &mut tail);
        self.roster.put(first, &mut tail);
        let head = tail.len();
        tail.extend_from_slice(unsynced);

        // A reader who sees the name sees all of it; until then the present segment may go on.
        let unnamed = path.with_extension("tmp");
        let file = begin_file(vfs, &unnamed, &tail).and_then(|file| {
            vfs.rename(&unnamed, &path)?;
            Ok(file)
        });
        let file = file.inspect_err(|_| {
            // What stays of it is emptied by the next attempt.
            let _ = vfs.remove_file(&unnamed);
        })?;
        self.close();
        self.segment = number;
        self.file = Some(file);
        self.named = false;
        self.timeline = timeline;
        self.synced = 0;
        self.reserved = 0;
        self.head = head;
        self.written = tail.len();
        self.tail = tail;
        self.sync(vfs)
    }
}

fn begin_file(vfs: &dyn Vfs, path: &Path, bytes: &[u8]) -> io::Result<Box<dyn File>> {
    let mut file = vfs.open(path, Open::Empty)?;
    file.write_at(0, bytes)?;
    file.sync()?;
    Ok(file)
}
