//! RTP headers of pictures: what is the same in all packets of a stream is made once.

/// RTP version 2 with an extension (RFC 3550 section 5.1).
const VERSION: u8 = 0x80;
const PADDING: u8 = 0x20;
const EXTENSION: u8 = 0x10;
const MARKER: u8 = 0x80;
/// Fixed header, bytes; a CSRC and the head of the extension.
const FIXED: usize = 12;
const CSRC: usize = 4;
const EXTENSION_HEAD: usize = 4;
/// Forms of elements (RFC 8285 sections 4.2 and 4.3).
const ONE_BYTE: [u8; 2] = [0xbe, 0xde];
const TWO_BYTE: [u8; 2] = [0x10, 0x00];
/// Ids that the one-byte form knows.
const ONE_BYTE_IDS: std::ops::RangeInclusive<u8> = 1..=14;
/// A transport-wide sequence number, a 24-bit time, a mid of the one-byte form: each with an id of two bytes
/// at most, and padding.
const ELEMENTS_MAX: usize = (2 + 2) + (2 + 3) + (2 + 16) + 3;
/// Longest header, bytes.
pub(super) const HEADER_MAX: usize = FIXED + CSRC + EXTENSION_HEAD + ELEMENTS_MAX;

/// Ids of header extensions as negotiated with a client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ExtensionIds {
    /// The m-line (RFC 9143 section 15.1).
    pub(crate) mid: Option<u8>,
    /// Transport-wide sequence number.
    pub(crate) transport: Option<u8>,
    /// Absolute send time: only where there is no transport-wide sequence number, which estimators of ours
    /// and theirs prefer.
    pub(crate) send_time: Option<u8>,
}

/// The extensions of a stream's headers, with places for what differs.
#[derive(Debug, Clone)]
pub(super) struct Template {
    bytes: [u8; EXTENSION_HEAD + ELEMENTS_MAX],
    length: usize,
    transport: Option<usize>,
    send_time: Option<usize>,
}

/// What differs from packet to packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    pub(super) ssrc: u32,
    pub(super) pt: u8,
    pub(super) marker: bool,
    pub(super) padded: bool,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) csrc: Option<u32>,
    pub(super) transport: u16,
    /// Seconds in 6.18 fixed point.
    pub(super) send_time: u32,
}

impl Template {
    pub(super) fn new(ids: ExtensionIds, mid: &str) -> Self {
        let mut template = Self {
            bytes: [0; EXTENSION_HEAD + ELEMENTS_MAX],
            length: EXTENSION_HEAD,
            transport: None,
            send_time: None,
        };
        let send_time = ids.send_time.filter(|_| ids.transport.is_none());
        // Longer ones cannot be in a one-byte form, and no media stack makes them.
        let mid_id = ids.mid.filter(|_| (1..=16).contains(&mid.len()));
        let used = [ids.transport, send_time, mid_id];
        let short = used.iter().flatten().all(|id| ONE_BYTE_IDS.contains(id));
        let form = if short { ONE_BYTE } else { TWO_BYTE };
        template.bytes[..2].copy_from_slice(&form);
        let mut elements: Vec<(u8, &[u8])> = Vec::with_capacity(used.len());
        elements.extend(ids.transport.map(|id| (id, &[0; 2][..])));
        elements.extend(send_time.map(|id| (id, &[0; 3][..])));
        elements.extend(mid_id.map(|id| (id, mid.as_bytes())));
        elements.sort_by_key(|(id, _)| *id);
        for (id, value) in elements {
            let at = template.push(id, value, short);
            if Some(id) == ids.transport {
                template.transport = Some(at);
            } else if Some(id) == send_time {
                template.send_time = Some(at);
            }
        }
        template.length = template.length.next_multiple_of(4);
        let words = (template.length - EXTENSION_HEAD) / 4;
        template.bytes[2..4].copy_from_slice(&(words as u16).to_be_bytes());
        template
    }

    /// Where the value begins.
    fn push(&mut self, id: u8, value: &[u8], short: bool) -> usize {
        let mut at = self.length;
        if short {
            self.bytes[at] = (id << 4) | (value.len() as u8 - 1);
            at += 1;
        } else {
            self.bytes[at] = id;
            self.bytes[at + 1] = value.len() as u8;
            at += 2;
        }
        self.bytes[at..at + value.len()].copy_from_slice(value);
        self.length = at + value.len();
        at
    }

