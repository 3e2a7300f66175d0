//! `parley.media.v1`: the contract between plugin, host and sidecar, generated from `proto/`.
//!
//! The only places that turn these messages into something else are the sidecar's gRPC layer and the
//! plugin's media client. Unknown fields and enum values are tolerated by both.

/// The protocol's major version: peers with another one are refused.
pub const PROTOCOL_MAJOR: u32 = 1;
/// The protocol's minor version: additions that old peers ignore.
pub const PROTOCOL_MINOR: u32 = 1;

/// Metadata key of the trace id: 32 hexadecimal digits, one for the whole way of a request.
pub const TRACE_METADATA: &str = "x-trace-id";

#[cfg(feature = "transport")]
pub mod launch;
pub mod log_filter;
pub mod trouble;

/// Messages, clients and server traits of `parley.media.v1`.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
pub mod v1 {
    tonic::include_proto!("parley.media.v1");
}
