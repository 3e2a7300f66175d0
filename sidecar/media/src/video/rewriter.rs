//! Renumbering of one viewer's video slot across layers and sources: switches happen at key frames,
//! the decoder sees one unbroken stream.

use super::{PictureId, VIDEO_HZ};
use crate::bucket::TokenBucket;
use crate::sequence::{SequenceLine, StreamKey};
use std::time::{Duration, Instant};

/// Packets that may be out of order: 1024, so that retransmissions to us still find their place.
const WINDOW_WORDS: usize = 16;
/// Least RTP step at a switch: one frame at 60/s.
const FRAME_TICKS_MIN: u32 = VIDEO_HZ / 60;

/// Lost packets that are passed on as gaps, per second and at once; beyond, only a key frame helps.
const GAPS_PER_SECOND: u64 = 500;
const GAPS_BURST: u64 = 1_000;

/// VP8's own counters (RFC 7741 section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Vp8Numbers {
    /// 7 or 15 bits.
    pub picture_id: Option<super::PictureId>,
    /// TL0PICIDX.
    pub tl0: Option<u8>,
}

/// A source's packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoIn {
    /// Extended sequence number (with rollover).
    pub sequence: u64,
    /// RTP time, 90 kHz.
    pub timestamp: u32,
    /// Last packet of a frame.
    pub marker: bool,
    /// First packet of a key frame.
    pub keyframe: bool,
    /// Its VP8 counters.
    pub vp8: Vp8Numbers,
}

/// The slot's packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoOut {
    /// Extended sequence number of the slot; the first has rollover counter 0.
    pub index: u64,
    /// RTP time, 90 kHz.
    pub timestamp: u32,
    /// Last packet of a frame.
    pub marker: bool,
    /// Counters to write into the descriptor, in the widths that came in.
    pub vp8: Vp8Numbers,
    /// The slot changed to another stream with this packet.
    pub switched: bool,
}

/// Numbers one viewer's slot.
#[derive(Debug, Clone)]
pub struct VideoRewriter {
    line: SequenceLine<WINDOW_WORDS>,
    /// Added (wrapping) to the present stream's numbers.
    shift: Shift,
    current: Option<StreamKey>,
    target: Option<StreamKey>,
    last: Option<Last>,
    first_timestamp: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Shift {
    timestamp: u32,
    picture_id: u16,
    tl0: u8,
}

/// Of the packet with the highest index.
#[derive(Debug, Clone, Copy)]
struct Last {
    at: Instant,
    timestamp: u32,
    picture_id: u16,
    tl0: u8,
    /// It ended a frame: the picture so far is whole.
    marker: bool,
}

impl VideoRewriter {
    /// Random numbers: `first` below 2^15.
    pub fn new(first: u16, first_timestamp: u32) -> Self {
        Self {
            line: SequenceLine::new(
                u64::from(first & 0x7fff),
                TokenBucket::new(GAPS_PER_SECOND, GAPS_BURST),
            ),
            shift: Shift::default(),
            current: None,
            target: None,
            last: None,
            first_timestamp,
        }
    }

    /// What the viewer shall get from now on; the present stream goes on until the target's next key
    /// frame. `None` pauses at once. True: ask the target for a key frame.
    pub fn set_target(&mut self, target: Option<StreamKey>) -> bool {
        if target.is_none() {
            self.current = None;
            self.target = None;
            return false;
        }
        if target == self.current {
            self.target = None;
            return false;
        }
        let is_new = target != self.target;
        self.target = target;
        is_new
    }

    /// What it gets now.
    pub fn current(&self) -> Option<StreamKey> {
        self.current
    }

    /// Waits for a key frame of this stream.
    pub fn waiting_for(&self) -> Option<StreamKey> {
        self.target
    }

    /// The slot's numbers for a packet of any candidate stream; `None`: not for this viewer.
    pub fn rewrite(
        &mut self,
        stream: StreamKey,
        packet: VideoIn,
        now: Instant,
    ) -> Option<VideoOut> {
        if self.target == Some(stream) && packet.keyframe {
            self.current = Some(stream);
            self.target = None;
            return Some(self.switch(packet, now));
        }
        if self.current != Some(stream) {
            return None;
        }
        if self.line.leaps(packet.sequence, now) {
            // The source numbered anew: only a key frame can be shown after that.
            if packet.keyframe {
                return Some(self.switch(packet, now));
            }
            self.current = None;
            self.target = Some(stream);
            return None;
        }
        let placed = self.line.place(packet.sequence)?;
        let out = self.shifted(packet, placed.index, false);
        if placed.newest {
            self.remember(&out, now);
        }
        Some(out)
    }

    fn switch(&mut self, packet: VideoIn, now: Instant) -> VideoOut {
        let is_torn = self.last.is_some_and(|last| !last.marker);
        let index = self.line.restart(packet.sequence, is_torn).index;
        let (timestamp, picture_id, tl0) = match self.last {
            None => (
                self.first_timestamp,
                packet.vp8.picture_id.map_or(0, |id| id.value),
                packet.vp8.tl0.unwrap_or(0),
            ),
            Some(last) => {
                let elapsed = ticks(now.saturating_duration_since(last.at)).max(FRAME_TICKS_MIN);
                (
                    last.timestamp.wrapping_add(elapsed),
                    last.picture_id.wrapping_add(1),
                    last.tl0.wrapping_add(1),
                )
            }
        };
        self.shift = Shift {
            timestamp: timestamp.wrapping_sub(packet.timestamp),
            picture_id: picture_id.wrapping_sub(packet.vp8.picture_id.map_or(0, |id| id.value)),
            tl0: tl0.wrapping_sub(packet.vp8.tl0.unwrap_or(0)),
        };
        let out = self.shifted(packet, index, true);
        self.remember(&out, now);
        out
    }

    fn shifted(&self, packet: VideoIn, index: u64, switched: bool) -> VideoOut {
        VideoOut {
            index,
            timestamp: packet.timestamp.wrapping_add(self.shift.timestamp),
            marker: packet.marker,
            vp8: Vp8Numbers {
                picture_id: packet.vp8.picture_id.map(|id| PictureId {
                    value: id.value.wrapping_add(self.shift.picture_id) & id.mask(),
                    long: id.long,
                }),
                tl0: packet.vp8.tl0.map(|tl0| tl0.wrapping_add(self.shift.tl0)),
            },
            switched,
        }
    }

    fn remember(&mut self, out: &VideoOut, now: Instant) {
        let before = self.last;
        self.last = Some(Last {
            at: now,
            timestamp: out.timestamp,
            picture_id: out
                .vp8
                .picture_id
                .map_or_else(|| before.map_or(0, |last| last.picture_id), |id| id.value),
            tl0: out.vp8.tl0.unwrap_or(before.map_or(0, |last| last.tl0)),
            marker: out.marker,
        });
    }
}

/// A time span in RTP ticks, at most a quarter of the number space so that "later" stays decidable.
fn ticks(span: Duration) -> u32 {
    let ticks = span.as_micros().saturating_mul(u128::from(VIDEO_HZ)) / 1_000_000;
    u32::try_from(ticks).unwrap_or(u32::MAX).min(u32::MAX / 4)
}

#[cfg(test)]
mod tests;
