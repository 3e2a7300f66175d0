//! Both ways out, compared on the wire: whatever packets a stream has, the compact way makes the datagrams that
//! str0m would make of them, to the byte, and str0m takes them in as what they were. One difference is meant:
//! str0m sends an empty header extension where there is nothing to say, the compact way none.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use str0m::media::{MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{Extension, RtpPacket, Ssrc};
use str0m::{Candidate, Event, Input, Output, Rtc};
use str0m_proto::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, KeyingMaterial,
    ProtocolVersion, SrtpProfile,
};
use str0m_proto::crypto::{CryptoError, DtlsVersion};

use super::away::Lanes;
use super::cipher::TAG;
use super::{Compact, CompactEgress, Egress, Packet, Path, RtcEgress};
use crate::crypto::SendKey;
use crate::outbox::Outbox;

const LEVEL_ID: u8 = 1;
pub(super) const SSRC: u32 = 0x1234_5678;
pub(super) const RTX: u32 = 0x1234_5679;
pub(super) const MID: &str = "0";
/// Extensions of pictures.
pub(super) const TRANSPORT_ID: u8 = 3;
pub(super) const MID_ID: u8 = 4;

pub(super) fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 4_000))
}

pub(super) fn material(profile: SrtpProfile) -> Vec<u8> {
    (0..profile.keying_material_len())
        .map(|n| (n * 37 + 11) as u8)
        .collect()
}

/// DTLS that is over before it began, with these keys: a handshake would choose the profile itself.
#[derive(Debug)]
struct Agreed(SrtpProfile);

impl DtlsProvider for Agreed {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        str0m_aws_lc_rs::default_provider()
            .dtls_provider
            .generate_certificate()
    }

    fn new_dtls(
        &self,
        _: &DtlsCert,
        now: Instant,
        _: DtlsVersion,
        _: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        Ok(Box::new(Over {
            profile: self.0,
            step: 0,
            active: false,
            now,
        }))
    }
}

#[derive(Debug)]
struct Over {
    profile: SrtpProfile,
    step: u8,
    active: bool,
    now: Instant,
}

impl DtlsInstance for Over {
    fn set_active(&mut self, active: bool) {
        self.active = active;
    }
    fn handle_packet(&mut self, _: &[u8]) -> Result<(), DtlsImplError> {
        Ok(())
    }
    fn poll_output<'a>(&mut self, _: &'a mut [u8]) -> DtlsOutput<'a> {
        self.step = self.step.saturating_add(1);
        match self.step {
            1 => {
                let material = KeyingMaterial::new(&material(self.profile));
                DtlsOutput::KeyingMaterial(material, self.profile)
            }
            2 => DtlsOutput::Connected,
            _ => DtlsOutput::Timeout(self.now + Duration::from_secs(3_600)),
        }
    }
    fn handle_timeout(&mut self, _: Instant) -> Result<(), DtlsImplError> {
        Ok(())
    }
    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        Ok(data.len())
    }
    fn is_active(&self) -> bool {
        self.active
    }
    fn protocol_version(&self) -> Option<ProtocolVersion> {
        None
    }
    fn close(&mut self) -> Result<(), DtlsImplError> {
        Ok(())
    }
}

/// Two media stacks that are connected, and what the second one received.
pub(super) struct Pair {
    pub(super) now: Instant,
    pub(super) rtcs: [Rtc; 2],
    /// RTP that the first one sent.
    pub(super) sent: Vec<Vec<u8>>,
    pub(super) received: Vec<RtpPacket>,
    /// RTCP that the second one sent.
    pub(super) reports: Vec<Vec<u8>>,
}

fn rtc(profile: SrtpProfile, kind: MediaKind, now: Instant) -> Rtc {
    let mut provider = str0m_aws_lc_rs::default_provider();
    provider.dtls_provider = Box::leak(Box::new(Agreed(profile)));
    let builder = Rtc::builder()
        .set_crypto_provider(Arc::new(provider))
        .clear_codecs()
        .clear_extension_map()
        .set_rtp_mode(true);
    let builder = match kind {
        MediaKind::Audio => builder
            .enable_opus(true, false)
            .set_extension(LEVEL_ID, Extension::AudioLevel),
        MediaKind::Video => builder
            .enable_vp8(true)
            .set_extension(TRANSPORT_ID, Extension::TransportSequenceNumber)
            .set_extension(MID_ID, Extension::RtpMid),
    };
    builder.build(now)
}

