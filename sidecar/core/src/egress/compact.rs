//! The second way out: RTP made and encrypted here, beside the session's `Rtc`, which declares
//! the streams and never writes to them. One packet costs its encryption and nothing that grows with
//! the number of m-lines.
//!
//! Rules that keep both from sending one nonce twice: a stream stays on one way for the life of its DTLS
//! association; whichever that is, [`IndexGuard`](super::IndexGuard) of its line lets each index through
//! once; RTCP is str0m's alone (`crypto::srtp` stamps its sender reports). The `Rtc` has all streams
//! whenever it negotiates, since it would make up new SSRCs, and those that have sent, to report on them
//! (`session::unsent`).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use parley_media::feedback::{About, about};
use parley_media::rtcp::{self, ReportBlock, SenderInfo};
use str0m::rtp::Ssrc;

use super::away::{Lanes, Order, Route};
use super::cipher::{Cipher, TAG};
use super::pictures::{Outgoing, Picture, Pictures, To};
use super::{EgressError, Packet};
use crate::crypto::SendKey;
use crate::demux::Owner;
use crate::outbox::Outbox;
use crate::prefetch::prefetch;
use crate::session::inbound::Inbound;

/// RTP version 2 in the first octet, the bit for an extension, and the number of CSRCs (RFC 3550 section
/// 5.1).
const VERSION: u8 = 0x80;
const EXTENSION: u8 = 0x10;
const ONE_CSRC: u8 = 1;
const MARKER: u8 = 0x80;
/// Header with one CSRC, bytes.
const HEADER: usize = 16;
/// One-byte header extension (RFC 8285 section 4.2) with a level (RFC 6464 section 3) and padding: bytes.
const LEVEL_EXTENSION: usize = 8;
const ONE_BYTE_PROFILE: [u8; 2] = [0xbe, 0xde];
/// Audio runs on this clock, Hz (RFC 7587 section 4.1), ...
const AUDIO_CLOCK: u32 = 48_000;
/// ... and pictures on this one (RFC 7741 section 4.1).
const VIDEO_CLOCK: u32 = parley_media::video::VIDEO_HZ;
/// How often a client's clock is answered at least, if it tells its time (RFC 3611 section 4.5).
const TIME_ANSWERED: Duration = Duration::from_secs(5);

/// From which of our addresses to which of the client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
}

/// The streams that a session encrypts itself. See the module.
#[derive(Debug, Default)]
pub(crate) struct Compact {
    keys: Keys,
    /// Where it is encrypted and sent from, once that is settled; counted there.
    route: Option<Route>,
    /// Where str0m sent its last datagram that was no STUN: the nominated pair.
    path: Option<Path>,
    /// Id of the audio-level extension as negotiated, for receivers that asked for levels.
    pub(crate) level_id: Option<u8>,
    /// SSRCs of `streams`, in their order: all within a line of the cache.
    ssrcs: Vec<u32>,
    streams: Vec<Stream>,
    /// SSRCs that str0m may send on and has not yet, retransmissions included.
    unsent: Vec<u32>,
    /// What pictures need beside the rest; apart from what voices do.
    pub(crate) pictures: Box<Pictures>,
    /// The streams that it decrypts itself.
    pub(crate) inbound: Inbound,
    /// When the media stack heard the time of the client's clock, which it answers with its next report.
    timed: Option<Instant>,
}

/// What a DTLS handshake brought.
#[derive(Debug, Default)]
enum Keys {
    /// It is not over.
    #[default]
    Awaited,
    /// Nothing was encrypted with it: only now may it move.
    Fresh(SendKey),
    Here(Cipher),
    /// Another shard has it.
    Away(Route),
    /// A profile that only str0m encrypts: no reports can be stamped without AEAD (`crypto::srtp`).
    LeftToRtc,
}

/// What reports have to know of one stream.
#[derive(Debug, Clone, Copy, Default)]
struct Stream {
    /// Of its retransmissions.
    rtx: Option<u32>,
    /// Of its RTP times, Hz.
    clock: u32,
    /// RTP time of the newest packet and when it left; none yet: nothing was sent.
    newest: Option<(u32, Instant)>,
    packets: u32,
    octets: u32,
    reception: Reception,
}

