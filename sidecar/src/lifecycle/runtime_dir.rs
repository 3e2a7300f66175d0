//! The runtime directory: private to this user, held by one living process.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parley_proto::launch::{LaunchInfo, RuntimeFiles};
use rustix::fs::FlockOperation;

use crate::secret::Secret;

/// How long a lock held by somebody is tried again: that one may be about to end.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);
/// Between two tries.
const LOCK_TRY_EVERY: Duration = Duration::from_millis(50);

/// Why the directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeDirError {
    /// The system refused something.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others could put their own socket there.
    #[error("{}: belongs to another user or is open to others (must be mode 0700)", .0.display())]
    NotPrivate(PathBuf),
    /// A living sidecar holds it.
    #[error("{}: a sidecar lives here already", .0.display())]
    Locked(PathBuf),
}

fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, RuntimeDirError> {
    result.map_err(|source| RuntimeDirError::Io {
        path: path.to_owned(),
        source,
    })
}

/// The directory, locked for as long as this lives.
#[derive(Debug)]
pub struct RuntimeDir {
    files: RuntimeFiles,
    lock: File,
    former_pid: Option<u32>,
}

impl RuntimeDir {
    /// Makes the directory if needed, checks it, and takes the lock. A stale lock is taken over, and what
    /// its holder left behind is removed.
    pub fn hold(dir: &Path) -> Result<Self, RuntimeDirError> {
        at(
            dir,
            DirBuilder::new().recursive(true).mode(0o700).create(dir),
        )?;
        let metadata = at(dir, fs::symlink_metadata(dir))?;
        let own = metadata.uid() == rustix::process::geteuid().as_raw();
        if !metadata.is_dir() || !own || metadata.mode() & 0o077 != 0 {
            return Err(RuntimeDirError::NotPrivate(dir.to_owned()));
        }
        let files = RuntimeFiles::of(dir);
        let lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&files.lock);
        let mut lock = at(&files.lock, lock)?;
        take(&lock, &files.lock)?;
        let mut left = String::new();
        // What a former holder left is only worth a log line: nothing depends on reading it.
        let _ = lock.read_to_string(&mut left);
        let former = serde_json::from_str::<LaunchInfo>(&left).ok();
        let held = Self {
            files,
            lock,
            former_pid: former.map(|former| former.pid),
        };
        at(&held.files.lock, held.lock.set_len(0))?;
        held.remove(&held.files.socket)?;
        held.remove(&held.files.token)?;
        Ok(held)
    }

    /// Process id of the holder that went without cleaning up.
    #[must_use]
    pub fn former_pid(&self) -> Option<u32> {
        self.former_pid
    }

    /// Names in the directory.
    #[must_use]
    pub fn files(&self) -> &RuntimeFiles {
        &self.files
    }

    /// Writes the token file, 0600.
    pub fn write_token(&self, token: &Secret) -> Result<(), RuntimeDirError> {
        let path = &self.files.token;
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(path);
        at(path, at(path, file)?.write_all(token.expose().as_bytes()))
    }

    /// Says in the lock file that and how the process serves.
    pub fn write_info(&self, info: &LaunchInfo) -> Result<(), RuntimeDirError> {
        let write = || {
            let text = serde_json::to_string(info).map_err(io::Error::other)?;
            let mut file = &self.lock;
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(text.as_bytes())
        };
        at(&self.files.lock, write())
    }

    /// Removes socket and token; the lock file stays, empty.
    pub fn clean(&self) {
        for path in [&self.files.socket, &self.files.token] {
            if let Err(error) = self.remove(path) {
                tracing::warn!(%error, "left behind");
            }
        }
        if let Err(error) = self.lock.set_len(0) {
            tracing::warn!(%error, "the lock file keeps its content");
        }
    }

    fn remove(&self, path: &Path) -> Result<(), RuntimeDirError> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => at(path, Err(error)),
            _ => Ok(()),
        }
    }
}

fn take(lock: &File, path: &Path) -> Result<(), RuntimeDirError> {
    let until = Instant::now() + LOCK_PATIENCE;
    loop {
        match rustix::fs::flock(lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < until => {
                std::thread::sleep(LOCK_TRY_EVERY);
            }
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(RuntimeDirError::Locked(path.to_owned()));
            }
            Err(error) => return at(path, Err(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_second_holder_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run");
        let first = RuntimeDir::hold(&path).unwrap();
        assert!(matches!(
            RuntimeDir::hold(&path),
            Err(RuntimeDirError::Locked(_))
        ));
        drop(first);
        RuntimeDir::hold(&path).unwrap();
    }

    #[test]
    fn what_a_dead_holder_left_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run");
        let files = RuntimeFiles::of(&path);
        drop(RuntimeDir::hold(&path).unwrap());
        for file in [&files.lock, &files.socket, &files.token] {
            fs::write(file, "left").unwrap();
        }
        let held = RuntimeDir::hold(&path).unwrap();
        assert!(!files.socket.exists() && !files.token.exists());
        assert_eq!(fs::read_to_string(&files.lock).unwrap(), "");
        held.write_token(&Secret::random().unwrap()).unwrap();
        let mode = fs::metadata(&files.token).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_directory_open_to_others_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(
            RuntimeDir::hold(dir.path()),
            Err(RuntimeDirError::NotPrivate(_))
        ));
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/tmp", &link).unwrap();
        assert!(matches!(
            RuntimeDir::hold(&link),
            Err(RuntimeDirError::NotPrivate(_))
        ));
    }
}
