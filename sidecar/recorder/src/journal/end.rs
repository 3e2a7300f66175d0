//! What recovery asks of a journal without composing it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use parley_media::recording::{At, EndReason, Entry};

use super::number_of;
use super::reader::Reader;
use crate::vfs::Vfs;

/// The numbers of a recording's segments, in order.
///
/// # Errors
/// Those of the file system.
pub(crate) fn segments(vfs: &dyn Vfs, dir: &Path) -> io::Result<Vec<u32>> {
    let found = vfs.list(dir)?;
    let mut numbers: Vec<u32> = found
        .iter()
        .filter_map(|found| number_of(&found.name))
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// When and why the recording ended, if its last segment says so. Takes as long as reading that does.
///
/// # Errors
/// Those of the file system.
pub(crate) fn end_of(vfs: &Arc<dyn Vfs>, dir: &Path) -> io::Result<Option<(At, EndReason)>> {
    let Some(last) = segments(vfs.as_ref(), dir)?.last().copied() else {
        return Ok(None);
    };
    let mut reader = Reader::at(vfs.clone(), dir.to_path_buf(), last);
    let mut end = None;
    while let Some(entry) = reader.next() {
        if let Entry::End { at, reason } = entry {
            end = Some((at, reason));
        }
    }
    Ok(end)
}
