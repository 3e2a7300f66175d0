//! A copy of the executable where no upgrade replaces it while it runs.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The copy could not be made.
#[derive(Debug, thiserror::Error)]
#[error("copying the sidecar's executable to {path}: {source}")]
pub struct InstallError {
    path: PathBuf,
    source: io::Error,
}

/// Copies `executable` below `runtime_dir`; the same build is copied once. Blocks.
pub(super) fn install(executable: &Path, runtime_dir: &Path) -> Result<PathBuf, InstallError> {
    let folder = runtime_dir.join("bin");
    copy(executable, &folder).map_err(|source| InstallError {
        path: folder,
        source,
    })
}

fn copy(executable: &Path, folder: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let identity = identity(executable)?;
    let installed = folder.join(format!("parley-sidecar-{identity}"));
    if !installed.is_file() {
        // Made under another name: whoever finds the final one finds all of it.
        let unfinished = folder.join(format!("unfinished-{}", std::process::id()));
        fs::copy(executable, &unfinished)?;
        fs::set_permissions(&unfinished, Permissions::from_mode(0o700))?;
        fs::rename(&unfinished, &installed)?;
    }
    remove_others(folder, &installed);
    Ok(installed)
}

/// Older copies: one that still runs goes on, its name is not needed any more.
fn remove_others(folder: &Path, kept: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for path in entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path != kept)
    {
        let _ = fs::remove_file(path);
    }
}

/// Tells one build from another without reading it: a restart must not wait for a digest of the whole file.
fn identity(path: &Path) -> io::Result<String> {
    let found = path.metadata()?;
    Ok(format!(
        "{:x}-{:x}-{:x}",
        found.len(),
        found.mtime(),
        found.mtime_nsec()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upgrade_gets_its_own_copy_and_the_old_one_goes() {
        let folder = tempfile::tempdir().unwrap();
        let executable = folder.path().join("sidecar");
        fs::write(&executable, "one").unwrap();
        let first = install(&executable, folder.path()).unwrap();
        assert_eq!(install(&executable, folder.path()).unwrap(), first);
        assert_eq!(
            first.metadata().unwrap().permissions().mode() & 0o777,
            0o700
        );
        fs::write(&executable, "two").unwrap();
        let second = install(&executable, folder.path()).unwrap();
        assert_eq!(fs::read_to_string(&second).unwrap(), "two");
        assert!(!first.exists());
    }
}
