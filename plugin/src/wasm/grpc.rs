//! The way to the media server: one import for all calls of the generated clients.

use std::future::{Future, Ready, ready};
use std::task::Poll;

use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use tonic::body::Body;

use super::wit;
use crate::media::BoxError;

/// Deadline of a call to the media server.
const GRPC_TIMEOUT_MS: u32 = 3_000;
/// A gRPC message's prefix: compression flag and length (gRPC over HTTP/2, "Length-Prefixed-Message").
const FRAME_HEADER: usize = 5;

/// The host's `grpc.unary` as the service under the generated clients.
#[derive(Clone, Copy)]
pub(super) struct HostGrpc;

impl tower::Service<http::Request<Body>> for HostGrpc {
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = std::pin::Pin<
        Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send + 'static>,
    >;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let frame = body.collect().await?.to_bytes();
            let message = frame.get(FRAME_HEADER..).unwrap_or_default();
            // Only our own metadata: the rest describes HTTP/2, which is the host's business.
            let metadata: Vec<(String, String)> = parts
                .headers
                .get(crate::TRACE_METADATA)
                .and_then(|value| value.to_str().ok())
                .map(|value| (crate::TRACE_METADATA.to_owned(), value.to_owned()))
                .into_iter()
                .collect();
            Ok(
                match wit::grpc::unary(parts.uri.path(), &metadata, message, GRPC_TIMEOUT_MS) {
                    Ok(reply) => answer(&reply.message),
                    Err(status) => {
                        tonic::Status::new(status.code.into(), status.message).into_http()
                    }
                },
            )
        })
    }
}

/// A message as the HTTP response that a gRPC client expects.
fn answer(message: &[u8]) -> http::Response<Body> {
    let mut frame = BytesMut::with_capacity(FRAME_HEADER + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    let mut trailers = http::HeaderMap::new();
    trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
    let trailers: Ready<Option<Result<_, std::convert::Infallible>>> = ready(Some(Ok(trailers)));
    let body = Full::<Bytes>::new(frame.freeze()).with_trailers(trailers);
    let mut response = http::Response::new(Body::new(body));
    let grpc = http::HeaderValue::from_static("application/grpc");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, grpc);
    response
}
