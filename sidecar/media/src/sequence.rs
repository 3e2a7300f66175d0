//! RTP indices (sequence number with rollover) for one outgoing stream fed by changing sources.
//!
//! The rule that must never break: one (SSRC, index) is sent at most once. A second packet with other
//! bytes under the same index reuses an SRTP nonce.
//!
//! And one that hostile sources try to break: a listener that misses 2^15 numbers guesses the wrong
//! rollover counter from then on (RFC 3711 section 3.3.1) and never decrypts the stream again, whoever is
//! in it. So gaps pass only as fast as packets can be lost; packets are limited where they come in.

use std::time::Instant;

use crate::bucket::TokenBucket;

/// Names a source's stream for the rewriters: must differ whenever the incoming numbering may, that
/// is per SSRC and per layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey(pub u64);

/// Where a packet stands in its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placed {
    /// The outgoing index.
    pub(crate) index: u64,
    /// Above all before it (else it fills a hole).
    pub(crate) newest: bool,
}

/// Joins the indices of changing sources to one line without gaps of our making. `WORDS` x 64 packets
/// may arrive out of order.
#[derive(Debug, Clone)]
pub(crate) struct SequenceLine<const WORDS: usize> {
    /// Incoming number and index of the present source's first packet.
    anchor: Option<(u64, u64)>,
    next: u64,
    seen: Window<WORDS>,
    /// Numbers that may be left out.
    gaps: TokenBucket,
}

impl<const WORDS: usize> SequenceLine<WORDS> {
    /// `gaps`: how many numbers may be left out per second, and at once; beyond it is no loss.
    pub(crate) fn new(first: u64, gaps: TokenBucket) -> Self {
        Self {
            anchor: None,
            next: first,
            seen: Window::new(first),
            gaps,
        }
    }

    /// Begins a tenancy: this packet gets the next free index. `skip` leaves one out, which tells a
    /// decoder that the frame before it stays incomplete.
    pub(crate) fn restart(&mut self, sequence: u64, skip: bool) -> Placed {
        let index = self.next + u64::from(skip);
        self.anchor = Some((sequence, index));
        self.take(index);
        Placed {
            index,
            newest: true,
        }
    }

    /// Places a packet of the present tenancy. `None`: sent already, older than the tenancy, too old
    /// to tell, or no tenancy yet.
    pub(crate) fn place(&mut self, sequence: u64) -> Option<Placed> {
        let (first_in, first_out) = self.anchor?;
        let index = first_out.checked_add(sequence.checked_sub(first_in)?)?;
        let newest = index >= self.next;
        if !newest && self.seen.contains(index) {
            return None;
        }
        self.take(index);
        Some(Placed { index, newest })
    }

    /// Too far ahead to be a loss: the caller should restart. A gap that is none is paid for here: ask
    /// once per packet.
    pub(crate) fn leaps(&mut self, sequence: u64, now: Instant) -> bool {
        let Some((first_in, first_out)) = self.anchor else {
            return false;
        };
        let Some(ahead) = sequence.checked_sub(first_in) else {
            return false;
        };
        let gap = first_out.saturating_add(ahead).saturating_sub(self.next);
        gap > 0 && !self.gaps.take(now, gap)
    }

    fn take(&mut self, index: u64) {
        self.seen.insert(index);
        self.next = self.next.max(index + 1);
    }
}

/// Which of the last `WORDS` x 64 indices were used; older ones count as used.
#[derive(Debug, Clone)]
struct Window<const WORDS: usize> {
    bits: [u64; WORDS],
    /// All indices below this are in the window or older.
    end: u64,
}

impl<const WORDS: usize> Window<WORDS> {
    const SIZE: u64 = 64 * WORDS as u64;

    fn new(end: u64) -> Self {
        // Everything before the first index counts as used.
        Self {
            bits: [u64::MAX; WORDS],
            end,
        }
    }

    fn contains(&self, index: u64) -> bool {
        if index >= self.end {
            return false;
        }
        if self.end - index > Self::SIZE {
            return true;
        }
        let (word, bit) = Self::position(index);
        self.bits[word] & bit != 0
    }

    fn insert(&mut self, index: u64) {
        if index >= self.end {
            if index - self.end >= Self::SIZE {
                self.bits = [0; WORDS];
            } else {
                for skipped in self.end..=index {
                    let (word, bit) = Self::position(skipped);
                    self.bits[word] &= !bit;
                }
            }
            self.end = index + 1;
        } else if self.end - index > Self::SIZE {
            return;
        }
        let (word, bit) = Self::position(index);
        self.bits[word] |= bit;
    }

    fn position(index: u64) -> (usize, u64) {
        let slot = index % Self::SIZE;
        ((slot / 64) as usize, 1 << (slot % 64))
    }
}

