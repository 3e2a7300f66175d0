//! Datagrams on their way out.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use super::sys::SendArrays;
use super::{Message, Offload, Piece};

/// Messages handed to the kernel at once.
const BATCH: usize = 128;
/// Bytes queued before they are sent whatever else there is to do: the kernel copies them out of a near cache.
const BYTES_QUEUED_MAX: usize = 128 * 1024;
/// Datagrams in one message: what every kernel with GSO takes.
const SEGMENTS_MAX: usize = 64;
/// Bytes in one message: 65,535 less the headers of IPv6 and UDP.
const MESSAGE_BYTES_MAX: usize = 65_535 - 40 - 8;
/// Longest datagram that goes into a run: a run is never fragmented, so it has to fit every usual path.
const SEGMENT_BYTES_MAX: usize = 1452;
/// Length that each path takes unfragmented, whatever a client's network or its forged word says of it: the
/// kernel believes in nothing below 552 bytes.
const EVERY_PATH_TAKES: u16 = 552 - 20 - 8;
/// Places of a socket's table of destinations.
const TABLE: usize = 1024;
/// Places looked at for one destination.
const PROBES: usize = 8;
/// No datagram, no destination.
const NONE: u32 = u32::MAX;

/// See the module. Keeps the order per destination, not between destinations.
#[derive(Debug)]
pub(crate) struct SendQueue {
    /// What waits, by socket.
    sockets: Vec<SocketQueue>,
    /// For all sockets.
    bytes_queued: usize,
    arrays: SendArrays,
    pieces: Vec<Piece>,
    messages: Vec<Message>,
    /// Absolute.
    pub(crate) counts: SendCounts,
}

/// What became of datagrams, since the start.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SendCounts {
    /// Calls of `sendmmsg`.
    pub(crate) calls: u64,
    /// Messages that carried several datagrams.
    pub(crate) runs: u64,
    /// Runs that the kernel refused; their datagrams were sent one by one.
    pub(crate) runs_refused: u64,
    /// Datagrams dropped because the kernel's buffer was full.
    pub(crate) blocked: u64,
    /// Datagrams dropped because the kernel refused them (no route, too long).
    pub(crate) failed: u64,
}

/// What waits for one socket.
#[derive(Debug)]
struct SocketQueue {
    bytes: Vec<u8>,
    datagrams: Vec<Queued>,
    destinations: Vec<Destination>,
    /// Index + 1 into `destinations` by hash; 0: free.
    table: Vec<u16>,
    /// The kernel takes runs; set to false for good when it said that it cannot.
    gso: bool,
}

#[derive(Debug, Clone, Copy)]
struct Queued {
    piece: Piece,
    /// The next one to the same destination.
    next: u32,
}

#[derive(Debug, Clone, Copy)]
struct Destination {
    address: SocketAddr,
    first: u32,
    last: u32,
}

impl SendQueue {
    /// For so many sockets.
    pub(crate) fn new(sockets: usize, offload: Offload) -> Self {
        Self {
            sockets: (0..sockets)
                .map(|_| SocketQueue::new(offload.gso))
                .collect(),
            bytes_queued: 0,
            arrays: SendArrays::new(BATCH),
            pieces: Vec::new(),
            messages: Vec::new(),
            counts: SendCounts::default(),
        }
    }

    /// Copies a datagram into the queue; true when it should be flushed.
    pub(crate) fn push(&mut self, socket: usize, destination: SocketAddr, payload: &[u8]) -> bool {
        if let Some(queue) = self.sockets.get_mut(socket) {
            queue.push(destination, payload);
            self.bytes_queued += payload.len();
        }
        self.bytes_queued >= BYTES_QUEUED_MAX
    }

