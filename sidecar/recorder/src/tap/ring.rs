//! The ring and how records lie in it: key, length and class, then the entry's body.

use std::sync::{Arc, Mutex, PoisonError};

use parley_media::recording::codec::BODY_BYTES_MAX;
use parley_media::recording::{At, EndReason};
use rtrb::{Consumer, Producer, RingBuffer};

use super::RecordingKey;

/// Room of a shard's ring. At 2.5 Mbit/s of pictures it outlasts a disk that hangs for 12 s with one
/// recording, for more than 1 s with ten.
pub(crate) const RING_BYTES: usize = 4 << 20;

/// Before each body: the key, then the length with the class in the upper byte.
pub(super) const HEAD_BYTES: usize = 8;
/// Taken out of the ring at a time: two of the longest records.
const PIECE_BYTES: usize = 2 * (HEAD_BYTES + BODY_BYTES_MAX);
const LENGTH_BITS: u32 = 24;

/// What may be left out, and how soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Says what the packets are: last of all.
    Control,
    Audio,
    /// First of all.
    Video,
}

/// Ends that the ring had no room for.
type LateEnds = Arc<Mutex<Vec<(RecordingKey, At, EndReason)>>>;

/// The reader's half.
pub(crate) struct Ring {
    ring: Consumer<u8>,
    late: LateEnds,
    /// What was taken out of the ring last: begins with `held` bytes of a record that is not complete.
    piece: Vec<u8>,
    held: usize,
}

/// The writer's half.
pub(super) struct Inlet {
    pub(super) ring: Producer<u8>,
    late: LateEnds,
}

/// One record of the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Framed<'a> {
    pub(crate) key: RecordingKey,
    pub(crate) class: Class,
    pub(crate) body: &'a [u8],
}

/// Both halves of a ring of `bytes`.
pub(crate) fn ring(bytes: usize) -> (super::TapWriter, Ring) {
    let (producer, consumer) = RingBuffer::new(bytes);
    let late = LateEnds::default();
    let inlet = Inlet {
        ring: producer,
        late: late.clone(),
    };
    let ring = Ring {
        ring: consumer,
        late,
        piece: vec![0; PIECE_BYTES],
        held: 0,
    };
    (super::TapWriter::new(inlet), ring)
}

impl Inlet {
    /// Remembers an end apart from the ring. Only when the ring has no byte left for it: takes a lock.
    pub(super) fn end_late(&self, key: RecordingKey, at: At, reason: EndReason) {
        let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        late.push((key, at, reason));
    }
}

impl Ring {
    /// Bytes that wait. Whole records: what is written meanwhile is not among them.
    pub(crate) fn waiting(&self) -> usize {
        self.ring.slots()
    }

    /// Nobody will write any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.ring.is_abandoned()
    }

    /// Takes `bytes` (of [`Ring::waiting`]) out of the ring, record by record.
    pub(crate) fn drain(&mut self, bytes: usize, mut take: impl FnMut(Framed<'_>)) {
        let mut left = bytes;
        while left > 0 {
            let end = PIECE_BYTES.min(self.held + left);
            let (filled, _) = self.ring.pop_partial_slice(&mut self.piece[self.held..end]);
            if filled.is_empty() {
                return;
            }
            left -= filled.len();
            let filled = self.held + filled.len();
            let mut rest = &self.piece[..filled];
            while let Some((framed, behind)) = split(rest) {
                take(framed);
                rest = behind;
            }
            // A record that goes on in the next piece.
            self.held = rest.len();
            self.piece.copy_within(filled - self.held..filled, 0);
        }
    }

    /// The ends that had no room; to be asked for after the ring is drained.
    pub(crate) fn late_ends(&self) -> Vec<(RecordingKey, At, EndReason)> {
        std::mem::take(&mut *self.late.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Of a body of `length` bytes.
pub(super) fn head(key: RecordingKey, class: Class, length: usize) -> Option<[u8; HEAD_BYTES]> {
    let length = u32::try_from(length)
        .ok()
        .filter(|_| length <= BODY_BYTES_MAX)?;
    let class = match class {
        Class::Control => 0,
        Class::Audio => 1,
        Class::Video => 2_u32,
    };
    let mut head = [0; HEAD_BYTES];
    head[..4].copy_from_slice(&key.0.to_le_bytes());
    head[4..].copy_from_slice(&(class << LENGTH_BITS | length).to_le_bytes());
    Some(head)
}

/// The first record, if all of it is there, and what is behind it.
fn split(bytes: &[u8]) -> Option<(Framed<'_>, &[u8])> {
    let (key, rest) = bytes.split_first_chunk()?;
    let (word, rest) = rest.split_first_chunk()?;
    let word = u32::from_le_bytes(*word);
    let (body, rest) = rest.split_at_checked((word & ((1 << LENGTH_BITS) - 1)) as usize)?;
    let class = match word >> LENGTH_BITS {
        0 => Class::Control,
        1 => Class::Audio,
        _ => Class::Video,
    };
    let key = RecordingKey(u32::from_le_bytes(*key));
    Some((Framed { key, class, body }, rest))
}