/// What the receiver said last of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reception {
    pub(crate) lost: u32,
    /// In units of the RTP clock.
    pub(crate) jitter: u32,
}

impl Compact {
    /// After a DTLS handshake: what we send with and what the client does; `None` for a profile that
    /// str0m must encrypt.
    pub(crate) fn set_keys(&mut self, ours: Option<SendKey>, theirs: Option<SendKey>) {
        // One handshake, one key: whoever has it keeps it.
        if matches!(self.keys, Keys::Awaited) {
            // Pictures leave from here wherever voices do: their streams are others.
            self.pictures.set_key(ours.clone());
            self.keys = ours.map_or(Keys::LeftToRtc, Keys::Fresh);
            self.inbound.set_key(theirs);
        }
    }

    /// Settles, once per handshake, which shard encrypts and sends: `egress::away`. The room has so many
    /// sessions.
    pub(crate) fn place(&mut self, owner: Owner, sessions: usize, lanes: &mut Lanes) {
        if self.route.is_some() {
            return;
        }
        let fresh = match std::mem::take(&mut self.keys) {
            Keys::Fresh(key) => Some(key),
            other => {
                self.keys = other;
                None
            }
        };
        let was_fresh = fresh.is_some();
        let (route, left) = lanes.place(owner, sessions, fresh, self.path);
        if was_fresh {
            self.keys = left.map_or(Keys::Away(route), Keys::Fresh);
        }
        self.route = Some(route);
    }

    /// A packet of sound comes next, from this client or to it.
    pub(crate) fn expect(&self, is_speaker: bool) {
        if is_speaker {
            self.inbound.expect();
            return;
        }
        if let Some(stream) = self.streams.first() {
            prefetch(stream);
        }
    }

    /// Nothing is sent any more.
    pub(crate) fn close(&mut self, lanes: &mut Lanes) {
        if let Some(route) = self.route.take() {
            lanes.close(route);
        }
        self.keys = Keys::Awaited;
        self.pictures.close();
    }

    /// Another shard encrypts and sends.
    pub(crate) fn is_away(&self) -> bool {
        matches!(self.keys, Keys::Away(_))
    }

    /// Nothing may go this way. Settled, once and for all, with the handshake; until then nothing goes
    /// any way.
    pub(crate) fn is_left_to_rtc(&self) -> bool {
        matches!(self.keys, Keys::LeftToRtc)
    }

    pub(crate) fn follow(&mut self, path: Path, lanes: &mut Lanes) {
        if let Keys::Away(route) = self.keys
            && self.path != Some(path)
        {
            lanes.follow(route, path);
        }
        self.path = Some(path);
    }

    pub(crate) fn path(&self) -> Option<Path> {
        self.path
    }

    /// Audio with this SSRC will be sent: by this way, if it is the session's way.
    pub(crate) fn declare_audio(&mut self, ssrc: Ssrc) {
        if self.is_left_to_rtc() {
            self.unsent.push(*ssrc);
        } else {
            self.ssrcs.push(*ssrc);
            self.streams.push(Stream::new(None, AUDIO_CLOCK));
        }
    }

    /// Pictures with this SSRC will be sent, and sent again with the other one, whose first index is given.
    pub(crate) fn declare_video(&mut self, ssrc: Ssrc, rtx: Option<(Ssrc, u16)>, mid: &str) {
        let again = rtx.as_ref().map(|(rtx, _)| **rtx);
        if self.is_left_to_rtc() {
            self.unsent.push(*ssrc);
            self.unsent.extend(again);
        } else {
            self.ssrcs.push(*ssrc);
            self.streams.push(Stream::new(again, VIDEO_CLOCK));
            self.pictures.declare(ssrc, rtx, mid);
        }
    }

    /// str0m has sent the first packet of a stream.
    pub(crate) fn rtc_sends(&mut self, ssrc: Ssrc, rtx: Option<Ssrc>) {
        let sent = |known: &u32| *known == *ssrc || rtx.is_some_and(|rtx| *rtx == *known);
        self.unsent.retain(|known| !sent(known));
    }

