//! A process as the system knows it: by a handle, because a pid could be another's by the time it is used.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::process::Child;
use tokio_util::sync::CancellationToken;

/// How long a killed process may take to be gone.
const KILL_TIME_MAX: Duration = Duration::from_secs(2);

/// A running process.
pub(super) struct Process(AsyncFd<OwnedFd>);

impl Process {
    /// `None`: it is gone already, or the system has no such handles (Linux before 5.3).
    #[expect(
        deprecated,
        reason = "unsound for types that close their descriptor early; an OwnedFd does not"
    )]
    pub(super) fn open(pid: Pid) -> Option<Self> {
        let handle = pidfd_open(pid, PidfdFlags::NONBLOCK).ok()?;
        AsyncFd::with_interest(handle, Interest::READABLE)
            .ok()
            .map(Self)
    }

    /// Returns when it ended.
    pub(super) async fn end(&self) {
        // Readable when the process ended; an error cannot be told apart from that by waiting longer.
        let _ = self.0.readable().await;
    }

    /// Kills it and waits until it is gone.
    pub(super) async fn kill(&self) {
        if pidfd_send_signal(self.0.get_ref(), Signal::KILL).is_ok() {
            let _ = tokio::time::timeout(KILL_TIME_MAX, self.end()).await;
        }
    }
}

/// Takes the exit status of an own child off the system, however long that takes.
pub(super) async fn await_exit(mut child: Child, ended: CancellationToken) {
    match child.wait().await {
        Ok(status) => tracing::info!(%status, "exit of the sidecar"),
        Err(error) => tracing::warn!(%error, "exit of the sidecar"),
    }
    ended.cancel();
}
