//! What the shell is to do, in order. Bytes of datagrams that the core made itself lie in one buffer
//! that is used again each time the shell has taken everything.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;

use str0m::net::DatagramSend;

use crate::api::RoomEvent;
use crate::egress::Path;

/// Room that is kept while nothing waits, bytes; more was one burst.
const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Something for the shell.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Datagram {
        source: SocketAddr,
        destination: SocketAddr,
        payload: Payload,
    },
    Event(Box<RoomEvent>),
}

/// Bytes of a datagram.
#[derive(Debug)]
pub(crate) enum Payload {
    /// From a media stack.
    Rtc(DatagramSend),
    /// In the outbox's buffer.
    Own(Range<usize>),
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Outgoing>,
    bytes: Vec<u8>,
}

impl Outbox {
    pub(crate) fn push_event(&mut self, event: RoomEvent) {
        self.queue.push_back(Outgoing::Event(Box::new(event)));
    }

    pub(crate) fn push_datagram(&mut self, path: Path, contents: DatagramSend) {
        self.queue.push_back(Outgoing::Datagram {
            source: path.source,
            destination: path.destination,
            payload: Payload::Rtc(contents),
        });
    }

    /// A datagram of `length` bytes that `write` fills in. When it fails nothing is sent.
    pub(crate) fn push_with<E>(
        &mut self,
        path: Path,
        length: usize,
        write: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.bytes.len();
        self.bytes.resize(start + length, 0);
        if let Err(error) = write(&mut self.bytes[start..]) {
            self.bytes.truncate(start);
            return Err(error);
        }
        self.queue.push_back(Outgoing::Datagram {
            source: path.source,
            destination: path.destination,
            payload: Payload::Own(start..start + length),
        });
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn pop(&mut self) -> Option<Outgoing> {
        let next = self.queue.pop_front();
        if next.is_none() {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_BYTES_MAX);
        }
        next
    }

    /// The bytes of a [`Payload::Own`]; until the outbox was found empty.
    pub(crate) fn own(&self, range: Range<usize>) -> &[u8] {
        &self.bytes[range]
    }

    #[cfg(test)]
    pub(crate) fn own_bytes(&self, start: usize) -> &[u8] {
        &self.bytes[start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_datagrams_keep_their_place_and_the_buffer_is_used_again() {
        let mut outbox = Outbox::default();
        let path = Path {
            source: "127.0.0.1:1".parse().unwrap(),
            destination: "127.0.0.1:2".parse().unwrap(),
        };
        let fill = |with: u8| {
            move |bytes: &mut [u8]| {
                bytes.fill(with);
                Ok::<(), ()>(())
            }
        };
        outbox.push_with(path, 2, fill(1)).unwrap();
        outbox.push_datagram(path, vec![2].into());
        assert_eq!(outbox.push_with(path, 9, |_| Err(3)), Err(3));
        outbox.push_with(path, 3, fill(4)).unwrap();
        let mut seen = Vec::new();
        while let Some(Outgoing::Datagram { payload, .. }) = outbox.pop() {
            seen.push(match payload {
                Payload::Rtc(contents) => contents.to_vec(),
                Payload::Own(range) => outbox.own(range).to_vec(),
            });
        }
        assert_eq!(seen, [vec![1, 1], vec![2], vec![4, 4, 4]]);
        assert!(outbox.bytes.is_empty());
    }
}
