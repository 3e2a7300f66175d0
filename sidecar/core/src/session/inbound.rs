//! Voices that come in past the session's `Rtc`: decrypted here, which costs a fifth of what the media
//! stack takes, since that looks through all it has after each packet.
//!
//! The media stack takes a stream's first packet: it knows which m-line an SSRC belongs to. From then on
//! the stream is ours for the life of the DTLS association, and the stack never sees it again:
//! - each (SSRC, index) is let through once, by our own window: nothing from before it began, nothing twice;
//! - the rollover counter goes on from the authentic index that the media stack found (RFC 3711 section
//!   3.3.1);
//! - reports stay the media stack's, which alone originates RTCP: their blocks about our streams get the
//!   numbers counted here before they are encrypted (`crypto::srtp`), which sender report came last it
//!   knows itself;
//! - audio is neither asked for again nor counted for bandwidth estimation, so nothing else misses it.
//!
//! Left to the media stack: profiles without AEAD, and streams beyond a few.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use parley_media::rtcp::{Reception, SenderClock};
use str0m::media::{Mid, Pt};
use str0m::rtp::{Extension, RtpPacket};

use super::peer::Peer;
use crate::crypto::SendKey;
use crate::egress::{Cipher, IndexGuard, TAG};
use crate::prefetch::prefetch;

/// Streams of a session at most: a microphone that is changed, and a screen's sound, a few times over.
const STREAMS_MAX: usize = 8;
/// Fixed header of RTP, and of its extension (RFC 3550 section 5).
const HEADER: usize = 12;
const EXTENSION_HEADER: usize = 4;
const HAS_PADDING: u8 = 0x20;
const HAS_EXTENSION: u8 = 0x10;
const MARKER: u8 = 0x80;
/// Profiles of header extensions (RFC 8285 sections 4.2 and 4.3; the second but for its last 4 bits).
const ONE_BYTE: u16 = 0xbede;
const TWO_BYTES: u16 = 0x1000;
/// Audio runs on this clock, Hz (RFC 7587 section 4.1).
const CLOCK: u128 = 48_000;
/// Seconds from 1900 to 1970, NTP's and Unix' beginnings (RFC 868).
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// A packet of sound or of a picture, whoever decrypted it.
#[derive(Debug)]
pub(crate) struct Incoming<'a> {
    pub(crate) ssrc: u32,
    /// Sequence number with rollover.
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    /// RFC 6464: dBov, and whether that is a voice.
    pub(crate) level: Option<i8>,
    pub(crate) voice: Option<bool>,
    /// What its sender said last of its clock: NTP and RTP time.
    pub(crate) clock: Option<(u64, u32)>,
    pub(crate) payload: &'a Arc<[u8]>,
}

impl<'a> Incoming<'a> {
    /// One that was decrypted here.
    pub(crate) fn from(opened: &Opened, payload: &'a Arc<[u8]>) -> Self {
        Self {
            ssrc: opened.ssrc,
            sequence: opened.sequence,
            timestamp: opened.timestamp,
            marker: opened.marker,
            level: opened.level,
            voice: opened.voice,
            clock: opened.clock,
            payload,
        }
    }

    /// One that the media stack decrypted.
    pub(crate) fn of(packet: &'a RtpPacket) -> Self {
        let values = &packet.header.ext_vals;
        let info = packet.last_sender_info;
        Self {
            ssrc: *packet.header.ssrc,
            sequence: *packet.seq_no,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            level: values.audio_level,
            voice: values.voice_activity,
            clock: info.map(|info| {
                let rtp = info.rtp_time.numer() as u32;
                (ntp_of(info.ntp_time), rtp)
            }),
            payload: &packet.payload,
        }
    }
}

/// What was decrypted here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) ssrc: u32,
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) level: Option<i8>,
    pub(crate) voice: Option<bool>,
    pub(crate) clock: Option<(u64, u32)>,
    /// Bytes of the header, and of the payload, which is in the buffer that was handed in.
    pub(crate) lengths: (usize, usize),
}

/// Why a packet of ours goes no further; the name of its counter.
pub(crate) type Refused = &'static str;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    cipher: Option<Cipher>,
    streams: Vec<Stream>,
}

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    /// Id of its level extension, as negotiated.
    level_id: Option<u8>,
    guard: IndexGuard,
    counted: Counted,
    clock: Option<(u64, u32)>,
}

/// What reports say of a stream (RFC 3550 sections A.3 and A.8).
#[derive(Debug)]
struct Counted {
    first: u64,
    received: u64,
    expected_before: u64,
    received_before: u64,
    /// RTP time and arrival of the last packet.
    last: (u32, Instant),
    /// 16 times the jitter, in units of the RTP clock.
    jitter: u64,
}

