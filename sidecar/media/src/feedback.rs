//! Feedback of a receiver about what it is sent (RFC 4585 section 6.2), in RTCP compounds.

use crate::rtcp::{packet_at, word};

/// Payload types: transport-layer feedback (RFC 4585 section 6.1), and what applications define, which
/// media stacks pass over (RFC 3550 section 6.7).
const TRANSPORT_FEEDBACK: u8 = 205;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const APPLICATION: u8 = 204;
/// Extended reports, and those among their blocks that tell only the time of the sender's clock (RFC 3611
/// sections 2 and 4.4).
const EXTENDED: u8 = 207;
const REFERENCE_TIME: u8 = 4;
/// Formats of transport-layer feedback: generic NACK (RFC 4585 section 6.2.1), and transport-wide
/// congestion control (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
const NACK: u8 = 1;
const CONGESTION: u8 = 15;
/// Common header, the SSRC of who sends the packet, and that of what it is about.
const HEADER_BYTES: usize = 12;
const HAS_PADDING: u8 = 0x20;

/// One packet of transport-layer feedback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feedback<'a> {
    /// Packets of one stream that are missing.
    Nack {
        /// The stream.
        ssrc: u32,
        /// Which, see [`Nacked`].
        lost: Nacked<'a>,
    },
    /// What arrived when, of all streams of the transport: the packet's feedback control information.
    Congestion(&'a [u8]),
}

/// Sequence numbers of a generic NACK; iterate over them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nacked<'a>(&'a [u8]);

impl<'a> Nacked<'a> {
    /// All of them, in the order of the packet. Some may come twice.
    pub fn iter(self) -> impl Iterator<Item = u16> + 'a {
        self.0.chunks_exact(4).flat_map(|entry| {
            let first = u16::from_be_bytes([entry[0], entry[1]]);
            let following = u16::from_be_bytes([entry[2], entry[3]]);
            let named = (0..16u16).filter(move |bit| following & (1 << bit) != 0);
            std::iter::once(first).chain(named.map(move |bit| first.wrapping_add(bit + 1)))
        })
    }
}

/// Shows `take` the transport-layer feedback in `compound`. What it takes is made a packet that media
/// stacks pass over. Reading ends at the first packet whose length is a lie.
pub fn take_feedback(compound: &mut [u8], mut take: impl FnMut(Feedback<'_>) -> bool) {
    let mut at = 0;
    while let Some((start, end)) = packet_at(compound, at) {
        at = end;
        let packet = &mut compound[start..end];
        if packet[1] != TRANSPORT_FEEDBACK {
            continue;
        }
        let padding = match packet.last() {
            Some(padding) if packet[0] & HAS_PADDING != 0 => usize::from(*padding),
            _ => 0,
        };
        let end = packet.len().saturating_sub(padding);
        let Some(control) = packet.get(HEADER_BYTES..end) else {
            continue;
        };
        let feedback = match packet[0] & 0x1f {
            NACK => Feedback::Nack {
                ssrc: word(packet, 8),
                lost: Nacked(control),
            },
            CONGESTION => Feedback::Congestion(control),
            _ => continue,
        };
        if take(feedback) {
            packet[1] = APPLICATION;
        }
    }
}

/// What a compound is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Nothing but what arrived of RTP.
    Rtp,
    /// That, and the time of the receiver's clock, which it wants to hear back (RFC 3611 section 4.4).
    RtpAndTime,
    /// Something else.
    Other,
}

/// Whether [`about`] may say anything but [`About::Other`] of a compound, by its first packet, whose head SRTCP
/// leaves in the clear (RFC 3711 section 3.4).
#[must_use]
pub fn may_be_about_rtp(datagram: &[u8]) -> bool {
    matches!(
        datagram,
        [
            _,
            TRANSPORT_FEEDBACK | RECEIVER_REPORT | DESCRIPTION | EXTENDED,
            ..
        ]
    )
}

/// Whether a compound says nothing but what arrived of RTP: feedback for which `nacks` holds, and receiver
/// reports for each of whose blocks `blocks` holds.
pub fn about(compound: &[u8], nacks: impl Fn(u32) -> bool, blocks: impl Fn(u32) -> bool) -> About {
    let mut at = 0;
    let mut about = About::Rtp;
    while let Some((start, end)) = packet_at(compound, at) {
        at = end;
        let packet = &compound[start..end];
        let ours = match (packet[1], packet[0] & 0x1f) {
            (TRANSPORT_FEEDBACK, CONGESTION) => true,
            (TRANSPORT_FEEDBACK, NACK) => nacks(word(packet, 8)),
            (RECEIVER_REPORT, count) => {
                let first = 8;
                let mut about = (0..usize::from(count)).map(|n| word(packet, first + n * 24));
                about.all(&blocks)
            }
            // Who sends it is known.
            (DESCRIPTION, _) => true,
            (EXTENDED, _) if is_reference_time(packet) => {
                about = About::RtpAndTime;
                true
            }
            _ => false,
        };
        if !ours {
            return About::Other;
        }
    }
    if at == compound.len() && at > 0 {
        about
    } else {
        About::Other
    }
}

