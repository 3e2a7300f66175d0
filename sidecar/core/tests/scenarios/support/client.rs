//! A client as a browser would be one: offers a data channel first, is polite, answers with its
//! microphone on one server-made line.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use parley_core::api::{Capabilities, VideoDown};
use parley_media::channel::{ClientMessage, MediaMapEntry, ServerMessage, SlotKind, SlotMap};
use parley_media::sdp::{Description, DescriptionKind};
use str0m::bwe::Bitrate;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::ChannelId;
use str0m::format::Codec;
use str0m::media::{
    Direction, KeyframeRequest, KeyframeRequestKind, MediaKind, Mid, Pt, Rid, Simulcast,
    SimulcastLayer,
};
use str0m::net::{Protocol, Receive};
use str0m::rtp::rtcp::SenderInfo;
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite};
use str0m::stats::RemoteIngressStats;
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc};

use super::keys::Keys;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Our bridge: slots_v1, SDP by the channel.
    Ours,
    /// An official web client.
    Official,
    /// An official mobile client: no cameras.
    Mobile,
    /// Ours in a direct channel: one voice slot.
    Direct,
    /// [`Self::Ours`] and [`Self::Official`] that take AV1.
    OursAv1,
    OfficialAv1,
    /// An official client that is told how loud voices are.
    Transcriber,
}

impl Profile {
    fn is_ours(self) -> bool {
        matches!(self, Self::Ours | Self::Direct | Self::OursAv1)
    }

    fn takes_av1(self) -> bool {
        matches!(self, Self::OursAv1 | Self::OfficialAv1)
    }
}

/// A packet as it came out of a slot.
#[derive(Debug, Clone)]
pub struct Heard {
    pub at: Instant,
    pub mid: String,
    pub ssrc: u32,
    pub seq: u64,
    pub ts: u32,
    pub marker: bool,
    pub pt: u8,
    pub csrc: Vec<u32>,
    /// Level and voice bit, where they are sent.
    pub level: (Option<i8>, Option<bool>),
    pub payload: Vec<u8>,
    /// The latest sender report of the stream.
    pub report: Option<SenderInfo>,
}

pub struct Client {
    pub name: &'static str,
    pub profile: Profile,
    pub address: SocketAddr,
    /// As the world sees it, once that is another one than its own.
    pub outside: Option<SocketAddr>,
    pub rtc: Rtc,
    /// Where the clocks of its media begin.
    born: Instant,
    /// For packets that its media stack would not send.
    pub keys: Keys,
    pub wakes: Instant,
    pub outgoing: Vec<Vec<u8>>,
    /// To the signalling socket.
    pub signals: Vec<String>,
    /// From the signalling socket.
    pub inbox: Vec<String>,
    pub channel: Option<ChannelId>,
    pub messages: Vec<ServerMessage>,
    pub slot_map: SlotMap,
    pub media_map: BTreeMap<String, MediaMapEntry>,
    pub heard: Vec<Heard>,
    pub keyframe_requests: Vec<KeyframeRequest>,
    pub connected: bool,
    pub ice: Option<IceConnectionState>,
    /// What the core reported last of its microphone.
    pub reception: Option<RemoteIngressStats>,
    pub offers_seen: Vec<String>,
    /// Puts its microphone on a server-made line when answering.
    pub microphone: bool,
    pub mic_mid: Option<Mid>,
    /// Answer our own pending offers are waiting for.
    pub pending: Option<SdpPendingOffer>,
    /// Holds back offers and answers (to provoke glare).
    pub mute_signalling: bool,
    pub mute_network: bool,
    /// Sends on without taking anything in: its own stack must not see the answers to what it never sent.
    pub deaf: bool,
    seq: u64,
    ts: u32,
    /// Lines of its own that carry AV1.
    pub av1_lines: Vec<Mid>,
    pub video_seq: BTreeMap<String, u64>,
    pub picture: u16,
    /// Of pictures by rid, where not 360.
    pub heights: BTreeMap<&'static str, u16>,
}

