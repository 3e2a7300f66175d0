//! Connects to a sidecar that serves: socket, token, `GetInfo`.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request};
use hyper_util::rt::TokioIo;
use parley_proto::launch::{RuntimeFiles, TOKEN_METADATA, TOKEN_PREFIX};
use parley_proto::v1::info_client::InfoClient;
use parley_proto::v1::{GetInfoRequest, GetInfoResponse};
use parley_proto::{PROTOCOL_MAJOR, PROTOCOL_MINOR};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::net::UnixStream;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tower::{ServiceBuilder, service_fn};

use crate::media::Connection;

/// From the connection to the answer of `GetInfo`. A sidecar that is stopped accepts connections, but
/// answers nothing.
const ATTACH_TIME_MAX: Duration = Duration::from_secs(3);
/// HTTP/2 keep-alive: a frozen peer is found within twice this.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

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
    let introduction = introduce(stream, token.trim(), host_id);
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

/// Tells the protocol versions and gets to know the sidecar.
async fn introduce(
    stream: UnixStream,
    token: &str,
    host_id: &str,
) -> Result<(Connection, GetInfoResponse), Status> {
    let channel = single_connection(stream).await?;
    let mut credential = HeaderValue::try_from(format!("{TOKEN_PREFIX}{token}"))
        .map_err(|_| Status::unauthenticated("the token file holds no token"))?;
    credential.set_sensitive(true);
    let channel = ServiceBuilder::new()
        .map_request(move |mut request: Request<Body>| {
            let name = HeaderName::from_static(TOKEN_METADATA);
            request.headers_mut().insert(name, credential.clone());
            request
        })
        .service(channel);
    // The start id is known only after the answer.
    let unnamed = Connection::new(channel, String::new());
    let request = GetInfoRequest {
        protocol_major: PROTOCOL_MAJOR,
        protocol_minor: PROTOCOL_MINOR,
        host_id: host_id.to_owned(),
    };
    let info = InfoClient::new(unnamed.channel.clone())
        .get_info(request)
        .await?
        .into_inner();
    if info.protocol_major != PROTOCOL_MAJOR {
        return Err(Status::failed_precondition("another protocol major"));
    }
    Ok((
        Connection {
            start_id: info.start_id.clone(),
            ..unnamed
        },
        info,
    ))
}

/// A channel over this one stream. tonic would connect again by itself, but a new connection begins with
/// `GetInfo`: when the stream is gone, so is the channel.
async fn single_connection(stream: UnixStream) -> Result<Channel, Status> {
    let stream = Arc::new(Mutex::new(Some(stream)));
    let connector = service_fn(move |_| {
        let stream = stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move {
            stream
                .map(TokioIo::new)
                .ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionReset))
        }
    });
    // The address is not used, but it becomes the `:authority`.
    Endpoint::from_static("http://sidecar")
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true)
        .connect_with_connector(connector)
        .await
        .map_err(|error| Status::unavailable(error.to_string()))
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
