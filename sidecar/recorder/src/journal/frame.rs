//! One record: length, checksum, number, body.

use parley_media::recording::codec::BODY_BYTES_MAX;

/// Length of the body (4), CRC-32C of all else (4), number of the record (8); little endian.
pub(super) const HEAD_BYTES: usize = 16;
/// The longest record.
pub(super) const FRAME_BYTES_MAX: usize = HEAD_BYTES + BODY_BYTES_MAX;

/// Why there is no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoFrame {
    /// It goes on behind the bytes that are there.
    Short,
    /// These bytes are none.
    Bad,
}

/// A record as it lies in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    /// 0: to be read wherever it stands; else only if nothing of this or a higher number was read.
    pub(super) number: u64,
    pub(super) body: &'a [u8],
}

impl Frame<'_> {
    /// Bytes of the whole record.
    pub(super) fn bytes(&self) -> usize {
        HEAD_BYTES + self.body.len()
    }
}

/// Appends a record. The body has at most [`BODY_BYTES_MAX`] bytes and at least one.
pub(super) fn put(number: u64, body: &[u8], to: &mut Vec<u8>) {
    debug_assert!((1..=BODY_BYTES_MAX).contains(&body.len()));
    #[allow(clippy::cast_possible_truncation)] // At most 64 KiB.
    let length = (body.len() as u32).to_le_bytes();
    let number = number.to_le_bytes();
    to.extend_from_slice(&length);
    to.extend_from_slice(&checksum(length, number, body).to_le_bytes());
    to.extend_from_slice(&number);
    to.extend_from_slice(body);
}

/// The record at the beginning of `bytes`.
pub(super) fn first(bytes: &[u8]) -> Result<Frame<'_>, NoFrame> {
    let (length, rest) = bytes.split_first_chunk().ok_or(NoFrame::Short)?;
    let body_bytes = u32::from_le_bytes(*length) as usize;
    if !(1..=BODY_BYTES_MAX).contains(&body_bytes) {
        return Err(NoFrame::Bad);
    }
    let (sum, rest) = rest.split_first_chunk().ok_or(NoFrame::Short)?;
    let (number, rest) = rest.split_first_chunk().ok_or(NoFrame::Short)?;
    let body = rest.get(..body_bytes).ok_or(NoFrame::Short)?;
    if u32::from_le_bytes(*sum) != checksum(*length, *number, body) {
        return Err(NoFrame::Bad);
    }
    Ok(Frame {
        number: u64::from_le_bytes(*number),
        body,
    })
}

fn checksum(length: [u8; 4], number: [u8; 8], body: &[u8]) -> u32 {
    let sum = crc32c::crc32c_append(crc32c::crc32c(&length), &number);
    crc32c::crc32c_append(sum, body)
}
