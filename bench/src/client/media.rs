//! Sending and receiving RTP: voice frames, pictures that look like VP8 to a forwarder, and what arrives.

use std::collections::BTreeMap;
use std::time::Instant;

use str0m::Rtc;
use str0m::format::Codec;
use str0m::media::{Mid, Rid};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite, SeqNo};

use super::{Client, ClientError, Track, shared};

/// RTP clock ticks per 20 ms of Opus (RFC 7587 section 4.1: always 48 kHz).
const OPUS_TICKS: u32 = 960;
/// Payload bytes per packet of a picture.
const VIDEO_PAYLOAD_MAX: usize = 1_100;

/// What a client sends on one track and layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Published {
    /// Packets so far.
    pub packets: u64,
    /// RTP time of the last one.
    pub rtp_time: u32,
}

/// A media packet that arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// m-line.
    pub mid: String,
    /// Slot or stream.
    pub ssrc: u32,
    /// Publication behind the slot, if told.
    pub csrc: Option<u32>,
    /// Extended sequence number.
    pub sequence: u64,
    /// RTP time.
    pub rtp_time: u32,
    /// Talk spurt begins (audio), picture ends (video).
    pub marker: bool,
    /// As sent by the publisher.
    pub payload: Vec<u8>,
    /// When.
    pub at: Instant,
}

/// One picture to send.
#[derive(Debug, Clone, Copy)]
pub struct VideoFrame<'a> {
    /// Simulcast layer; `None` without simulcast.
    pub rid: Option<&'a str>,
    /// Counts pictures of this layer.
    pub picture: u16,
    /// The encoded picture ([`synthetic_picture`] or a real one); split into packets here.
    pub body: &'a [u8],
    /// RTP time in ticks of 90 kHz.
    pub rtp_time: u32,
}

#[derive(Default)]
pub(super) struct Media {
    sent: BTreeMap<(Track, Option<String>), Published>,
}

impl Client {
    /// Sends 20 ms of voice. `level`: -127 to 0 dBov (RFC 6464), `None` = no such extension.
    /// Does nothing before the track is published.
    pub fn send_voice(
        &mut self,
        payload: &[u8],
        level: Option<i8>,
        now: Instant,
    ) -> Result<(), ClientError> {
        self.send_audio(Track::Voice, payload, level, OPUS_TICKS, now)
    }

    /// As [`Client::send_voice`] for any audio track; `ticks` since the packet before (more after silence).
    pub fn send_audio(
        &mut self,
        track: Track,
        payload: &[u8],
        level: Option<i8>,
        ticks: u32,
        now: Instant,
    ) -> Result<(), ClientError> {
        let Some(mid) = self.negotiation.mid_of(track) else {
            return Ok(());
        };
        let state = self.media.sent.entry((track, None)).or_default();
        state.packets += 1;
        state.rtp_time = state.rtp_time.wrapping_add(ticks);
        let Published { packets, rtp_time } = *state;
        let ext_vals = ExtensionValues {
            audio_level: level,
            voice_activity: level.map(|l| l > -60),
            ..ExtensionValues::default()
        };
        self.write(mid, None, Codec::Opus, |pt| {
            RtpWrite::new(pt, SeqNo::from(packets), rtp_time, now, shared(payload))
                .ext_vals(ext_vals)
                .marker(packets == 1 || ticks > OPUS_TICKS)
        });
        self.drain(now)
    }

    /// Sends a picture as packets with a VP8 payload descriptor (RFC 7741 section 4.2).
    pub fn send_video(
        &mut self,
        track: Track,
        frame: VideoFrame<'_>,
        now: Instant,
    ) -> Result<(), ClientError> {
        let Some(mid) = self.negotiation.mid_of(track) else {
            return Ok(());
        };
        let chunks: Vec<&[u8]> = frame.body.chunks(VIDEO_PAYLOAD_MAX).collect();
        let last = chunks.len().saturating_sub(1);
        for (i, chunk) in chunks.into_iter().enumerate() {
            let key = (track, frame.rid.map(str::to_owned));
            let state = self.media.sent.entry(key).or_default();
            state.packets += 1;
            state.rtp_time = frame.rtp_time;
            let sequence = SeqNo::from(state.packets);
            let mut payload = vp8_descriptor(i == 0, frame.picture).to_vec();
            payload.extend_from_slice(chunk);
            self.write(mid, frame.rid, Codec::Vp8, |pt| {
                RtpWrite::new(pt, sequence, frame.rtp_time, now, payload)
                    .marker(i == last)
                    .nackable(true)
            });
        }
        self.drain(now)
    }

    /// What was sent so far on a track (and layer).
    pub fn sent(&self, track: Track, rid: Option<&str>) -> Published {
        self.media
            .sent
            .get(&(track, rid.map(str::to_owned)))
            .copied()
            .unwrap_or_default()
    }

    fn write(
        &mut self,
        mid: Mid,
        rid: Option<&str>,
        codec: Codec,
        build: impl FnOnce(str0m::media::Pt) -> RtpWrite,
    ) {
        let Some(pt) = self
            .rtc
            .codec_config()
            .find(|p| p.spec().codec == codec)
            .map(|p| p.pt())
        else {
            return;
        };
        if let Some(stream) = self
            .rtc
            .direct_api()
            .stream_tx_by_mid(mid, rid.map(Rid::from))
        {
            // Browsers' pacers are theirs; ours would only blur what a test measures.
            stream.set_unpaced(true);
            stream.write_rtp(build(pt));
        }
    }
}

/// X, S and PartID of the first octet, then I with a 15-bit picture id.
fn vp8_descriptor(first: bool, picture: u16) -> [u8; 4] {
    let start = if first { 0x10 } else { 0 };
    [
        0x80 | start,
        0x80,
        0x80 | (picture >> 8) as u8,
        picture as u8,
    ]
}

/// Bytes that a forwarder takes for a VP8 frame (RFC 6386 section 9.1: key-frame bit, start code, size),
/// followed by `content`.
pub fn synthetic_picture(keyframe: bool, content: &[u8]) -> Vec<u8> {
    let head = if keyframe {
        [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01]
    } else {
        [0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    };
    [&head, content].concat()
}

pub(super) fn received(rtc: &mut Rtc, packet: &RtpPacket) -> Option<Received> {
    let mid = rtc.direct_api().stream_rx(&packet.header.ssrc)?.mid();
    let csrc = (packet.header.csrc_count > 0).then(|| packet.header.csrc[0]);
    Some(Received {
        mid: mid.to_string(),
        ssrc: *packet.header.ssrc,
        csrc,
        sequence: *packet.seq_no,
        rtp_time: packet.header.timestamp,
        marker: packet.header.marker,
        payload: packet.payload.to_vec(),
        at: packet.timestamp,
    })
}
