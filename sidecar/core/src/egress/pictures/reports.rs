//! What a viewer says of the pictures that it gets, and what is sent because of it: packets again, padding.

use std::time::{Duration, Instant};

use parley_bwe::{Estimator, SentKind};
use parley_media::feedback::{Feedback, may_be_about_rtp, take_feedback};

use super::{Body, HEADER_MAX, Packet, Picture, Pictures, Refused, Sent, To, estimator};
use crate::egress::{Cipher, EgressError, TAG};

/// Lost packets that are remembered from one round to the next: whoever loses more needs a key frame.
const NACKED_MAX: usize = 2_048;
/// Padding that a packet can have (RFC 3550 section 5.1).
const BLANK_MAX: usize = 255;
/// Less padding than this is not worth a picture's packet ...
const REPEATED_MIN: usize = 50;
/// ... and so many of them are looked at for one of the right size.
const LATEST_MAX: usize = 32;
/// A packet is sent again after half a round trip at the earliest, and within these bounds.
const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(100);
/// Round trip before one was measured.
const ROUND_TRIP: Duration = Duration::from_millis(50);

/// What a stream was asked for, and what was sent again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Repeats {
    /// Reports that named lost packets.
    pub(crate) nacks: u64,
    /// Packets sent again, padding included.
    pub(crate) repeated: u64,
}

impl Pictures {
    /// Decrypts a report of the viewer. `None`: the media stack has to.
    pub(crate) fn open_report(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        if !may_be_about_rtp(datagram) {
            return None;
        }
        if let Some(key) = self.report_key.take() {
            self.reports = Cipher::new(&key).ok().map(Box::new);
        }
        let opener = self.reports.as_ref()?;
        let mut plain = std::mem::take(&mut self.plain);
        if opener.open_report(datagram, &mut plain).is_ok() {
            return Some(plain);
        }
        self.plain = plain;
        None
    }

    /// The buffer that [`Self::open_report`] gave, for the next one.
    pub(crate) fn close_report(&mut self, plain: Vec<u8>) {
        self.plain = plain;
    }

    /// This stream is one of ours.
    pub(crate) fn has(&self, ssrc: u32) -> bool {
        self.place_of(ssrc).is_some()
    }

    /// Reads the feedback in a compound of the viewer. What is about pictures is nobody else's business.
    pub(crate) fn take_feedback(&mut self, compound: &mut [u8], now: Instant) {
        if self.streams.is_empty() {
            return;
        }
        take_feedback(compound, |feedback| match feedback {
            Feedback::Nack { ssrc, lost } => {
                let mut streams = self.streams.iter_mut();
                let Some(stream) = streams.find(|stream| stream.ssrc == ssrc) else {
                    return false;
                };
                stream.nacks += 1;
                let room = NACKED_MAX.saturating_sub(self.nacked.len());
                self.nacked
                    .extend(lost.iter().take(room).map(|lost| (ssrc, lost)));
                self.stirred = true;
                true
            }
            Feedback::Congestion(control) => {
                if let Some(estimator) = &mut self.estimator {
                    self.malformed += u64::from(estimator.feedback(now, control).is_err());
                    self.stirred = true;
                }
                true
            }
        });
    }

    /// What was named as lost since the last call: stream and number.
    pub(crate) fn take_nacked(&mut self) -> Vec<(u32, u16)> {
        std::mem::take(&mut self.nacked)
    }

    /// For the next round of [`Self::take_nacked`]: saves it an allocation.
    pub(crate) fn give_back(&mut self, mut nacked: Vec<(u32, u16)>) {
        nacked.clear();
        self.nacked = nacked;
    }

    /// The packet that a viewer lost, if it may be sent again now.
    pub(crate) fn lost(&mut self, ssrc: u32, lost: u16, now: Instant) -> Result<Sent, Refused> {
        let rtt = self.round_trip().unwrap_or(ROUND_TRIP);
        let at = self.place_of(ssrc).ok_or(Refused::Gone)?;
        let pause = (rtt / 2).clamp(PAUSE_MIN, PAUSE_MAX);
        self.streams[at].sent.lost(lost, pause, now)
    }

