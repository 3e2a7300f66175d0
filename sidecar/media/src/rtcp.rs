//! The places in RTCP compounds that somebody who sends or receives RTP beside the media stack has to
//! know: report blocks and the sender information of streams, as they come in and as they go out (RFC 3550
//! section 6.4).

/// Payload types (RFC 3550 section 12.1).
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
/// Common header and the SSRC of who sends the packet.
const HEADER_BYTES: usize = 8;
const BLOCK_BYTES: usize = 24;
/// NTP time, RTP time, packets, octets.
const SENDER_INFO_BYTES: usize = 20;

/// What a receiver says of one stream of ours (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    /// The stream it is about.
    pub ssrc: u32,
    /// Packets lost since the beginning; duplicates may make it negative.
    pub lost: i32,
    /// Interarrival jitter in units of the RTP clock.
    pub jitter: u32,
}

/// What a sender report says of the stream that it belongs to (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    /// RTP time that belongs to the report's NTP time.
    pub timestamp: u32,
    /// RTP packets sent since the beginning, modulo 2^32.
    pub packets: u32,
    /// Payload bytes sent since the beginning, modulo 2^32.
    pub octets: u32,
}

/// What we say of a stream that we receive (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reception {
    /// Lost since the last report, in 256ths of what was expected.
    pub fraction_lost: u8,
    /// Packets lost since the beginning; duplicates may make it negative.
    pub lost: i32,
    /// Highest sequence number, with how often it began anew in the upper half.
    pub highest: u32,
    /// Interarrival jitter in units of the RTP clock.
    pub jitter: u32,
}

/// What a sender says of its clock (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderClock {
    /// The stream it is about.
    pub ssrc: u32,
    /// NTP time: seconds since 1900 in the upper half.
    pub ntp: u64,
    /// The same moment in RTP time.
    pub rtp: u32,
}

/// Shows `take` the report blocks of all sender and receiver reports in `compound`. Those that it takes
/// are made to be about no stream: SSRC 0. Reading ends at the first packet whose length is a lie.
pub fn take_report_blocks(compound: &mut [u8], mut take: impl FnMut(&ReportBlock) -> bool) {
    each_block(compound, |block| {
        let read = ReportBlock {
            ssrc: word(block, 0),
            // 24 bits with a sign: shifted up and down again.
            lost: (word(block, 4) << 8) as i32 >> 8,
            jitter: word(block, 12),
        };
        if take(&read) {
            block[..4].fill(0);
        }
    });
}

/// Asks `reception` for each report block in `compound`, by the stream that it is about, and writes what
/// it gives; which sender report came last, and when, stays. True: at least one was changed.
pub fn stamp_report_blocks(
    compound: &mut [u8],
    mut reception: impl FnMut(u32) -> Option<Reception>,
) -> bool {
    let mut changed = false;
    each_block(compound, |block| {
        let Some(reception) = reception(word(block, 0)) else {
            return;
        };
        // 24 bits with a sign.
        let lost = reception.lost.clamp(-0x80_0000, 0x7f_ffff) & 0x00ff_ffff;
        let first = (u32::from(reception.fraction_lost) << 24) | lost.cast_unsigned();
        block[4..8].copy_from_slice(&first.to_be_bytes());
        block[8..12].copy_from_slice(&reception.highest.to_be_bytes());
        block[12..16].copy_from_slice(&reception.jitter.to_be_bytes());
        changed = true;
    });
    changed
}

/// Shows `note` what the sender reports in `compound` say of their clocks.
pub fn read_sender_reports(compound: &[u8], mut note: impl FnMut(SenderClock)) {
    let mut at = 0;
    while let Some((start, end)) = packet_at(compound, at) {
        at = end;
        let packet = &compound[start..end];
        if packet[1] == SENDER_REPORT && packet.len() >= HEADER_BYTES + SENDER_INFO_BYTES {
            note(SenderClock {
                ssrc: word(packet, 4),
                ntp: (u64::from(word(packet, 8)) << 32) | u64::from(word(packet, 12)),
                rtp: word(packet, 16),
            });
        }
    }
}

