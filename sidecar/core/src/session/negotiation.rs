//! Offers and answers with one client: perfect negotiation with the server as the impolite side, and
//! one offer of ours at a time (str0m keeps only one).

use parley_media::channel::{ServerMessage, SlotKind};
use parley_media::sdp::{
    Description, DescriptionKind, SdpLimits, prepare_offer, sections, validate,
};
use rand::Rng;
use str0m::change::{SdpAnswer, SdpOffer};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::rtp::Extension;

use super::Session;
use super::munge;
use super::negotiator::State;
use super::peer::{PeerFault, VideoCodec};
use super::unsent::Stream;
use crate::egress::pictures::ExtensionIds;
use crate::shared::Shared;

/// How a description came, and how its answer goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    /// The platform's socket.
    Socket,
    /// The data channel.
    Channel,
}

/// An m-line to add.
#[derive(Debug, Clone)]
pub(crate) struct NewLine {
    pub(crate) slot: SlotKind,
    pub(crate) kind: MediaKind,
    pub(crate) stream_id: String,
    pub(crate) track_id: String,
}

/// What an offer of ours shall change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Change {
    pub(crate) add: Vec<NewLine>,
    pub(crate) direct: Vec<(Mid, Direction)>,
}

/// Why a client's description was not taken. The session survives.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RefusedSdp {
    #[error("{0}")]
    Malformed(String),
    #[error("ICE restarts are not supported")]
    IceRestart,
    #[error("the session has no media connection")]
    NoMedia,
}

/// What a description led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The client's lines are as they were.
    Negotiated,
    /// What it publishes has changed.
    Republished,
    /// Glare, or an answer to nothing: passed over.
    Ignored,
}

impl Session {
    /// Takes an unanswered offer back when its time is over.
    pub(crate) fn expire_offer(&mut self, shared: &mut Shared) {
        if self.negotiator.expire(shared.now.instant) {
            tracing::debug!(session = %self.id.0, "offer not answered in time");
            self.drop_one("offer_unanswered", shared);
            self.handle_failed_offer();
        }
    }

    /// The signalling connection is another: an offer that went to the former one goes out again.
    pub(crate) fn repeat_offer(&mut self, shared: &mut Shared) {
        if let State::Offered {
            text: Some(text), ..
        } = &self.negotiator.state
        {
            self.push_signal(text.clone(), shared);
        }
    }

    /// Handles a client's description.
    pub(crate) fn handle_description(
        &mut self,
        description: &Description,
        path: Path,
        shared: &mut Shared,
    ) -> Result<Outcome, RefusedSdp> {
        if self.peer.is_none() {
            return Err(RefusedSdp::NoMedia);
        }
        let limits = SdpLimits {
            bytes_max: shared.config.limits.sdp_bytes_max,
            m_lines_max: shared.config.limits.m_lines_max,
            ..SdpLimits::default()
        };
        validate(&description.sdp, &limits)
            .map_err(|error| RefusedSdp::Malformed(error.to_string()))?;
        match description.kind {
            DescriptionKind::Offer => self.handle_offer(&description.sdp, path, shared),
            DescriptionKind::Answer => self.handle_answer(&description.sdp, shared),
        }
    }

    fn handle_offer(
        &mut self,
        sdp: &str,
        path: Path,
        shared: &mut Shared,
    ) -> Result<Outcome, RefusedSdp> {
        if matches!(self.negotiator.state, State::Offered { .. }) {
            tracing::debug!(session = %self.id.0, "glare: the client's offer is passed over");
            self.drop_one("offer_glare", shared);
            return Ok(Outcome::Ignored);
        }
        self.check_credentials(sdp)?;
        let ours: Vec<String> = self.down.lines().map(|line| line.mid.to_string()).collect();
        let ours: Vec<&str> = ours.iter().map(String::as_str).collect();
        let first = matches!(self.negotiator.state, State::Fresh);
        let prepared = munge::for_media_stack(&prepare_offer(sdp, &ours), !first);
        let offer = self.parse(shared, || SdpOffer::from_sdp_string(&prepared))?;
        let answer = self.negotiate(shared, |rtc| rtc.sdp_api().accept_offer(offer))?;
        self.negotiator.state = State::Stable;
        let outcome = self.handle_negotiated(sdp, shared);
        self.send_description(
            DescriptionKind::Answer,
            &answer.to_sdp_string(),
            path,
            shared,
        );
        Ok(outcome)
    }

    fn handle_answer(&mut self, sdp: &str, shared: &mut Shared) -> Result<Outcome, RefusedSdp> {
        if !matches!(self.negotiator.state, State::Offered { .. }) {
            self.drop_one("answer_unexpected", shared);
            return Ok(Outcome::Ignored);
        }
        self.check_credentials(sdp)?;
        // Ours followed an offer of the client, which told it.
        let prepared = munge::for_media_stack(sdp, true);
        let answer = self.parse(shared, || SdpAnswer::from_sdp_string(&prepared))?;
        let State::Offered { pending, .. } =
            std::mem::replace(&mut self.negotiator.state, State::Stable)
        else {
            return Ok(Outcome::Ignored);
        };
        let accepted = self.negotiate(shared, |rtc| rtc.sdp_api().accept_answer(pending, answer));
        if let Err(error) = accepted {
            self.negotiator.handle_failure(shared.now.instant);
            self.handle_failed_offer();
            return Err(error);
        }
        self.negotiator.handle_success();
        Ok(self.handle_negotiated(sdp, shared))
    }

