use std::time::Duration;

use proptest::prelude::*;

use super::*;

const SSRC: u32 = 7;
const PT: u8 = 111;
const LEVEL: u8 = 3;

fn key() -> SendKey {
    SendKey::Aes128Gcm {
        key: [1; 16],
        salt: [2; 12],
    }
}

/// Took over with this index.
fn inbound(index: u64, now: Instant) -> Inbound {
    let mut inbound = Inbound::default();
    inbound.set_key(Some(key()));
    inbound.adopt(SSRC, (index, 0), Some(LEVEL), now);
    inbound
}

fn header(index: u64, first: u8, rest: &[u8]) -> Vec<u8> {
    let mut header = vec![first, PT];
    header.extend((index as u16).to_be_bytes());
    header.extend((index as u32 * 960).to_be_bytes());
    header.extend(SSRC.to_be_bytes());
    header.extend(rest);
    header
}

fn sealed(index: u64, mut header: Vec<u8>, payload: &[u8]) -> Vec<u8> {
    let mut body = vec![0; payload.len() + TAG];
    let cipher = Cipher::new(&key()).unwrap();
    let ssrc = SSRC.into();
    assert!(
        cipher
            .seal(ssrc, index, &header, payload, &mut body)
            .is_ok()
    );
    header.extend(body);
    header
}

fn packet(index: u64) -> Vec<u8> {
    sealed(index, header(index, 0x80, &[]), b"sound")
}

fn open(inbound: &mut Inbound, packet: &[u8], now: Instant) -> Result<Opened, Refused> {
    let opened = inbound.open(packet, Some(PT.into()), &mut Vec::new(), now);
    opened.expect("a stream of ours")
}

#[test]
fn a_packet_comes_in_once_and_only_as_it_was_sent() {
    let now = Instant::now();
    let mut inbound = inbound(0x1_0000, now);
    let mut plain = Vec::new();
    let sent = packet(0x1_0001);
    let opened = inbound.open(&sent, Some(PT.into()), &mut plain, now);
    let opened = opened.unwrap().unwrap();
    assert_eq!((opened.sequence, opened.lengths), (0x1_0001, (12, 5)));
    assert_eq!(plain[..5], *b"sound");
    assert_eq!(open(&mut inbound, &sent, now), Err("rtp_replayed"));
    // From before it was ours, by whichever rollover counter.
    for index in [0x1_0000, 0xffff, 0xff00] {
        assert_eq!(open(&mut inbound, &packet(index), now), Err("rtp_replayed"));
    }
    let sent = packet(0x1_0002);
    for at in [1, 4, 12, sent.len() - 1] {
        let mut changed = sent.clone();
        changed[at] ^= 0x80;
        assert_eq!(open(&mut inbound, &changed, now), Err("rtp_unauthentic"));
    }
    // Nothing of that counts.
    assert!(open(&mut inbound, &sent, now).is_ok());
}

#[test]
fn what_is_not_ours_is_the_media_stacks() {
    let now = Instant::now();
    let mut inbound = inbound(1, now);
    let mut other = packet(2);
    other[11] ^= 1;
    assert_eq!(inbound.open(&other, None, &mut Vec::new(), now), None);
    assert_eq!(inbound.open(&other[..9], None, &mut Vec::new(), now), None);
    // Without AEAD, and beyond a few, nothing is.
    let mut without = Inbound::default();
    without.adopt(SSRC, (1, 0), None, now);
    assert!(!without.has(SSRC));
    for ssrc in 0..100 {
        inbound.adopt(ssrc, (1, 0), None, now);
    }
    assert_eq!(inbound.streams.len(), STREAMS_MAX);
}

#[test]
fn numbers_wrap_with_losses_and_reordering_around_it() {
    let now = Instant::now();
    let mut inbound = inbound(0xfff0, now);
    let order = [
        0xfff2, 0xfff1, 0x1_0003, 0xfffe, 0x1_0001, 0x1_0060, 0x1_8000,
    ];
    for index in order {
        let opened = open(&mut inbound, &packet(index), now);
        assert_eq!(opened.map(|opened| opened.sequence), Ok(index));
    }
}

