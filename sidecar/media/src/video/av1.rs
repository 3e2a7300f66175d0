//! The aggregation header of AV1 (RTP Payload Format For AV1, section 4.4), as far as forwarding needs it.

/// The packet continues an OBU of the one before.
const Z: u8 = 0x80;
/// A coded video sequence starts here.
const N: u8 = 0x08;

/// Whether a decoder can begin with this packet: it is the first of a coded video sequence. `None`:
/// malformed.
pub fn av1_starts_sequence(payload: &[u8]) -> Option<bool> {
    let (header, obus) = payload.split_first()?;
    let starts = header & N != 0;
    if obus.is_empty() || starts && header & Z != 0 {
        return None;
    }
    Some(starts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_packet_of_a_sequence_is_a_start() {
        assert_eq!(av1_starts_sequence(&[0x18, 0x0a]), Some(true));
        assert_eq!(av1_starts_sequence(&[0x10, 0x32]), Some(false));
        assert_eq!(av1_starts_sequence(&[0x90, 0x32]), Some(false), "continues");
    }

    #[test]
    fn what_starts_and_continues_or_holds_nothing_is_malformed() {
        assert_eq!(av1_starts_sequence(&[]), None);
        assert_eq!(av1_starts_sequence(&[0x18]), None);
        assert_eq!(av1_starts_sequence(&[0x98, 0x0a]), None);
    }
}