/// The report blocks of all sender and receiver reports, up to the first packet whose length is a lie.
fn each_block(compound: &mut [u8], mut work: impl FnMut(&mut [u8])) {
    let mut at = 0;
    while let Some((start, end)) = packet_at(compound, at) {
        at = end;
        let packet = &mut compound[start..end];
        let count = usize::from(packet[0] & 0x1f);
        let body = match packet[1] {
            SENDER_REPORT => packet.get_mut(HEADER_BYTES + SENDER_INFO_BYTES..),
            RECEIVER_REPORT => packet.get_mut(HEADER_BYTES..),
            _ => None,
        };
        let blocks = body.unwrap_or_default().chunks_exact_mut(BLOCK_BYTES);
        blocks.take(count).for_each(&mut work);
    }
}

/// Asks `info` for each sender report in `compound`, by its SSRC, and writes what it gives. True: at
/// least one was changed.
pub fn stamp_sender_reports(
    compound: &mut [u8],
    mut info: impl FnMut(u32) -> Option<SenderInfo>,
) -> bool {
    let mut changed = false;
    let mut at = 0;
    while let Some((start, end)) = packet_at(compound, at) {
        at = end;
        let packet = &mut compound[start..end];
        if packet[1] != SENDER_REPORT || packet.len() < HEADER_BYTES + SENDER_INFO_BYTES {
            continue;
        }
        let Some(info) = info(word(packet, 4)) else {
            continue;
        };
        packet[16..20].copy_from_slice(&info.timestamp.to_be_bytes());
        packet[20..24].copy_from_slice(&info.packets.to_be_bytes());
        packet[24..28].copy_from_slice(&info.octets.to_be_bytes());
        changed = true;
    }
    changed
}

/// Where the packet at `at` begins and ends.
pub(crate) fn packet_at(compound: &[u8], at: usize) -> Option<(usize, usize)> {
    let header = compound.get(at..at + 4)?;
    if header[0] >> 6 != 2 {
        return None;
    }
    let words = usize::from(u16::from_be_bytes([header[2], header[3]])) + 1;
    let end = at + words * 4;
    (end <= compound.len()).then_some((at, end))
}