#[test]
fn levels_are_read_from_either_form_and_padding_is_taken_off() {
    let now = Instant::now();
    let mut inbound = inbound(0, now);
    let one = [
        0xbe,
        0xde,
        0,
        2,
        0x00,
        0x11,
        9,
        9,
        LEVEL << 4,
        0x80 | 37,
        0,
        0,
    ];
    let two = [0x10, 0x00, 0, 2, 1, 2, 9, 9, LEVEL, 1, 20, 0];
    let csrc = [0, 0, 0, 5];
    let packet = sealed(1, header(1, 0x90, &one), b"x");
    let opened = open(&mut inbound, &packet, now).unwrap();
    assert_eq!((opened.level, opened.voice), (Some(-37), Some(true)));
    let packet = sealed(2, header(2, 0x91, &[&csrc[..], &two[..]].concat()), b"x");
    let opened = open(&mut inbound, &packet, now).unwrap();
    assert_eq!((opened.level, opened.voice), (Some(-20), Some(false)));
    let packet = sealed(3, header(3, 0xa0, &[]), &[1, 2, 3, 0, 0, 3]);
    let opened = open(&mut inbound, &packet, now).unwrap();
    assert_eq!((opened.level, opened.lengths), (None, (12, 3)));
    let packet = sealed(4, header(4, 0xa0, &[]), &[1, 2, 9]);
    assert_eq!(open(&mut inbound, &packet, now), Err("rtp_malformed"));
}

/// RFC 3550 sections A.3 and A.8.
#[test]
fn reports_say_what_was_lost_and_how_much_arrivals_vary() {
    let start = Instant::now();
    let mut inbound = inbound(100, start);
    for n in 1..=100 {
        if n % 4 != 0 {
            // Every second one is 5 ms late.
            let late = if n % 2 == 0 { 5 } else { 0 };
            let at = start + Duration::from_millis(20 * n + late);
            let mut packet = header(100 + n, 0x80, &[]);
            packet[4..8].copy_from_slice(&(960 * n as u32).to_be_bytes());
            let packet = sealed(100 + n, packet, b"x");
            assert!(open(&mut inbound, &packet, at).is_ok());
        }
    }
    let report = inbound.report(SSRC).unwrap();
    // The last one too: nobody knows of it yet.
    assert_eq!((report.lost, report.highest), (24, 199));
    assert_eq!(report.fraction_lost, (24 * 256 / 100) as u8);
    assert!((100..=240).contains(&report.jitter), "{}", report.jitter);
    let report = inbound.report(SSRC).unwrap();
    assert_eq!((report.lost, report.fraction_lost), (24, 0));
    assert_eq!(inbound.report(8), None);
}

#[test]
fn a_senders_clock_is_told_as_it_said_it() {
    let half = SystemTime::UNIX_EPOCH + Duration::from_millis(1_500);
    assert_eq!(ntp_of(half), (NTP_TO_UNIX + 1) << 32 | 1 << 31);
    let before = SystemTime::UNIX_EPOCH - Duration::from_secs(5);
    assert_eq!(ntp_of(before), NTP_TO_UNIX << 32);
}

