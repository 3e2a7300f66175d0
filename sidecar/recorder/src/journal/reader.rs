//! Reads a recording's entries, also while it is being written.

use std::path::PathBuf;
use std::sync::Arc;

use parley_media::recording::Entry;
use parley_media::recording::codec;

use super::frame::{self, FRAME_BYTES_MAX, NoFrame};
use super::header::HEADER_BYTES;
use super::{number_of, path_of};
use crate::vfs::{File, Open, Vfs};

/// Read at a time; holds two of the longest records.
const BUFFER_BYTES: usize = 256 << 10;
const _: () = assert!(BUFFER_BYTES >= 2 * FRAME_BYTES_MAX);

/// What could not be read so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Damage {
    /// Segments of which something at the end was no record.
    pub segments: u32,
    /// Bytes behind the last good record of those.
    pub bytes: u64,
    /// Times that the file system gave an error.
    pub errors: u32,
    /// Records that were whole, and of no kind that is known.
    pub unknown: u32,
}

/// The entries of a recording in order, each once. Never fails: where nothing more can be read there is
/// nothing more.
pub struct Reader {
    vfs: Arc<dyn Vfs>,
    dir: PathBuf,
    segment: Option<Segment>,
    buffer: Vec<u8>,
    /// The part of the buffer that is still to be read.
    from: usize,
    to: usize,
    /// The highest number that was read.
    last: u64,
    damage: Damage,
}

struct Segment {
    number: u32,
    file: Option<Box<dyn File>>,
    /// In the file, of the buffer's end.
    offset: u64,
}

impl Reader {
    /// From the recording's beginning; `dir` is its directory.
    #[must_use]
    pub fn new(vfs: Arc<dyn Vfs>, dir: PathBuf) -> Self {
        Self {
            vfs,
            dir,
            segment: None,
            buffer: vec![0; BUFFER_BYTES],
            from: 0,
            to: 0,
            last: 0,
            damage: Damage::default(),
        }
    }

    /// From the beginning of segment `number` on.
    #[must_use]
    pub(super) fn at(vfs: Arc<dyn Vfs>, dir: PathBuf, number: u32) -> Self {
        let mut reader = Self::new(vfs, dir);
        reader.begin(number);
        reader
    }

    /// What could not be read so far. While a recording is being written the record at its end may not be
    /// complete: it counts only once there is another segment.
    #[must_use]
    pub fn damage(&self) -> Damage {
        self.damage
    }

    /// The next entry. `None`: there is none now; a recording that is being written may have one later.
    #[allow(clippy::should_implement_trait)] // What it gives is borrowed from it.
    pub fn next(&mut self) -> Option<Entry<'_>> {
        let body = loop {
            let Some((number, body)) = self.record() else {
                if self.next_segment() {
                    continue;
                }
                return None;
            };
            if number != 0 && number <= self.last {
                continue;
            }
            self.last = self.last.max(number);
            if codec::decode(&self.buffer[body.clone()]).is_err() {
                self.damage.unknown += 1;
                continue;
            }
            break body;
        };
        codec::decode(&self.buffer[body]).ok()
    }

    /// The next entry of this segment, also one that was read before.
    pub(super) fn in_segment(&mut self) -> Option<Entry<'_>> {
        let body = loop {
            let (_, body) = self.record()?;
            if codec::decode(&self.buffer[body.clone()]).is_ok() {
                break body;
            }
        };
        codec::decode(&self.buffer[body]).ok()
    }

    /// The number and place in the buffer of the next record of this segment.
    fn record(&mut self) -> Option<(u64, std::ops::Range<usize>)> {
        loop {
            match frame::first(&self.buffer[self.from..self.to]) {
                Ok(frame) => {
                    let (number, bytes) = (frame.number, frame.bytes());
                    let end = self.from + bytes;
                    let body = end - frame.body.len()..end;
                    self.from = end;
                    return Some((number, body));
                }
                // Bytes that were read while they were written: the file may say something else by now.
                Err(NoFrame::Bad) => {
                    self.forget();
                    if !self.fill() || frame::first(&self.buffer[self.from..self.to]).is_err() {
                        return None;
                    }
                }
                Err(NoFrame::Short) => {
                    if !self.fill() {
                        return None;
                    }
                }
            }
        }
    }

    /// The boot clock in the present segment's header.
    pub(super) fn header(&mut self) -> Option<[u8; HEADER_BYTES]> {
        let mut header = [0; HEADER_BYTES];
        let file = self.file()?;
        let read = file.read_at(0, &mut header).ok()?;
        (read == HEADER_BYTES).then_some(header)
    }

    /// Lets what is in the buffer be read anew.
    fn forget(&mut self) {
        if let Some(segment) = &mut self.segment {
            segment.offset -= (self.to - self.from) as u64;
        }
        self.from = 0;
        self.to = 0;
    }

    /// Reads on in this segment; `false`: no byte more.
    fn fill(&mut self) -> bool {
        self.buffer.copy_within(self.from..self.to, 0);
        self.to -= self.from;
        self.from = 0;
        let Some(offset) = self.segment.as_ref().map(|segment| segment.offset) else {
            return false;
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        let to = self.to;
        let read = self
            .file()
            .map(|file| file.read_at(offset, &mut buffer[to..]));
        self.buffer = buffer;
        let bytes = match read {
            Some(Ok(bytes)) => bytes,
            Some(Err(_)) => {
                self.damage.errors += 1;
                0
            }
            None => 0,
        };
        self.to += bytes;
        if let Some(segment) = &mut self.segment {
            segment.offset += bytes as u64;
        }
        bytes > 0
    }

    fn file(&mut self) -> Option<&dyn File> {
        let segment = self.segment.as_mut()?;
        if segment.file.is_none() {
            let path = path_of(&self.dir, segment.number);
            segment.file = self.vfs.open(&path, Open::Read).ok();
        }
        segment.file.as_deref()
    }

    fn begin(&mut self, number: u32) {
        self.segment = Some(Segment {
            number,
            file: None,
            offset: HEADER_BYTES as u64,
        });
        self.from = 0;
        self.to = 0;
    }

    /// Goes to the next segment, if there is one.
    fn next_segment(&mut self) -> bool {
        let present = self.segment.as_ref().map_or(0, |segment| segment.number);
        let Some(next) = self.segment_behind(present) else {
            return false;
        };
        // Nothing is written into a segment once there is another; but something may have been since it
        // was read last.
        if present > 0 {
            self.forget();
            if self.fill() && frame::first(&self.buffer[self.from..self.to]).is_ok() {
                return true;
            }
        }
        self.count_damage();
        self.begin(next);
        true
    }

    fn segment_behind(&mut self, present: u32) -> Option<u32> {
        let Ok(found) = self.vfs.list(&self.dir) else {
            self.damage.errors += 1;
            return None;
        };
        let numbers = found.iter().filter_map(|found| number_of(&found.name));
        numbers.filter(|number| *number > present).min()
    }

    fn count_damage(&mut self) {
        let Some(segment) = &self.segment else {
            return;
        };
        let good = segment.offset - (self.to - self.from) as u64;
        let bytes = segment.file.as_ref().and_then(|file| file.len().ok());
        let behind = bytes.unwrap_or(0).saturating_sub(good);
        if behind > 0 {
            self.damage.segments += 1;
            self.damage.bytes += behind;
        }
    }
}