impl Pair {
    pub(super) fn connected(profile: SrtpProfile, kind: MediaKind) -> Self {
        let now = Instant::now();
        let rtx = (kind == MediaKind::Video).then(|| RTX.into());
        let mut rtcs = [rtc(profile, kind, now), rtc(profile, kind, now)];
        let credentials = [0, 1].map(|n| rtcs[n].direct_api().local_ice_credentials());
        for (n, rtc) in rtcs.iter_mut().enumerate() {
            let host = |n: usize| Candidate::host(address(n as u8), "udp").unwrap();
            rtc.add_local_candidate(host(n));
            rtc.add_remote_candidate(host(1 - n));
            let mut api = rtc.direct_api();
            api.set_ice_controlling(n == 1);
            api.set_remote_ice_credentials(credentials[1 - n].clone());
            api.start_dtls(n == 1).unwrap();
            let mid = Mid::from(MID);
            api.declare_media(mid, kind);
            if n == 0 {
                api.declare_stream_tx(SSRC.into(), rtx, mid, None);
            } else {
                api.expect_stream_rx(SSRC.into(), rtx, mid, None);
            }
        }
        let mut pair = Self {
            now,
            rtcs,
            sent: vec![],
            received: vec![],
            reports: vec![],
        };
        for _ in 0..200 {
            pair.run();
        }
        assert!(pair.rtcs.iter().all(Rtc::is_connected), "not connected");
        pair
    }

    /// 10 ms of both.
    pub(super) fn run(&mut self) {
        self.now += Duration::from_millis(10);
        let mut ways: [VecDeque<Vec<u8>>; 2] = Default::default();
        for rtc in &mut self.rtcs {
            rtc.handle_input(Input::Timeout(self.now)).unwrap();
        }
        for _ in 0..4 {
            for n in 0..2 {
                while let Some(bytes) = ways[n].pop_front() {
                    self.receive(n, &bytes);
                }
                self.drain(n, &mut ways);
            }
        }
    }

    pub(super) fn receive(&mut self, n: usize, bytes: &[u8]) {
        let from = address(1 - n as u8);
        let receive = Receive::new(Protocol::Udp, from, address(n as u8), bytes).unwrap();
        let input = Input::Receive(self.now, receive);
        self.rtcs[n].handle_input(input).unwrap();
    }

    fn drain(&mut self, n: usize, ways: &mut [VecDeque<Vec<u8>>; 2]) {
        loop {
            match self.rtcs[n].poll_output().unwrap() {
                Output::Timeout(_) => return,
                Output::Transmit(transmit) => {
                    let bytes = transmit.contents.to_vec();
                    // RTP, and not RTCP (RFC 5761 section 4).
                    match bytes[..] {
                        [128..192, second, ..] if !(64..96).contains(&(second & 0x7f)) => {
                            self.sent.push(bytes);
                            continue;
                        }
                        [128..192, ..] if n == 1 => self.reports.push(bytes.clone()),
                        _ => {}
                    }
                    ways[1 - n].push_back(bytes);
                }
                Output::Event(Event::RtpPacket(packet)) => self.received.push(packet),
                Output::Event(_) => {}
            }
        }
    }
}

/// One packet of a stream, `gap` numbers after the one before.
#[derive(Debug, Clone)]
struct Step {
    gap: u64,
    ticks: u32,
    marker: bool,
    level: Option<(i8, bool)>,
    csrc: u32,
    payload: Vec<u8>,
}

