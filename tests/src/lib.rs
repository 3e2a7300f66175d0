//! The stage for scenarios: the real guest, host logic, gRPC services and sidecar core in one process, on a
//! virtual clock (tokio's paused time) and a seeded lossy network. Only the chat platform is a stand-in.

#![allow(clippy::expect_used, clippy::unwrap_used)] // a test that cannot go on fails

pub mod net;
pub mod pause;
pub mod platform;
pub mod sidecar;
pub mod world;
