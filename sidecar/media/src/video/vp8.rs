//! The VP8 payload descriptor (RFC 7741 section 4.2), as far as forwarding needs it.

/// A picture id in the width it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureId {
    /// 7 or 15 significant bits.
    pub value: u16,
    /// 15 bits on the wire, else 7.
    pub long: bool,
}

/// A parsed descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp8Header {
    /// First packet of a frame (S bit, partition 0).
    pub frame_start: bool,
    /// First packet of a key frame.
    pub keyframe: bool,
    /// N bit: nothing refers to this frame.
    pub discardable: bool,
    /// If present.
    pub picture_id: Option<PictureId>,
    /// TL0PICIDX if present.
    pub tl0: Option<u8>,
    /// Temporal layer if present.
    pub tid: Option<u8>,
    /// Width and height of a key frame that starts here, pixels.
    pub size: Option<(u16, u16)>,
    /// Bytes of the descriptor.
    pub bytes: usize,
}

impl Vp8Header {
    /// Reads the descriptor at the start of an RTP payload; `None`: malformed.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let _ = payload;
        todo!()
    }

    /// Writes other counters over those in `payload`, in the same widths.
    pub fn patch(payload: &mut [u8], numbers: super::Vp8Numbers) -> bool {
        let _ = (payload, numbers);
        todo!()
    }
}
