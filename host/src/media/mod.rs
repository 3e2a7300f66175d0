//! The way to the sidecar and back: unary calls out ([`unary`]), events in ([`pump`]).

mod link;
pub mod pump;
pub mod unary;

pub use link::{Connection, FixedLink, LinkError, LinkReceiver, MediaChannel, MediaLink};