impl Inbound {
    /// After a handshake; `None`: the profile is left to the media stack.
    pub(crate) fn set_key(&mut self, theirs: Option<SendKey>) {
        self.cipher = theirs.and_then(|key| Cipher::new(&key).ok());
    }

    /// A packet of sound comes next.
    pub(crate) fn expect(&self) {
        if let Some(stream) = self.streams.first() {
            prefetch(stream);
        }
    }

    pub(crate) fn has(&self, ssrc: u32) -> bool {
        self.streams.iter().any(|stream| stream.ssrc == ssrc)
    }

    /// This stream is ours from now on; `sequence` is that of its packet, which the media stack took.
    fn adopt(
        &mut self,
        ssrc: u32,
        (sequence, timestamp): (u64, u32),
        level_id: Option<u8>,
        now: Instant,
    ) {
        if self.cipher.is_none() || self.streams.len() >= STREAMS_MAX || self.has(ssrc) {
            return;
        }
        self.streams.push(Stream {
            ssrc,
            level_id,
            guard: IndexGuard::starting(sequence),
            counted: Counted {
                first: sequence,
                received: 1,
                expected_before: 0,
                received_before: 0,
                last: (timestamp, now),
                jitter: 0,
            },
            clock: None,
        });
    }

    /// Decrypts a packet into `plain`. `None`: it is the media stack's.
    fn open(
        &mut self,
        datagram: &[u8],
        pt: Option<Pt>,
        plain: &mut Vec<u8>,
        now: Instant,
    ) -> Option<Result<Opened, Refused>> {
        let ssrc = word(datagram, 8)?;
        let stream = self.streams.iter_mut().find(|s| s.ssrc == ssrc)?;
        let cipher = self.cipher.as_ref()?;
        Some(stream.open(cipher, datagram, pt, plain, now))
    }

    /// Notes what a sender says of its clock, for recordings.
    pub(crate) fn note_sender(&mut self, report: &SenderClock) {
        let mut streams = self.streams.iter_mut();
        if let Some(stream) = streams.find(|stream| stream.ssrc == report.ssrc) {
            stream.clock = Some((report.ntp, report.rtp));
        }
    }

    /// What the next report says of a stream of ours; said once.
    pub(crate) fn report(&mut self, ssrc: u32) -> Option<Reception> {
        let mut streams = self.streams.iter_mut();
        let stream = streams.find(|stream| stream.ssrc == ssrc)?;
        let highest = stream.guard.newest()?;
        Some(stream.counted.report(highest))
    }

    /// Interarrival jitter of a stream of ours, in units of the RTP clock.
    pub(crate) fn jitter(&self, ssrc: u32) -> Option<u32> {
        let mut streams = self.streams.iter();
        let stream = streams.find(|stream| stream.ssrc == ssrc)?;
        Some(stream.counted.jitter())
    }
}

impl Stream {
    fn open(
        &mut self,
        cipher: &Cipher,
        datagram: &[u8],
        pt: Option<Pt>,
        plain: &mut Vec<u8>,
        now: Instant,
    ) -> Result<Opened, Refused> {
        let (header, level) = header_of(datagram, self.level_id).ok_or("rtp_malformed")?;
        let body = &datagram[header..];
        let length = body.len().checked_sub(TAG).ok_or("rtp_malformed")?;
        if pt != Some((datagram[1] & !MARKER).into()) {
            return Err("rtp_payload_type");
        }
        let short = u16::from_be_bytes([datagram[2], datagram[3]]);
        let index = self.index_of(short).ok_or("rtp_replayed")?;
        if !self.guard.is_free(index) {
            return Err("rtp_replayed");
        }
        if plain.len() < length {
            plain.resize(length, 0);
        }
        let opened = cipher.open(self.ssrc, index, &datagram[..header], body, plain);
        let length = opened.map_err(|_| "rtp_unauthentic")?;
        // Only now it is known that the client sent it.
        self.guard.claim(index);
        let payload = if datagram[0] & HAS_PADDING == 0 {
            length
        } else {
            unpadded(&plain[..length]).ok_or("rtp_malformed")?
        };
        let timestamp = word(datagram, 4).unwrap_or_default();
        self.counted.count(timestamp, now);
        Ok(Opened {
            ssrc: self.ssrc,
            sequence: index,
            timestamp,
            marker: datagram[1] & MARKER != 0,
            level: level.map(|level| -((level & 0x7f).cast_signed())),
            voice: level.map(|level| level & 0x80 != 0),
            clock: self.clock,
            lengths: (header, payload),
        })
    }

    /// The index that is nearest to the newest one (RFC 3711 section 3.3.1).
    fn index_of(&self, sequence: u16) -> Option<u64> {
        let newest = self.guard.newest()?;
        let step = sequence.wrapping_sub(newest as u16).cast_signed();
        newest.checked_add_signed(step.into())
    }
}

