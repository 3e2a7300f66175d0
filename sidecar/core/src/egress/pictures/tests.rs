use std::sync::Arc;

use parley_media::sequence::StreamKey;
use parley_media::video::{PictureId, Vp8Header};
use proptest::prelude::*;
use str0m::media::{MediaKind, Pt};
use str0m_proto::crypto::dtls::SrtpProfile;

use super::*;
use crate::egress::away::Lanes;
use crate::egress::differential::{MID, MID_ID, Pair, RTX, SSRC, TRANSPORT_ID, address, material};
use crate::egress::{Compact, Egress, Packet as RtcPacket, RtcEgress, TAG};
use crate::session::peer::VideoCodec;

const VP8: u8 = 96;
const VP8_RTX: u8 = 97;
/// Where the transport-wide number stands: header, CSRC, head of the extension and its first element.
const TRANSPORT_AT: usize = 12 + 4 + 4 + 1;
const STREAM: StreamKey = StreamKey(1);

/// One packet of a picture, `gap` numbers after the one before.
#[derive(Debug, Clone)]
struct Step {
    gap: u64,
    ticks: u32,
    marker: bool,
    csrc: u32,
    picture_id: u16,
    tl0: u8,
    content: Vec<u8>,
}

fn any_step() -> impl Strategy<Value = Step> {
    let content = prop_oneof![
        1 => proptest::collection::vec(any::<u8>(), 1..160),
        3 => proptest::collection::vec(any::<u8>(), 1_000..1_150),
    ];
    let numbers = (any::<bool>(), any::<u32>(), 0u16..0x8000, any::<u8>());
    (
        prop_oneof![6 => Just(1u64), 1 => 2u64..200],
        0u32..5_000,
        numbers,
        content,
    )
        .prop_map(
            |(gap, ticks, (marker, csrc, picture_id, tl0), content)| Step {
                gap,
                ticks,
                marker,
                csrc,
                picture_id,
                tl0,
                content,
            },
        )
}

/// X, S and PartID of the first octet, then I, L and T, a 15-bit picture id, TL0PICIDX, TID.
fn payload(content: &[u8]) -> Arc<[u8]> {
    let descriptor = [0x90, 0xe0, 0x80, 0, 0, 0x20];
    [&descriptor, content].concat().into()
}

fn outgoing(step: &Step, index: u64, timestamp: u32) -> Outgoing {
    let id = PictureId {
        value: step.picture_id,
        long: true,
    };
    Outgoing {
        index,
        stream: STREAM,
        place: 0,
        timestamp,
        vp8: Vp8Numbers {
            picture_id: Some(id),
            tl0: Some(step.tl0),
        },
        marker: step.marker,
        codec: VideoCodec::Vp8,
    }
}

fn picture(payload: &[u8], csrc: u32, pt: u8) -> Picture<'_> {
    let places = Vp8Header::parse_places(payload);
    Picture {
        pt,
        csrc,
        counters: places.map(|(_, places)| places).unwrap_or_default(),
        payload,
    }
}

fn ready(profile: SrtpProfile) -> Compact {
    let mut compact = Compact::default();
    let provider = str0m_aws_lc_rs::default_provider().srtp_provider;
    let key = SendKey::derive(&material(profile), profile, false, provider);
    compact.set_keys(key, None);
    compact.follow(path(), &mut Lanes::new(0));
    compact.pictures.set_negotiated(with_numbers(), true);
    compact.declare_video(SSRC.into(), Some((RTX.into(), 65_530)), MID);
    compact
}

fn with_numbers() -> ExtensionIds {
    ExtensionIds {
        mid: Some(MID_ID),
        transport: Some(TRANSPORT_ID),
        send_time: None,
    }
}

fn path() -> Path {
    Path {
        source: address(0),
        destination: address(1),
    }
}

fn to(out: &mut Outbox, now: Instant) -> To<'_> {
    To {
        path: path(),
        out,
        now,
    }
}

fn written(
    compact: &mut Compact,
    numbers: &Outgoing,
    picture: &Picture<'_>,
    now: Instant,
) -> Vec<u8> {
    let mut out = Outbox::default();
    let sent = compact.write_picture(SSRC.into(), numbers, picture, now, (&mut out, now));
    assert_eq!(sent, Ok(()));
    out.own_bytes(0).to_vec()
}

/// Without what the authentication tag says, and without the transport-wide number, which is given apart.
fn numbered(datagram: &[u8]) -> (Vec<u8>, u16) {
    let mut bytes = datagram[..datagram.len() - TAG].to_vec();
    let place = &mut bytes[TRANSPORT_AT..TRANSPORT_AT + 2];
    let number = u16::from_be_bytes([place[0], place[1]]);
    place.fill(0);
    (bytes, number)
}

