//! The media sidecar's shell: thread, sockets, gRPC and life cycle round the sans-IO core.

pub mod lifecycle;
