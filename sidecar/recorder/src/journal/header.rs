//! The head of a segment's file: what it is, and when the segment began by the machine's own clock.

/// Of the header.
pub(super) const HEADER_BYTES: usize = 40;
/// Of this format, the first.
const MAGIC: [u8; 8] = *b"PARLEYJ1";

/// A moment on the clock that goes on between two starts of the sidecar, as long as the machine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boot {
    /// Which run of the machine.
    pub id: [u8; 16],
    /// Since it began, with times of sleep.
    pub micros: u64,
}

/// All 0 for a machine that does not tell.
pub(super) fn encode(boot: Option<Boot>) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    if let Some(Boot { id, micros }) = boot {
        header[8..24].copy_from_slice(&id);
        header[24..32].copy_from_slice(&micros.to_le_bytes());
    }
    let sum = crc32c::crc32c(&header[..32]);
    header[32..36].copy_from_slice(&sum.to_le_bytes());
    header
}

/// `None` also for a damaged one: the records behind it are readable all the same.
pub(super) fn boot(header: &[u8; HEADER_BYTES]) -> Option<Boot> {
    let (fields, rest) = header.split_first_chunk::<32>()?;
    let (sum, _) = rest.split_first_chunk()?;
    let intact = fields.starts_with(&MAGIC) && u32::from_le_bytes(*sum) == crc32c::crc32c(fields);
    let (id, rest) = fields[8..].split_first_chunk::<16>()?;
    let (micros, _) = rest.split_first_chunk()?;
    (intact && *id != [0; 16]).then(|| Boot {
        id: *id,
        micros: u64::from_le_bytes(*micros),
    })
}
