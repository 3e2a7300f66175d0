use std::sync::Arc;
use std::time::Duration;

use str0m::media::MediaKind;
use str0m_proto::crypto::dtls::SrtpProfile;

use super::*;
use crate::egress::Egress;
use crate::egress::differential::{Pair, SSRC, material};

fn path() -> Path {
    Path {
        source: "127.0.0.1:8443".parse().unwrap(),
        destination: "127.0.0.1:9".parse().unwrap(),
    }
}

fn ready(key: SendKey) -> Compact {
    let mut compact = Compact::default();
    compact.set_keys(Some(key), None);
    compact.follow(path(), &mut Lanes::new(0));
    compact.declare_audio(7.into());
    compact
}

fn packet(payload: &Arc<[u8]>, at: Instant) -> Packet<'_> {
    Packet {
        index: 0x1_0002,
        timestamp: 960,
        marker: true,
        pt: 111.into(),
        csrc: 0x0a0b_0c0d,
        level: None,
        nackable: false,
        vp8: None,
        payload,
        captured: at,
    }
}

fn sent(compact: &mut Compact, packet: &Packet<'_>) -> Vec<u8> {
    let mut outbox = Outbox::default();
    let mut egress = CompactEgress {
        compact,
        outbox: &mut outbox,
        lanes: &mut Lanes::new(0),
    };
    assert_eq!(egress.write(7.into(), packet), Ok(()));
    outbox.own_bytes(0).to_vec()
}

#[test]
fn the_header_says_what_the_packet_says() {
    let payload: Arc<[u8]> = vec![1, 2, 3].into();
    let key = SendKey::Aes128Gcm {
        key: [1; 16],
        salt: [2; 12],
    };
    let mut compact = ready(key);
    let mut packet = packet(&payload, Instant::now());
    let plain = sent(&mut compact, &packet);
    let header = [
        0x81,
        0x80 | 111,
        0,
        2,
        0,
        0,
        3,
        0xc0,
        0,
        0,
        0,
        7,
        0x0a,
        0x0b,
        0x0c,
        0x0d,
    ];
    assert_eq!(plain[..HEADER], header);
    assert_eq!(plain.len(), HEADER + 3 + TAG);
    // Levels only where the receiver knows an id for them.
    packet.level = Some((-37, true));
    assert_eq!(sent(&mut compact, &packet).len(), plain.len());
    compact.level_id = Some(3);
    let levelled = sent(&mut compact, &packet);
    assert_eq!(levelled[0], 0x91);
    assert_eq!(levelled[16..24], [0xbe, 0xde, 0, 1, 0x30, 0x80 | 37, 0, 0]);
}

#[test]
fn nothing_leaves_before_there_are_keys_and_a_way() {
    let payload: Arc<[u8]> = vec![1].into();
    let packet = packet(&payload, Instant::now());
    let mut compact = Compact::default();
    let mut outbox = Outbox::default();
    let mut write = |compact: &mut Compact| {
        CompactEgress {
            compact,
            outbox: &mut outbox,
            lanes: &mut Lanes::new(0),
        }
        .write(7.into(), &packet)
    };
    compact.follow(path(), &mut Lanes::new(0));
    assert_eq!(write(&mut compact), Err(EgressError::NoStream));
    let key = SendKey::Aes128Gcm {
        key: [1; 16],
        salt: [2; 12],
    };
    let mut compact = Compact::default();
    compact.set_keys(Some(key), None);
    assert_eq!(write(&mut compact), Err(EgressError::NoStream));
    compact.follow(path(), &mut Lanes::new(0));
    assert_eq!(
        write(&mut compact),
        Err(EgressError::NoStream),
        "undeclared"
    );
    compact.declare_audio(7.into());
    assert_eq!(write(&mut compact), Ok(()));
}