    /// What a sender report of this moment has to say; `None` for streams that str0m sends.
    pub(crate) fn sender_info(&self, ssrc: u32, now: Instant) -> Option<SenderInfo> {
        let stream = self.streams.get(self.place_of(ssrc)?)?;
        let (timestamp, at) = stream.newest?;
        let since = now.saturating_duration_since(at);
        let ticks = since.as_micros() * u128::from(stream.clock) / 1_000_000;
        Some(SenderInfo {
            timestamp: timestamp.wrapping_add(ticks as u32),
            packets: stream.packets,
            octets: stream.octets,
        })
    }

    /// Notes what the receiver says of a stream. True: it is none of str0m's business.
    pub(crate) fn take_report(&mut self, block: &ReportBlock) -> bool {
        let place = self.place_of(block.ssrc);
        let Some(stream) = place.and_then(|place| self.streams.get_mut(place)) else {
            let again = |stream: &Stream| stream.rtx == Some(block.ssrc);
            return self.unsent.contains(&block.ssrc) || self.streams.iter().any(again);
        };
        stream.reception = Reception {
            // Duplicates on the way make it negative: nothing was lost then.
            lost: u32::try_from(block.lost).unwrap_or(0),
            jitter: block.jitter,
        };
        true
    }

    /// Reads a report of the client that is about nothing but streams of ours: past the media stack, which
    /// would look through all it has after each. False: hand it to the media stack.
    pub(crate) fn take_compound(&mut self, datagram: &[u8], now: Instant) -> bool {
        let Some(mut plain) = self.pictures.open_report(datagram) else {
            return false;
        };
        let about = about(
            &plain,
            |ssrc| self.pictures.has(ssrc),
            |ssrc| self.knows(ssrc),
        );
        let ours = match about {
            About::Rtp => true,
            About::RtpAndTime => self.timed.is_some_and(|at| now < at + TIME_ANSWERED),
            About::Other => false,
        };
        if about == About::RtpAndTime && !ours {
            self.timed = Some(now);
        }
        if ours {
            self.pictures.take_feedback(&mut plain, now);
            rtcp::take_report_blocks(&mut plain, |block| self.take_report(block));
        }
        self.pictures.close_report(plain);
        ours
    }

    /// [`Self::take_report`] takes reports of this stream.
    fn knows(&self, ssrc: u32) -> bool {
        let again = |stream: &Stream| stream.rtx == Some(ssrc);
        self.place_of(ssrc).is_some()
            || self.unsent.contains(&ssrc)
            || self.streams.iter().any(again)
    }

    /// What the receiver said of a stream of ours.
    pub(crate) fn reception(&self, ssrc: Ssrc) -> Option<Reception> {
        let stream = self.streams.get(self.place_of(*ssrc)?)?;
        Some(stream.reception)
    }

    fn place_of(&self, ssrc: u32) -> Option<usize> {
        self.ssrcs.iter().position(|known| *known == ssrc)
    }

    /// Asks for what [`Self::write`] will look at, of a stream that was likely declared as the `place`th.
    #[inline]
    pub(crate) fn prefetch(&self, place: usize) {
        prefetch(&*self.ssrcs);
        if let Some(stream) = self.streams.get(place) {
            prefetch(stream);
        }
    }

    /// Pictures leave by it soon.
    pub(crate) fn expect_pictures(&self) {
        prefetch(&self.path);
        prefetch(&*self.ssrcs);
        prefetch(&*self.streams);
        prefetch(&*self.pictures);
    }

    /// Encrypts a packet into the outbox, or lets another shard do it.
    fn write(
        &mut self,
        ssrc: Ssrc,
        packet: &Packet<'_>,
        outbox: &mut Outbox,
        lanes: &mut Lanes,
    ) -> Result<(), EgressError> {
        let path = self.path.ok_or(EgressError::NoStream)?;
        let place = self.place_of(*ssrc);
        let stream = place.and_then(|place| self.streams.get_mut(place));
        let stream = stream.ok_or(EgressError::NoStream)?;
        let order = Order {
            ssrc: *ssrc,
            index: packet.index,
            timestamp: packet.timestamp,
            csrc: packet.csrc,
            marker: packet.marker,
            pt: *packet.pt,
            level: self.level_id.zip(packet.level),
        };
        let payload: &[u8] = packet.payload;
        if let Keys::Fresh(key) = &self.keys {
            let cipher = Cipher::new(key).map_err(|_| EgressError::NotSealed)?;
            self.keys = Keys::Here(cipher);
        }
        match &self.keys {
            Keys::Here(cipher) => seal(cipher, path, &order, payload, outbox)?,
            Keys::Away(route) => lanes.order(*route, &order, payload)?,
            _ => return Err(EgressError::NoStream),
        }
        stream.count(packet.timestamp, packet.captured, payload.len());
        Ok(())
    }

