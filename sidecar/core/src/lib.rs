//! The sidecar's core: rooms, sessions and media forwarding as one state machine.
//!
//! No clock, socket, thread or runtime lives here. The shell feeds [`Core`] with commands, datagrams and
//! the time, and after each of them drains [`Core::poll_output`] until it says [`Output::Timeout`].
//! The same inputs in the same order give the same outputs, but for the ids that str0m draws itself.
//!
//! Architecture invariant: nothing here knows gRPC, Mattermost, channels or posts.
//!
//! [`Output::Timeout`]: api::Output::Timeout

// Tests begin their own time.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod api;

mod commands;
mod core;
mod core_away;
mod crypto;
mod demux;
mod egress;
mod expect;
mod ids;
mod outbox;
mod prefetch;
mod room;
mod session;
mod shared;
mod stats;
mod timers;

pub use self::core::Core;
#[cfg(feature = "sabotage")]
pub use shared::Fault;