/// The same packets by str0m's way and by ours: the same bytes but for where the transport-wide numbers
/// begin; and str0m takes ours in as what they were.
fn compare(
    profile: SrtpProfile,
    first: u16,
    time: u32,
    steps: &[Step],
) -> Result<(), TestCaseError> {
    let mut pair = Pair::connected(profile, MediaKind::Video);
    let mut compact = ready(profile);
    let (mut index, mut timestamp) = (u64::from(first), time);
    let mut begins: Option<u16> = None;
    for step in steps {
        let original = payload(&step.content);
        let numbers = outgoing(step, index, timestamp);
        let picture = picture(&original, step.csrc, VP8);
        let ours = written(&mut compact, &numbers, &picture, pair.now);

        // str0m is given what ours is expected to make of the counters.
        let mut patched = original.to_vec();
        prop_assert!(Vp8Header::patch(&mut patched, numbers.vp8));
        let patched: Arc<[u8]> = patched.into();
        let packet = RtcPacket {
            index,
            timestamp,
            marker: step.marker,
            pt: Pt::from(VP8),
            csrc: step.csrc,
            level: None,
            nackable: false,
            vp8: None,
            payload: &patched,
            captured: pair.now,
        };
        let written = RtcEgress::new(&mut pair.rtcs[0]).write(SSRC.into(), &packet);
        prop_assert_eq!(written, Ok(()));
        pair.run();
        prop_assert_eq!(pair.sent.len(), 1);
        let theirs = pair.sent.remove(0);
        let ((ours_bytes, ours_number), (bytes, number)) = (numbered(&ours), numbered(&theirs));
        prop_assert_eq!(ours_bytes, bytes);
        let offset = ours_number.wrapping_sub(number);
        prop_assert_eq!(*begins.get_or_insert(offset), offset);

        pair.receive(1, &ours);
        pair.run();
        prop_assert_eq!(pair.received.len(), 1);
        let got = pair.received.remove(0);
        prop_assert_eq!(*got.seq_no, index);
        prop_assert_eq!(got.header.timestamp, timestamp);
        prop_assert_eq!(got.header.marker, step.marker);
        prop_assert_eq!(&got.header.csrc[..got.header.csrc_count], &[step.csrc][..]);
        prop_assert_eq!(got.header.ext_vals.transport_cc, Some(ours_number));
        prop_assert_eq!(&got.payload[..], &patched[..]);
        index += step.gap;
        timestamp = timestamp.wrapping_add(step.ticks);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn both_ways_make_the_same_datagrams(
        first in prop_oneof![any::<u16>(), 65_400u16..],
        time: u32,
        steps in proptest::collection::vec(any_step(), 1..60),
    ) {
        compare(SrtpProfile::AEAD_AES_128_GCM, first, time, &steps)?;
        compare(SrtpProfile::AEAD_AES_256_GCM, first, time, &steps)?;
    }

    /// Some are lost, named in a NACK, and come again as what they were; across the end of the sequence
    /// numbers of both streams.
    #[test]
    fn what_is_lost_comes_again(
        first in 65_400u16..65_530,
        steps in proptest::collection::vec((any_step(), any::<bool>()), 2..80),
    ) {
        let profile = SrtpProfile::AEAD_AES_128_GCM;
        let mut pair = Pair::connected(profile, MediaKind::Video);
        let mut compact = ready(profile);
        let mut lost = vec![];
        for (n, (index, (step, arrives))) in (u64::from(first)..).zip(&steps).enumerate() {
            let original = payload(&step.content);
            let numbers = outgoing(step, index, n as u32);
            let datagram = written(&mut compact, &numbers, &picture(&original, step.csrc, VP8), pair.now);
            // The first one tells the receiver where the numbers are.
            if *arrives || n == 0 {
                pair.receive(1, &datagram);
                pair.run();
            } else {
                lost.push((index, step.clone()));
            }
        }
        pair.received.clear();
        for (index, step) in &lost {
            let now = pair.now;
            let sent = compact.pictures.lost(SSRC, *index as u16, now).unwrap();
            prop_assert_eq!(sent.index, *index);
            let original = payload(&step.content);
            let mut out = Outbox::default();
            let to = To { path: path(), out: &mut out, now };
            let again = picture(&original, step.csrc, VP8_RTX);
            prop_assert_eq!(compact.pictures.repeat(SSRC, &sent, &again, true, to), Ok(true));
            prop_assert_eq!(compact.pictures.lost(SSRC, *index as u16, now), Err(Refused::TooSoon));
            pair.receive(1, out.own_bytes(0));
            pair.run();
            prop_assert_eq!(pair.received.len(), 1, "packet {}", index);
            let got = pair.received.remove(0);
            prop_assert_eq!(*got.seq_no, *index);
            let mut patched = original.to_vec();
            Vp8Header::patch(&mut patched, sent.vp8);
            prop_assert_eq!(&got.payload[..], &patched[..]);
            prop_assert_eq!(got.header.marker, step.marker);
        }
    }
}

fn step() -> Step {
    Step {
        gap: 1,
        ticks: 0,
        marker: true,
        csrc: 7,
        picture_id: 1,
        tl0: 2,
        content: vec![5; 1_000],
    }
}

#[test]
fn all_that_leaves_is_counted_by_one_counter() {
    let mut compact = ready(SrtpProfile::AEAD_AES_128_GCM);
    compact.declare_video(0x99.into(), Some((0x9a.into(), 1)), "1");
    let (now, original) = (Instant::now(), payload(&[1; 300]));
    let mut out = Outbox::default();
    let (media, again) = (picture(&original, 7, VP8), picture(&original, 7, VP8_RTX));
    for n in 0..3 {
        for ssrc in [SSRC, 0x99] {
            let numbers = outgoing(&step(), 10 + n, 0);
            let to = (&mut out, now);
            let sent = compact.write_picture(ssrc.into(), &numbers, &media, now, to);
            assert_eq!(sent, Ok(()));
        }
        let sent = compact.pictures.lost(SSRC, 10 + n as u16, now).unwrap();
        let repeated = compact
            .pictures
            .repeat(SSRC, &sent, &again, false, to(&mut out, now));
        assert_eq!(repeated, Ok(true));
        let blank = compact
            .pictures
            .blank(0x99, VP8_RTX, 1_000, to(&mut out, now));
        assert_eq!(blank, Ok(Some(255)));
    }
    let mut numbers = vec![];
    while let Some(crate::outbox::Outgoing::Datagram { payload, .. }) = out.pop() {
        let crate::outbox::Payload::Own(range) = payload else {
            panic!("str0m's");
        };
        let bytes = out.own(range);
        // Blank ones have no CSRC.
        let at = TRANSPORT_AT - 4 + 4 * usize::from(bytes[0] & 0x0f);
        numbers.push(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    }
    assert_eq!(numbers.len(), 12);
    let steps = numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    assert!(steps.clone().all(|step| step == 1), "{numbers:?}");
}

#[test]
fn padding_is_taken_in_as_nothing() {
    let profile = SrtpProfile::AEAD_AES_256_GCM;
    let mut pair = Pair::connected(profile, MediaKind::Video);
    let mut compact = ready(profile);
    let original = payload(&step().content);
    let datagram = written(
        &mut compact,
        &outgoing(&step(), 1, 0),
        &picture(&original, 7, VP8),
        pair.now,
    );
    pair.receive(1, &datagram);
    pair.run();
    assert_eq!(pair.received.len(), 1);
    for bytes in [1, 100, 255, 2_000] {
        let mut out = Outbox::default();
        let to = To {
            path: path(),
            out: &mut out,
            now: pair.now,
        };
        let sent = compact.pictures.blank(SSRC, VP8_RTX, bytes, to);
        assert_eq!(sent, Ok(Some(bytes.min(255))));
        pair.receive(1, out.own_bytes(0));
        pair.run();
    }
    assert_eq!(pair.received.len(), 1);
    assert_eq!(compact.pictures.repeats(SSRC).unwrap().repeated, 4);
}

#[test]
fn who_asks_too_often_costs_a_share_of_the_media() {
    let mut compact = ready(SrtpProfile::AEAD_AES_128_GCM);
    let (start, original) = (Instant::now(), payload(&step().content));
    let mut repeated = 0u64;
    for n in 0..2_000u64 {
        let now = start + Duration::from_millis(10 * n);
        let numbers = outgoing(&step(), 10 + n, 0);
        let _ = written(&mut compact, &numbers, &picture(&original, 7, VP8), now);
        let sent = compact.pictures.lost(SSRC, (10 + n) as u16, now).unwrap();
        let mut out = Outbox::default();
        let to = To {
            path: path(),
            out: &mut out,
            now,
        };
        let again = picture(&original, 7, VP8_RTX);
        let sent = compact.pictures.repeat(SSRC, &sent, &again, true, to);
        repeated += u64::from(sent == Ok(true));
    }
    // A quarter, and what is free in 20 s.
    assert!((500..1_000).contains(&repeated), "{repeated}");
}

#[test]
fn what_was_refused_may_be_asked_for_at_once() {
    let mut compact = ready(SrtpProfile::AEAD_AES_128_GCM);
    let (now, original) = (Instant::now(), payload(&step().content));
    let media = picture(&original, 7, VP8);
    let again = picture(&original, 7, VP8_RTX);
    let asked = |compact: &mut Compact| {
        let sent = compact.pictures.lost(SSRC, 10, now)?;
        let mut out = Outbox::default();
        let to = to(&mut out, now);
        let repeated = compact.pictures.repeat(SSRC, &sent, &again, true, to);
        Ok(repeated.unwrap())
    };
    let _ = written(&mut compact, &outgoing(&step(), 10, 0), &media, now);
    // All that is free is used up.
    while compact.pictures.budget.take(now, 1_000) {}
    assert_eq!(asked(&mut compact), Ok(false));
    for n in 11..20 {
        let _ = written(&mut compact, &outgoing(&step(), n, 0), &media, now);
    }
    assert_eq!(asked(&mut compact), Ok(true));
    assert_eq!(asked(&mut compact), Err(Refused::TooSoon));
}

#[test]
fn a_profile_without_aead_is_left_to_str0m() {
    let compact = ready(SrtpProfile::AES128_CM_SHA1_80);
    assert!(compact.is_left_to_rtc());
    assert!(!compact.pictures.has(SSRC));
}

#[test]
fn nobody_else_hears_of_feedback_about_pictures() {
    let mut compact = ready(SrtpProfile::AEAD_AES_128_GCM);
    let feedback = |format: u8, ssrc: u32, control: &[u8]| {
        let mut packet = vec![0x80 | format, 205, 0, 2 + control.len() as u8 / 4];
        packet.extend([0, 0, 0, 1]);
        packet.extend(ssrc.to_be_bytes());
        packet.extend(control);
        packet
    };
    let now = Instant::now();
    let mut about_ours = feedback(1, SSRC, &[0, 5, 0, 1]);
    compact.pictures.take_feedback(&mut about_ours, now);
    assert_eq!(about_ours[1], 204);
    let mut about_others = feedback(1, 0x99, &[0, 5, 0, 1]);
    compact.pictures.take_feedback(&mut about_others, now);
    assert_eq!(about_others[1], 205);
    assert_eq!(compact.pictures.take_nacked(), [(SSRC, 5), (SSRC, 6)]);
    // Nonsense is counted once something was sent.
    let original = payload(&[1; 10]);
    let _ = written(
        &mut compact,
        &outgoing(&step(), 1, 0),
        &picture(&original, 7, VP8),
        now,
    );
    let mut nonsense = feedback(15, SSRC, &[0, 0, 0, 9]);
    compact.pictures.take_feedback(&mut nonsense, now);
    assert_eq!((nonsense[1], compact.pictures.malformed), (204, 1));
    // A storm is cut short.
    for _ in 0..1_000 {
        let mut storm = feedback(1, SSRC, &[0, 5, 0xff, 0xff]);
        compact.pictures.take_feedback(&mut storm, now);
    }
    assert_eq!(compact.pictures.take_nacked().len(), 2_048);
}

#[test]
fn who_negotiated_no_numbers_is_not_padded_for_reports_that_cannot_come() {
    let mut compact = ready(SrtpProfile::AEAD_AES_128_GCM);
    let now = Instant::now();
    compact.pictures.set_target(now, 500_000, 1_000_000);
    assert!(compact.pictures.estimator_mut().is_some());
    let without = ExtensionIds {
        mid: Some(MID_ID),
        ..ExtensionIds::default()
    };
    assert!(compact.pictures.set_negotiated(without, true));
    assert!(!compact.pictures.set_negotiated(without, true));
    assert!(compact.pictures.estimator_mut().is_none());
    compact.pictures.set_target(now, 500_000, 1_000_000);
    assert!(compact.pictures.estimator_mut().is_none());
}

#[test]
fn who_takes_no_retransmissions_is_not_padded() {
    let mut compact = ready(SrtpProfile::AEAD_AES_128_GCM);
    let now = Instant::now();
    let asked = |compact: &mut Compact| {
        compact.pictures.set_target(now, 500_000, 1_000_000);
        let estimator = compact.pictures.estimator_mut().unwrap();
        estimator.poll_padding(now).is_some()
    };
    assert!(asked(&mut compact));
    assert!(compact.pictures.set_negotiated(with_numbers(), false));
    assert!(!asked(&mut compact));
    assert!(compact.pictures.set_negotiated(with_numbers(), true));
    assert!(asked(&mut compact));
}
