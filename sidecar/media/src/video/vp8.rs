//! The VP8 payload descriptor (RFC 7741 section 4.2), as far as forwarding needs it.

use super::Vp8Numbers;

/// A picture id in the width it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureId {
    /// 7 or 15 significant bits.
    pub value: u16,
    /// 15 bits on the wire, else 7.
    pub long: bool,
}

impl PictureId {
    /// The significant bits.
    pub(super) fn mask(self) -> u16 {
        if self.long { 0x7fff } else { 0x7f }
    }
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

/// Where the counters stand in a payload, found once for all who get it with other ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CounterPlaces {
    picture_id: Option<u8>,
    tl0: Option<u8>,
}

impl CounterPlaces {
    /// Writes other counters over those in `payload`, in the widths they came in; a counter that has no
    /// place there is passed over. `payload` has what these places were found in.
    pub fn write(self, payload: &mut [u8], numbers: Vp8Numbers) {
        if let (Some(at), Some(id)) = (self.picture_id, numbers.picture_id) {
            let at = usize::from(at);
            let value = id.value & id.mask();
            match payload.get_mut(at..at + 2) {
                Some(place) if id.long => place.copy_from_slice(&(0x8000 | value).to_be_bytes()),
                Some(place) => place[0] = value as u8,
                None => {}
            }
        }
        if let (Some(at), Some(tl0)) = (self.tl0, numbers.tl0)
            && let Some(place) = payload.get_mut(usize::from(at))
        {
            *place = tl0;
        }
    }
}

impl Vp8Header {
    /// Reads the descriptor at the start of an RTP payload; `None`: malformed.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        Self::parse_places(payload).map(|(header, _)| header)
    }

    /// Writes other counters over those in `payload`, in the widths they came in. False: malformed,
    /// or a counter has no place there; nothing is written.
    pub fn patch(payload: &mut [u8], numbers: Vp8Numbers) -> bool {
        let Some((header, places)) = Self::parse_places(payload) else {
            return false;
        };
        let fits = numbers
            .picture_id
            .is_none_or(|new| header.picture_id.is_some_and(|old| old.long == new.long));
        if !fits || numbers.tl0.is_some() && places.tl0.is_none() {
            return false;
        }
        places.write(payload, numbers);
        true
    }

    /// As [`Self::parse`], and where the counters stand.
    pub fn parse_places(payload: &[u8]) -> Option<(Self, CounterPlaces)> {
        let first = *payload.first()?;
        let mut at = 1;
        let mut next = || {
            let byte = payload.get(at).copied();
            at += 1;
            byte
        };
        let extended = if first & 0x80 != 0 { next()? } else { 0 };
        let mut places = CounterPlaces::default();
        let mut picture_id = None;
        let mut position = 1 + usize::from(first >> 7);
        if extended & 0x80 != 0 {
            places.picture_id = Some(position as u8);
            let high = next()?;
            position += 1;
            let long = high & 0x80 != 0;
            let mut value = u16::from(high & 0x7f);
            if long {
                value = value << 8 | u16::from(next()?);
                position += 1;
            }
            picture_id = Some(PictureId { value, long });
        }
        let mut tl0 = None;
        if extended & 0x40 != 0 {
            places.tl0 = Some(position as u8);
            tl0 = Some(next()?);
            position += 1;
        }
        let mut tid = None;
        if extended & 0x30 != 0 {
            let byte = next()?;
            position += 1;
            tid = (extended & 0x20 != 0).then_some(byte >> 6);
        }
        let frame = payload.get(position..).filter(|frame| !frame.is_empty())?;
        let frame_start = first & 0x10 != 0 && first & 0x07 == 0;
        // RFC 6386 section 9.1: frame tag, then for key frames a start code and the size.
        let keyframe = frame_start && frame[0] & 1 == 0;
        let size = match frame {
            [_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] if keyframe => Some((
                u16::from_le_bytes([*w0, *w1]) & 0x3fff,
                u16::from_le_bytes([*h0, *h1]) & 0x3fff,
            )),
            _ => None,
        };
        let header = Self {
            frame_start,
            keyframe,
            discardable: first & 0x20 != 0,
            picture_id,
            tl0,
            tid,
            size,
            bytes: position,
        };
        Some((header, places))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As Chromium sends it: 15-bit picture id, TL0PICIDX, TID, then a key frame of 640x360.
    const CHROMIUM: [u8; 16] = [
        0x90, 0xe0, 0x92, 0x34, 0x07, 0x20, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68,
        0x01,
    ];

    #[test]
    fn reads_a_key_frame_of_chromium() {
        let header = Vp8Header::parse(&CHROMIUM).unwrap();
        assert!(header.frame_start && header.keyframe && !header.discardable);
        assert_eq!(
            header.picture_id,
            Some(PictureId {
                value: 0x1234,
                long: true
            })
        );
        assert_eq!(
            (header.tl0, header.tid, header.bytes),
            (Some(7), Some(0), 6)
        );
        assert_eq!(header.size, Some((640, 360)));
    }

    #[test]
    fn a_bare_descriptor_and_continuations() {
        let header = Vp8Header::parse(&[0x10, 0x01]).unwrap();
        assert!(header.frame_start && !header.keyframe && header.bytes == 1);
        assert!(!Vp8Header::parse(&[0x00, 0x00]).unwrap().frame_start);
        assert!(
            !Vp8Header::parse(&[0x11, 0x00]).unwrap().keyframe,
            "second partition"
        );
        for cut in 0..7 {
            assert_eq!(Vp8Header::parse(&CHROMIUM[..cut]), None, "{cut} bytes");
        }
    }

    proptest! {
        #[test]
        fn patching_changes_the_counters_only(mut payload in proptest::collection::vec(any::<u8>(), 0..40), value: u16, tl0: u8) {
            let Some(before) = Vp8Header::parse(&payload) else {
                prop_assert!(!Vp8Header::patch(&mut payload, Vp8Numbers::default()));
                return Ok(());
            };
            let original = payload.clone();
            let numbers = Vp8Numbers {
                picture_id: before.picture_id.map(|id| PictureId { value: value & id.mask(), ..id }),
                tl0: before.tl0.map(|_| tl0),
            };
            prop_assert!(Vp8Header::patch(&mut payload, numbers));
            let after = Vp8Header::parse(&payload).unwrap();
            prop_assert_eq!(after, Vp8Header { picture_id: numbers.picture_id, tl0: numbers.tl0, ..before });
            prop_assert_eq!(&payload[before.bytes..], &original[before.bytes..]);
        }
    }
}
