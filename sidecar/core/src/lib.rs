//! The sidecar's core: rooms, sessions and media forwarding as one state machine.
//!
//! No clock, socket, thread or runtime lives here. The shell feeds [`Core`] with commands, datagrams and
//! the time, and after each of them drains [`Core::poll_output`] until it says [`Output::Timeout`].
//! The same inputs in the same order give the same outputs: a simulation can replay any run.
//!
//! Architecture invariant: nothing here knows gRPC, Mattermost, channels or posts.

pub mod api;
