//! Renumbering of one viewer's video slot across layers and sources: switches happen at key frames,
//! the decoder sees one unbroken stream.

use crate::sequence::StreamKey;
use std::time::Instant;

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
    _p: (),
}

impl VideoRewriter {
    /// Random numbers: `first` below 2^15.
    pub fn new(first: u16, first_timestamp: u32) -> Self {
        let _ = (first, first_timestamp);
        todo!()
    }

    /// What the viewer shall get from now on; the present stream goes on until the target's next key
    /// frame. `None` pauses at once. True: ask the target for a key frame.
    pub fn set_target(&mut self, target: Option<StreamKey>) -> bool {
        let _ = target;
        todo!()
    }

    /// What it gets now.
    pub fn current(&self) -> Option<StreamKey> {
        todo!()
    }

    /// Waits for a key frame of this stream.
    pub fn waiting_for(&self) -> Option<StreamKey> {
        todo!()
    }

    /// The slot's numbers for a packet of any candidate stream; `None`: not for this viewer.
    pub fn rewrite(&mut self, stream: StreamKey, packet: VideoIn, now: Instant) -> Option<VideoOut> {
        let _ = (stream, packet, now);
        todo!()
    }
}
