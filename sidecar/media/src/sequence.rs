//! RTP indices (sequence number with rollover) for one outgoing stream fed by changing sources.
//!
//! The rule that must never break: one (SSRC, index) is sent at most once. A second packet with other
//! bytes under the same index reuses an SRTP nonce.

/// Names a source's stream for the rewriters: must differ whenever the incoming numbering may, that
/// is per SSRC and per layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey(pub u64);

/// Joins the indices of changing sources to one line without gaps of our making.
#[derive(Debug, Clone)]
pub struct SequenceLine {
    _p: (),
}

/// Shifts a line's indices for one listener: starts with rollover counter 0 and closes the gaps of
/// packets withheld from it.
#[derive(Debug, Clone)]
pub struct ListenerSequence {
    _p: (),
}

impl ListenerSequence {
    /// `first` is the index of the first packet this listener gets: random, below 2^15.
    pub fn new(first: u16) -> Self {
        let _ = first;
        todo!()
    }

    /// The listener's index for a packet of the line; `None`: do not send it (older than something
    /// withheld or than the first).
    pub fn forward(&mut self, index: u64) -> Option<u64> {
        let _ = index;
        todo!()
    }

    /// The packet is not sent to this listener and leaves no gap.
    pub fn withhold(&mut self, index: u64) {
        let _ = index;
        todo!()
    }
}
