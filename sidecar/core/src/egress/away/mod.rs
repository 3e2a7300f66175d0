//! Voices of one large room leave by several shards.
//!
//! Room, policy, ICE, DTLS, RTCP and everything that comes in stay on the *home* shard. What a voice costs
//! most, its encryption and the system call, may be done by another shard for a session: its egress is
//! *away*. Home renumbers per listener as always and appends an order to a batch: one per shard, the
//! payload once, then as little as possible for each listener. The other shard keeps these sessions as
//! [`Guests`]: it encrypts and sends from its own socket, which has the same address.
//!
//! What keeps a nonce from being used twice:
//! - The key moves, and home keeps it for the streams of pictures alone, which the other shard does not
//!   have: before the first packet of the DTLS association was encrypted, at
//!   one point ([`Compact::place`](super::Compact::place)), and never again within it.
//! - Batches that the other shard does not take are lost, and counted. Nobody else sends them.
//! - Both sides let each index through once: [`IndexGuard`](super::IndexGuard) of the line at home, and
//!   another on the side that encrypts.
//! - Keys of guests are dense and have an epoch: an order that comes late finds nobody.
//!
//! What must not get lost (a key, a new address, the end) goes the same way, in order with the packets, and
//! is kept and tried again when the lane is full. SRTCP stays str0m's, at home, for all streams; its sender
//! reports count what was ordered, as they count what the kernel then does not take.

mod guests;
mod lanes;
mod placement;
mod record;
#[cfg(test)]
mod tests;

pub(crate) use guests::Guests;
pub(crate) use lanes::{Lanes, Route};
pub(crate) use record::Order;
