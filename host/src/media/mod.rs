//! The way to the sidecar and back: unary calls out ([`unary`]), events in ([`pump`]), recordings into the
//! platform ([`recordings`]).

mod link;
pub mod pump;
pub mod recordings;
pub mod unary;

pub use link::{Connection, FixedLink, LinkError, LinkReceiver, MediaChannel, MediaLink};