/// Big-endian, 0 where the bytes end.
pub(crate) fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
    word.map_or(0, u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet(kind: u8, count: u8, body: &[u8]) -> Vec<u8> {
        let words = (4 + body.len()) / 4 - 1;
        let mut packet = vec![0x80 | count, kind, (words >> 8) as u8, words as u8];
        packet.extend_from_slice(body);
        packet
    }

    fn block(ssrc: u32, lost: i32, jitter: u32) -> Vec<u8> {
        let mut block = ssrc.to_be_bytes().to_vec();
        block.extend_from_slice(&(lost as u32 & 0x00ff_ffff).to_be_bytes());
        block.extend_from_slice(&7u32.to_be_bytes());
        block.extend_from_slice(&jitter.to_be_bytes());
        block.extend_from_slice(&[0; 8]);
        block
    }

    fn blocks(compound: &mut [u8], take: impl Fn(&ReportBlock) -> bool) -> Vec<ReportBlock> {
        let mut seen = Vec::new();
        take_report_blocks(compound, |block| {
            seen.push(*block);
            take(block)
        });
        seen
    }

    fn sender_report(ssrc: u32, blocks: &[Vec<u8>]) -> Vec<u8> {
        let mut body = ssrc.to_be_bytes().to_vec();
        body.extend_from_slice(&[9; SENDER_INFO_BYTES]);
        body.extend(blocks.concat());
        packet(SENDER_REPORT, blocks.len() as u8, &body)
    }

    #[test]
    fn blocks_are_read_out_of_every_report_of_a_compound() {
        let mut receiver = 5u32.to_be_bytes().to_vec();
        receiver.extend(block(2, -3, 480));
        let mut compound = sender_report(1, &[block(1, 12, 0)]);
        compound.extend(packet(202, 0, &[0; 8]));
        compound.extend(packet(RECEIVER_REPORT, 1, &receiver));
        let read = blocks(&mut compound, |_| false);
        let expected = |ssrc, lost, jitter| ReportBlock { ssrc, lost, jitter };
        assert_eq!(read, [expected(1, 12, 0), expected(2, -3, 480)]);
        // What is taken says nothing any more, and the rest stays as it is.
        blocks(&mut compound, |block| block.ssrc == 1);
        let read = blocks(&mut compound, |_| false);
        assert_eq!(read, [expected(0, 12, 0), expected(2, -3, 480)]);
    }

    #[test]
    fn only_the_reports_asked_for_are_stamped_and_nothing_else_moves() {
        let mut compound = sender_report(1, &[block(9, 0, 0)]);
        compound.extend(sender_report(2, &[]));
        let before = compound.clone();
        let info = SenderInfo {
            timestamp: 0x0102_0304,
            packets: 5,
            octets: 6,
        };
        assert!(stamp_sender_reports(&mut compound, |ssrc| {
            (ssrc == 2).then_some(info)
        }));
        let second = before.len() - 28;
        assert_eq!(compound[..second + 16], before[..second + 16]);
        let stamped = [1, 2, 3, 4, 0, 0, 0, 5, 0, 0, 0, 6];
        assert_eq!(compound[second + 16..], stamped);
        assert!(!stamp_sender_reports(&mut compound, |_| None));
    }

    #[test]
    fn blocks_about_the_streams_asked_for_get_their_numbers() {
        let mut compound = sender_report(1, &[block(9, 0, 0), block(8, 1, 2)]);
        let before = compound.clone();
        let reception = Reception {
            fraction_lost: 128,
            lost: -2,
            highest: 0x0001_0003,
            jitter: 96,
        };
        assert!(stamp_report_blocks(&mut compound, |ssrc| {
            (ssrc == 8).then_some(reception)
        }));
        let second = compound.len() - BLOCK_BYTES;
        assert_eq!(compound[..second + 4], before[..second + 4]);
        let stamped = [128, 0xff, 0xff, 0xfe, 0, 1, 0, 3, 0, 0, 0, 96];
        assert_eq!(compound[second + 4..second + 16], stamped);
        // Which sender report came last, and when.
        assert_eq!(compound[second + 16..], before[second + 16..]);
        let read = blocks(&mut compound, |_| false)[1];
        assert_eq!((read.lost, read.jitter), (-2, 96));
        assert!(!stamp_report_blocks(&mut compound, |_| None));
    }

    #[test]
    fn senders_say_what_their_clocks_show() {
        let mut compound = sender_report(1, &[block(9, 0, 0)]);
        compound.extend(sender_report(2, &[]));
        let mut read = Vec::new();
        read_sender_reports(&compound, |clock| read.push(clock));
        let expected = |ssrc| SenderClock {
            ssrc,
            ntp: 0x0909_0909_0909_0909,
            rtp: 0x0909_0909,
        };
        assert_eq!(read, [expected(1), expected(2)]);
    }

    #[test]
    fn a_packet_that_is_longer_than_the_compound_ends_the_reading() {
        let mut compound = sender_report(1, &[block(1, 1, 1)]);
        compound[3] += 1;
        assert_eq!(blocks(&mut compound, |_| false).len(), 0);
        // More blocks promised than there are.
        let mut compound = sender_report(1, &[block(1, 1, 1)]);
        compound[0] |= 0x1f;
        assert_eq!(blocks(&mut compound, |_| false).len(), 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let length = bytes.len();
            let _ = blocks(&mut bytes, |_| true);
            let info = SenderInfo { timestamp: 1, packets: 2, octets: 3 };
            let _ = stamp_sender_reports(&mut bytes, |_| Some(info));
            let reception = Reception { fraction_lost: 1, lost: i32::MIN, highest: 2, jitter: 3 };
            let _ = stamp_report_blocks(&mut bytes, |_| Some(reception));
            read_sender_reports(&bytes, |_| {});
            prop_assert_eq!(bytes.len(), length);
        }
    }
}
