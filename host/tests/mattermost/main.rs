//! The executable as a plugin of Mattermost's own plugin host.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

#[path = "../common/mod.rs"]
mod common;

mod cluster;
mod conformance;
mod effects;
mod handshake;
mod hooks;
mod life;
mod load;
mod passing;
mod people;
mod postgres;
mod push;
mod recordings;
mod remote;
mod server;
mod settings;