impl Client {
    pub fn new(name: &'static str, profile: Profile, address: SocketAddr, now: Instant) -> Self {
        let keys = Keys::default();
        let mut rtc = Rtc::builder()
            .set_crypto_provider(keys.provider())
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(true)
            .enable_av1(profile.takes_av1())
            .set_rtp_mode(true)
            .enable_bwe(Some(Bitrate::mbps(3)))
            .set_stats_interval(Some(Duration::from_secs(1)))
            .build(now);
        rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        Self {
            name,
            profile,
            address,
            outside: None,
            rtc,
            born: now,
            keys,
            wakes: now,
            outgoing: vec![],
            signals: vec![],
            inbox: vec![],
            channel: None,
            messages: vec![],
            slot_map: SlotMap::default(),
            media_map: BTreeMap::new(),
            heard: vec![],
            keyframe_requests: vec![],
            connected: false,
            ice: None,
            reception: None,
            offers_seen: vec![],
            microphone: true,
            mic_mid: None,
            pending: None,
            mute_signalling: false,
            mute_network: false,
            deaf: false,
            // Everybody counts from somewhere else, as real clients do.
            seq: name.bytes().map(|b| 97 * u64::from(b)).sum::<u64>() % 20_000,
            ts: 77_000,
            av1_lines: vec![],
            video_seq: BTreeMap::new(),
            picture: 1,
            heights: BTreeMap::new(),
        }
    }

    pub fn outside(&self) -> SocketAddr {
        self.outside.unwrap_or(self.address)
    }

    pub fn capabilities(&self) -> Capabilities {
        let ours = self.profile.is_ours();
        Capabilities {
            dc_signaling: ours,
            av1: self.profile.takes_av1(),
            slots_v1: ours,
            video_down: match self.profile {
                Profile::Ours | Profile::Direct | Profile::OursAv1 => VideoDown::Slots,
                Profile::Official | Profile::OfficialAv1 | Profile::Transcriber => {
                    VideoDown::OnDemand
                }
                Profile::Mobile => VideoDown::None,
            },
            max_audio_slots: u8::from(self.profile == Profile::Direct),
            needs_audio_level: self.profile == Profile::Transcriber,
        }
    }

    pub fn first_offer(&mut self) -> String {
        let mut api = self.rtc.sdp_api();
        api.add_channel("calls-dc".into());
        let (offer, pending) = api.apply().unwrap();
        self.pending = Some(pending);
        to_json(DescriptionKind::Offer, offer.to_sdp_string())
    }

    /// Offers a line of its own, as `addTrack` does where no server-made line is free.
    pub fn offer_line(&mut self, kind: MediaKind, stream: &str, rids: &[&str]) -> (Mid, String) {
        let simulcast = (!rids.is_empty()).then(|| {
            let mut simulcast = Simulcast::new();
            for rid in rids {
                simulcast.add_send_layer(SimulcastLayer::new(rid));
            }
            simulcast
        });
        let mut api = self.rtc.sdp_api();
        let track = format!("track-{stream}");
        // Browsers make their own lines sendrecv.
        let direction = Direction::SendRecv;
        let mid = api.add_media(kind, direction, Some(stream.into()), Some(track), simulcast);
        let (offer, pending) = api.apply().unwrap();
        self.pending = Some(pending);
        (mid, to_json(DescriptionKind::Offer, offer.to_sdp_string()))
    }

    /// Sends a description the way this profile does.
    pub fn send_description(&mut self, json: String) {
        if self.profile.is_ours() {
            let zlib = parley_media::sdp::deflate(json.as_bytes());
            self.send(&ClientMessage::Sdp(&zlib));
        } else {
            self.signals.push(json);
        }
    }

    pub fn send(&mut self, message: &ClientMessage<'_>) {
        let (binary, bytes) = message.encode();
        self.send_raw(binary, &bytes);
    }

    pub fn send_raw(&mut self, binary: bool, bytes: &[u8]) {
        let id = self.channel.expect("channel is open");
        let sent = self.rtc.channel(id).unwrap().write(binary, bytes).unwrap();
        assert!(sent);
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
    }