    /// Hands everything to the kernel. What it does not take is dropped and counted: waiting would stop
    /// the media of everybody else. `sockets` in the order of [`Self::push`].
    pub(crate) fn flush<'a, S: AsFd + 'a>(&mut self, sockets: impl IntoIterator<Item = &'a S>) {
        let mut queues = self.sockets.iter();
        if self.bytes_queued == 0 && queues.all(|queue| queue.datagrams.is_empty()) {
            return;
        }
        for (queue, socket) in self.sockets.iter_mut().zip(sockets) {
            if queue.datagrams.is_empty() {
                continue;
            }
            self.pieces.clear();
            self.messages.clear();
            queue.plan(&mut self.pieces, &mut self.messages);
            let mut sending = Sending {
                socket: socket.as_fd(),
                arrays: &mut self.arrays,
                pieces: &self.pieces,
                bytes: &queue.bytes,
                gso: &mut queue.gso,
                counts: &mut self.counts,
            };
            for batch in self.messages.chunks(BATCH) {
                sending.send(batch);
            }
            queue.clear();
        }
        self.bytes_queued = 0;
    }
}

impl SocketQueue {
    fn new(gso: bool) -> Self {
        Self {
            bytes: Vec::new(),
            datagrams: Vec::new(),
            destinations: Vec::new(),
            table: vec![0; TABLE],
            gso,
        }
    }

    fn push(&mut self, address: SocketAddr, payload: &[u8]) {
        let piece = Piece {
            start: self.bytes.len(),
            length: payload.len(),
        };
        self.bytes.extend_from_slice(payload);
        let index = self.datagrams.len() as u32;
        self.datagrams.push(Queued { piece, next: NONE });
        if let Some(found) = self.find(address) {
            let destination = &mut self.destinations[found];
            self.datagrams[destination.last as usize].next = index;
            destination.last = index;
        } else {
            self.destinations.push(Destination {
                address,
                first: index,
                last: index,
            });
        }
    }

    /// Where `address` is among the destinations. If it is nowhere, its place in the table is taken for
    /// the next one to be pushed. Who finds no place near its own has an entry for each datagram: in
    /// order all the same, for a place that was once found is never lost before [`Self::clear`].
    fn find(&mut self, address: SocketAddr) -> Option<usize> {
        if !self.gso {
            return None;
        }
        // A frame comes in one piece.
        let next = self.destinations.len();
        if self
            .destinations
            .last()
            .is_some_and(|last| last.address == address)
        {
            return Some(next - 1);
        }
        let start = hash(address);
        for probe in 0..PROBES {
            let place = &mut self.table[(start + probe) % TABLE];
            match *place {
                0 => {
                    *place = u16::try_from(next + 1).unwrap_or(0);
                    return None;
                }
                taken => {
                    let index = usize::from(taken) - 1;
                    if self.destinations[index].address == address {
                        return Some(index);
                    }
                }
            }
        }
        None
    }

    /// Lays out what is queued as messages, destination by destination.
    fn plan(&self, pieces: &mut Vec<Piece>, messages: &mut Vec<Message>) {
        for destination in &self.destinations {
            let mut run = Run::default();
            let mut next = destination.first;
            while let Some(queued) = self.datagrams.get(next as usize) {
                next = queued.next;
                if !run.takes(queued.piece.length) {
                    messages.extend(run.message(destination.address, pieces.len()));
                    run = Run::default();
                }
                run.add(queued.piece.length);
                pieces.push(queued.piece);
            }
            messages.extend(run.message(destination.address, pieces.len()));
        }
    }

    fn clear(&mut self) {
        if self.gso {
            self.table.fill(0);
        }
        self.bytes.clear();
        self.datagrams.clear();
        self.destinations.clear();
    }
}

/// Spread, not secret: who would make addresses collide only keeps runs apart.
fn hash(address: SocketAddr) -> usize {
    let ip = match address.ip() {
        IpAddr::V4(ip) => u64::from(ip.to_bits()),
        IpAddr::V6(ip) => {
            let bits = ip.to_bits();
            (bits >> 64) as u64 ^ bits as u64
        }
    };
    let mixed =
        (ip << 16 ^ ip >> 48 ^ u64::from(address.port())).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as usize
}

