//! The newest packets of one incoming stream of pictures: the payloads once for all viewers, those that wait
//! for the end of their picture among them.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parley_media::video::{CounterPlaces, VideoIn};

use crate::session::downlink::PublicationId;
use crate::session::peer::VideoCodec;

/// A lost packet is asked for within so long, or never.
const KEPT: Duration = Duration::from_millis(1_500);
/// Packets and bytes of one stream that are kept.
const PACKETS_MAX: usize = 1_024;
const BYTES_MAX: usize = 1024 * 1024;

/// A packet as it came, but for what viewers' slots make of its numbers.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) input: VideoIn,
    pub(super) counters: CounterPlaces,
    pub(super) csrc: u32,
    pub(super) codec: VideoCodec,
    pub(super) arrived: Instant,
    pub(super) payload: Arc<[u8]>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Reel {
    pub(super) publication: PublicationId,
    packets: VecDeque<Frame>,
    /// Place of the oldest packet; places go up by one and around.
    first: u32,
    /// Place of the first packet that viewers have not got.
    waiting: u32,
    bytes: usize,
    /// When those that wait leave at the latest.
    pub(super) due: Option<Instant>,
}

impl Reel {
    /// `first`: where its places begin, far from those of the stream's reel before it, if there was one.
    pub(super) fn new(publication: PublicationId, first: u32) -> Self {
        Self {
            publication,
            packets: VecDeque::new(),
            first,
            waiting: first,
            bytes: 0,
            due: None,
        }
    }

    /// Keeps a packet; it waits.
    pub(super) fn push(&mut self, packet: Frame) {
        let now = packet.arrived;
        self.bytes += packet.payload.len();
        self.packets.push_back(packet);
        self.forget(now);
    }

    /// Lets go of what is too old or too much, but for what waits. False: nothing is left.
    pub(super) fn forget(&mut self, now: Instant) -> bool {
        while let Some(oldest) = self.packets.front()
            && self.first != self.waiting
            && (self.packets.len() > PACKETS_MAX
                || self.bytes > BYTES_MAX
                || now.saturating_duration_since(oldest.arrived) >= KEPT)
        {
            self.bytes -= oldest.payload.len();
            self.packets.pop_front();
            self.first = self.first.wrapping_add(1);
        }
        !self.packets.is_empty()
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.end().wrapping_sub(self.waiting) as usize
    }

    /// Those that wait, by their places; they wait no longer.
    pub(super) fn release(&mut self) -> Range<u32> {
        let released = self.waiting..self.end();
        self.waiting = released.end;
        self.due = None;
        released
    }

    /// Packets that [`Self::release`] named, as far as they are still kept, and their places.
    pub(super) fn range(&self, places: Range<u32>) -> impl Iterator<Item = (u32, &Frame)> {
        let end = self.end().wrapping_sub(self.first);
        let offset = |place: u32| {
            // Before the first: it is behind all others by its distance.
            let offset = place.wrapping_sub(self.first);
            if offset > end { 0 } else { offset as usize }
        };
        let offsets = offset(places.start)..offset(places.end);
        let first = self.first.wrapping_add(offsets.start as u32);
        let packets = self.packets.range(offsets).zip(0u32..);
        packets.map(move |(packet, n)| (first.wrapping_add(n), packet))
    }

    /// The packet at a place, if it is still kept.
    pub(super) fn get(&self, place: u32) -> Option<&Frame> {
        self.packets.get(place.wrapping_sub(self.first) as usize)
    }

    fn end(&self) -> u32 {
        self.first.wrapping_add(self.packets.len() as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Key;
    use parley_media::channel::SlotKind;
    use parley_media::video::Vp8Numbers;

    fn reel() -> Reel {
        let publication = PublicationId {
            seat: Key { slot: 0, epoch: 0 },
            kind: SlotKind::Screen,
        };
        Reel::new(publication, 0)
    }

    fn frame(sequence: u64, bytes: usize, arrived: Instant) -> Frame {
        Frame {
            input: VideoIn {
                sequence,
                timestamp: 0,
                marker: false,
                keyframe: false,
                vp8: Vp8Numbers::default(),
            },
            counters: CounterPlaces::default(),
            csrc: 0,
            codec: VideoCodec::Vp8,
            arrived,
            payload: vec![0; bytes].into(),
        }
    }

    #[test]
    fn what_waits_is_released_once_and_found_by_its_place_afterwards() {
        let (mut reel, now) = (reel(), Instant::now());
        // Across the end of the places.
        reel.first = u32::MAX - 1;
        reel.waiting = reel.first;
        for n in 0..4 {
            reel.push(frame(n, 10, now));
        }
        assert_eq!(reel.waiting(), 4);
        let released = reel.release();
        let places = |reel: &Reel| -> Vec<u32> {
            let packets = reel.range(released.clone());
            packets.map(|(place, _)| place).collect()
        };
        assert_eq!(places(&reel), [u32::MAX - 1, u32::MAX, 0, 1]);
        assert_eq!(reel.get(0).unwrap().input.sequence, 2);
        assert!(reel.get(2).is_none());
        reel.push(frame(4, 10, now));
        assert_eq!((reel.waiting(), reel.release()), (1, 2..3));
        assert_eq!(reel.release(), 3..3);
        // Some of them are too old by now, and at last all.
        let late = now + KEPT;
        reel.packets[3].arrived = late;
        reel.packets[4].arrived = late;
        assert!(reel.forget(late));
        assert_eq!(places(&reel), [1]);
        assert!(!reel.forget(late + KEPT));
        assert!(places(&reel).is_empty());
    }

    #[test]
    fn it_is_bounded_in_time_packets_and_bytes() {
        let start = Instant::now();
        let fill = |count: u64, bytes: usize, step_us: u64| {
            let mut reel = reel();
            for n in 0..count {
                reel.push(frame(n, bytes, start + Duration::from_micros(step_us * n)));
                reel.release();
            }
            reel
        };
        let mut many = fill(5_000, 1, 1);
        assert_eq!(many.packets.len(), PACKETS_MAX);
        assert_eq!(many.get(many.first).unwrap().input.sequence, 3_976);
        assert!(many.get(many.first.wrapping_sub(1)).is_none());
        let large = fill(2_000, 4_096, 1);
        assert_eq!((large.packets.len(), large.bytes), (256, BYTES_MAX));
        assert_eq!(fill(1_000, 10, 10_000).packets.len(), 150);
        assert!(!many.forget(start + KEPT * 2));
        assert_eq!(many.bytes, 0);
    }

    #[test]
    fn what_waits_is_not_forgotten() {
        let (mut reel, start) = (reel(), Instant::now());
        for n in 0..2_000 {
            reel.push(frame(n, 2_000, start + Duration::from_millis(n)));
        }
        assert_eq!(reel.waiting(), 2_000);
    }
}
