//! What the shards of a process tell each other: a datagram may arrive at any of them, and its session
//! lives on one. How it gets there is the shell's business, which may lose any of it.

use std::net::SocketAddr;

/// Where a datagram goes that is none of this shard's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandOver {
    /// To which shard.
    pub shard: u8,
    /// It comes from where a session of that shard has proven to be; otherwise anybody may have sent it.
    pub proven: bool,
}

/// What a shard where sessions live tells the one where their datagrams arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TupleNews {
    /// From [`Core::poll_tuple_news`](crate::Core::poll_tuple_news): whom to tell. In
    /// [`Core::handle_tuple_news`](crate::Core::handle_tuple_news): who tells.
    pub shard: u8,
    /// Our end of the 5-tuple.
    pub local: SocketAddr,
    /// The client's end.
    pub remote: SocketAddr,
    /// A session of the one who tells has just proven that it is there; false: none is there any more.
    pub is_theirs: bool,
}