/// Datagrams that may leave as one message.
#[derive(Debug, Default)]
struct Run {
    count: usize,
    segment: usize,
    bytes: usize,
    /// One was shorter: it is the last.
    closed: bool,
}

impl Run {
    fn takes(&self, length: usize) -> bool {
        self.count == 0
            || (!self.closed
                && self.count < SEGMENTS_MAX
                && self.segment <= SEGMENT_BYTES_MAX
                && (1..=self.segment).contains(&length)
                && self.bytes + length <= MESSAGE_BYTES_MAX)
    }

    fn add(&mut self, length: usize) {
        if self.count == 0 {
            self.segment = length;
        }
        self.closed = length < self.segment;
        self.count += 1;
        self.bytes += length;
    }

    /// Its pieces end at `end`.
    fn message(&self, destination: SocketAddr, end: usize) -> Option<Message> {
        let segment = u16::try_from(self.segment).ok();
        (self.count > 0).then(|| Message {
            destination,
            pieces: end - self.count..end,
            segment: segment.filter(|_| self.count > 1),
        })
    }
}

/// One socket's flush.
struct Sending<'a> {
    socket: BorrowedFd<'a>,
    arrays: &'a mut SendArrays,
    pieces: &'a [Piece],
    bytes: &'a [u8],
    gso: &'a mut bool,
    counts: &'a mut SendCounts,
}

impl Sending<'_> {
    /// At most [`BATCH`] messages.
    fn send(&mut self, batch: &[Message]) {
        let mut rest = batch;
        while let Some(first) = rest.first() {
            self.counts.calls += 1;
            match self.arrays.send(self.socket, rest, self.pieces, self.bytes) {
                Ok(count) => {
                    let (sent, later) = rest.split_at(count.clamp(1, rest.len()));
                    let runs = sent.iter().filter(|message| message.segment.is_some());
                    self.counts.runs += runs.count() as u64;
                    rest = later;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let dropped: usize = rest.iter().map(|message| message.pieces.len()).sum();
                    self.counts.blocked += dropped as u64;
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The error belongs to the first message; an ICMP error of an earlier one may also
                // surface here, then one good datagram is lost, as on any network.
                Err(error) => {
                    if let Some(segment) = first.segment {
                        self.refused(&error, segment);
                        self.send_apart(first);
                    } else {
                        self.counts.failed += 1;
                    }
                    rest = &rest[1..];
                }
            }
        }
    }

    /// A device or a route that cannot do runs will not learn it; a path that is too narrow for one is
    /// somebody's path, and only its own run leaves one by one.
    fn refused(&mut self, error: &io::Error, segment: u16) {
        self.counts.runs_refused += 1;
        if is_unable(error, segment) && std::mem::replace(self.gso, false) {
            tracing::warn!(%error, "segmentation offload was refused, datagrams are sent one by one");
        }
    }

    fn send_apart(&mut self, run: &Message) {
        let mut apart = std::array::from_fn::<_, SEGMENTS_MAX, _>(|_| Message {
            destination: run.destination,
            pieces: 0..0,
            segment: None,
        });
        for (message, piece) in apart.iter_mut().zip(run.pieces.clone()) {
            message.pieces = piece..piece + 1;
        }
        let count = run.pieces.len().min(SEGMENTS_MAX);
        self.send(&apart[..count]);
    }
}

/// The kernel cannot send runs at all. Before Linux 6.14 it says the same (`EINVAL`) of a run that is too
/// wide for the path of its destination, which must not change anything for the others.
fn is_unable(error: &io::Error, segment: u16) -> bool {
    match error.raw_os_error() {
        Some(libc::EIO) => true,
        Some(libc::EINVAL) => segment <= EVERY_PATH_TAKES,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
