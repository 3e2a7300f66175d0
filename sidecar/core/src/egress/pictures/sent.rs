//! What went out on one stream, for who asks for it again: numbers only; the payloads are the room's, once
//! for all viewers.

use std::time::{Duration, Instant};

use parley_media::sequence::StreamKey;
use parley_media::video::Vp8Numbers;

use crate::session::peer::VideoCodec;

/// A lost packet is asked for within so long, or never.
const KEPT: Duration = Duration::from_millis(1_500);
/// Packets kept at first, and at most; powers of two.
const FEWEST: usize = 32;
const MOST: usize = 1_024;

/// One packet as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Sequence number with rollover.
    pub(crate) index: u64,
    /// The source's stream, and the place of its payload in that stream's reel.
    pub(crate) stream: StreamKey,
    pub(crate) place: u32,
    pub(crate) timestamp: u32,
    pub(crate) vp8: Vp8Numbers,
    pub(crate) marker: bool,
    pub(crate) codec: VideoCodec,
    /// When it was sent, and last again; ms of the ring's own clock.
    sent_ms: u32,
    again_ms: Option<std::num::NonZeroU32>,
}

/// The newest packets of a stream, by index. Grows with the rate, up to a limit.
#[derive(Debug, Default)]
pub(super) struct SentRing {
    packets: Vec<Option<Sent>>,
    newest: u64,
    clock: Option<Instant>,
}

/// What is to be kept of a packet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing {
    pub(crate) index: u64,
    pub(crate) stream: StreamKey,
    pub(crate) place: u32,
    pub(crate) timestamp: u32,
    pub(crate) vp8: Vp8Numbers,
    pub(crate) marker: bool,
    pub(crate) codec: VideoCodec,
}

impl SentRing {
    pub(super) fn push(&mut self, packet: &Outgoing, now: Instant) {
        let sent_ms = self.ms(now);
        let sent = Sent {
            index: packet.index,
            stream: packet.stream,
            place: packet.place,
            timestamp: packet.timestamp,
            vp8: packet.vp8,
            marker: packet.marker,
            codec: packet.codec,
            sent_ms,
            again_ms: None,
        };
        self.newest = self.newest.max(sent.index);
        let at = loop {
            let at = self.at(sent.index);
            let young = |old: &Sent| is_young(old, sent_ms);
            match self.packets.get(at) {
                None => self.packets.resize(FEWEST, None),
                Some(Some(old)) if young(old) && self.packets.len() < MOST => self.grow(),
                Some(_) => break at,
            }
        };
        self.packets[at] = Some(sent);
    }

    /// The packet that `sequence` means, if it may be sent again now: it was not within `pause`.
    pub(super) fn lost(
        &mut self,
        sequence: u16,
        pause: Duration,
        now: Instant,
    ) -> Result<Sent, Refused> {
        let step = sequence.wrapping_sub(self.newest as u16).cast_signed();
        let index = self.newest.checked_add_signed(step.into());
        let index = index.ok_or(Refused::Gone)?;
        let now_ms = self.ms(now);
        let sent = self.packet_mut(index).map(|sent| *sent);
        let sent = sent.filter(|sent| is_young(sent, now_ms));
        let sent = sent.ok_or(Refused::Gone)?;
        let since = |ms: u32| Duration::from_millis(now_ms.wrapping_sub(ms).into());
        if sent.again_ms.is_some_and(|ms| since(ms.get()) < pause) {
            return Err(Refused::TooSoon);
        }
        Ok(sent)
    }

    /// The packet with this index has left again.
    pub(super) fn note_again(&mut self, index: u64, now: Instant) {
        let now_ms = self.ms(now);
        if let Some(sent) = self.packet_mut(index) {
            sent.again_ms = std::num::NonZeroU32::new(now_ms.max(1));
        }
    }

    fn packet_mut(&mut self, index: u64) -> Option<&mut Sent> {
        let at = self.at(index);
        let sent = self.packets.get_mut(at)?.as_mut();
        sent.filter(|sent| sent.index == index)
    }

    /// The newest packets, the newest first.
    pub(super) fn latest(&self) -> impl Iterator<Item = Sent> {
        let count = self.packets.len() as u64;
        let indices = (self.newest.saturating_sub(count)..=self.newest).rev();
        indices.filter_map(|index| {
            let sent = (*self.packets.get(self.at(index))?)?;
            (sent.index == index).then_some(sent)
        })
    }

