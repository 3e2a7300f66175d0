//! The plugin's side of HashiCorp's go-plugin in its net/rpc mode, for executables that are started by a
//! program written in Go.
//!
//! From the bottom up: [`gob`] is Go's encoding, [`rpc`] is Go's net/rpc over it, [`Broker`] gives both sides
//! streams of one yamux connection by number, [`Listener`] does the handshake and [`serve`] answers the host
//! until it goes away. Nothing here knows what the plugin is for.

pub mod gob;
pub mod rpc;

mod broker;
mod handshake;
mod serve;

pub use self::broker::{Broker, BrokerError, Stream};
pub use self::handshake::{Handshake, HandshakeError, Listener};
pub use self::serve::{Ended, Plugin, serve};