    /// Packets carry a transport-wide sequence number.
    pub(super) fn is_counted(&self) -> bool {
        self.transport.is_some()
    }

    /// Writes a header: its length.
    pub(super) fn write(&self, head: &mut [u8; HEADER_MAX], fields: &Fields) -> usize {
        head[0] = VERSION | EXTENSION | if fields.padded { PADDING } else { 0 };
        head[1] = (fields.pt & !MARKER) | if fields.marker { MARKER } else { 0 };
        head[2..4].copy_from_slice(&fields.sequence.to_be_bytes());
        head[4..8].copy_from_slice(&fields.timestamp.to_be_bytes());
        head[8..12].copy_from_slice(&fields.ssrc.to_be_bytes());
        let mut at = FIXED;
        if let Some(csrc) = fields.csrc {
            head[0] |= 1;
            head[at..at + CSRC].copy_from_slice(&csrc.to_be_bytes());
            at += CSRC;
        }
        let end = at + self.length;
        head[at..end].copy_from_slice(&self.bytes[..self.length]);
        if let Some(place) = self.transport {
            head[at + place..at + place + 2].copy_from_slice(&fields.transport.to_be_bytes());
        }
        if let Some(place) = self.send_time {
            head[at + place..at + place + 3].copy_from_slice(&fields.send_time.to_be_bytes()[1..]);
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: Fields = Fields {
        ssrc: 0x0102_0304,
        pt: 96,
        marker: true,
        padded: false,
        sequence: 0x0506,
        timestamp: 0x0708_090a,
        csrc: Some(0x0b0c_0d0e),
        transport: 0xa1a2,
        send_time: 0x00b1_b2b3,
    };

    fn written(ids: ExtensionIds, mid: &str, fields: &Fields) -> Vec<u8> {
        let mut head = [0xee; HEADER_MAX];
        let length = Template::new(ids, mid).write(&mut head, fields);
        head[..length].to_vec()
    }

    #[test]
    fn elements_come_in_the_order_of_their_ids_with_padding_behind() {
        let ids = ExtensionIds {
            mid: Some(4),
            transport: Some(3),
            send_time: Some(2),
        };
        let head = written(ids, "12", &FIELDS);
        let fixed = [
            0x91,
            0x80 | 96,
            5,
            6,
            7,
            8,
            9,
            0xa,
            1,
            2,
            3,
            4,
            0xb,
            0xc,
            0xd,
            0xe,
        ];
        assert_eq!(head[..16], fixed);
        let extension = [0xbe, 0xde, 0, 2, 0x31, 0xa1, 0xa2, 0x41, b'1', b'2', 0, 0];
        assert_eq!(head[16..], extension);
        let ids = ExtensionIds {
            transport: None,
            ..ids
        };
        let extension = [
            0xbe, 0xde, 0, 2, 0x22, 0xb1, 0xb2, 0xb3, 0x41, b'1', b'2', 0,
        ];
        assert_eq!(written(ids, "12", &FIELDS)[16..], extension);
    }

    #[test]
    fn an_id_that_needs_it_brings_the_two_byte_form_for_all() {
        let ids = ExtensionIds {
            mid: Some(4),
            transport: Some(15),
            send_time: None,
        };
        let padded = Fields {
            marker: false,
            padded: true,
            csrc: None,
            ..FIELDS
        };
        let head = written(ids, "1", &padded);
        assert_eq!(head[..2], [0xb0, 96]);
        let extension = [0x10, 0, 0, 2, 4, 1, b'1', 15, 2, 0xa1, 0xa2, 0];
        assert_eq!(head[12..], extension);
    }

    #[test]
    fn the_longest_fits_and_none_is_empty() {
        let ids = ExtensionIds {
            mid: Some(16),
            transport: Some(255),
            send_time: Some(15),
        };
        assert!(written(ids, "0123456789abcdef", &FIELDS).len() <= HEADER_MAX);
        let none = written(ExtensionIds::default(), "1", &FIELDS);
        assert_eq!(none[16..], [0xbe, 0xde, 0, 0]);
    }
}
