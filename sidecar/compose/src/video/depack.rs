//! A track's packets to whole frames that can be decoded (RFC 7741).
//!
//! Packets wait in order of their numbers. A number that did not come until its time was over is lost:
//! the frame that it belonged to is left out, and those after it, until the next key frame; or, where
//! the descriptor shows that only frames were lost on which nothing is built (an upper temporal layer,
//! a frame that says so), until the next frame that does not need them.

use std::collections::BTreeMap;

use parley_media::video::Vp8Header;

use super::Frame;
use crate::Lost;

/// Packets that wait at most: a second of 20 Mbit/s.
const WAITING_MAX: usize = 2_048;
/// Bytes that wait at most.
const WAITING_BYTES_MAX: usize = 3 << 20;
/// Bytes of the largest frame.
const FRAME_MAX: usize = 2 << 20;
/// Numbers that leap by more than this are those of another stream.
const LEAP: u64 = 10_000;

struct Packet {
    ticks: i64,
    arrival: u64,
    marker: bool,
    payload: Box<[u8]>,
}

/// See the module.
pub(crate) struct Depacketizer {
    waiting: BTreeMap<u64, Packet>,
    waiting_bytes: usize,
    /// The number that is waited for.
    next: Option<u64>,
    /// The frame whose beginning was there.
    open: Option<Open>,
    chain: Chain,
}

struct Open {
    header: Vp8Header,
    ticks: i64,
    data: Vec<u8>,
    key: Option<(u16, u16)>,
}

/// What a decoder has seen that was given our frames.
#[derive(Debug, Clone, Copy)]
enum Chain {
    /// Nothing, or something that is built on what it lacks: only a key frame helps.
    Broken,
    /// All up to this frame.
    Whole(Numbers),
    /// All that matters up to this frame; what came after it is lost.
    Torn(Numbers),
}

/// A delivered frame's numbers.
#[derive(Debug, Clone, Copy, Default)]
struct Numbers {
    picture_id: Option<u16>,
    /// Significant bits of it.
    mask: u16,
    /// TL0PICIDX: of the newest frame of the lowest layer.
    tl0: Option<u8>,
}

