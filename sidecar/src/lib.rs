//! The media sidecar's shell: thread, sockets, gRPC and life cycle round the sans-IO core.

pub mod clock;
pub mod core_client;
pub mod grpc;
pub mod lifecycle;
pub mod sabotage;
pub mod secret;
pub mod shard;
pub mod watch;