impl Counted {
    fn count(&mut self, timestamp: u32, now: Instant) {
        self.received += 1;
        let (before, at) = self.last;
        if timestamp == before {
            return;
        }
        let since = now.saturating_duration_since(at).as_micros() * CLOCK / 1_000_000;
        let step = i64::from(timestamp.wrapping_sub(before).cast_signed());
        let difference = (since as i64 - step).unsigned_abs();
        self.jitter = self.jitter + difference - (self.jitter + 8) / 16;
        self.last = (timestamp, now);
    }

    fn report(&mut self, highest: u64) -> Reception {
        let expected = highest.saturating_sub(self.first) + 1;
        let lately = expected.saturating_sub(self.expected_before);
        let lost = lately.saturating_sub(self.received - self.received_before);
        let fraction = (lost << 8).checked_div(lately).unwrap_or(0);
        self.expected_before = expected;
        self.received_before = self.received;
        Reception {
            fraction_lost: fraction.min(255) as u8,
            lost: i32::try_from(expected as i64 - self.received as i64).unwrap_or(i32::MAX),
            highest: highest as u32,
            jitter: self.jitter(),
        }
    }

    fn jitter(&self) -> u32 {
        u32::try_from(self.jitter / 16).unwrap_or(u32::MAX)
    }
}

impl Peer {
    /// Decrypts a packet of a stream of ours into `plain`. `None`: hand it to the media stack.
    pub(crate) fn open(
        &mut self,
        datagram: &[u8],
        plain: &mut Vec<u8>,
        now: Instant,
    ) -> Option<Result<Opened, Refused>> {
        let opened = self
            .compact
            .inbound
            .open(datagram, self.pts.opus, plain, now)?;
        self.last_datagram = now;
        Some(opened)
    }

    /// A stream of audio of which the media stack took this packet comes in past it from now on.
    pub(crate) fn adopt(&mut self, mid: Mid, packet: &RtpPacket, now: Instant) {
        let ssrc = *packet.header.ssrc;
        if self.compact.inbound.has(ssrc) {
            return;
        }
        let media = self.rtc.media(mid);
        let level_id = media.and_then(|media| media.remote_extmap().id_of(Extension::AudioLevel));
        let began = (*packet.seq_no, packet.header.timestamp);
        self.compact.inbound.adopt(ssrc, began, level_id, now);
    }
}

/// Length of the header with all that belongs to it, and the byte of its level extension (RFC 6464 section
/// 3).
fn header_of(datagram: &[u8], level_id: Option<u8>) -> Option<(usize, Option<u8>)> {
    let first = *datagram.first()?;
    let end = HEADER + usize::from(first & 0x0f) * 4;
    if first & HAS_EXTENSION == 0 {
        return (end <= datagram.len()).then_some((end, None));
    }
    let head = word(datagram, end)?;
    let begin = end + EXTENSION_HEADER;
    let end = begin + (head & 0xffff) as usize * 4;
    let elements = datagram.get(begin..end)?;
    let profile = (head >> 16) as u16;
    let level = level_id.and_then(|id| element(profile, elements, id));
    Some((end, level.and_then(|data| data.first().copied())))
}

/// The element with this id.
fn element(profile: u16, mut elements: &[u8], id: u8) -> Option<&[u8]> {
    while let [first, rest @ ..] = elements {
        let (found, length, rest) = match (profile, first) {
            // Padding.
            (_, 0) => {
                elements = rest;
                continue;
            }
            (ONE_BYTE, _) => (first >> 4, usize::from(first & 0x0f) + 1, rest),
            (two, _) if two & 0xfff0 == TWO_BYTES => {
                (*first, usize::from(*rest.first()?), &rest[1..])
            }
            _ => return None,
        };
        let data = rest.get(..length)?;
        if found == id {
            return Some(data);
        }
        elements = &rest[length..];
    }
    None
}

/// Length without the padding, which says its own length at its end (RFC 3550 section 5.1).
fn unpadded(plain: &[u8]) -> Option<usize> {
    let padding = usize::from(*plain.last()?);
    if padding == 0 {
        return None;
    }
    plain.len().checked_sub(padding)
}

/// RFC 3550 section 4: seconds since 1900 in the upper 32 bits, which begin anew in 2036.
fn ntp_of(time: SystemTime) -> u64 {
    let unix = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let fraction = (u64::from(unix.subsec_nanos()) << 32) / 1_000_000_000;
    (unix.as_secs().wrapping_add(NTP_TO_UNIX) << 32) | fraction
}

/// Big-endian.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at + 4)?;
    word.try_into().ok().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests;