    /// Sends an offer with these changes. False: there was nothing to offer, or the media stack
    /// failed. The mids are those of `change.add`, in order.
    pub(crate) fn offer(
        &mut self,
        change: &Change,
        shared: &mut Shared,
    ) -> Option<(Vec<Mid>, PreparedOffer)> {
        let audio = self.down.audio_mids();
        let forced = std::mem::take(&mut self.negotiator.forced);
        let peer = self.peer.as_mut()?;
        let made = peer.negotiate(|rtc| {
            let mut api = rtc.sdp_api();
            let mut mids = Vec::with_capacity(change.add.len());
            for line in &change.add {
                // Voices both ways, so that a microphone comes up inside the client's answer.
                let direction = match line.kind {
                    MediaKind::Audio => Direction::SendRecv,
                    MediaKind::Video => Direction::SendOnly,
                };
                let (stream, track) = (line.stream_id.clone(), line.track_id.clone());
                mids.push(api.add_media(line.kind, direction, Some(stream), Some(track), None));
            }
            for (mid, direction) in &change.direct {
                api.set_direction(*mid, *direction);
            }
            // What a failed offer changed is no change for str0m: this one is, and has no effect.
            if let Some(mid) = audio.first().filter(|_| forced) {
                api.set_direction(*mid, Direction::Inactive);
            }
            // After an answer str0m would repeat `sendonly` and Chromium would lose a microphone in
            // glare (browser-facts.md, section 1).
            for mid in &audio {
                api.set_direction(*mid, Direction::SendRecv);
            }
            (mids, api.apply())
        });
        match made {
            Ok((mids, Some((offer, pending)))) => {
                let sdp = offer.to_sdp_string();
                let sent_at = shared.now.instant;
                self.negotiator.state = State::Offered {
                    pending,
                    sent_at,
                    text: None,
                };
                Some((mids, PreparedOffer { sdp }))
            }
            Ok((_, None)) => None,
            Err(fault) => {
                self.fail(fault, shared);
                None
            }
        }
    }

    /// Sends what [`Self::offer`] prepared; the maps that describe it go before it.
    pub(crate) fn send_offer(&mut self, offer: &PreparedOffer, shared: &mut Shared) {
        let path = if self.capabilities.dc_signaling {
            Path::Channel
        } else {
            Path::Socket
        };
        self.send_description(DescriptionKind::Offer, &offer.sdp, path, shared);
    }

    fn send_description(
        &mut self,
        kind: DescriptionKind,
        sdp: &str,
        path: Path,
        shared: &mut Shared,
    ) {
        let sdp = munge::with_msids(&munge::with_slim_audio(sdp), &self.negotiator.msids);
        let description = Description { kind, sdp };
        match path {
            Path::Socket => {
                let json = description.to_json();
                if let (DescriptionKind::Offer, State::Offered { text, .. }) =
                    (kind, &mut self.negotiator.state)
                {
                    *text = Some(json.clone());
                }
                self.push_signal(json, shared);
            }
            Path::Channel => {
                let zlib = description.to_zlib_by(&mut shared.deflater);
                self.send_channel(&ServerMessage::Sdp(zlib), shared);
            }
        }
    }

    /// After an offer or answer of the client took effect.
    fn handle_negotiated(&mut self, sdp: &str, shared: &mut Shared) -> Outcome {
        let sections = sections(sdp);
        let sending = sections
            .iter()
            .rev()
            .filter(|s| s.direction.sends() && !s.rejected);
        self.ingress
            .set_declared(sending.flat_map(|section| section.ssrcs.iter().copied()));
        let republished = self.up.set_sections(sections, &self.announced);
        if let Some(peer) = &mut self.peer {
            peer.read_payload_types();
        }
        let read = self.read_lines(shared);
        if let Err(fault) = read {
            self.fail(fault, shared);
        }
        self.mark_dirty(shared);
        if republished {
            Outcome::Republished
        } else {
            Outcome::Negotiated
        }
    }

