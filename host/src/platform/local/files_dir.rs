//! The folder of large files' bytes: one file for each, named by its id, whole or not.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::db::create_private_dir;
use super::ids;

/// Its name in the data folder.
const FOLDER: &str = "files";

/// The folder. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct FilesDir(PathBuf);

impl FilesDir {
    /// Makes it if it is missing.
    pub(crate) fn open(data_dir: &Path) -> io::Result<Self> {
        let folder = data_dir.join(FOLDER);
        create_private_dir(&folder)?;
        Ok(Self(folder))
    }

    /// `id` is one of ours: a name without dots and slashes.
    pub(crate) fn path(&self, id: &str) -> PathBuf {
        self.0.join(id)
    }

    /// A new file's name survives a crash of the machine. Blocks.
    pub(crate) fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    /// Blocks.
    pub(crate) fn remove(&self, id: &str) {
        match std::fs::remove_file(self.path(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, file = id, "a file's bytes stay behind");
            }
            _ => {}
        }
    }

    /// Removes what a crash left behind: files of ours that are not known. Blocks.
    pub(crate) fn sweep(&self, known: &HashSet<String>) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.0)? {
            let name = entry?.file_name();
            if let Some(id) = name.to_str()
                && ids::is_id(id)
                && !known.contains(id)
            {
                self.remove(id);
            }
        }
        Ok(())
    }
}
