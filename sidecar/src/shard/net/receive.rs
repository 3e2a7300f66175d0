//! Datagrams on their way in.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use super::Offload;
use super::sys::ReceiveArrays;

/// Messages per call.
const BATCH: usize = 16;
/// Longest datagram that is taken. Nothing in WebRTC comes near it: all of it fits a path's MTU.
const DATAGRAM_BYTES_MAX: usize = 4096;
/// Longest message when the kernel may put several datagrams into one.
const COALESCED_BYTES_MAX: usize = 65_535;

/// Buffers to receive into, the same for all sockets.
#[derive(Debug)]
pub(crate) struct ReceiveBatch {
    arrays: ReceiveArrays,
    /// Messages of the last batch.
    messages: usize,
    /// Absolute.
    pub(crate) counts: ReceiveCounts,
}

/// What came, since the start.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReceiveCounts {
    /// Calls of `recvmmsg`.
    pub(crate) calls: u64,
    /// Datagrams dropped because they were too long.
    pub(crate) too_long: u64,
}

impl ReceiveBatch {
    pub(crate) fn new(offload: Offload) -> Self {
        let stride = if offload.gro {
            COALESCED_BYTES_MAX
        } else {
            DATAGRAM_BYTES_MAX
        };
        Self {
            arrays: ReceiveArrays::new(BATCH, stride),
            messages: 0,
            counts: ReceiveCounts::default(),
        }
    }

    /// Reads a batch, in place of the last one. `true`: there may be more.
    pub(crate) fn receive(&mut self, socket: &impl AsFd) -> io::Result<bool> {
        self.messages = 0;
        self.counts.calls += 1;
        self.messages = self.arrays.receive(socket.as_fd())?.min(BATCH);
        // A call that brings less than it could has found the socket empty, and what comes later wakes us.
        let full = self.messages == BATCH;
        for index in 0..self.messages {
            self.counts.too_long += u64::from(self.arrays.message(index).cut);
        }
        Ok(full)
    }

    /// The datagrams of the batch, in order.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        (0..self.messages).flat_map(|index| {
            let received = self.arrays.message(index);
            let from = received.from.filter(|_| !received.cut);
            let bytes = received.bytes;
            let segment = received.segment.unwrap_or(bytes.len()).max(1);
            // An empty datagram is one, too.
            let empty = bytes.is_empty().then_some(bytes);
            let datagrams = bytes.chunks(segment).chain(empty);
            from.into_iter()
                .flat_map(move |from| datagrams.clone().map(move |datagram| (from, datagram)))
        })
    }
}

#[cfg(test)]
mod tests;
