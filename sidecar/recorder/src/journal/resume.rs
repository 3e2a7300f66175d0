//! Where an earlier start's recording goes on: the next segment's number, and its place on the timeline.

use std::io;
use std::path::Path;
use std::sync::Arc;

use parley_media::recording::{At, EndReason, Entry};

use super::header::{self, Boot};
use super::reader::Reader;
use super::{number_of, writer::Timeline};
use crate::vfs::Vfs;

/// What the journal of an earlier start says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResumePoint {
    /// The number of the segment that comes next, behind all that are there, readable or not.
    pub(crate) next_segment: u32,
    /// Of the last segment that can be read.
    timeline: Option<Timeline>,
    /// The latest moment in it.
    last: At,
}

impl ResumePoint {
    /// Where the recording stands now: by the machine's clock if it has run through since then, else by the
    /// wall clock, which may have stepped; never before what is there. `started_at_ms` is for one of which
    /// nothing can be read.
    pub(crate) fn elapsed(&self, wall_ms: u64, boot: Option<Boot>, started_at_ms: u64) -> At {
        let timeline = self.timeline.unwrap_or(Timeline {
            at: At(0),
            wall_ms: started_at_ms,
            boot: None,
        });
        let since = match (timeline.boot, boot) {
            (Some(then), Some(now)) if then.id == now.id => now.micros.saturating_sub(then.micros),
            _ => wall_ms
                .saturating_sub(timeline.wall_ms)
                .saturating_mul(1000),
        };
        At(timeline.at.0.saturating_add(since)).max(self.last)
    }
}

/// The numbers of the segments in `dir`, readable or not, from the first on.
///
/// # Errors
/// Those of the file system.
pub fn segments(vfs: &dyn Vfs, dir: &Path) -> io::Result<Vec<u32>> {
    let found = vfs.list(dir)?;
    let numbers = found.iter().filter_map(|found| number_of(&found.name));
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// When and why the recording in `dir` ended, if its journal says so. Reads the last segment that can be
/// read.
///
/// # Errors
/// Those of the file system when the segments are looked for; one that cannot be read has no end.
pub fn end_of(vfs: &Arc<dyn Vfs>, dir: &Path) -> io::Result<Option<(At, EndReason)>> {
    for number in segments(vfs.as_ref(), dir)?.into_iter().rev() {
        let mut reader = Reader::at(vfs.clone(), dir.to_path_buf(), number);
        let (mut end, mut is_empty) = (None, true);
        while let Some(entry) = reader.in_segment() {
            is_empty = false;
            end = match entry {
                Entry::End { at, reason } => Some((at, reason)),
                _ => None,
            };
        }
        if !is_empty {
            return Ok(end);
        }
    }
    Ok(None)
}

/// Reads the last segment that can be read. Takes as long as reading it does.
///
/// # Errors
/// Those of the file system when the segments are looked for; what cannot be read in them is none.
pub(crate) fn resume_point(vfs: &Arc<dyn Vfs>, dir: &Path) -> io::Result<ResumePoint> {
    let numbers = segments(vfs.as_ref(), dir)?;
    let mut point = ResumePoint {
        next_segment: numbers.last().map_or(1, |last| last + 1),
        timeline: None,
        last: At(0),
    };
    for number in numbers.into_iter().rev() {
        let mut reader = Reader::at(vfs.clone(), dir.to_path_buf(), number);
        point.timeline = timeline(&mut reader, &mut point.last);
        if point.timeline.is_some() {
            break;
        }
    }
    Ok(point)
}

/// Of the reader's segment; lets `last` be the latest moment in it.
fn timeline(reader: &mut Reader, last: &mut At) -> Option<Timeline> {
    let header = reader.header()?;
    let mut timeline = None;
    while let Some(entry) = reader.in_segment() {
        if let Entry::Segment { at, wall_ms, .. } = entry {
            timeline = Some(Timeline {
                at,
                wall_ms,
                boot: header::boot(&header),
            });
        }
        *last = (*last).max(entry.at().unwrap_or_default());
    }
    timeline
}