    fn at(&self, index: u64) -> usize {
        index as usize & self.packets.len().wrapping_sub(1)
    }

    fn grow(&mut self) {
        let length = self.packets.len() * 2;
        let before = std::mem::replace(&mut self.packets, vec![None; length]);
        for sent in before.into_iter().flatten() {
            let at = self.at(sent.index);
            self.packets[at] = Some(sent);
        }
    }

    /// From 1 on: `again_ms` has no 0.
    fn ms(&mut self, now: Instant) -> u32 {
        let start = *self.clock.get_or_insert(now);
        (now.saturating_duration_since(start).as_millis() as u32).wrapping_add(1)
    }
}

fn is_young(sent: &Sent, now_ms: u32) -> bool {
    u128::from(now_ms.wrapping_sub(sent.sent_ms)) < KEPT.as_millis()
}

/// Why a packet is not sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It was never sent, or too long ago.
    Gone,
    /// It was sent again just now and may be on its way.
    TooSoon,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const PAUSE: Duration = Duration::from_millis(50);

    fn outgoing(index: u64) -> Outgoing {
        Outgoing {
            index,
            stream: StreamKey(7),
            place: index as u32,
            timestamp: index as u32 * 3,
            vp8: Vp8Numbers::default(),
            marker: false,
            codec: VideoCodec::Vp8,
        }
    }

    #[test]
    fn a_packet_is_repeated_once_in_a_while() {
        let (mut ring, start) = (SentRing::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        // Across the end of the sequence numbers.
        for n in 0..10 {
            ring.push(&outgoing(65_530 + n), at(n));
        }
        let again = ring.lost(65_535, PAUSE, at(20)).unwrap();
        assert_eq!((again.index, again.place), (65_535, 65_535));
        ring.note_again(again.index, at(20));
        assert_eq!(ring.lost(2, PAUSE, at(20)).unwrap().index, 65_538);
        // It was refused for another reason, and did not leave.
        assert!(ring.lost(2, PAUSE, at(21)).is_ok());
        assert_eq!(ring.lost(65_535, PAUSE, at(60)), Err(Refused::TooSoon));
        assert!(ring.lost(65_535, PAUSE, at(70)).is_ok());
        assert_eq!(ring.lost(65_000, PAUSE, at(70)), Err(Refused::Gone));
        assert_eq!(ring.lost(9, PAUSE, at(70)), Err(Refused::Gone), "to come");
        assert_eq!(ring.lost(0, PAUSE, at(2_500)), Err(Refused::Gone), "old");
    }

    #[test]
    fn it_grows_with_the_rate_up_to_its_limit() {
        let (mut slow, mut fast) = (SentRing::default(), SentRing::default());
        let start = Instant::now();
        for n in 0..5_000u64 {
            slow.push(&outgoing(n), start + Duration::from_millis(100 * n));
            fast.push(&outgoing(n), start + Duration::from_micros(100 * n));
        }
        assert_eq!((slow.packets.len(), fast.packets.len()), (FEWEST, MOST));
        let latest: Vec<u64> = slow.latest().map(|sent| sent.index).collect();
        assert_eq!((latest.len(), latest[0]), (FEWEST, 4_999));
    }

    proptest! {
        /// Whatever was sent lately is found under its number and nothing else is.
        #[test]
        fn numbers_lead_to_what_was_sent_under_them(
            first in 0u64..70_000,
            steps in proptest::collection::vec((1u64..4, 0u64..30), 1..400),
            asked in proptest::collection::vec(any::<u16>(), 1..50),
        ) {
            let (mut ring, start) = (SentRing::default(), Instant::now());
            let (mut index, mut ms, mut sent) = (first, 0, BTreeMap::new());
            for (gap, wait) in steps {
                index += gap;
                ms += wait;
                ring.push(&outgoing(index), start + Duration::from_millis(ms));
                sent.insert(index as u16, (index, ms));
            }
            let now = start + Duration::from_millis(ms);
            for (sequence, (index, at)) in &sent {
                let found = ring.lost(*sequence, Duration::ZERO, now);
                if let Ok(found) = found {
                    prop_assert_eq!(found.index, *index);
                } else {
                    prop_assert!(ms - at >= 1_500 || sent.len() > MOST, "lost {}", index);
                }
            }
            for sequence in asked {
                let found = ring.lost(sequence, Duration::ZERO, now);
                prop_assert!(found.is_err() || sent.contains_key(&sequence));
            }
        }
    }
}
