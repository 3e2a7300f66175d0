//! Counts RTP by what its header says, without the keys: how a listener is cheap for the generator.

/// Version 2 in the two high bits (RFC 3550 section 5.1); STUN and DTLS have others.
const VERSION_MASK: u8 = 0xc0;
const VERSION: u8 = 0x80;
const HEADER_BYTES: usize = 12;
/// Second octets of RTCP (RFC 5761 section 4).
const RTCP: std::ops::RangeInclusive<u8> = 192..=223;

/// SSRC and sequence number of a datagram; `None`: it is no RTP.
pub(super) fn rtp_head(datagram: &[u8]) -> Option<(u32, u16)> {
    let head: &[u8; HEADER_BYTES] = datagram.first_chunk()?;
    if head[0] & VERSION_MASK != VERSION || RTCP.contains(&head[1]) {
        return None;
    }
    let sequence = u16::from_be_bytes([head[2], head[3]]);
    let ssrc = u32::from_be_bytes([head[8], head[9], head[10], head[11]]);
    Some((ssrc, sequence))
}

/// One client's streams.
#[derive(Debug, Default)]
pub(super) struct Counter {
    streams: Vec<Stream>,
}

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    /// Extended by rollovers.
    highest: u64,
    /// The highest when counting began.
    base: u64,
    received: u64,
}

impl Counter {
    /// True: the first of its stream.
    pub(super) fn count(&mut self, ssrc: u32, sequence: u16) -> bool {
        let Some(stream) = self.streams.iter_mut().find(|stream| stream.ssrc == ssrc) else {
            // One rollover up, so that what was sent before the first one is no negative number.
            let highest = u64::from(sequence) + (1 << 16);
            self.streams.push(Stream {
                ssrc,
                highest,
                base: highest - 1,
                received: 1,
            });
            return true;
        };
        let ahead = sequence.wrapping_sub(stream.highest as u16).cast_signed();
        if ahead > 0 {
            stream.highest += u64::from(ahead.unsigned_abs());
        }
        stream.received += 1;
        false
    }

    /// Counts anew from here.
    pub(super) fn restart(&mut self) {
        for stream in &mut self.streams {
            stream.base = stream.highest;
            stream.received = 0;
        }
    }

    /// Sequence numbers that did not come since the start, where later ones did.
    pub(super) fn lost(&self) -> u64 {
        let lost = |stream: &Stream| (stream.highest - stream.base).saturating_sub(stream.received);
        self.streams.iter().map(lost).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rtp_has_a_head() {
        let mut rtp = [0_u8; 40];
        rtp[0] = 0x91;
        rtp[1] = 0x80 | 111;
        rtp[2..4].copy_from_slice(&[1, 2]);
        rtp[8..12].copy_from_slice(&[0, 0, 0, 7]);
        assert_eq!(rtp_head(&rtp), Some((7, 0x0102)));
        assert_eq!(rtp_head(&rtp[..11]), None);
        rtp[1] = 201;
        assert_eq!(rtp_head(&rtp), None, "RTCP");
        assert_eq!(rtp_head(&[22; 40]), None, "DTLS");
        assert_eq!(rtp_head(&[0; 40]), None, "STUN");
    }

    #[test]
    fn gaps_are_losses_and_late_ones_fill_them() {
        let mut counter = Counter::default();
        assert!(counter.count(1, 65_533));
        for sequence in [65_534, 65_535, 2, 3] {
            assert!(!counter.count(1, sequence));
        }
        assert_eq!(counter.lost(), 2, "0 and 1");
        counter.count(1, 0);
        assert_eq!(counter.lost(), 1);
        assert!(counter.count(2, 9), "a stream of its own");
        assert_eq!(counter.lost(), 1);
        counter.restart();
        counter.count(1, 5);
        counter.count(2, 10);
        assert_eq!(counter.lost(), 1, "4; what came before does not count");
    }

    #[test]
    fn repeated_ones_do_not_hide_others_beyond_the_stream() {
        let mut counter = Counter::default();
        for sequence in [1, 1, 1, 2] {
            counter.count(1, sequence);
        }
        assert_eq!(counter.lost(), 0);
    }
}
