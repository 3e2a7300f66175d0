//! Connects to a sidecar that serves: socket, token, `GetInfo`.

use std::io;
use std::path::Path;
use std::time::Duration;

use http::Uri;
use parley_proto::launch::RuntimeFiles;
use parley_proto::v1::GetInfoResponse;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::net::UnixStream;
use tonic::Status;

use super::introduction::introduce;
use crate::media::Connection;

/// From the connection to the answer of `GetInfo`. A sidecar that is stopped accepts connections, but
/// answers nothing.
const ATTACH_TIME_MAX: Duration = Duration::from_secs(3);

/// A sidecar that knows this host.
pub(super) struct Attached {
    pub(super) connection: Connection,
    pub(super) info: GetInfoResponse,
    /// The process at the other end of the socket, told by the kernel.
    pub(super) pid: Option<Pid>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum AttachError {
    /// Nobody listens: start one.
    #[error("no sidecar serves here: {0}")]
    Absent(#[source] io::Error),
    /// Somebody listens who is not this user.
    #[error("the socket belongs to another user")]
    Foreign,
    /// It listens, but does not answer.
    #[error("the sidecar does not answer within {ATTACH_TIME_MAX:?}")]
    Mute(Option<Pid>),
    /// It refuses.
    #[error("the sidecar refuses this host: {}: {}", .1.code(), .1.message())]
    Refused(Option<Pid>, #[source] Box<Status>),
}

/// Attaches to the sidecar of `runtime_dir`, if there is one.
pub(super) async fn attach(runtime_dir: &Path, host_id: &str) -> Result<Attached, AttachError> {
    let files = RuntimeFiles::of(runtime_dir);
    let stream = UnixStream::connect(&files.socket)
        .await
        .map_err(AttachError::Absent)?;
    let peer = stream.peer_cred().map_err(AttachError::Absent)?;
    if peer.uid() != rustix::process::getuid().as_raw() {
        return Err(AttachError::Foreign);
    }
    let pid = peer.pid().and_then(Pid::from_raw);
    let token = tokio::fs::read_to_string(&files.token)
        .await
        .map_err(AttachError::Absent)?;
    // The address is not used, but it becomes the `:authority`.
    let authority = Uri::from_static("http://sidecar");
    let introduction = introduce(stream, authority, token.trim(), host_id);
    match tokio::time::timeout(ATTACH_TIME_MAX, introduction).await {
        Ok(Ok((connection, info))) => Ok(Attached {
            connection,
            info,
            pid,
        }),
        Ok(Err(status)) => Err(AttachError::Refused(pid, Box::new(status))),
        Err(_) => Err(AttachError::Mute(pid)),
    }
}

/// Asks sidecars of other protocol majors in this directory to finish their rooms and end.
pub(super) async fn retire_other_majors(runtime_dir: &Path) {
    let Ok(entries) = std::fs::read_dir(runtime_dir) else {
        return;
    };
    let own = RuntimeFiles::of(runtime_dir).socket;
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let is_socket =
            name.is_some_and(|name| name.starts_with("sidecar-v") && name.ends_with(".sock"));
        if !is_socket || path == own {
            continue;
        }
        // Who answers at the socket is who is meant, whatever a stale file says.
        let Ok(stream) = UnixStream::connect(&path).await else {
            continue;
        };
        let Ok(peer) = stream.peer_cred() else {
            continue;
        };
        if peer.uid() != rustix::process::getuid().as_raw() {
            continue;
        }
        let Some(pid) = peer.pid().and_then(Pid::from_raw) else {
            continue;
        };
        let asked = pidfd_open(pid, PidfdFlags::empty())
            .and_then(|process| pidfd_send_signal(process, Signal::USR1));
        tracing::info!(
            asked = asked.is_ok(),
            "a sidecar of another protocol is to finish"
        );
    }
}
