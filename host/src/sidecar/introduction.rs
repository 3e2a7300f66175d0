//! The first words on a connection to a sidecar: token and `GetInfo`.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request, Uri};
use hyper_util::rt::TokioIo;
use parley_proto::launch::{TOKEN_METADATA, TOKEN_PREFIX};
use parley_proto::v1::info_client::InfoClient;
use parley_proto::v1::{GetInfoRequest, GetInfoResponse};
use parley_proto::{PROTOCOL_MAJOR, PROTOCOL_MINOR};
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::Status;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tower::{ServiceBuilder, service_fn};

use crate::media::Connection;

/// HTTP/2 keep-alive: a frozen peer is found within twice this.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// Tells the protocol versions and gets to know the sidecar. `authority` is what HTTP calls it.
pub(super) async fn introduce<S>(
    stream: S,
    authority: Uri,
    token: &str,
    host_id: &str,
) -> Result<(Connection, GetInfoResponse), Status>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let channel = single_connection(stream, authority).await?;
    let mut credential = HeaderValue::try_from(format!("{TOKEN_PREFIX}{token}"))
        .map_err(|_| Status::unauthenticated("this is no token"))?;
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
        return Err(Status::failed_precondition(format!(
            "protocol major {} is not ours, {PROTOCOL_MAJOR}",
            info.protocol_major
        )));
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
async fn single_connection<S>(stream: S, authority: Uri) -> Result<Channel, Status>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = Arc::new(Mutex::new(Some(stream)));
    let connector = service_fn(move |_| {
        let stream = stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move {
            stream
                .map(TokioIo::new)
                .ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionReset))
        }
    });
    Endpoint::from(authority)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true)
        .connect_with_connector(connector)
        .await
        .map_err(|error| Status::unavailable(error.to_string()))
}
