//! Composing without the thread, for an admin at a terminal.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parley_compose::{Composer, Finished, Options};

use super::job::{Failure, Job};
use super::{MakeComposer, Output};
use crate::journal::Reader;
use crate::shelf::Shelf;
use crate::store::state::Stage;
use crate::vfs::Vfs;

/// Makes a closed recording's files, in this thread.
///
/// # Errors
/// Why there are none, for people. It is parked then, unless it is the disk's fault.
pub fn finish(shelf: &Shelf, recording_id: &str, make: &MakeComposer) -> Result<Stage, String> {
    let stored = shelf
        .get(recording_id)
        .ok_or("there is no recording of this id")?;
    if stored.state.stage != Stage::Closed {
        return Ok(stored.state.stage);
    }
    let composed = Job::new(shelf, &stored.state, make).and_then(|mut job| {
        while job.pull(shelf.clock(), Duration::from_secs(1))? {}
        job.finish(shelf)
    });
    let settled = match composed {
        Ok(composed) => shelf.composed(recording_id, composed),
        Err(Failure::Disk(error)) => Err(error),
        Err(Failure::Composer(why)) => {
            shelf
                .park(recording_id, &why)
                .map_err(|error| error.to_string())?;
            return Err(why);
        }
    };
    settled.map_err(|error| format!("its files cannot be written: {error}"))
}

/// Composes what is in the journals of the recording in `from` into the directory `to`, which is there. The
/// recording itself is only read, and may be in progress: then it is what there is so far. Captions of
/// nothing are no file.
///
/// # Errors
/// A file cannot be written, or the composer fails.
pub fn export(vfs: &Arc<dyn Vfs>, from: &Path, to: &Path) -> io::Result<Finished> {
    let output = Output::new(vfs.clone(), to.to_owned());
    let mut composer = Composer::new(output.clone(), Options::default());
    let mut reader = Reader::new(vfs.clone(), from.to_owned());
    while let Some(entry) = reader.next() {
        composer.push(entry)?;
    }
    let mut finished = composer.finish()?;
    output.sync()?;
    if finished
        .files
        .iter()
        .all(|file| file.content_type.starts_with("text/"))
    {
        for file in finished.files.drain(..) {
            vfs.remove_file(&to.join(file.name))?;
        }
    }
    Ok(finished)
}