/// An extended report with one block, which is that. Type, a reserved octet, and how many words follow; the
/// time has two.
fn is_reference_time(packet: &[u8]) -> bool {
    packet.len() == 20 && packet[8..12] == [REFERENCE_TIME, 0, 0, 2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet(format: u8, ssrc: u32, control: &[u8]) -> Vec<u8> {
        let words = 2 + control.len() / 4;
        let mut packet = vec![0x80 | format, TRANSPORT_FEEDBACK, 0, words as u8];
        packet.extend(7u32.to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.extend(control);
        packet
    }

    /// What was shown, as text, and what is left for others.
    fn shown(compound: &mut [u8], take: bool) -> Vec<String> {
        let mut seen = vec![];
        take_feedback(compound, |feedback| {
            seen.push(match feedback {
                Feedback::Nack { ssrc, lost } => {
                    format!("{ssrc} {:?}", lost.iter().collect::<Vec<_>>())
                }
                Feedback::Congestion(control) => format!("{control:?}"),
            });
            take
        });
        seen
    }

    #[test]
    fn nacks_name_the_first_and_those_after_it() {
        let mut compound = packet(NACK, 9, &[0xff, 0xff, 0x80, 0x01, 0, 5, 0, 0]);
        assert_eq!(shown(&mut compound, false), ["9 [65535, 0, 15, 5]"]);
    }

    #[test]
    fn what_is_taken_is_nobodys_and_the_rest_stays() {
        let mut compound = packet(CONGESTION, 1, &[1, 2, 3, 4]);
        compound.extend([0x80, 201, 0, 1, 0, 0, 0, 1]);
        compound.extend(packet(NACK, 9, &[0, 5, 0, 0]));
        let before = compound.clone();
        assert_eq!(shown(&mut compound, false), ["[1, 2, 3, 4]", "9 [5]"]);
        assert_eq!(compound, before);
        assert_eq!(shown(&mut compound, true).len(), 2);
        assert_eq!((compound[1], compound[17], compound[25]), (204, 201, 204));
        assert!(shown(&mut compound, true).is_empty());
    }

    #[test]
    fn what_says_more_than_what_arrived_is_left_to_others() {
        let about = |compound: &[u8]| about(compound, |ssrc| ssrc == 9, |ssrc| ssrc == 8);
        let only = |compound: &[u8]| about(compound) == About::Rtp;
        let mut report = vec![0x81, RECEIVER_REPORT, 0, 7, 0, 0, 0, 1, 0, 0, 0, 8];
        report.extend([0; 20]);
        let feedback = packet(CONGESTION, 1, &[1, 2, 3, 4]);
        let nack = packet(NACK, 9, &[0, 5, 0, 0]);
        assert!(only(&[&report[..], &feedback, &nack].concat()));
        assert!(!only(&packet(NACK, 10, &[0, 5, 0, 0])));
        let mut other = report.clone();
        other[11] = 7;
        assert!(!only(&[&feedback[..], &other].concat()));
        let mut request = packet(1, 9, &[]);
        request[1] = 206;
        assert!(!only(&[&feedback[..], &request].concat()));
        assert!(!only(&[&feedback[..], &[0x80]].concat()), "a rest");
        assert!(!only(&[]));
        let mut time = vec![0x80, EXTENDED, 0, 4, 0, 0, 0, 1, REFERENCE_TIME, 0, 0, 2];
        time.extend([7; 8]);
        let timed = [&report[..], &time].concat();
        assert_eq!(about(&timed), About::RtpAndTime);
        assert_eq!(about(&[&timed[..], &nack].concat()), About::RtpAndTime);
        assert_eq!(about(&[&timed[..], &request].concat()), About::Other);
        // Another block: an answer, say, to the time that we told.
        time[8] = 5;
        assert_eq!(about(&[&report[..], &time].concat()), About::Other);
    }

    #[test]
    fn a_first_packet_that_is_not_about_rtp_tells() {
        let mut ours = vec![];
        for kind in 0..=255 {
            let mut compound = vec![0x80, kind, 0, 4, 0, 0, 0, 1, REFERENCE_TIME, 0, 0, 2];
            compound.extend([7; 8]);
            if kind == TRANSPORT_FEEDBACK {
                compound[0] |= NACK;
            }
            let other = about(&compound, |_| true, |_| true) == About::Other;
            assert_eq!(may_be_about_rtp(&compound), !other, "{kind}");
            ours.extend((!other).then_some(kind));
        }
        assert_eq!(ours, [201, 202, 205, 207]);
        assert!(!may_be_about_rtp(&[0x80]));
    }

    #[test]
    fn padding_is_no_control_information() {
        let mut compound = packet(NACK, 9, &[0, 5, 0, 0, 0, 0, 0, 4]);
        compound[0] |= HAS_PADDING;
        assert_eq!(shown(&mut compound, false), ["9 [5]"]);
        // More padding than there are bytes.
        *compound.last_mut().unwrap() = 200;
        assert!(shown(&mut compound, false).is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let length = bytes.len();
            let _ = shown(&mut bytes, true);
            prop_assert_eq!(bytes.len(), length);
        }
    }
}