    /// Our lines that the client has answered get their SSRCs.
    fn read_lines(&mut self, shared: &mut Shared) -> Result<(), PeerFault> {
        let Some(peer) = &mut self.peer else {
            return Ok(());
        };
        let down = &mut self.down;
        let offered = matches!(self.negotiator.state, State::Offered { .. });
        let av1 = peer.pts.of(VideoCodec::Av1);
        let mut declared = Vec::new();
        let mut unsent = std::mem::take(&mut peer.unsent);
        let read = peer.guard(|rtc| {
            let mut api = rtc.direct_api();
            for line in down.lines_mut() {
                if line.ssrc.is_some() {
                    continue;
                }
                if let Some(stream) = api.stream_tx_by_mid(line.mid, None) {
                    line.ssrc = Some(stream.ssrc());
                    declared.push((
                        line.is_audio(),
                        Stream {
                            mid: line.mid,
                            ssrc: stream.ssrc(),
                            rtx: stream.rtx(),
                        },
                    ));
                }
            }
            for (_, stream) in &declared {
                unsent.add(*stream, rtc);
            }
            for slot in &mut down.videos {
                let media = rtc.media(slot.line.mid);
                let takes = |pt| media.is_some_and(|media| media.remote_pts().contains(&pt));
                slot.takes_av1 = av1.is_some_and(takes);
            }
            // The same in all m-lines of a bundle (RFC 8843 section 7.2).
            let of = |mid: Option<Mid>, extension| {
                let media = rtc.media(mid?)?;
                media.remote_extmap().id_of(extension)
            };
            let voice = down.voices.first().map(|slot| slot.line.mid);
            let picture = down.videos.first().map(|slot| slot.line.mid);
            let ids = ExtensionIds {
                mid: of(picture, Extension::RtpMid),
                transport: of(picture, Extension::TransportSequenceNumber),
                send_time: of(picture, Extension::AbsoluteSendTime),
            };
            (of(voice, Extension::AudioLevel), ids)
        });
        peer.unsent = unsent;
        let (level_id, ids) = read?;
        let padded = peer.pts.rtx().is_some();
        down.steer_again |= peer.compact.pictures.set_negotiated(ids, padded);
        // Ids that fit into one-byte elements (RFC 8285 section 4.2).
        peer.compact.level_id = level_id.filter(|id| (1..=14).contains(id));
        for (audio, Stream { mid, ssrc, rtx }) in declared {
            if audio {
                peer.compact.declare_audio(ssrc);
            } else {
                let rtx = rtx.map(|rtx| (rtx, shared.rng.random_range(1..1 << 15)));
                peer.compact.declare_video(ssrc, rtx, &mid.to_string());
            }
        }
        if !offered {
            for slot in &mut self.down.videos {
                slot.ready = slot.active && slot.line.ssrc.is_some();
            }
        }
        Ok(())
    }

    /// Lines that an offer would have brought are forgotten, and it is made again.
    fn handle_failed_offer(&mut self) {
        self.negotiator.wanted = true;
        self.negotiator.forced = true;
        self.down.voices.retain(|slot| slot.line.ssrc.is_some());
        self.down.videos.retain(|slot| slot.line.ssrc.is_some());
        if self
            .down
            .screen_audio
            .as_ref()
            .is_some_and(|slot| slot.line.ssrc.is_none())
        {
            self.down.screen_audio = None;
        }
        // Nobody is in them any more, neither for the packets on their way nor for the client.
        let left = self.down.voices.len();
        for route in &mut self.down.routes {
            *route = route.filter(|place| usize::from(*place) < left);
        }
        self.down.map_stale = true;
    }

    /// A client that changes its ICE credentials wants an ICE restart: str0m would answer with a user
    /// fragment that the door does not know. No client of ours does it; a lost network is healed by
    /// peer-reflexive candidates or by a new connection.
    fn check_credentials(&mut self, sdp: &str) -> Result<(), RefusedSdp> {
        let Some((ufrag, pwd)) = munge::ice_credentials(sdp) else {
            return Err(RefusedSdp::Malformed(
                "ice-ufrag or ice-pwd is missing".into(),
            ));
        };
        match &self.ice_remote {
            Some((known_ufrag, known_pwd)) if known_ufrag == ufrag && known_pwd == pwd => Ok(()),
            Some(_) => Err(RefusedSdp::IceRestart),
            None => {
                self.ice_remote = Some((ufrag.to_owned(), pwd.to_owned()));
                Ok(())
            }
        }
    }

    fn parse<T, E: std::fmt::Display>(
        &mut self,
        shared: &mut Shared,
        parse: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, RefusedSdp> {
        let peer = self.peer.as_mut().ok_or(RefusedSdp::NoMedia)?;
        match peer.guard(|_| parse()) {
            Ok(Ok(parsed)) => Ok(parsed),
            Ok(Err(error)) => Err(RefusedSdp::Malformed(error.to_string())),
            Err(fault) => {
                self.fail(fault, shared);
                Err(RefusedSdp::Malformed(
                    "the description cannot be read".into(),
                ))
            }
        }
    }

    fn negotiate<T>(
        &mut self,
        shared: &mut Shared,
        work: impl FnOnce(&mut str0m::Rtc) -> Result<T, str0m::RtcError>,
    ) -> Result<T, RefusedSdp> {
        let peer = self.peer.as_mut().ok_or(RefusedSdp::NoMedia)?;
        match peer.negotiate(work) {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => {
                tracing::debug!(session = %self.id.0, %error, "description refused");
                Err(RefusedSdp::Malformed(error.to_string()))
            }
            Err(fault) => {
                self.fail(fault, shared);
                Err(RefusedSdp::Malformed(
                    "the description cannot be applied".into(),
                ))
            }
        }
    }
}

/// An offer of ours on its way.
#[derive(Debug)]
pub(crate) struct PreparedOffer {
    sdp: String,
}
