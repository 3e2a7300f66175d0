//! How a host finds and starts the embedded sidecar on its own machine: names, codes, file contents.
//!
//! The rules that go with them stand in `parley_sidecar::lifecycle`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::PROTOCOL_MAJOR;

/// The longest path of the socket in bytes (`sun_path` holds 108 with its NUL).
pub const SOCKET_PATH_MAX: usize = 107;
/// The metadata key of the token: `authorization: Bearer <token>`.
pub const TOKEN_METADATA: &str = "authorization";
/// What stands before the token in its metadata.
pub const TOKEN_PREFIX: &str = "Bearer ";
/// Shortest token that is taken, in characters of `[A-Za-z0-9_-]`. A host makes 32 random
/// bytes and writes them as 64 hexadecimal digits.
pub const TOKEN_LENGTH_MIN: usize = 32;
/// Longest such token.
pub const TOKEN_LENGTH_MAX: usize = 256;

/// How long a sidecar goes on after the last host's Goodbye, unless its configuration says otherwise.
pub const GOODBYE_LEASE: Duration = Duration::from_secs(20);

/// Exit code: ended in order (lease over, drained, SIGTERM).
pub const EXIT_OK: i32 = 0;
/// Exit code: a bug (the shard panicked). Start another one.
pub const EXIT_INTERNAL: i32 = 70;
/// Exit code: the system refused a directory, a socket or a port; stderr and the log name it.
pub const EXIT_SYSTEM: i32 = 71;
/// Exit code: another sidecar of this protocol holds the runtime directory. Adopt that one.
pub const EXIT_LOCKED: i32 = 75;
/// Exit code: the configuration is refused; stderr names the field. Starting again does not help.
pub const EXIT_CONFIG: i32 = 78;

/// What the lock file holds, and what is written to `--ready-fd` as one line. Unknown fields are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchInfo {
    /// Process id.
    pub pid: u32,
    /// Random per start, as `GetInfoResponse.start_id`.
    pub start_id: String,
    /// Unix milliseconds.
    pub started_at_ms: i64,
    /// Version of the executable.
    pub version: String,
    /// As in `GetInfoResponse`.
    pub protocol_major: u32,
    /// As in `GetInfoResponse`.
    pub protocol_minor: u32,
    /// The Unix socket that speaks gRPC (HTTP/2 without TLS).
    pub socket: PathBuf,
    /// The file with the token (0600).
    pub token_file: PathBuf,
    /// The UDP port in use; another than asked for when that was taken.
    pub media_port: u16,
    /// The log file, when the process writes one of its own.
    #[serde(default)]
    pub log: Option<PathBuf>,
    /// Where `/metrics`, `/live` and `/ready` are served, when they are.
    #[serde(default)]
    pub http: Option<std::net::SocketAddr>,
    /// Where hosts on other machines are served, when they are.
    #[serde(default)]
    pub grpc: Option<std::net::SocketAddr>,
}

/// The files of one protocol major in a runtime directory. A sidecar of another major uses other names,
/// so that an old one can finish its rooms beside a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeFiles {
    /// Locked by `flock` as long as the process lives; holds [`LaunchInfo`] as JSON once it serves.
    pub lock: PathBuf,
    /// The socket.
    pub socket: PathBuf,
    /// The token in plain text, no line end, 0600.
    pub token: PathBuf,
}

impl RuntimeFiles {
    /// The files of this build's protocol in `runtime_dir`.
    #[must_use]
    pub fn of(runtime_dir: &Path) -> Self {
        let file = |end| runtime_dir.join(format!("sidecar-v{PROTOCOL_MAJOR}.{end}"));
        Self {
            lock: file("lock"),
            socket: file("sock"),
            token: file("token"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_are_ignored_and_new_ones_may_miss() {
        let text = r#"{"pid":1,"start_id":"a","started_at_ms":2,"version":"0.1.0","protocol_major":1,
            "protocol_minor":0,"socket":"/s","token_file":"/t","media_port":8443,"later":true}"#;
        let info: LaunchInfo = serde_json::from_str(text).unwrap();
        assert_eq!(info.media_port, 8443);
        assert_eq!(info.log, None);
    }
}
