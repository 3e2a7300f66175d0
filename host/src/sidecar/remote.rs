//! A sidecar that an admin runs, perhaps on another machine: connected to, watched, connected to again.
//!
//! Nothing of its process is ours: a lost connection is made again, with growing pauses, for as long as it
//! takes. What is wrong is said in the log, once a minute, and by the link to who asks for something.

use std::sync::Arc;
use std::time::Duration;

use parley_proto::trouble::Trouble;
use parley_settings::{Secret, SidecarAddress};
use rustls::ClientConfig;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use super::complaint::Complaint;
use super::dial::{DialError, Dialled, client_config, dial};
use super::in_use::{goodbye, health};
use super::introduction::introduce;
use super::supervisor::Task;
use crate::media::{Connection, FixedLink};

/// From the name's lookup to the answer of `GetInfo`.
const ATTEMPT_TIME_MAX: Duration = Duration::from_secs(10);
/// A connection that lasted at least this long was a good one.
const STABLE_AFTER: Duration = Duration::from_secs(10);
/// Pause after the first failure; doubled with each further one.
const PAUSE_FIRST: Duration = Duration::from_millis(250);
/// Longest pause: less than a request waits for the link (3 s).
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Characters of what the other side says that go into the log.
const SAID_CHARS_MAX: usize = 200;

/// Where it is, and how one gets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteConfig {
    /// Where.
    pub address: SidecarAddress,
    /// What is shown with each call.
    pub token: Secret,
    /// PEM; empty = the system's authorities.
    pub ca: String,
    /// Opaque id of this host process.
    pub host_id: String,
}

/// Why there is no connection. Names settings, and never a token.
#[derive(Debug, thiserror::Error)]
enum RemoteError {
    #[error("the remote media server cannot be reached (SidecarAddress): {0}")]
    Unreachable(String),
    #[error("the remote media server's certificate is not trusted (SidecarCaCertificate): {0}")]
    Certificate(String),
    #[error("the remote media server refuses the token (SidecarToken)")]
    Token,
    #[error("the remote media server is of another version: {0}")]
    Protocol(String),
}

impl RemoteError {
    fn trouble(&self) -> Trouble {
        match self {
            Self::Unreachable(_) => Trouble::Unreachable,
            Self::Certificate(_) => Trouble::Certificate,
            Self::Token => Trouble::Token,
            Self::Protocol(_) => Trouble::Protocol,
        }
    }
}

/// Whether these authorities can be used: `SidecarCaCertificate`. The error is for the admin.
pub fn check_authorities(ca: &str) -> Result<(), String> {
    if ca.trim().is_empty() {
        return Ok(());
    }
    client_config(ca).map(|_| ())
}

/// The running connection.
pub struct Remote {
    stop: CancellationToken,
    task: Task,
}

impl Remote {
    /// Starts to connect. Returns at once; the connection, or what is wrong, comes by `link`.
    #[must_use]
    pub fn start(config: RemoteConfig, link: FixedLink) -> Self {
        let stop = CancellationToken::new();
        let keeper = Keeper {
            config,
            link,
            stop: stop.clone(),
        };
        Self {
            stop,
            task: Task(tokio::spawn(keeper.run())),
        }
    }

    /// Says goodbye and withdraws the connection.
    pub async fn stop(mut self) {
        self.stop.cancel();
        // An error is a panic of the task, which was logged.
        let _ = (&mut self.task.0).await;
    }
}

struct Keeper {
    config: RemoteConfig,
    link: FixedLink,
    stop: CancellationToken,
}

impl Keeper {
    async fn run(self) {
        let mut failures = 0_u32;
        let mut complaint = Complaint::default();
        while !self.stop.is_cancelled() {
            let connected = tokio::select! {
                () = self.stop.cancelled() => break,
                connected = self.connect() => connected,
            };
            match connected {
                Ok(connection) => {
                    complaint.clear();
                    let since = Instant::now();
                    self.use_it(connection).await;
                    let stable = since.elapsed() >= STABLE_AFTER;
                    failures = if stable {
                        0
                    } else {
                        failures.saturating_add(1)
                    };
                }
                Err(error) => {
                    if complaint.is_due(&error.to_string()) {
                        tracing::error!(%error, "no media server");
                    }
                    self.link.set_trouble(Some(error.trouble()));
                    failures = failures.saturating_add(1);
                }
            }
            let _ = tokio::time::timeout(pause_after(failures), self.stop.cancelled()).await;
        }
        self.link.set_trouble(None);
    }

