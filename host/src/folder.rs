//! Folders that an admin or the system names for our files.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// Makes the folder for this user alone, unless it is there, and sees that files can be made in it.
pub(crate) fn made(folder: &Path) -> Result<PathBuf, String> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .and_then(|()| folder.canonicalize())
        .and_then(|folder| writable(&folder).map(|()| folder))
        .map_err(|error| format!("{}: {error}", folder.display()))
}

fn writable(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".writable-{}", std::process::id()));
    std::fs::File::create(&probe)?;
    std::fs::remove_file(probe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_takes_no_files_is_none() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        assert_eq!(made(&folder), Ok(folder.canonicalize().unwrap()));
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        // It is there, and not even root may write to it.
        let error = made(Path::new("/proc/self")).unwrap_err();
        assert!(error.starts_with("/proc/self: "), "{error}");
    }
}