    /// Sends a packet again, `picture` under the payload type of retransmissions; `asked`: it was lost, else it
    /// is padding. False: that would be too much.
    pub(crate) fn repeat(
        &mut self,
        ssrc: u32,
        sent: &Sent,
        picture: &Picture<'_>,
        asked: bool,
        to: To<'_>,
    ) -> Result<bool, EgressError> {
        let at = self.place_of(ssrc).ok_or(EgressError::NoStream)?;
        let body = Body::Picture {
            original: Some(sent.index as u16),
            picture,
            numbers: sent.vp8,
        };
        let kind = if asked {
            SentKind::Media
        } else {
            SentKind::Padding
        };
        let now = to.now;
        let head = (picture.pt, sent.marker, sent.timestamp);
        let repeated = self.send_again(at, head, body, kind, to)?;
        // Not before: what was refused may be asked for at once.
        if repeated && asked {
            self.streams[at].sent.note_again(sent.index, now);
        }
        Ok(repeated)
    }

    /// Padding without any content, so many bytes at most: how many. `None`: that would be too much.
    pub(crate) fn blank(
        &mut self,
        ssrc: u32,
        pt: u8,
        bytes: usize,
        to: To<'_>,
    ) -> Result<Option<usize>, EgressError> {
        let at = self.place_of(ssrc).ok_or(EgressError::NoStream)?;
        let bytes = bytes.clamp(1, BLANK_MAX);
        let body = Body::Blank(bytes as u8);
        let sent = self.send_again(at, (pt, false, 0), body, SentKind::Padding, to)?;
        Ok(sent.then_some(bytes))
    }

    fn send_again(
        &mut self,
        at: usize,
        (pt, marker, timestamp): (u8, bool, u32),
        body: Body<'_>,
        kind: SentKind,
        to: To<'_>,
    ) -> Result<bool, EgressError> {
        let (rtx, index) = self.streams[at].rtx.ok_or(EgressError::NoStream)?;
        // The estimator bounds its padding itself.
        // As much as it was earned by: all of the datagram.
        let bytes = HEADER_MAX + body.length() + TAG;
        if kind == SentKind::Media && !self.budget.take(to.now, bytes) {
            return Ok(false);
        }
        // Used up, whether it leaves or not.
        self.streams[at].rtx = Some((rtx, index + 1));
        self.streams[at].repeated += 1;
        let packet = Packet {
            ssrc: rtx,
            index,
            pt,
            marker,
            timestamp,
            body,
            kind,
        };
        self.push(at, &packet, to).map(|_| true)
    }

    /// What of a stream may be sent again as padding of about so many bytes: the newest packet that suffices, else
    /// the largest. `size`: of a packet's payload.
    pub(crate) fn padding(
        &self,
        ssrc: u32,
        wanted: usize,
        size: impl Fn(&Sent) -> Option<usize>,
    ) -> Option<Sent> {
        if wanted <= REPEATED_MIN {
            return None;
        }
        let at = self.place_of(ssrc)?;
        let latest = self.streams[at].sent.latest().take(LATEST_MAX);
        let sizes = latest.filter_map(|sent| Some((size(&sent)?, sent)));
        let mut best: Option<(usize, Sent)> = None;
        for (size, sent) in sizes.filter(|(size, _)| *size <= wanted * 2) {
            if best.as_ref().is_none_or(|(largest, _)| size > *largest) {
                best = Some((size, sent));
            }
            if size >= wanted {
                break;
            }
        }
        best.map(|(_, sent)| sent)
    }

    pub(crate) fn repeats(&self, ssrc: u32) -> Option<Repeats> {
        let stream = &self.streams[self.place_of(ssrc)?];
        Some(Repeats {
            nacks: stream.nacks,
            repeated: stream.repeated,
        })
    }

    /// What the viewer's link shall carry, bit/s; see [`Estimator::set_target`].
    pub(crate) fn set_target(&mut self, now: Instant, minimum: u64, desired: u64) {
        // Without numbers there are no reports: it would pad and probe for ever, and learn nothing.
        if desired > 0 && self.is_counted() {
            self.estimator.get_or_insert_with(estimator);
        }
        if let Some(estimator) = &mut self.estimator {
            estimator.set_padded(now, self.padded);
            estimator.set_target(now, minimum, desired);
        }
    }

    pub(crate) fn estimator_mut(&mut self) -> Option<&mut Estimator> {
        self.estimator.as_deref_mut()
    }

    /// As reports tell it; a report may be late itself.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.estimator.as_ref()?.rtt()
    }
}
