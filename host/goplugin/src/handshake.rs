//! The first line: where the host finds us.

use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// go-plugin's own version, which has been 1 for ever.
const CORE_VERSION: u32 = 1;
/// A unix socket's path has to be shorter.
const PATH_BYTES_MAX: usize = 108;

/// What host and plugin agree on in advance.
#[derive(Debug, Clone, Copy)]
pub struct Handshake {
    /// Environment variable that says that we were started as a plugin.
    pub cookie_key: &'static str,
    /// Its value.
    pub cookie_value: &'static str,
    /// Version of the application's protocol.
    pub protocol_version: u32,
}

impl Handshake {
    /// Whether this process was started as a plugin.
    #[must_use]
    pub fn is_asked_for(&self) -> bool {
        std::env::var_os(self.cookie_key).is_some_and(|value| value == self.cookie_value)
    }
}

/// The host cannot be given an address.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The socket's path does not fit into an address.
    #[error("socket {0}: the path is too long; set TMPDIR to a shorter folder")]
    Path(PathBuf),
    /// The socket cannot be made, or given to the group that the host wants.
    #[error("socket {0}: {1}")]
    Socket(PathBuf, io::Error),
    /// No randomness for the socket's name.
    #[error("socket: {0}")]
    Name(getrandom::Error),
}

/// A socket that waits for the host. The file is gone when this is.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    path: PathBuf,
    protocol_version: u32,
}

impl Listener {
    /// Makes the socket, in the folder that the host names or the system's for temporary files.
    pub fn bind(handshake: &Handshake) -> Result<Self, HandshakeError> {
        let folder = std::env::var_os("PLUGIN_UNIX_SOCKET_DIR")
            .filter(|folder| !folder.is_empty())
            .map_or_else(std::env::temp_dir, PathBuf::from);
        let group = std::env::var("PLUGIN_UNIX_SOCKET_GROUP").unwrap_or_default();
        Self::bind_in(&folder, &group, handshake.protocol_version)
    }

    /// `group`: a number, or empty. Must run inside the runtime.
    fn bind_in(folder: &Path, group: &str, protocol_version: u32) -> Result<Self, HandshakeError> {
        let name = getrandom::u64().map_err(HandshakeError::Name)?;
        let path = folder.join(format!("plugin{name:016x}"));
        if path.as_os_str().len() >= PATH_BYTES_MAX {
            return Err(HandshakeError::Path(path));
        }
        let failed = |error| HandshakeError::Socket(path.clone(), error);
        let socket = UnixListener::bind(&path).map_err(failed)?;
        if !group.is_empty() {
            let number = group.parse().map_err(|_| {
                let text = format!("group {group} is no number");
                failed(io::Error::new(io::ErrorKind::InvalidInput, text))
            })?;
            chown(&path, None, Some(number)).map_err(failed)?;
            let mode = std::fs::Permissions::from_mode(0o660);
            std::fs::set_permissions(&path, mode).map_err(failed)?;
        }
        Ok(Self {
            socket,
            path,
            protocol_version,
        })
    }

    /// The line for standard output: nothing else may ever stand there.
    #[must_use]
    pub fn line(&self) -> String {
        let path = self.path.display();
        format!(
            "{CORE_VERSION}|{}|unix|{path}|netrpc|\n",
            self.protocol_version
        )
    }

    /// Waits for the host, which opens one connection.
    pub async fn accept(&self) -> io::Result<UnixStream> {
        self.socket.accept().await.map(|(connection, _)| connection)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_line_names_a_socket_that_is_there_for_as_long_as_the_listener() {
        let folder = tempfile::tempdir().unwrap();
        let listener = Listener::bind_in(folder.path(), "", 1).unwrap();
        let line = listener.line();
        let path = listener.path.clone();
        assert_eq!(line, format!("1|1|unix|{}|netrpc|\n", path.display()));
        UnixStream::connect(&path).await.unwrap();
        drop(listener);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_group_may_use_the_socket() {
        let folder = tempfile::tempdir().unwrap();
        let own = rustix::process::getgid().as_raw().to_string();
        let listener = Listener::bind_in(folder.path(), &own, 1).unwrap();
        let mode = std::fs::metadata(&listener.path)
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o660);
    }

    #[tokio::test]
    async fn a_path_that_fits_no_address_is_refused() {
        let folder = PathBuf::from(format!("/tmp/{}", "x".repeat(100)));
        let outcome = Listener::bind_in(&folder, "", 1);
        assert!(
            matches!(outcome, Err(HandshakeError::Path(_))),
            "{outcome:?}"
        );
    }
}