    pub fn handle_datagram(&mut self, from: SocketAddr, bytes: &[u8], now: Instant) {
        if self.mute_network || self.deaf {
            return;
        }
        let receive = Receive::new(Protocol::Udp, from, self.address, bytes).unwrap();
        let _ = self.rtc.handle_input(Input::Receive(now, receive));
        self.drain(now);
    }

    pub fn drain(&mut self, now: Instant) {
        if !self.mute_signalling {
            for json in std::mem::take(&mut self.inbox) {
                self.handle_description(&json, false);
            }
        }
        if self.rtc.is_alive() {
            let _ = self.rtc.handle_input(Input::Timeout(now));
        }
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    self.wakes = at.max(now + Duration::from_micros(100));
                    break;
                }
                Ok(Output::Transmit(transmit)) => {
                    if !self.mute_network {
                        self.outgoing.push(transmit.contents.to_vec());
                    }
                }
                Ok(Output::Event(event)) => self.handle_event(event, now),
                Err(_) => {
                    self.wakes = now + Duration::from_secs(3600);
                    break;
                }
            }
        }
    }

    fn handle_event(&mut self, event: Event, now: Instant) {
        match event {
            Event::Connected => self.connected = true,
            Event::IceConnectionStateChange(state) => self.ice = Some(state),
            Event::ChannelOpen(id, _) => self.channel = Some(id),
            Event::ChannelData(data) => {
                let message = ServerMessage::decode(data.binary, &data.data).unwrap();
                self.handle_message(message);
            }
            Event::RtpPacket(packet) => self.hear(packet, now),
            Event::MediaEgressStats(stats) if Some(stats.mid) == self.mic_mid => {
                self.reception = stats.remote.or(self.reception.take());
            }
            Event::KeyframeRequest(request) => self.keyframe_requests.push(request),
            _ => {}
        }
    }

    fn handle_message(&mut self, message: ServerMessage) {
        match &message {
            ServerMessage::Sdp(zlib) => {
                let description = Description::from_zlib(zlib, 1 << 20).unwrap();
                let json = description.to_json();
                if !self.mute_signalling {
                    self.handle_description(&json, true);
                } else {
                    self.inbox.push(json);
                }
            }
            ServerMessage::SlotMap(map) => self.slot_map = map.clone(),
            ServerMessage::MediaMap(map) => self.media_map = map.clone(),
            _ => {}
        }
        self.messages.push(message);
    }

    fn handle_description(&mut self, json: &str, by_channel: bool) {
        let description = Description::from_json(json.as_bytes(), 1 << 20).unwrap();
        match description.kind {
            DescriptionKind::Answer => {
                let answer = SdpAnswer::from_sdp_string(&description.sdp).unwrap();
                if let Some(pending) = self.pending.take() {
                    let first = self.channel.is_none();
                    self.rtc.sdp_api().accept_answer(pending, answer).unwrap();
                    if !first {
                        self.send(&ClientMessage::Unlock);
                    }
                }
            }
            DescriptionKind::Offer => {
                self.offers_seen.push(description.sdp.clone());
                // Polite: an offer of its own is rolled back.
                self.pending = None;
                let sdp = self.choose_microphone(&description.sdp);
                let offer = SdpOffer::from_sdp_string(&sdp).unwrap();
                let answer = self.rtc.sdp_api().accept_offer(offer).unwrap();
                let json = to_json(DescriptionKind::Answer, answer.to_sdp_string());
                if by_channel {
                    let zlib = parley_media::sdp::deflate(json.as_bytes());
                    self.send(&ClientMessage::Sdp(&zlib));
                } else {
                    self.signals.push(json);
                }
            }
        }
    }

    /// str0m mirrors sendrecv; a browser sends on one line only.
    fn choose_microphone(&mut self, sdp: &str) -> String {
        let mut out = String::new();
        let mut mid = String::new();
        let mut audio = false;
        let starts = sdp.match_indices("\nm=").map(|(at, _)| at + 1);
        let mut bounds: Vec<usize> = std::iter::once(0).chain(starts).collect();
        bounds.push(sdp.len());
        for pair in bounds.windows(2) {
            let section = &sdp[pair[0]..pair[1]];
            if section.starts_with("m=") {
                audio = section.starts_with("m=audio");
                mid = section
                    .lines()
                    .find_map(|line| line.strip_prefix("a=mid:"))
                    .unwrap_or_default()
                    .trim()
                    .to_owned();
            }
            let takes = audio && self.microphone && section.contains("a=sendrecv");
            if takes && self.mic_mid.is_none() {
                self.mic_mid = Some(Mid::from(mid.as_str()));
            }
            if self.mic_mid == Some(Mid::from(mid.as_str())) {
                out.push_str(section);
            } else {
                out.push_str(&section.replace("a=sendrecv", "a=sendonly"));
            }
        }
        out
    }

    fn hear(&mut self, packet: RtpPacket, now: Instant) {
        let ssrc = packet.header.ssrc;
        let mid = self
            .rtc
            .direct_api()
            .stream_rx(&ssrc)
            .map(|stream| stream.mid().to_string())
            .unwrap_or_default();
        self.heard.push(Heard {
            at: now,
            mid,
            ssrc: *ssrc,
            seq: *packet.seq_no,
            ts: packet.header.timestamp,
            marker: packet.header.marker,
            pt: *packet.header.payload_type,
            csrc: packet.header.csrc[..packet.header.csrc_count].to_vec(),
            level: (
                packet.header.ext_vals.audio_level,
                packet.header.ext_vals.voice_activity,
            ),
            payload: packet.payload.to_vec(),
            report: packet.last_sender_info,
        });
    }

    /// Its microphone's line is negotiated.
    pub fn can_speak(&self) -> bool {
        let line = self.mic_mid.and_then(|mid| self.rtc.media(mid));
        line.is_some_and(|media| media.direction().is_sending())
    }

    /// The next voice packet's number is so much higher.
    pub fn jump(&mut self, by: u64) {
        self.seq += by;
    }

    /// One Opus packet that says who speaks, and what number it is.
    pub fn send_voice(&mut self, now: Instant, level: i8, voice: bool) {
        let payload = format!("{}:{}", self.name, self.seq + 1).into_bytes();
        self.send_voice_of(now, level, voice, payload);
    }

    /// One packet of the microphone with what a client may put into it.
    pub fn send_voice_of(&mut self, now: Instant, level: i8, voice: bool, payload: Vec<u8>) {
        let mid = self.mic_mid.expect("microphone");
        let pt = self.pt_of(Codec::Opus);
        self.seq += 1;
        self.ts = self.ts.wrapping_add(960);
        let mut api = self.rtc.direct_api();
        let stream = api
            .stream_tx_by_mid(mid, None)
            .expect("stream of the microphone");
        let ext = ExtensionValues {
            audio_level: Some(level),
            voice_activity: Some(voice),
            ..Default::default()
        };
        stream.write_rtp(RtpWrite::new(pt, self.seq.into(), self.ts, now, payload).ext_vals(ext));
        self.drain(now);
    }

    /// The microphone's clock runs while it sends nothing: the next packet is of this moment.
    pub fn run_clock(&mut self, now: Instant) {
        let since = now.duration_since(self.born).as_micros() * 48 / 1_000;
        self.ts = (since as u32).wrapping_sub(960);
    }

    /// Asks for a key frame of what comes on this line, as a decoder does that cannot go on.
    pub fn ask_key_frame(&mut self, mid: &str) {
        let mut api = self.rtc.direct_api();
        if let Some(stream) = api.stream_rx_by_mid(Mid::from(mid), None) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
        }
    }

    /// 20 ms of sound on a line of its own that is no microphone.
    pub fn send_sound(&mut self, now: Instant, mid: Mid) {
        let pt = self.pt_of(Codec::Opus);
        let number = self.video_seq.entry(mid.to_string()).or_insert(300);
        *number += 1;
        let number = *number;
        let payload = format!("{}:{mid}:{number}", self.name).into_bytes();
        let ts = (now.duration_since(self.born).as_micros() * 48 / 1_000) as u32;
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx_by_mid(mid, None).expect("stream of sound");
        stream.write_rtp(RtpWrite::new(pt, number.into(), ts, now, payload));
        self.drain(now);
    }

    pub fn pt_of(&self, codec: Codec) -> Pt {
        let config = self.rtc.codec_config();
        config.find(|p| p.spec().codec == codec).unwrap().pt()
    }

    /// One frame of one small packet on a line of its own.
    pub fn send_video(&mut self, now: Instant, mid: Mid, rid: Option<&str>, keyframe: bool) {
        self.send_frame(now, mid, rid, keyframe, (1, 0));
    }

    /// A frame of so many packets, each with so many bytes more than it needs.
    pub fn send_frame(
        &mut self,
        now: Instant,
        mid: Mid,
        rid: Option<&str>,
        keyframe: bool,
        (packets, padding): (usize, usize),
    ) {
        let av1 = self.av1_lines.contains(&mid);
        let pt = self.pt_of(if av1 { Codec::Av1 } else { Codec::Vp8 });
        let key = format!("{mid}{}", rid.unwrap_or_default());
        let first = *self.video_seq.entry(key.clone()).or_insert(500) + 1;
        self.video_seq.insert(key, first + packets as u64 - 1);
        self.picture = (self.picture + 1) & 0x7fff;
        let ts = (now.duration_since(self.born).as_micros() * 9 / 100) as u32;
        let height = rid.and_then(|rid| self.heights.get(rid)).copied();
        let height = height.unwrap_or(360);
        let mut api = self.rtc.direct_api();
        let stream = api
            .stream_tx_by_mid(mid, rid.map(Rid::from))
            .expect("stream of the picture");
        for part in 0..packets {
            let number = first + part as u64;
            let text = format!("{}:{}:{number}", self.name, rid.unwrap_or("-"));
            let mut payload = if av1 {
                av1_payload(keyframe, part == 0, &text)
            } else {
                vp8((self.picture, height), keyframe, part == 0, &text)
            };
            payload.resize(payload.len() + padding, 0);
            let last = part + 1 == packets;
            stream.write_rtp(
                RtpWrite::new(pt, number.into(), ts, now, payload)
                    .marker(last)
                    .nackable(true),
            );
        }
        self.drain(now);
    }

    /// Payload texts heard from `who`.
    pub fn heard_from(&self, who: &str) -> Vec<&Heard> {
        let prefix = format!("{who}:");
        let speaks = |h: &&Heard| {
            h.payload
                .windows(prefix.len())
                .any(|part| part == prefix.as_bytes())
        };
        self.heard.iter().filter(speaks).collect()
    }

    /// The mid under which the map shows this session's publication.
    pub fn slot_of(&self, session: &str, kind: SlotKind) -> Option<String> {
        let ours = self.slot_map.slots.iter();
        let ours = ours
            .filter(|slot| slot.session == session && slot.kind == kind)
            .map(|slot| slot.mid.clone());
        let official = self.media_map.iter();
        let official = official
            .filter(|(_, entry)| entry.session == session && entry.kind == kind)
            .map(|(mid, _)| mid.clone());
        ours.chain(official).next()
    }
}

fn to_json(kind: DescriptionKind, sdp: String) -> String {
    Description { kind, sdp }.to_json()
}

/// An AV1 payload: aggregation header (one OBU, the rest of the packet) and a text.
fn av1_payload(keyframe: bool, start: bool, text: &str) -> Vec<u8> {
    let mut payload = vec![match (start, keyframe) {
        (true, true) => 0x18,
        (true, false) => 0x10,
        (false, _) => 0x90,
    }];
    payload.extend(text.bytes());
    payload
}

/// A VP8 payload: descriptor with a 15-bit picture id (RFC 7741 section 4.2), at the start of a frame
/// its header, and a text.
fn vp8((picture, height): (u16, u16), keyframe: bool, start: bool, text: &str) -> Vec<u8> {
    let mut payload = vec![if start { 0x90 } else { 0x80 }, 0x80];
    payload.extend((picture | 0x8000).to_be_bytes());
    match (start, keyframe) {
        // Frame tag with P = 0, the start code, width and height.
        (true, true) => {
            payload.extend([0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02]);
            payload.extend(height.to_le_bytes());
        }
        (true, false) => payload.extend([0x11, 0, 0]),
        (false, _) => {}
    }
    payload.extend(text.bytes());
    payload
}
