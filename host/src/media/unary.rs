//! The guest's unary calls: which methods it may call, for how long, and with how many bytes.
//!
//! tonic enforces a deadline only as a server and reports an oversized message as an internal error, so both
//! are checked here, before and around the call.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use http::uri::PathAndQuery;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::{Ascii, MetadataKey, MetadataMap, MetadataValue};
use tonic::{Code, Request, Status};

use super::{Connection, MediaLink};
use crate::trace::{TRACE_HEADER, TraceId};

/// Services of which every method is granted.
const GRANTED_SERVICES: [&str; 3] = [
    "/parley.media.v1.Rooms/",
    "/parley.media.v1.Sessions/",
    "/parley.media.v1.Stats/",
];
/// Methods that are granted one by one.
///
/// `GetInfo`: a room that is unknown to another start of the sidecar is restored, not ended. Of recordings
/// not what publishes them: that is the host's.
const GRANTED_METHODS: [&str; 6] = [
    "/parley.media.v1.Node/GetHealth",
    "/parley.media.v1.Info/GetInfo",
    "/parley.media.v1.Recordings/StartRecording",
    "/parley.media.v1.Recordings/StopRecording",
    "/parley.media.v1.Recordings/PinInRecording",
    "/parley.media.v1.Recordings/ListRecordings",
];

/// Longest time of one call, ms; a call without a deadline gets this one.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(10);
/// Bytes of a request: an SDP of 256 KiB with room around it.
pub const REQUEST_BYTES_MAX: usize = 512 * 1024;
/// Bytes of a reply: a room of 1000 sessions with room around it.
pub const REPLY_BYTES_MAX: usize = 2 << 20;
/// Metadata entries in either direction; the rest is dropped.
const METADATA_MAX: usize = 16;
/// Bytes of one metadata name; longer ones are dropped. More in all than the sidecar takes would end the
/// connection, and everybody's calls with it.
const METADATA_NAME_BYTES_MAX: usize = 64;
/// Bytes of one metadata value; longer ones are dropped.
const METADATA_VALUE_BYTES_MAX: usize = 1024;
/// How long a call waits for a sidecar that is just being restarted.
const LINK_WAIT_MAX: Duration = Duration::from_secs(3);

/// One call as the guest asked for it.
#[derive(Debug)]
pub struct UnaryCall {
    /// "/package.Service/Method".
    pub path: String,
    /// Names that belong to the transport or to the host are ignored.
    pub metadata: Vec<(String, String)>,
    /// The encoded message.
    pub message: Bytes,
    /// Zero = [`TIMEOUT_MAX`].
    pub timeout: Duration,
    /// Goes along as `x-trace-id`.
    pub trace: TraceId,
}

/// What came back.
#[derive(Debug)]
pub struct UnaryReply {
    /// The initial metadata, text values only.
    pub metadata: Vec<(String, String)>,
    /// The encoded message.
    pub message: Bytes,
}

/// Makes one call. The future is boxed: the compiler cannot prove the generated one `Send` for every lifetime.
pub fn call(
    link: &dyn MediaLink,
    call: UnaryCall,
) -> Pin<Box<dyn Future<Output = Result<UnaryReply, Status>> + Send + '_>> {
    Box::pin(checked(link, call))
}

async fn checked(link: &dyn MediaLink, call: UnaryCall) -> Result<UnaryReply, Status> {
    let path = granted(&call.path).inspect_err(|_| {
        // The path is the guest's: cut, so that it cannot flood the log.
        let path: String = call.path.chars().take(100).collect();
        tracing::warn!(path, trace = %call.trace, "the guest asked for a method it is not granted");
    })?;
    if call.message.len() > REQUEST_BYTES_MAX {
        let reason = format!(
            "message of {} bytes, {REQUEST_BYTES_MAX} allowed",
            call.message.len()
        );
        return Err(Status::resource_exhausted(reason));
    }
    let timeout = match call.timeout {
        Duration::ZERO => TIMEOUT_MAX,
        asked => asked.min(TIMEOUT_MAX),
    };
    tokio::time::timeout(timeout, forward(link, path, call))
        .await
        .unwrap_or_else(|_| {
            Err(Status::deadline_exceeded(
                "the sidecar did not answer in time",
            ))
        })
}

