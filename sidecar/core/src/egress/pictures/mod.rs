//! The way out of pictures: RTP made and encrypted here, as that of voices is in [`Compact`], with what
//! pictures need beside it: transport-wide numbers for the estimator, memory of what was sent, retransmissions
//! (RFC 4588), padding. The session's `Rtc` declares the streams, and never writes to them.
//!
//! - All packets of a session that carry a transport-wide number get it from one [`Estimator`].
//! - What was sent is remembered by its numbers alone ([`sent`]); the payload lies once for all viewers in the
//!   room's reel of its source, and a retransmission is made of both.
//! - A retransmission is a packet of its own stream with its own index: no nonce comes twice.
//! - Reports are read and sender reports stamped where those of voices are: `crypto::srtp`.

mod header;
mod reports;
mod sent;

use std::time::{Duration, Instant};

use parley_bwe::{Estimator, SentKind};
use parley_media::video::{CounterPlaces, Vp8Numbers};
use str0m::rtp::Ssrc;

use super::{Cipher, EgressError, Path};
use crate::crypto::SendKey;
use crate::outbox::Outbox;
use crate::prefetch::prefetch;
use crate::session::retransmit::RetransmitBudget;
use crate::timers::Scheduled;
pub(crate) use header::ExtensionIds;
use header::{Fields, HEADER_MAX, Template};
use sent::SentRing;
pub(crate) use sent::{Outgoing, Refused, Sent};

/// Estimate before the first feedback, bit/s: enough for a base layer and all voices.
const INITIAL_ESTIMATE: u64 = 500_000;
/// The original sequence number before the payload of a retransmission (RFC 4588 section 4), bytes.
const ORIGINAL: usize = 2;

/// A packet of a picture for one viewer, with what it brings of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Picture<'a> {
    pub(crate) pt: u8,
    /// Whose picture it is, in band.
    pub(crate) csrc: u32,
    /// Where the codec's counters stand in it.
    pub(crate) counters: CounterPlaces,
    pub(crate) payload: &'a [u8],
}

/// See the module.
#[derive(Default)]
pub(crate) struct Pictures {
    /// Until the first packet.
    key: Option<SendKey>,
    cipher: Option<Box<Cipher>>,
    /// Of what the viewer reports; likewise.
    report_key: Option<SendKey>,
    reports: Option<Box<Cipher>>,
    /// The last report.
    plain: Vec<u8>,
    ids: ExtensionIds,
    /// A payload type for retransmissions is negotiated, which are what padding is.
    padded: bool,
    streams: Vec<Stream>,
    estimator: Option<Box<Estimator>>,
    budget: RetransmitBudget,
    /// Stream and number of what a report has named as lost.
    nacked: Vec<(u32, u16)>,
    /// Reports that said nothing, or nonsense.
    pub(crate) malformed: u64,
    /// There is something for the session to do.
    pub(crate) stirred: bool,
    /// When it is woken.
    pub(crate) scheduled: Scheduled,
    /// Where absolute send times begin.
    began: Option<Instant>,
}

impl std::fmt::Debug for Pictures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pictures").finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    /// Of its retransmissions, and the index of the next.
    rtx: Option<(u32, u64)>,
    mid: String,
    template: Template,
    sent: SentRing,
    nacks: u64,
    repeated: u64,
}

impl Pictures {
    /// After a handshake.
    pub(super) fn set_key(&mut self, ours: Option<SendKey>) {
        self.key = ours;
    }

    /// Likewise.
    pub(crate) fn set_report_key(&mut self, theirs: Option<SendKey>) {
        self.report_key = theirs;
    }

    /// Nothing is sent any more.
    pub(super) fn close(&mut self) {
        self.key = None;
        self.cipher = None;
        self.report_key = None;
        self.reports = None;
    }

    /// Takes over what was negotiated. True: the estimator is to be told its target again.
    pub(crate) fn set_negotiated(&mut self, ids: ExtensionIds, padded: bool) -> bool {
        if self.ids != ids {
            for stream in &mut self.streams {
                stream.template = Template::new(ids, &stream.mid);
            }
        }
        let before = (self.ids, self.padded);
        (self.ids, self.padded) = (ids, padded);
        if !self.is_counted() {
            self.estimator = None;
        }
        before != (ids, padded)
    }

    /// Packets carry transport-wide numbers, so that reports of them can come.
    fn is_counted(&self) -> bool {
        self.ids.transport.is_some() && !self.streams.is_empty()
    }

    /// A stream that will be sent on, with what is sent again of it and the first index of that.
    pub(super) fn declare(&mut self, ssrc: Ssrc, rtx: Option<(Ssrc, u16)>, mid: &str) {
        self.streams.push(Stream {
            ssrc: *ssrc,
            rtx: rtx.map(|(ssrc, first)| (*ssrc, first.into())),
            mid: mid.to_owned(),
            template: Template::new(self.ids, mid),
            sent: SentRing::default(),
            nacks: 0,
            repeated: 0,
        });
    }

