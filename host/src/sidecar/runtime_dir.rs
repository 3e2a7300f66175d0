//! Where the sockets and locks of one data folder are.
//!
//! The same data folder always gives the same place, so that a host finds the sidecar which its predecessor
//! left. The place is this user's only, and its path is short: a Unix socket's has less than 108 bytes.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use parley_proto::launch::{RuntimeFiles, SOCKET_PATH_MAX};
use sha2::{Digest as _, Sha256};

/// No directory for sockets and locks.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeDirError {
    /// It cannot be made.
    #[error("runtime directory {path}: {source}")]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is somebody else's: files in it could be forged.
    #[error("runtime directory {0}: owned by another user")]
    Foreign(PathBuf),
}

/// The runtime directory of `data_dir`, made if missing. `xdg_runtime_dir`: the variable's value.
pub fn runtime_dir(
    data_dir: &Path,
    xdg_runtime_dir: Option<&Path>,
) -> Result<PathBuf, RuntimeDirError> {
    let io = |path: &Path, source| RuntimeDirError::Io {
        path: path.to_owned(),
        source,
    };
    let data_dir = data_dir
        .canonicalize()
        .map_err(|source| io(data_dir, source))?;
    let name = format!("parley-{}", digest(&data_dir));
    let uid = rustix::process::getuid().as_raw();
    let candidates = [
        xdg_runtime_dir
            .filter(|dir| dir.is_absolute() && dir.is_dir())
            .map(|dir| dir.join(&name)),
        Some(data_dir.join("run")),
        Some(std::env::temp_dir().join(format!("{name}-{uid}"))),
    ];
    let fits = |dir: &PathBuf| RuntimeFiles::of(dir).socket.as_os_str().len() <= SOCKET_PATH_MAX;
    // The last one is short enough on any sane system; if not, the sidecar says so.
    let fallback = Path::new("/tmp").join(format!("{name}-{uid}"));
    let dir = candidates
        .into_iter()
        .flatten()
        .find(fits)
        .unwrap_or(fallback);
    match DirBuilder::new().mode(0o700).create(&dir) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(io(&dir, error)),
    }
    // Not following a link that somebody laid there.
    let found = dir.symlink_metadata().map_err(|source| io(&dir, source))?;
    if !found.is_dir() || found.uid() != uid {
        return Err(RuntimeDirError::Foreign(dir));
    }
    std::fs::set_permissions(&dir, Permissions::from_mode(0o700))
        .map_err(|source| io(&dir, source))?;
    Ok(dir)
}

/// Enough of a digest that two data folders never meet.
fn digest(path: &Path) -> String {
    let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn one_per_data_folder_and_for_its_user_only() {
        let (one, other, xdg) = (
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
        );
        let dir = runtime_dir(one.path(), Some(xdg.path())).unwrap();
        assert!(dir.starts_with(xdg.path()));
        assert_eq!(mode(&dir), 0o700);
        assert_eq!(runtime_dir(one.path(), Some(xdg.path())).unwrap(), dir);
        assert_ne!(runtime_dir(other.path(), Some(xdg.path())).unwrap(), dir);
    }

    #[test]
    fn without_a_session_directory_it_is_in_the_data_folder() {
        let data = tempfile::tempdir().unwrap();
        let dir = runtime_dir(data.path(), None).unwrap();
        assert_eq!(dir, data.path().canonicalize().unwrap().join("run"));
    }

    #[test]
    fn a_deep_data_folder_gets_a_short_socket_path() {
        let data = tempfile::tempdir().unwrap();
        let deep = data.path().join("d".repeat(100));
        std::fs::create_dir(&deep).unwrap();
        let dir = runtime_dir(&deep, None).unwrap();
        assert!(RuntimeFiles::of(&dir).socket.as_os_str().len() <= SOCKET_PATH_MAX);
        std::fs::remove_dir(dir).unwrap();
    }

    #[test]
    fn a_link_is_refused() {
        let (data, xdg) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let dir = runtime_dir(data.path(), Some(xdg.path())).unwrap();
        std::fs::remove_dir(&dir).unwrap();
        std::os::unix::fs::symlink(data.path(), &dir).unwrap();
        let outcome = runtime_dir(data.path(), Some(xdg.path()));
        assert!(
            matches!(outcome, Err(RuntimeDirError::Foreign(_))),
            "{outcome:?}"
        );
    }
}
