//! The media sidecar's shell: thread, sockets, gRPC and life cycle round the sans-IO core.
//!
//! Entry points: [`lifecycle::main`] is the process; [`grpc::Services`] are the gRPC services over any
//! [`core_client::CoreClient`]; [`shard::spawn`] is the media thread. How a host starts or adopts the
//! process stands in [`lifecycle`].
//!
//! Architecture invariant: nothing here knows what a call, a channel or a user is.

pub mod clock;
pub mod config;
pub mod core_client;
pub mod grpc;
pub mod http;
pub mod lifecycle;
pub mod recordings_cli;
pub mod sabotage;
pub mod secret;
pub mod shard;
pub mod watch;
