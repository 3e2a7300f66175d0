//! Datagrams on their way in.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use super::sys::ReceiveArrays;

/// Datagrams per call.
const BATCH: usize = 16;
/// Longest datagram that is taken. Nothing in WebRTC comes near it: all of it fits a path's MTU.
const DATAGRAM_BYTES_MAX: usize = 4096;

/// Buffers to receive into, the same for all sockets.
#[derive(Debug)]
pub(crate) struct ReceiveBatch {
    arrays: ReceiveArrays,
    /// Datagrams of the last batch.
    length: usize,
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
    pub(crate) fn new() -> Self {
        Self {
            arrays: ReceiveArrays::new(BATCH, DATAGRAM_BYTES_MAX),
            length: 0,
            counts: ReceiveCounts::default(),
        }
    }

    /// Reads a batch, in place of the last one. `true`: there may be more.
    pub(crate) fn receive(&mut self, socket: &impl AsFd) -> io::Result<bool> {
        self.length = 0;
        self.counts.calls += 1;
        self.length = self.arrays.receive(socket.as_fd())?.min(BATCH);
        // A call that brings less than it could has found the socket empty, and what comes later wakes us.
        let full = self.length == BATCH;
        for index in 0..self.length {
            self.counts.too_long += u64::from(self.arrays.message(index).cut);
        }
        Ok(full)
    }

    /// Datagrams of the last batch.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// The datagrams of the batch, in order.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        (0..self.length).filter_map(|index| {
            let received = self.arrays.message(index);
            let from = received.from.filter(|_| !received.cut)?;
            Some((from, received.bytes))
        })
    }
}

#[cfg(test)]
mod tests;