#[test]
fn reports_go_on_from_the_last_packet_at_the_pace_of_the_clock() {
    let payload: Arc<[u8]> = vec![0; 80].into();
    let key = SendKey::Aes256Gcm {
        key: [1; 32],
        salt: [2; 12],
    };
    let mut compact = ready(key);
    let start = Instant::now();
    let _ = sent(&mut compact, &packet(&payload, start));
    let info = compact.sender_info(7, start + Duration::from_millis(250));
    let expected = SenderInfo {
        timestamp: 960 + 12_000,
        packets: 1,
        octets: 80,
    };
    assert_eq!(info, Some(expected));
    assert_eq!(compact.sender_info(8, start), None);
    let block = |lost| ReportBlock {
        ssrc: 7,
        lost,
        jitter: 48,
    };
    assert!(compact.take_report(&block(-2)));
    let reception = compact.reception(7.into()).unwrap();
    assert_eq!((reception.lost, reception.jitter), (0, 48));
    assert!(compact.take_report(&block(3)));
    assert_eq!(compact.reception(7.into()).unwrap().lost, 3);
}

#[test]
fn a_late_packet_does_not_move_the_clock_of_the_reports_back() {
    let payload: Arc<[u8]> = vec![0; 80].into();
    let key = SendKey::Aes256Gcm {
        key: [1; 32],
        salt: [2; 12],
    };
    let mut compact = ready(key);
    assert_eq!(compact.sender_info(7, Instant::now()), None, "nothing sent");
    let start = Instant::now();
    let _ = sent(&mut compact, &packet(&payload, start));
    let mut late = packet(&payload, start + Duration::from_millis(100));
    late.timestamp = 0;
    let _ = sent(&mut compact, &late);
    let info = compact
        .sender_info(7, start + Duration::from_millis(100))
        .unwrap();
    assert_eq!((info.timestamp, info.packets), (960 + 4_800, 2));
}

#[test]
fn reports_of_streams_that_str0m_sends_are_left_to_it_from_its_first_packet_on() {
    let mut compact = Compact::default();
    // As of a profile that is left to str0m.
    compact.set_keys(None, None);
    compact.declare_video(8.into(), Some((9.into(), 1)), "0");
    let taken = |compact: &mut Compact, ssrc| {
        compact.take_report(&ReportBlock {
            ssrc,
            lost: 0,
            jitter: 0,
        })
    };
    assert!(taken(&mut compact, 8) && taken(&mut compact, 9));
    assert!(!taken(&mut compact, 10));
    compact.rtc_sends(8.into(), Some(9.into()));
    assert!(!taken(&mut compact, 8) && !taken(&mut compact, 9));
}

/// Past the media stack, which hears but now and then what time its clock shows, to answer it.
#[test]
fn what_a_listener_says_of_voices_is_read_here() {
    let profile = SrtpProfile::AEAD_AES_128_GCM;
    let provider = str0m_aws_lc_rs::default_provider().srtp_provider;
    let key = SendKey::derive(&material(profile), profile, false, provider);
    let reports = SendKey::derive_rtcp(&material(profile), profile, true, provider);
    let mut compact = ready(key.unwrap());
    compact.declare_audio(SSRC.into());
    compact.pictures.set_report_key(reports);
    let mut pair = Pair::connected(profile, MediaKind::Audio);
    let payload: Arc<[u8]> = vec![0; 80].into();
    for index in (1..=20).filter(|index| *index != 3) {
        let packet = Packet {
            index,
            ..packet(&payload, pair.now)
        };
        let mut outbox = Outbox::default();
        let mut egress = CompactEgress {
            compact: &mut compact,
            outbox: &mut outbox,
            lanes: &mut Lanes::new(0),
        };
        assert_eq!(egress.write(SSRC.into(), &packet), Ok(()));
        pair.receive(1, outbox.own_bytes(0));
        pair.run();
    }
    // A receiver report: it asks for the lost one, too.
    let report = loop {
        match pair.reports.pop() {
            Some(report) if report[1] == 201 => break report,
            Some(_) => {}
            None => pair.run(),
        }
    };
    let now = pair.now;
    let later = |seconds| now + Duration::from_secs(seconds);
    assert!(!compact.take_compound(&report, now), "its time is answered");
    assert_eq!(compact.reception(SSRC.into()).unwrap().lost, 0);
    assert!(compact.take_compound(&report, later(4)));
    assert_eq!(compact.reception(SSRC.into()).unwrap().lost, 1);
    assert!(!compact.take_compound(&report, later(5)));
    let mut forged = report;
    forged[20] ^= 1;
    assert!(!compact.take_compound(&forged, later(6)));
}