proptest! {
    #[test]
    fn any_bytes_are_survived(mut bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        let now = Instant::now();
        let mut inbound = inbound(1, now);
        if let Some(ssrc) = bytes.get_mut(8..12) {
            ssrc.copy_from_slice(&SSRC.to_be_bytes());
        }
        let opened = inbound.open(&bytes, Some(PT.into()), &mut Vec::new(), now);
        prop_assert!(opened.is_none_or(|opened| opened.is_err()));
    }

    /// Whatever a client of ours seals: what follows the decryption copes with it.
    #[test]
    fn anything_that_is_authentic_is_survived(packets in proptest::collection::vec(authentic(), 1..8)) {
        let mut now = Instant::now();
        let mut newest = 0xfff0;
        let mut inbound = inbound(newest, now);
        for packet in packets {
            newest += u64::from(packet.step);
            now += Duration::from_millis(packet.pause);
            let header = packet.header(newest);
            let sent = sealed(newest, header.clone(), &packet.payload);
            let mut plain = Vec::new();
            let opened = inbound.open(&sent, Some(PT.into()), &mut plain, now).expect("a stream of ours");
            let length = packet.payload.len();
            let padding = packet.payload.last().map(|last| usize::from(*last));
            let kept = match padding {
                _ if packet.first & HAS_PADDING == 0 => Some(length),
                Some(padding @ 1..) => length.checked_sub(padding),
                _ => None,
            };
            match (opened, kept) {
                (Ok(opened), Some(kept)) => {
                    prop_assert_eq!(opened.sequence, newest);
                    prop_assert_eq!(opened.timestamp, packet.timestamp);
                    prop_assert_eq!(opened.lengths, (header.len(), kept));
                    prop_assert_eq!(&plain[..kept], &packet.payload[..kept]);
                    prop_assert!(opened.level.is_none_or(|level| (-127..=0).contains(&level)));
                    prop_assert_eq!(opened.level.is_some(), opened.voice.is_some());
                }
                (Err(refused), None) => prop_assert_eq!(refused, "rtp_malformed"),
                (opened, kept) => prop_assert!(false, "{:?} {:?}", opened, kept),
            }
            // Malformed or not: it was there.
            prop_assert_eq!(open(&mut inbound, &sent, now), Err("rtp_replayed"));
            let report = inbound.report(SSRC).expect("a stream of ours");
            prop_assert_eq!(report.highest, newest as u32);
            prop_assert!(report.lost >= 0);
        }
    }
}

/// What a client may seal.
#[derive(Debug, Clone)]
struct Authentic {
    /// Without its length of contributing sources.
    first: u8,
    sources: Vec<u32>,
    profile: u16,
    /// Whole words.
    elements: Vec<u8>,
    payload: Vec<u8>,
    timestamp: u32,
    /// From the number before.
    step: u16,
    /// Since the one before, ms.
    pause: u64,
}

impl Authentic {
    fn header(&self, index: u64) -> Vec<u8> {
        let mut rest: Vec<u8> = self.sources.iter().flat_map(|s| s.to_be_bytes()).collect();
        if self.first & HAS_EXTENSION != 0 {
            rest.extend(self.profile.to_be_bytes());
            rest.extend((self.elements.len() as u16 / 4).to_be_bytes());
            rest.extend(&self.elements);
        }
        let mut header = header(index, self.first | self.sources.len() as u8, &rest);
        header[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        header
    }
}

fn authentic() -> impl Strategy<Value = Authentic> {
    let bytes = |length| proptest::collection::vec(any::<u8>(), length);
    // Ids and lengths that mean something, and any others.
    let element = prop_oneof![
        Just(LEVEL << 4),
        Just(LEVEL),
        Just(0),
        Just(0xff),
        0..18_u8,
        any::<u8>()
    ];
    let elements = proptest::collection::vec(element, 0..40).prop_map(|mut elements| {
        elements.truncate(elements.len() / 4 * 4);
        elements
    });
    let profile = prop_oneof![Just(ONE_BYTE), TWO_BYTES..=TWO_BYTES + 15, any::<u16>()];
    let payload = prop_oneof![
        bytes(0..8),
        bytes(0..300),
        proptest::collection::vec(0..9_u8, 0..20)
    ];
    let flags = (any::<bool>(), any::<bool>());
    let sources = proptest::collection::vec(any::<u32>(), 0..16);
    let moves = (any::<u32>(), 1..0x8000_u16, 0..100_000_u64);
    (flags, sources, profile, elements, payload, moves).prop_map(
        |((padded, extended), sources, profile, elements, payload, moves)| Authentic {
            first: 0x80 | (u8::from(padded) * HAS_PADDING) | (u8::from(extended) * HAS_EXTENSION),
            sources,
            profile,
            elements,
            payload,
            timestamp: moves.0,
            step: moves.1,
            pause: moves.2,
        },
    )
}
