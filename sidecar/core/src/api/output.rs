//! What the core wants done.

use std::net::SocketAddr;
use std::time::Instant;

use parley_media::recording::{Entry, RecordingKey};

use super::RoomEvent;

/// What the core wants done. Drain until [`Output::Timeout`].
#[derive(Debug)]
pub enum Output<'a> {
    /// Send a datagram. The bytes are only valid until the next call.
    Transmit {
        /// The local address to send from (one of [`CoreConfig::media_addresses`](super::CoreConfig::media_addresses)'s sockets).
        source: SocketAddr,
        /// To whom.
        destination: SocketAddr,
        /// What.
        payload: &'a [u8],
    },
    /// Hand to the event stream.
    Event(Box<RoomEvent>),
    /// Hand to the recorder, in order.
    Record {
        /// Of which recording.
        key: RecordingKey,
        /// What happened in it.
        entry: Entry<'a>,
    },
    /// Hand to another shard's [`crate::Core::handle_orders`], in order, or say
    /// [`crate::Core::refuse_orders`] at once. The bytes are only valid until the next call.
    Orders {
        /// To which.
        shard: u8,
        /// What.
        batch: Orders<'a>,
    },
    /// Nothing more now: call [`crate::Core::handle_timeout`] at this time at the latest.
    Timeout(Instant),
}

/// What the cores of two shards tell each other. Keys stand in it: it is not printed.
#[derive(Clone, Copy)]
pub struct Orders<'a>(pub(crate) &'a [u8]);

impl std::ops::Deref for Orders<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0
    }
}

impl std::fmt::Debug for Orders<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}
