//! How RTP leaves: by a compact way of our own beside str0m, which for pictures also remembers, repeats and
//! feeds the estimator; by str0m itself only for sessions whose encryption is left to it.

mod away;
mod cipher;
mod compact;
#[cfg(test)]
mod differential;
pub(crate) mod pictures;
mod rtc;

use std::sync::Arc;
use std::time::Instant;

use str0m::media::Pt;
use str0m::rtp::{Ssrc, Vp8Patch};

pub(crate) use away::{Guests, Lanes};
pub(crate) use cipher::{Cipher, TAG};
pub(crate) use compact::{Compact, CompactEgress, Path};
pub(crate) use rtc::RtcEgress;

/// One packet of a slot, its numbers already those of the slot.
#[derive(Debug)]
pub(crate) struct Packet<'a> {
    /// Sequence number with rollover. At most once per SSRC, ever: it is the SRTP nonce.
    pub(crate) index: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) pt: Pt,
    /// Whose media it is, in band.
    pub(crate) csrc: u32,
    /// RFC 6464 level and voice bit, for receivers that asked for them.
    pub(crate) level: Option<(i8, bool)>,
    /// May be asked for again.
    pub(crate) nackable: bool,
    pub(crate) vp8: Option<Vp8Patch>,
    pub(crate) payload: &'a Arc<[u8]>,
    /// When the media was captured, as far as known; stands in sender reports.
    pub(crate) captured: Instant,
}

/// Why a packet did not leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EgressError {
    /// The stream is not negotiated (yet), or has no way to its client.
    NoStream,
    /// The encryption failed.
    NotSealed,
    /// Its index was used before, or an index after it and too long ago: a broken invariant of ours,
    /// refused in every build because sending it would reuse an SRTP nonce.
    IndexReused,
    /// The client is gone for the moment.
    Disconnected,
    /// The shard that would send it has too much to do.
    LaneFull,
    /// Nobody is known by the key of an order from another shard.
    UnknownRoute,
}

impl EgressError {
    /// The name of its counter.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NoStream => "egress_no_stream",
            Self::NotSealed => "egress_not_sealed",
            Self::IndexReused => "egress_index_reused",
            Self::Disconnected => "egress_disconnected",
            Self::LaneFull => "egress_lane_full",
            Self::UnknownRoute => "egress_unknown_route",
        }
    }
}

/// A way out.
pub(crate) trait Egress {
    /// Queues a packet, in the outbox or for the session's next drain.
    fn write(&mut self, ssrc: Ssrc, packet: &Packet<'_>) -> Result<(), EgressError>;
}

/// Remembers the indices of one (SSRC, direction): each is let through once, out as in. Reordering up
/// to [`IndexGuard::WINDOW`] is allowed.
#[derive(Debug, Clone, Default)]
pub(crate) struct IndexGuard {
    newest: Option<u64>,
    /// Bit n: `newest - n` was used.
    used: u128,
}

impl IndexGuard {
    const WINDOW: u64 = 128;
    /// No key encrypts more packets of a stream than this (RFC 3711 section 9.2).
    const END: u64 = 1 << 48;

    /// Knows `index`, and that nothing before it is let through any more.
    pub(crate) fn starting(index: u64) -> Self {
        Self {
            newest: Some(index),
            used: u128::MAX,
        }
    }

    /// The newest index that was let through.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.newest
    }

    /// Whether [`Self::claim`] would let it through.
    pub(crate) fn is_free(&self, index: u64) -> bool {
        index < Self::END
            && self.newest.is_none_or(|newest| {
                let Some(age) = newest.checked_sub(index) else {
                    return true;
                };
                age < Self::WINDOW && self.used & (1 << age) == 0
            })
    }

    /// True: this index may be sent, and never again, also when sending it then fails.
    pub(crate) fn claim(&mut self, index: u64) -> bool {
        if index >= Self::END {
            return false;
        }
        let Some(newest) = self.newest else {
            self.newest = Some(index);
            self.used = 1;
            return true;
        };
        if index > newest {
            let step = index - newest;
            self.used = if step < Self::WINDOW {
                self.used << step
            } else {
                0
            };
            self.used |= 1;
            self.newest = Some(index);
            return true;
        }
        let age = newest - index;
        if age >= Self::WINDOW || self.used & (1 << age) != 0 {
            return false;
        }
        self.used |= 1 << age;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn no_index_passes_twice(steps in proptest::collection::vec(-40i64..40, 1..500)) {
            let mut guard = IndexGuard::default();
            let mut passed = BTreeSet::new();
            let mut at = 1_000i64;
            for step in steps {
                at = (at + step).max(0);
                let free = guard.is_free(at as u64);
                prop_assert_eq!(guard.claim(at as u64), free);
                if free {
                    prop_assert!(passed.insert(at));
                }
            }
        }
    }

    #[test]
    fn late_packets_within_the_window_pass_once() {
        let mut guard = IndexGuard::default();
        assert!(guard.claim(10));
        assert!(guard.claim(300));
        assert!(guard.claim(299));
        assert!(!guard.claim(299));
        assert!(!guard.claim(300));
        assert!(!guard.claim(10));
    }

    #[test]
    fn a_guard_that_starts_late_lets_nothing_through_from_before() {
        let mut guard = IndexGuard::starting(1_000);
        assert!((0..=1_000).all(|index| !guard.is_free(index)));
        assert!(guard.claim(1_002) && guard.claim(1_001) && !guard.claim(1_000));
    }

    #[test]
    fn a_key_is_used_up_at_last() {
        let mut guard = IndexGuard::default();
        assert!(guard.claim((1 << 48) - 1));
        assert!(!guard.claim(1 << 48));
    }
}
