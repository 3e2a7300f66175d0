//! Renumbering of a room's voice slot, once for all listeners (media-plane.md, "Rewriting").

use crate::sequence::StreamKey;
use std::time::Instant;

/// A source's packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioIn {
    /// Extended sequence number (with rollover), as str0m's `SeqNo`.
    pub sequence: u64,
    /// RTP time, 48 kHz.
    pub timestamp: u32,
    /// The source began a talk spurt.
    pub marker: bool,
}

/// The slot's packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioOut {
    /// The slot's index; map it per listener with [`crate::sequence::ListenerSequence`].
    pub index: u64,
    /// RTP time, 48 kHz.
    pub timestamp: u32,
    /// Start of a talk spurt, or of another owner.
    pub marker: bool,
}

/// Numbers one slot's packets across owners.
#[derive(Debug, Clone)]
pub struct SlotRewriter {
    _p: (),
}

impl SlotRewriter {
    /// `first_timestamp` should be random.
    pub fn new(first_timestamp: u32) -> Self {
        let _ = first_timestamp;
        todo!()
    }

    /// The slot's numbers for a packet of its present owner; `None`: drop it (a repetition, older
    /// than the owner's first, or too old to tell). Another `source` than last time is a switch.
    pub fn rewrite(&mut self, source: StreamKey, packet: AudioIn, now: Instant) -> Option<AudioOut> {
        let _ = (source, packet, now);
        todo!()
    }
}
