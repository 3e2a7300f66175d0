//! One host per data folder: two would answer the same commands twice and fight for one sidecar.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use super::failure::Failure;

/// The file that is locked; its content means nothing.
const FILE: &str = "host.lock";

/// A data folder that is this process' own for as long as this lives. The kernel lets go of the lock when
/// the process dies, however it does.
#[derive(Debug)]
pub(super) struct DataLock(#[expect(dead_code, reason = "held, not read")] File);

impl DataLock {
    /// Takes the folder, or says who is in the way.
    pub(super) fn take(data_dir: &Path) -> Result<Self, Failure> {
        let path = data_dir.join(FILE);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| Failure::system(path.display().to_string(), error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(Failure::locked(
                "--data-dir",
                format!(
                    "{} is in use by another parley; end that one, or give this one another folder",
                    data_dir.display()
                ),
            )),
            Err(TryLockError::Error(error)) => {
                Err(Failure::system(path.display().to_string(), error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_holder_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let held = DataLock::take(folder.path()).unwrap();
        let refused = DataLock::take(folder.path()).unwrap_err().to_string();
        assert!(
            refused.contains(folder.path().to_str().unwrap()),
            "{refused}"
        );
        drop(held);
        assert!(DataLock::take(folder.path()).is_ok());
    }
}