fn any_step() -> impl Strategy<Value = Step> {
    (
        prop_oneof![6 => Just(1u64), 1 => 2u64..200],
        0u32..5_000,
        any::<bool>(),
        proptest::option::of((-127i8..=0, any::<bool>())),
        any::<u32>(),
        prop_oneof![
            3 => proptest::collection::vec(any::<u8>(), 1..160),
            1 => proptest::collection::vec(any::<u8>(), 1..1_150),
        ],
    )
        .prop_map(|(gap, ticks, marker, level, csrc, payload)| Step {
            gap,
            ticks,
            marker,
            level,
            csrc,
            payload,
        })
}

/// Without the authentication tag, which covers the header.
fn untagged(datagram: &[u8]) -> &[u8] {
    &datagram[..datagram.len() - TAG]
}

/// Without the empty extension after the one CSRC.
fn without_extension(datagram: &[u8]) -> Result<Vec<u8>, TestCaseError> {
    prop_assert_eq!(datagram[0], 0x91);
    prop_assert_eq!(&datagram[16..20], &[0xbe, 0xde, 0, 0][..]);
    let parts = [&[0x81], &datagram[1..16], &datagram[20..]];
    Ok(parts.concat())
}

fn compare(
    profile: SrtpProfile,
    first: u16,
    time: u32,
    steps: &[Step],
) -> Result<(), TestCaseError> {
    let mut pair = Pair::connected(profile, MediaKind::Audio);
    let mut compact = Compact::default();
    let provider = str0m_aws_lc_rs::default_provider().srtp_provider;
    let key = SendKey::derive(&material(profile), profile, false, provider);
    compact.set_keys(key, None);
    let path = Path {
        source: address(0),
        destination: address(1),
    };
    compact.follow(path, &mut Lanes::new(0));
    compact.declare_audio(SSRC.into());
    compact.level_id = Some(LEVEL_ID);
    let pt = Pt::from(111);
    let (mut index, mut timestamp) = (u64::from(first), time);
    for step in steps {
        let payload: Arc<[u8]> = step.payload.clone().into();
        let packet = Packet {
            index,
            timestamp,
            marker: step.marker,
            pt,
            csrc: step.csrc,
            level: step.level,
            nackable: false,
            vp8: None,
            payload: &payload,
            captured: pair.now,
        };
        let ssrc: Ssrc = SSRC.into();
        let mut outbox = Outbox::default();
        let mut ours = CompactEgress {
            compact: &mut compact,
            outbox: &mut outbox,
            lanes: &mut Lanes::new(0),
        };
        prop_assert_eq!(ours.write(ssrc, &packet), Ok(()));
        prop_assert_eq!(
            RtcEgress::new(&mut pair.rtcs[0]).write(ssrc, &packet),
            Ok(())
        );
        pair.run();
        let ours = outbox.own_bytes(0).to_vec();
        prop_assert_eq!(pair.sent.len(), 1);
        let theirs = pair.sent.remove(0);
        if step.level.is_some() {
            prop_assert_eq!(&ours, &theirs);
        } else {
            prop_assert_eq!(untagged(&ours), without_extension(untagged(&theirs))?);
        }

        pair.receive(1, &ours);
        pair.run();
        prop_assert_eq!(pair.received.len(), 1);
        let got = pair.received.remove(0);
        prop_assert_eq!(*got.seq_no, index);
        prop_assert_eq!(got.header.timestamp, timestamp);
        prop_assert_eq!(got.header.marker, step.marker);
        prop_assert_eq!(&got.header.csrc[..got.header.csrc_count], &[step.csrc][..]);
        let exts = &got.header.ext_vals;
        prop_assert_eq!(exts.audio_level.zip(exts.voice_activity), step.level);
        prop_assert_eq!(&got.payload[..], &step.payload[..]);
        index += step.gap;
        timestamp = timestamp.wrapping_add(step.ticks);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn both_ways_make_the_same_datagrams(
        first in prop_oneof![any::<u16>(), 65_400u16..],
        time: u32,
        steps in proptest::collection::vec(any_step(), 1..80),
    ) {
        compare(SrtpProfile::AEAD_AES_128_GCM, first, time, &steps)?;
        compare(SrtpProfile::AEAD_AES_256_GCM, first, time, &steps)?;
    }
}
