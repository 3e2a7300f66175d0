//! A recording's media on the disk: segments `NNNNNN.journal`, each a header and framed entries of all
//! tracks in the order in which they came.
//!
//! Records carry a number that grows over the whole recording, so that a record may stand in two segments
//! (what was not known to be synced when a sync failed is written again into the next one) and is still
//! read once. A segment's first record is its [`Entry::Segment`](parley_media::recording::Entry::Segment);
//! what says which sessions and tracks there are follows again behind it, so that a damaged segment costs
//! what is in it and no more.
//!
//! Nothing is ever cut off or repaired: a reader stops at the first bad record of a segment and goes on
//! with the next segment, however often it is asked.

mod frame;
mod header;
mod reader;
mod resume;
mod roster;
mod writer;

pub use header::Boot;
pub use reader::{Damage, Reader};
pub(crate) use resume::resume_point;
pub use resume::{end_of, segments};
pub(crate) use writer::{Journal, Timeline};

use std::path::{Path, PathBuf};

/// A segment is followed by the next one when it is so long.
pub(crate) const SEGMENT_BYTES: u64 = 64 << 20;
/// Segments of a recording: their numbers are part of the tracks' ids.
pub(crate) const SEGMENTS_MAX: u32 = u16::MAX as u32;

const SUFFIX: &str = ".journal";

/// Where segment `number` lies.
pub(crate) fn path_of(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:06}{SUFFIX}"))
}

/// The number of the segment that has this name.
pub(crate) fn number_of(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(SUFFIX)?;
    let well_formed = digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| well_formed)?;
    (1..=SEGMENTS_MAX).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests;