    /// Pictures leave by it next.
    pub(crate) fn expect(&self) {
        if let Some(cipher) = &self.cipher {
            prefetch(&**cipher);
        }
        if let Some(stream) = self.streams.first() {
            prefetch(stream);
        }
    }

    /// Encrypts a packet into the outbox, and remembers it.
    pub(super) fn write(
        &mut self,
        ssrc: Ssrc,
        numbers: &Outgoing,
        picture: &Picture<'_>,
        to: To<'_>,
    ) -> Result<(), EgressError> {
        let at = self.place_of(*ssrc).ok_or(EgressError::NoStream)?;
        let now = to.now;
        let packet = Packet {
            ssrc: *ssrc,
            index: numbers.index,
            pt: picture.pt,
            marker: numbers.marker,
            timestamp: numbers.timestamp,
            body: Body::Picture {
                original: None,
                picture,
                numbers: numbers.vp8,
            },
            kind: SentKind::Media,
        };
        let bytes = self.push(at, &packet, to)?;
        self.budget.earn(bytes);
        self.streams[at].sent.push(numbers, now);
        Ok(())
    }

    fn place_of(&self, ssrc: u32) -> Option<usize> {
        self.streams.iter().position(|stream| stream.ssrc == ssrc)
    }

    /// Makes a datagram of the stream at `at`: its length.
    fn push(&mut self, at: usize, packet: &Packet<'_>, to: To<'_>) -> Result<usize, EgressError> {
        if let Some(key) = self.key.take() {
            self.cipher = Cipher::new(&key).ok().map(Box::new);
        }
        let cipher = self.cipher.as_ref().ok_or(EgressError::NoStream)?;
        let stream = self.streams.get(at).ok_or(EgressError::NoStream)?;
        let began = *self.began.get_or_insert(to.now);
        let transport = if stream.template.is_counted() {
            let estimator = self.estimator.get_or_insert_with(estimator);
            estimator.sent(to.now, packet.body.length(), packet.kind)
        } else {
            0
        };
        let fields = Fields {
            ssrc: packet.ssrc,
            pt: packet.pt,
            marker: packet.marker,
            padded: matches!(packet.body, Body::Blank(_)),
            sequence: packet.index as u16,
            timestamp: packet.timestamp,
            csrc: packet.body.csrc(),
            transport,
            send_time: fixed_point(to.now.saturating_duration_since(began)),
        };
        let mut head = [0; HEADER_MAX];
        let header = stream.template.write(&mut head, &fields);
        to.out.push_made(to.path, |bytes| {
            let start = bytes.len();
            bytes.extend_from_slice(&head[..header]);
            packet.body.write(bytes);
            let sealed = cipher.seal_last(packet.ssrc, packet.index, bytes, start, header);
            sealed.map_err(|_| EgressError::NotSealed)?;
            Ok(bytes.len() - start)
        })
    }
}

fn estimator() -> Box<Estimator> {
    Box::new(Estimator::new(INITIAL_ESTIMATE))
}

/// Where a datagram goes, and when.
pub(crate) struct To<'a> {
    pub(crate) path: Path,
    pub(crate) out: &'a mut Outbox,
    pub(crate) now: Instant,
}

/// What is to be made a datagram.
struct Packet<'a> {
    ssrc: u32,
    index: u64,
    pt: u8,
    marker: bool,
    timestamp: u32,
    body: Body<'a>,
    kind: SentKind,
}

/// What follows the header.
enum Body<'a> {
    /// The original's number if it is a retransmission.
    Picture {
        original: Option<u16>,
        picture: &'a Picture<'a>,
        numbers: Vp8Numbers,
    },
    /// So many bytes of padding.
    Blank(u8),
}

impl Body<'_> {
    fn length(&self) -> usize {
        match self {
            Self::Picture {
                original, picture, ..
            } => picture.payload.len() + original.map_or(0, |_| ORIGINAL),
            Self::Blank(bytes) => usize::from(*bytes),
        }
    }

    fn csrc(&self) -> Option<u32> {
        match self {
            Self::Picture { picture, .. } => Some(picture.csrc),
            Self::Blank(_) => None,
        }
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Picture {
                original,
                picture,
                numbers,
            } => {
                if let Some(original) = original {
                    bytes.extend_from_slice(&original.to_be_bytes());
                }
                let start = bytes.len();
                bytes.extend_from_slice(picture.payload);
                picture.counters.write(&mut bytes[start..], *numbers);
            }
            Self::Blank(length) => {
                bytes.resize(bytes.len() + usize::from(*length), 0);
                // The last byte says how many there are.
                if let Some(last) = bytes.last_mut() {
                    *last = *length;
                }
            }
        }
    }
}

/// Seconds in 6.18 fixed point, modulo 64.
fn fixed_point(time: Duration) -> u32 {
    ((time.as_micros() << 18) / 1_000_000) as u32 & 0x00ff_ffff
}

#[cfg(test)]
mod tests;
