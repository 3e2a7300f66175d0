//! What lies in a directory of recordings, without touching it: also beside a running sidecar.

use std::io;
use std::path::Path;

use super::state::{State, is_id};
use super::{dir_of, disk_bytes, load};
use crate::vfs::Vfs;

/// One directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surveyed {
    /// Its name: the recording's id.
    pub name: String,
    /// What is known of it, or why nothing is.
    pub state: Result<State, String>,
    /// Bytes in it.
    pub disk_bytes: u64,
}

/// All of them, newest first; those of which nothing is known last.
///
/// # Errors
/// The directory cannot be read.
pub fn survey(vfs: &dyn Vfs, root: &Path) -> io::Result<Vec<Surveyed>> {
    let mut all = Vec::new();
    for found in vfs.list(root)?.into_iter().filter(|found| found.is_dir) {
        let state = if is_id(&found.name) {
            load(vfs, root, &found.name).map_err(|why| why.to_string())
        } else {
            Err("its name is no recording's id".to_owned())
        };
        let disk_bytes = disk_bytes(vfs, &dir_of(root, &found.name)).unwrap_or(0);
        all.push(Surveyed {
            name: found.name,
            state,
            disk_bytes,
        });
    }
    let started = |surveyed: &Surveyed| match &surveyed.state {
        Ok(state) => state.about.started_at_ms,
        Err(_) => 0,
    };
    all.sort_by_key(|surveyed| std::cmp::Reverse(started(surveyed)));
    Ok(all)
}