async fn forward(
    link: &dyn MediaLink,
    path: PathAndQuery,
    call: UnaryCall,
) -> Result<UnaryReply, Status> {
    let connection = connection(link).await?;
    let mut client =
        tonic::client::Grpc::new(connection.channel).max_decoding_message_size(REPLY_BYTES_MAX);
    client
        .ready()
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    let mut request = Request::new(call.message);
    *request.metadata_mut() = outgoing(&call.metadata, call.trace);
    let (metadata, message, _) = client.unary(request, path, RawCodec).await?.into_parts();
    Ok(UnaryReply {
        metadata: incoming(&metadata),
        message,
    })
}

/// The present connection, or the next one if it comes soon. Nobody waits for what needs a person's hand,
/// nor for what has been away for longer than a restart takes.
async fn connection(link: &dyn MediaLink) -> Result<Connection, Status> {
    let mut changes = link.connection();
    let patience = match link.trouble() {
        Some(trouble) if trouble.lasts() => Duration::ZERO,
        _ => {
            let gone = link.troubled_since().map(|since| since.elapsed());
            LINK_WAIT_MAX.saturating_sub(gone.unwrap_or_default())
        }
    };
    tokio::time::timeout(patience, changes.wait_for(Option::is_some))
        .await
        .ok()
        .and_then(|found| found.ok().and_then(|connection| connection.clone()))
        .ok_or_else(|| match link.trouble() {
            Some(trouble) => Status::unavailable(trouble.message()),
            None => Status::unavailable("no sidecar"),
        })
}

/// The path, if the guest may call it.
fn granted(path: &str) -> Result<PathAndQuery, Status> {
    let is_method = |rest: &str| {
        !rest.is_empty() && rest.len() <= 64 && rest.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let allowed = GRANTED_METHODS.contains(&path)
        || GRANTED_SERVICES
            .iter()
            .any(|service| path.strip_prefix(service).is_some_and(is_method));
    if !allowed {
        return Err(Status::new(Code::PermissionDenied, "method not granted"));
    }
    PathAndQuery::try_from(path).map_err(|_| Status::invalid_argument("path"))
}

/// Metadata for the sidecar: the guest's own entries, then ours.
fn outgoing(asked: &[(String, String)], trace: TraceId) -> MetadataMap {
    let mut metadata = MetadataMap::new();
    let own = asked.iter().filter(|(name, value)| {
        name.len() <= METADATA_NAME_BYTES_MAX
            && value.len() <= METADATA_VALUE_BYTES_MAX
            && is_application_metadata(name)
    });
    for (name, value) in own.take(METADATA_MAX) {
        let name = name.to_ascii_lowercase().parse::<MetadataKey<Ascii>>();
        if let (Ok(name), Ok(value)) = (name, value.parse::<MetadataValue<Ascii>>()) {
            metadata.append(name, value);
        }
    }
    if let Ok(value) = trace.to_string().parse() {
        metadata.insert(TRACE_HEADER, value);
    }
    metadata
}

/// Not the transport's, not the host's.
fn is_application_metadata(name: &str) -> bool {
    const RESERVED: [&str; 8] = [
        "te",
        "content-type",
        "user-agent",
        "authorization",
        "host",
        "connection",
        "content-length",
        TRACE_HEADER,
    ];
    let name = name.to_ascii_lowercase();
    !name.starts_with("grpc-") && !name.starts_with(':') && !RESERVED.contains(&name.as_str())
}

fn incoming(metadata: &MetadataMap) -> Vec<(String, String)> {
    let headers = metadata.clone().into_headers();
    headers
        .iter()
        .filter(|(name, _)| is_application_metadata(name.as_str()))
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .filter(|(_, value)| value.len() <= METADATA_VALUE_BYTES_MAX)
        .take(METADATA_MAX)
        .collect()
}

/// Passes encoded messages through.
#[derive(Debug, Clone, Copy, Default)]
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

#[cfg(test)]
mod tests;