/// Shifts a line's indices for one listener: starts with rollover counter 0 and closes the gaps of
/// packets withheld from it.
#[derive(Debug, Clone)]
pub struct ListenerSequence {
    first: u16,
    started: bool,
    /// Subtracted from the line's index (wrapping).
    offset: u64,
    /// Highest index of the line seen, sent or withheld.
    newest: u64,
    /// Below it nothing is sent any more.
    floor: u64,
}

impl ListenerSequence {
    /// `first` is the index of the first packet this listener gets: random, below 2^15 (RFC 3711
    /// section 3.3.1).
    pub fn new(first: u16) -> Self {
        Self {
            first: first & 0x7fff,
            started: false,
            offset: 0,
            newest: 0,
            floor: 0,
        }
    }

    /// The listener's index for a packet of the line; `None`: do not send it (older than something
    /// withheld or than the first).
    pub fn forward(&mut self, index: u64) -> Option<u64> {
        if !self.started {
            self.started = true;
            self.offset = index.wrapping_sub(self.first.into());
            self.newest = index;
            self.floor = index;
        }
        if index < self.floor {
            return None;
        }
        self.newest = self.newest.max(index);
        Some(index.wrapping_sub(self.offset))
    }

    /// The packet is not sent to this listener and leaves no gap.
    pub fn withhold(&mut self, index: u64) {
        if self.started && index > self.newest {
            self.offset = self.offset.wrapping_add(index - self.newest);
            self.newest = index;
            self.floor = index + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::time::Duration;

    #[test]
    fn a_switch_continues_and_a_skip_leaves_one_out() {
        let mut line = SequenceLine::<2>::new(100, TokenBucket::new(10, 50));
        assert_eq!(line.place(5), None);
        assert_eq!(line.restart(5_000, false).index, 100);
        assert_eq!(
            line.place(5_002).map(|p| (p.index, p.newest)),
            Some((102, true))
        );
        assert_eq!(
            line.place(5_001).map(|p| (p.index, p.newest)),
            Some((101, false))
        );
        assert_eq!(line.place(5_001), None, "twice");
        assert_eq!(line.place(4_999), None, "older than the first");
        assert_eq!(line.restart(7, false).index, 103);
        assert_eq!(line.restart(7, true).index, 105);
    }

    #[test]
    fn gaps_pass_as_fast_as_packets_can_be_lost() {
        let mut line = SequenceLine::<2>::new(0, TokenBucket::new(10, 50));
        let start = Instant::now();
        line.restart(1_000, false);
        assert!(!line.leaps(1_001, start), "no gap");
        assert!(!line.leaps(1_051, start), "50 at once");
        line.place(1_051);
        assert!(line.leaps(1_053, start), "and not one more");
        assert!(!line.leaps(1_052, start));
        assert!(!line.leaps(1_020, start), "late, fills a hole");
        let later = start + Duration::from_secs(2);
        assert!(!line.leaps(1_072, later) && line.leaps(1_073, later));
    }

    #[test]
    fn withheld_packets_leave_no_gap() {
        let mut listener = ListenerSequence::new(10);
        assert_eq!(listener.forward(1_000), Some(10));
        assert_eq!(listener.forward(1_002), Some(12));
        assert_eq!(listener.forward(1_001), Some(11));
        listener.withhold(1_003);
        listener.withhold(1_005);
        listener.withhold(1_004);
        assert_eq!(listener.forward(1_004), None);
        assert_eq!(listener.forward(1_006), Some(13));
        assert_eq!(listener.forward(999), None);
    }

    proptest! {
        #[test]
        fn no_index_is_used_twice(
            steps in proptest::collection::vec((0u64..400, any::<bool>(), any::<bool>()), 1..500),
        ) {
            let mut line = SequenceLine::<2>::new(7, TokenBucket::new(10, 50));
            let mut used = BTreeSet::new();
            line.restart(200, false);
            used.insert(7);
            for (sequence, restart, skip) in steps {
                let placed = if restart { Some(line.restart(sequence, skip)) } else { line.place(sequence) };
                if let Some(placed) = placed {
                    prop_assert!(used.insert(placed.index), "{} twice", placed.index);
                }
            }
        }

        #[test]
        fn a_listener_gets_no_index_twice(
            first: u16,
            steps in proptest::collection::btree_map(1_000u64..2_000, (any::<bool>(), 0u64..20), 1..400),
        ) {
            // Each index of the line once, up to 20 places out of order.
            let mut order: Vec<_> = steps.into_iter().map(|(i, (send, late))| (i + late, i, send)).collect();
            order.sort_unstable();
            let mut listener = ListenerSequence::new(first);
            let mut used = BTreeSet::new();
            for (_, index, send) in order {
                if send {
                    if let Some(out) = listener.forward(index) {
                        prop_assert!(used.insert(out));
                    }
                } else {
                    listener.withhold(index);
                }
            }
            prop_assert!(used.first().is_none_or(|lowest| *lowest < 1 << 15));
        }
    }
}
