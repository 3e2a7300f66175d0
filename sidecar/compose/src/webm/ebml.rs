//! Elements to bytes (RFC 8794).

/// A size that is not known yet, in eight bytes.
pub(crate) const UNKNOWN_SIZE: [u8; 8] = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

/// The element ids in use (RFC 9559 section 5.1).
pub(crate) mod id {
    pub(crate) const EBML: u32 = 0x1a45_dfa3;
    pub(crate) const EBML_VERSION: u32 = 0x4286;
    pub(crate) const EBML_READ_VERSION: u32 = 0x42f7;
    pub(crate) const EBML_MAX_ID_LENGTH: u32 = 0x42f2;
    pub(crate) const EBML_MAX_SIZE_LENGTH: u32 = 0x42f3;
    pub(crate) const DOC_TYPE: u32 = 0x4282;
    pub(crate) const DOC_TYPE_VERSION: u32 = 0x4287;
    pub(crate) const DOC_TYPE_READ_VERSION: u32 = 0x4285;
    pub(crate) const VOID: u32 = 0xec;
    pub(crate) const SEGMENT: u32 = 0x1853_8067;
    pub(crate) const SEEK_HEAD: u32 = 0x114d_9b74;
    pub(crate) const SEEK: u32 = 0x4dbb;
    pub(crate) const SEEK_ID: u32 = 0x53ab;
    pub(crate) const SEEK_POSITION: u32 = 0x53ac;
    pub(crate) const INFO: u32 = 0x1549_a966;
    pub(crate) const TIMESTAMP_SCALE: u32 = 0x2a_d7b1;
    pub(crate) const DURATION: u32 = 0x4489;
    pub(crate) const MUXING_APP: u32 = 0x4d80;
    pub(crate) const WRITING_APP: u32 = 0x5741;
    pub(crate) const TRACKS: u32 = 0x1654_ae6b;
    pub(crate) const TRACK_ENTRY: u32 = 0xae;
    pub(crate) const TRACK_NUMBER: u32 = 0xd7;
    pub(crate) const TRACK_UID: u32 = 0x73c5;
    pub(crate) const TRACK_TYPE: u32 = 0x83;
    pub(crate) const FLAG_LACING: u32 = 0x9c;
    pub(crate) const CODEC_ID: u32 = 0x86;
    pub(crate) const CODEC_PRIVATE: u32 = 0x63a2;
    pub(crate) const CODEC_DELAY: u32 = 0x56aa;
    pub(crate) const SEEK_PRE_ROLL: u32 = 0x56bb;
    pub(crate) const AUDIO: u32 = 0xe1;
    pub(crate) const SAMPLING_FREQUENCY: u32 = 0xb5;
    pub(crate) const CHANNELS: u32 = 0x9f;
    pub(crate) const VIDEO: u32 = 0xe0;
    pub(crate) const PIXEL_WIDTH: u32 = 0xb0;
    pub(crate) const PIXEL_HEIGHT: u32 = 0xba;
    pub(crate) const CLUSTER: u32 = 0x1f43_b675;
    pub(crate) const TIMESTAMP: u32 = 0xe7;
    pub(crate) const SIMPLE_BLOCK: u32 = 0xa3;
    pub(crate) const CUES: u32 = 0x1c53_bb6b;
    pub(crate) const CUE_POINT: u32 = 0xbb;
    pub(crate) const CUE_TIME: u32 = 0xb3;
    pub(crate) const CUE_TRACK_POSITIONS: u32 = 0xb7;
    pub(crate) const CUE_TRACK: u32 = 0xf7;
    pub(crate) const CUE_CLUSTER_POSITION: u32 = 0xf1;
}

/// An id; its length marker is part of it.
pub(crate) fn write_id(out: &mut Vec<u8>, id: u32) {
    let bytes = id.to_be_bytes();
    out.extend_from_slice(&bytes[id.leading_zeros() as usize / 8..]);
}

/// A size in as few bytes as hold it.
pub(crate) fn write_size(out: &mut Vec<u8>, size: u64) {
    let mut length = 1;
    // All ones means unknown.
    while length < 8 && size >= (1 << (7 * length)) - 1 {
        length += 1;
    }
    let marked = size | 1 << (7 * length);
    out.extend_from_slice(&marked.to_be_bytes()[8 - length..]);
}

/// A size in eight bytes.
pub(crate) fn long_size(size: u64) -> [u8; 8] {
    (size | 1 << 56).to_be_bytes()
}

pub(crate) fn binary(out: &mut Vec<u8>, id: u32, data: &[u8]) {
    write_id(out, id);
    write_size(out, data.len() as u64);
    out.extend_from_slice(data);
}

pub(crate) fn uint(out: &mut Vec<u8>, id: u32, value: u64) {
    let bytes = value.to_be_bytes();
    binary(
        out,
        id,
        &bytes[(value.leading_zeros() as usize / 8).min(7)..],
    );
}

pub(crate) fn float(out: &mut Vec<u8>, id: u32, value: f64) {
    binary(out, id, &value.to_be_bytes());
}

pub(crate) fn master(out: &mut Vec<u8>, id: u32, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    fill(&mut inner);
    binary(out, id, &inner);
}

/// `bytes` of nothing, at least 2.
pub(crate) fn void(out: &mut Vec<u8>, bytes: usize) {
    write_id(out, id::VOID);
    // A size of one byte holds up to 126.
    if bytes - 2 <= 126 {
        out.push(0x80 | (bytes - 2) as u8);
        out.resize(out.len() + bytes - 2, 0);
    } else {
        let rest = bytes - 9;
        out.extend_from_slice(&long_size(rest as u64));
        out.resize(out.len() + rest, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_as_in_the_rfc() {
        let size = |size| {
            let mut out = Vec::new();
            write_size(&mut out, size);
            out
        };
        assert_eq!(size(2), [0x82]);
        assert_eq!(size(126), [0xfe]);
        assert_eq!(size(127), [0x40, 0x7f]);
        assert_eq!(size(16_382), [0x7f, 0xfe]);
        assert_eq!(size(16_383), [0x20, 0x3f, 0xff]);
        assert_eq!(long_size(5), [1, 0, 0, 0, 0, 0, 0, 5]);
    }

    #[test]
    fn nothing_has_the_size_asked_for() {
        for bytes in [2, 3, 100, 128, 129, 130, 140, 300, 1_000] {
            let mut out = Vec::new();
            void(&mut out, bytes);
            assert_eq!(out.len(), bytes);
        }
    }
}