    /// Encrypts a packet of a picture into the outbox. `captured`: as in [`Packet::captured`].
    pub(crate) fn write_picture(
        &mut self,
        ssrc: Ssrc,
        numbers: &Outgoing,
        picture: &Picture<'_>,
        captured: Instant,
        (out, now): (&mut Outbox, Instant),
    ) -> Result<(), EgressError> {
        let path = self.path.ok_or(EgressError::NoStream)?;
        let place = self.place_of(*ssrc);
        let stream = place.and_then(|place| self.streams.get_mut(place));
        let stream = stream.ok_or(EgressError::NoStream)?;
        self.pictures
            .write(ssrc, numbers, picture, To { path, out, now })?;
        stream.count(numbers.timestamp, captured, picture.payload.len());
        Ok(())
    }
}

impl Stream {
    fn new(rtx: Option<u32>, clock: u32) -> Self {
        Self {
            rtx,
            clock,
            ..Self::default()
        }
    }

    /// Notes a packet that leaves.
    fn count(&mut self, timestamp: u32, captured: Instant, octets: usize) {
        // A packet that comes late says nothing new of the clock.
        let older = |(newest, _): (u32, Instant)| timestamp.wrapping_sub(newest).cast_signed() <= 0;
        if !self.newest.is_some_and(older) {
            self.newest = Some((timestamp, captured));
        }
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(octets as u32);
    }
}

/// Writes streams of one session.
pub(crate) struct CompactEgress<'a> {
    pub(crate) compact: &'a mut Compact,
    pub(crate) outbox: &'a mut Outbox,
    pub(crate) lanes: &'a mut Lanes,
}

impl super::Egress for CompactEgress<'_> {
    fn write(&mut self, ssrc: Ssrc, packet: &Packet<'_>) -> Result<(), EgressError> {
        self.compact.write(ssrc, packet, self.outbox, self.lanes)
    }
}

/// Encrypts one packet into the outbox.
pub(super) fn seal(
    cipher: &Cipher,
    path: Path,
    order: &Order,
    payload: &[u8],
    outbox: &mut Outbox,
) -> Result<(), EgressError> {
    let header = if order.level.is_some() {
        HEADER + LEVEL_EXTENSION
    } else {
        HEADER
    };
    let sealed = outbox.push_with(path, header + payload.len() + TAG, |datagram| {
        let (head, body) = datagram.split_at_mut(header);
        write_header(head, order);
        cipher.seal(order.ssrc.into(), order.index, head, payload, body)
    });
    sealed.map_err(|_| EgressError::NotSealed)
}

/// RFC 3550 section 5.1.
fn write_header(head: &mut [u8], order: &Order) {
    head[0] = VERSION | ONE_CSRC;
    head[1] = (order.pt & !MARKER) | if order.marker { MARKER } else { 0 };
    head[2..4].copy_from_slice(&(order.index as u16).to_be_bytes());
    head[4..8].copy_from_slice(&order.timestamp.to_be_bytes());
    head[8..12].copy_from_slice(&order.ssrc.to_be_bytes());
    head[12..16].copy_from_slice(&order.csrc.to_be_bytes());
    if let Some((id, (level, voice))) = order.level {
        head[0] |= EXTENSION;
        head[16..18].copy_from_slice(&ONE_BYTE_PROFILE);
        head[18..20].copy_from_slice(&1u16.to_be_bytes());
        // The length field of one-byte elements is one less than the length: 0.
        head[20] = id << 4;
        head[21] = (u8::from(voice) << 7) | (level.unsigned_abs() & 0x7f);
        head[22..24].fill(0);
    }
}

#[cfg(test)]
mod tests;