impl Depacketizer {
    pub(crate) fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            next: None,
            open: None,
            chain: Chain::Broken,
        }
    }

    /// No packet waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// A packet; the frames that are whole by it are appended to `ready`.
    #[allow(clippy::too_many_arguments)] // A packet is what it is.
    pub(crate) fn push(
        &mut self,
        arrival: u64,
        ticks: i64,
        sequence: u64,
        marker: bool,
        payload: &[u8],
        ready: &mut Vec<Frame>,
        lost: &mut Lost,
    ) {
        if self.next.is_some_and(|next| sequence.abs_diff(next) > LEAP) {
            *self = Self::new();
        }
        if self.next.is_some_and(|next| sequence < next) || self.waiting.contains_key(&sequence) {
            return;
        }
        self.waiting_bytes += payload.len();
        let packet = Packet {
            ticks,
            arrival,
            marker,
            payload: payload.into(),
        };
        self.waiting.insert(sequence, packet);
        while self.waiting.len() > WAITING_MAX || self.waiting_bytes > WAITING_BYTES_MAX {
            self.skip_gap(lost);
            self.assemble(ready, lost);
        }
        self.assemble(ready, lost);
    }

    /// Gives up what is missing before packets that arrived until `until`, µs.
    pub(crate) fn expire(&mut self, until: u64, ready: &mut Vec<Frame>, lost: &mut Lost) {
        while self
            .waiting
            .first_key_value()
            .is_some_and(|(_, packet)| packet.arrival <= until)
        {
            self.skip_gap(lost);
            self.assemble(ready, lost);
        }
    }

    /// The first packet's number is not the awaited one: it is from now on.
    fn skip_gap(&mut self, lost: &mut Lost) {
        let Some((&first, _)) = self.waiting.first_key_value() else {
            return;
        };
        if self.next.is_some_and(|next| next != first) {
            self.tear(lost);
        }
        self.next = Some(first);
    }

    /// Takes what follows without a gap.
    fn assemble(&mut self, ready: &mut Vec<Frame>, lost: &mut Lost) {
        loop {
            let Some((&first, packet)) = self.waiting.first_key_value() else {
                return;
            };
            match self.next {
                // The first packets may be out of order, too; a frame's beginning is a good one.
                None if !is_start(&packet.payload) && self.waiting.len() < 64 => return,
                Some(next) if next != first => return,
                _ => {}
            }
            let Some((_, packet)) = self.waiting.pop_first() else {
                return;
            };
            self.next = Some(first.saturating_add(1));
            self.waiting_bytes -= packet.payload.len();
            self.take(packet, ready, lost);
        }
    }

    fn take(&mut self, packet: Packet, ready: &mut Vec<Frame>, lost: &mut Lost) {
        let Some(header) = Vp8Header::parse(&packet.payload) else {
            // Padding to probe the path has no payload.
            if !packet.payload.is_empty() {
                lost.malformed += 1;
                self.tear(lost);
            }
            return;
        };
        let data = &packet.payload[header.bytes..];
        if header.frame_start {
            if self.open.is_some() {
                // Its end had no marker: not as RFC 7741 section 4.1 wants it.
                self.tear(lost);
            }
            if header.keyframe
                && header
                    .size
                    .is_none_or(|(width, height)| width == 0 || height == 0)
            {
                lost.malformed += 1;
                self.chain = Chain::Broken;
                return;
            }
            self.open = Some(Open {
                header,
                ticks: packet.ticks,
                data: data.to_vec(),
                key: header.size,
            });
        } else if let Some(open) = &mut self.open {
            if open.ticks != packet.ticks || open.data.len() + data.len() > FRAME_MAX {
                self.tear(lost);
                return;
            }
            open.data.extend_from_slice(data);
        } else {
            // Of a frame whose beginning is lost, which was counted.
            return;
        }
        if packet.marker
            && let Some(open) = self.open.take()
        {
            self.deliver(open, ready, lost);
        }
    }

    /// Something is missing here.
    fn tear(&mut self, lost: &mut Lost) {
        let open = self.open.take();
        lost.video_frames += 1;
        let Chain::Whole(numbers) = self.chain else {
            return;
        };
        self.chain = match open {
            // Nothing is built on it, and what is after it may be whole: as if it had never been.
            Some(open) if open.header.discardable => Chain::Torn(numbers.after(&open.header)),
            _ => Chain::Torn(numbers),
        };
    }

    fn deliver(&mut self, open: Open, ready: &mut Vec<Frame>, lost: &mut Lost) {
        let decodable = open.key.is_some()
            || match self.chain {
                Chain::Broken => false,
                Chain::Whole(_) => true,
                Chain::Torn(numbers) => numbers.is_enough_for(&open.header),
            };
        if !decodable {
            lost.video_frames += 1;
            if let Chain::Torn(numbers) = self.chain
                && numbers.lacks_base(&open.header)
            {
                self.chain = Chain::Broken;
            }
            return;
        }
        let before = match self.chain {
            Chain::Whole(numbers) | Chain::Torn(numbers) => numbers,
            Chain::Broken => Numbers::default(),
        };
        self.chain = Chain::Whole(before.after(&open.header));
        ready.push(Frame {
            ticks: open.ticks,
            key: open.key,
            data: open.data,
        });
    }
}

impl Numbers {
    fn after(self, header: &Vp8Header) -> Self {
        Self {
            picture_id: header.picture_id.map(|id| id.value),
            mask: header
                .picture_id
                .map_or(0, |id| if id.long { 0x7fff } else { 0x7f }),
            tl0: header.tl0.or(self.tl0),
        }
    }

    /// The frame is the next one, or of the lowest layer right after the last one of that layer: it is
    /// built on what was delivered only.
    fn is_enough_for(self, header: &Vp8Header) -> bool {
        let next = self.picture_id.is_some_and(|last| {
            header
                .picture_id
                .is_some_and(|id| id.value == last.wrapping_add(1) & self.mask)
        });
        let base = header.tid == Some(0)
            && header.picture_id.is_some()
            && header
                .tl0
                .zip(self.tl0)
                .is_some_and(|(tl0, last)| tl0 == last.wrapping_add(1));
        next || base
    }

    /// A frame of the lowest layer was lost: nothing after it can be decoded.
    fn lacks_base(self, header: &Vp8Header) -> bool {
        match (header.tl0, self.tl0, header.tid) {
            (Some(tl0), Some(last), Some(tid)) if tid > 0 => tl0 != last,
            _ => true,
        }
    }
}

fn is_start(payload: &[u8]) -> bool {
    Vp8Header::parse(payload).is_some_and(|header| header.frame_start)
}

#[cfg(test)]
#[path = "depack_tests.rs"]
mod tests;