    async fn connect(&self) -> Result<Connection, RemoteError> {
        let attempt = tokio::time::timeout(ATTEMPT_TIME_MAX, self.attempt());
        attempt.await.unwrap_or_else(|_| {
            let reason = format!("no answer within {ATTEMPT_TIME_MAX:?}");
            Err(RemoteError::Unreachable(reason))
        })
    }

    async fn attempt(&self) -> Result<Connection, RemoteError> {
        let RemoteConfig {
            address,
            token,
            ca,
            host_id,
        } = &self.config;
        let tls = if address.tls {
            Some(self.tls(ca).await?)
        } else {
            None
        };
        let dialled = dial(address, tls).await.map_err(|error| match error {
            DialError::Unreachable(error) => RemoteError::Unreachable(error.to_string()),
            DialError::Certificate(reason) => RemoteError::Certificate(reason),
        })?;
        let authority = SidecarAddress {
            // Of the way below, HTTP knows nothing.
            tls: false,
            ..address.clone()
        };
        let authority = authority
            .to_string()
            .parse()
            .map_err(|error: http::uri::InvalidUri| RemoteError::Unreachable(error.to_string()))?;
        let token = token.reveal().trim();
        let introduced = match dialled {
            Dialled::Plain(stream) => introduce(stream, authority, token, host_id).await,
            Dialled::Tls(stream) => introduce(stream, authority, token, host_id).await,
        };
        let (connection, info) = introduced.map_err(|status| refused(&status))?;
        tracing::info!(
            version = info.sidecar_version,
            node = info.node_id,
            "connected to the remote media server"
        );
        Ok(connection)
    }

    /// Reading the system's authorities takes a moment.
    async fn tls(&self, ca: &str) -> Result<Arc<ClientConfig>, RemoteError> {
        let ca = ca.to_owned();
        let made = tokio::task::spawn_blocking(move || client_config(&ca)).await;
        let made = made.unwrap_or_else(|error| Err(error.to_string()));
        made.map(Arc::new).map_err(RemoteError::Certificate)
    }

    /// Publishes the connection until it is lost, or not wanted any more.
    async fn use_it(&self, connection: Connection) {
        self.link.set_trouble(None);
        self.link.set(Some(connection.clone()));
        let wanted = tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            _ = health(&connection) => true,
        };
        if wanted {
            tracing::warn!("connection to the remote media server lost");
            self.link.set_trouble(Some(Trouble::Unreachable));
        } else {
            tracing::info!("leaving the remote media server");
            goodbye(&connection, &self.config.host_id).await;
        }
        self.link.set(None);
    }
}

/// What the answer to the first words means.
fn refused(status: &Status) -> RemoteError {
    // Somebody else's words: as much as helps.
    let said: String = status
        .message()
        .chars()
        .filter(|c| !c.is_control())
        .take(SAID_CHARS_MAX)
        .collect();
    match status.code() {
        Code::Unauthenticated => RemoteError::Token,
        Code::FailedPrecondition => RemoteError::Protocol(said),
        Code::Unimplemented => RemoteError::Protocol("it is no sidecar of Parley's".to_owned()),
        code => RemoteError::Unreachable(format!("{code}: {said}")),
    }
}

fn pause_after(failures: u32) -> Duration {
    match failures {
        0 => Duration::ZERO,
        more => PAUSE_FIRST
            .saturating_mul(1 << (more - 1).min(16))
            .min(PAUSE_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_end() {
        assert_eq!(pause_after(0), Duration::ZERO);
        assert_eq!(pause_after(1), PAUSE_FIRST);
        assert_eq!(pause_after(2), PAUSE_FIRST * 2);
        assert_eq!(pause_after(1000), PAUSE_MAX);
    }

    #[test]
    fn authorities_are_checked() {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        assert_eq!(check_authorities(""), Ok(()));
        assert_eq!(check_authorities(&made.cert.pem()), Ok(()));
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
        assert!(check_authorities(broken).is_err());
        assert!(check_authorities("hello").is_err());
    }
}
