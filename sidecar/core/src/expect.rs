//! What the next datagrams will need is asked for together. In many small rooms each datagram is of another
//! session, which was last looked at 20 ms ago: its state has left the caches, and what one datagram
//! waits for, several can wait for at once.

use std::net::SocketAddr;

use crate::Core;
use crate::demux::{Owner, Tuple};

/// Rooms up to this size: in larger ones a packet's listeners are asked for on the way from one to the
/// next.
const LISTENERS_MAX: usize = 4;

impl Core {
    /// Datagrams from these addresses come next, to `local`. Changes nothing.
    pub fn expect(&mut self, local: SocketAddr, from: impl Iterator<Item = SocketAddr>) {
        let mut owners = std::mem::take(&mut self.expected);
        owners.clear();
        let tuples = from.map(|remote| Tuple { local, remote });
        owners.extend(tuples.filter_map(|tuple| self.shared.demux.owner_of(&tuple)));
        // One step of the way for all of them, then the next.
        let room_of = |owner: &Owner| self.room_at(owner.room);
        for room in owners.iter().filter_map(room_of) {
            room.expect();
        }
        for owner in &owners {
            if let Some(room) = room_of(owner) {
                room.each_expected(owner.seat, LISTENERS_MAX, |session, is_speaker| {
                    session.expect(is_speaker);
                });
            }
        }
        for owner in &owners {
            if let Some(room) = room_of(owner) {
                room.each_expected(owner.seat, LISTENERS_MAX, |session, is_speaker| {
                    session.expect_streams(is_speaker);
                });
            }
        }
        self.expected = owners;
    }
}
