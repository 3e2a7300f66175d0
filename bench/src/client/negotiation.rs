//! Perfect negotiation as the polite side, and the signalling lock, as the web client does both.

use std::time::{Duration, Instant};

use parley_media::channel::ClientMessage;
use parley_media::sdp::{Description, DescriptionKind};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind, Mid, Rid, Simulcast, SimulcastLayer};

use super::{Client, ClientError, ClientEvent, ClientOutput, sdp};

/// Asking again for a refused lock.
const LOCK_RETRY: Duration = Duration::from_millis(50);
/// After which adding a track fails.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// What a client publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Track {
    /// The microphone.
    Voice,
    /// The camera's picture.
    Camera,
    /// The screen's picture.
    Screen,
    /// The screen's sound.
    ScreenAudio,
}

#[derive(Debug, Clone)]
struct Wanted {
    track: Track,
    stream_id: String,
    /// Of the layers; none: no simulcast.
    rids: &'static [&'static str],
}

/// Where an own offer stands.
#[derive(Default)]
enum Own {
    #[default]
    None,
    /// Asked for the lock.
    Locking {
        since: Instant,
        ask_at: Option<Instant>,
    },
    /// Sent, waiting for the answer.
    Offered {
        pending: SdpPendingOffer,
        adds: Vec<(Track, Mid)>,
    },
}

/// See the module.
#[derive(Default)]
pub(super) struct Negotiation {
    own: Own,
    wanted: Vec<Wanted>,
    tracks: Vec<(Track, Mid)>,
    /// The server's audio m-lines; `addTrack` reuses the first.
    slots: Vec<Mid>,
    answers: u64,
}

impl Negotiation {
    pub(super) fn wake(&self) -> Option<Instant> {
        match &self.own {
            Own::Locking { since, ask_at } => Some(ask_at.unwrap_or(*since + LOCK_PATIENCE)),
            _ => None,
        }
    }

    pub(super) fn track_of(&self, mid: Mid) -> Option<Track> {
        self.tracks.iter().find(|(_, m)| *m == mid).map(|(t, _)| *t)
    }

    pub(super) fn mid_of(&self, track: Track) -> Option<Mid> {
        self.tracks
            .iter()
            .rev()
            .find(|(t, _)| *t == track)
            .map(|(_, m)| *m)
    }
}

impl Client {
    /// Adds a track under an msid stream id; [`ClientEvent::Published`] follows.
    /// `simulcast`: rids `l` and `h`, the two layers of the web client's screen, and of our bridge's camera.
    pub fn publish(
        &mut self,
        track: Track,
        stream_id: &str,
        simulcast: bool,
        now: Instant,
    ) -> Result<(), ClientError> {
        let rids: &[&str] = if simulcast { &["l", "h"] } else { &[] };
        self.publish_layers(track, stream_id, rids, now)
    }

    /// As [`Client::publish`], with layers of these ids, the least one first.
    pub fn publish_layers(
        &mut self,
        track: Track,
        stream_id: &str,
        rids: &'static [&'static str],
        now: Instant,
    ) -> Result<(), ClientError> {
        self.negotiation.wanted.push(Wanted {
            track,
            stream_id: stream_id.into(),
            rids,
        });
        self.negotiate(now)?;
        self.drain(now)
    }

    /// Stops sending a track: its m-line becomes inactive.
    pub fn unpublish(&mut self, track: Track, now: Instant) -> Result<(), ClientError> {
        let Some(mid) = self.negotiation.mid_of(track) else {
            return Ok(());
        };
        self.negotiation.tracks.retain(|(_, m)| *m != mid);
        let mut api = self.rtc.sdp_api();
        api.set_direction(mid, Direction::Inactive);
        if let Some((offer, pending)) = api.apply() {
            self.send_offer(offer, pending, Vec::new());
        }
        self.drain(now)
    }

    pub(super) fn first_offer(&mut self) -> Result<(), ClientError> {
        let mut api = self.rtc.sdp_api();
        api.add_channel("calls-dc".into());
        let (offer, pending) = api
            .apply()
            .ok_or_else(|| ClientError::Server("nothing to offer".into()))?;
        self.send_offer(offer, pending, Vec::new());
        Ok(())
    }

    /// Moves an own offer on: asks for the lock, asks again, offers, gives up.
    pub(super) fn negotiate(&mut self, now: Instant) -> Result<(), ClientError> {
        match &self.negotiation.own {
            Own::None if !self.negotiation.wanted.is_empty() => {
                // Before the first answer and the channel, a track waits (W does the same).
                if self.negotiation.answers == 0 || self.channel.is_none() {
                    return Ok(());
                }
                if self.config.uses_lock {
                    self.negotiation.own = Own::Locking {
                        since: now,
                        ask_at: None,
                    };
                    self.say(&ClientMessage::Lock);
                    return Ok(());
                }
                self.offer_wanted();
            }
            Own::Locking { since, .. } if now >= *since + LOCK_PATIENCE => {
                self.negotiation.own = Own::None;
                self.negotiation.wanted.clear();
                self.say(&ClientMessage::Unlock);
                self.tell(ClientEvent::LockPatienceOver);
            }
            Own::Locking {
                since,
                ask_at: Some(at),
            } if now >= *at => {
                self.negotiation.own = Own::Locking {
                    since: *since,
                    ask_at: None,
                };
                self.say(&ClientMessage::Lock);
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn handle_lock(&mut self, given: bool, now: Instant) -> Result<(), ClientError> {
        let Own::Locking { since, .. } = self.negotiation.own else {
            return Ok(());
        };
        if given {
            self.offer_wanted();
        } else {
            self.negotiation.own = Own::Locking {
                since,
                ask_at: Some(now + LOCK_RETRY),
            };
        }
        Ok(())
    }

    fn offer_wanted(&mut self) {
        let wanted = self.negotiation.wanted.clone();
        let first_slot = self.negotiation.slots.first().copied();
        let mic_taken = self.negotiation.mid_of(Track::Voice).is_some();
        let mut adds = Vec::new();
        let mut api = self.rtc.sdp_api();
        for want in wanted {
            let audio = matches!(want.track, Track::Voice | Track::ScreenAudio);
            let mid = match first_slot {
                // As addTrack: the first audio m-line that only receives so far.
                Some(slot) if want.track == Track::Voice && !mic_taken => {
                    api.set_direction(slot, Direction::SendRecv);
                    slot
                }
                _ => {
                    let kind = if audio {
                        MediaKind::Audio
                    } else {
                        MediaKind::Video
                    };
                    let layers = (!want.rids.is_empty()).then(|| simulcast(want.rids));
                    api.add_media(
                        kind,
                        Direction::SendRecv,
                        Some(want.stream_id),
                        None,
                        layers,
                    )
                }
            };
            adds.push((want.track, mid));
        }
        match api.apply() {
            Some((offer, pending)) => self.send_offer(offer, pending, adds),
            None => {
                // Nothing to negotiate: the m-line sent already.
                self.negotiation.own = Own::None;
                self.published(adds);
                self.say(&ClientMessage::Unlock);
            }
        }
    }

    fn send_offer(&mut self, offer: SdpOffer, pending: SdpPendingOffer, adds: Vec<(Track, Mid)>) {
        self.negotiation.own = Own::Offered { pending, adds };
        let description = Description {
            kind: DescriptionKind::Offer,
            sdp: offer.to_sdp_string(),
        };
        let by_channel = self.config.dc_signaling && self.channel.is_some();
        self.send_description(&description, by_channel);
    }

    fn send_description(&mut self, description: &Description, by_channel: bool) {
        let zlib = description.to_zlib();
        if by_channel {
            self.say(&ClientMessage::Sdp(&zlib));
        } else {
            self.outputs.push_back(ClientOutput::SignalSdp(zlib));
        }
    }

    pub(super) fn handle_description(
        &mut self,
        description: Description,
        by_channel: bool,
        now: Instant,
    ) -> Result<(), ClientError> {
        match description.kind {
            DescriptionKind::Answer => self.handle_answer(&description.sdp)?,
            DescriptionKind::Offer => self.handle_offer(&description.sdp, by_channel)?,
        }
        self.negotiate(now)?;
        self.drain(now)
    }

    fn handle_answer(&mut self, text: &str) -> Result<(), ClientError> {
        // A late answer to an offer that was rolled back is ignored, as in the browser's stable state.
        let Own::Offered { pending, adds } = std::mem::take(&mut self.negotiation.own) else {
            return Ok(());
        };
        let answer =
            SdpAnswer::from_sdp_string(text).map_err(|e| ClientError::Server(e.to_string()))?;
        self.rtc.sdp_api().accept_answer(pending, answer)?;
        self.published(adds);
        self.negotiation.answers += 1;
        if self.negotiation.answers > 1 {
            self.say(&ClientMessage::Unlock);
        }
        Ok(())
    }

    fn published(&mut self, adds: Vec<(Track, Mid)>) {
        for (track, mid) in adds {
            self.negotiation.wanted.retain(|w| w.track != track);
            self.negotiation.tracks.push((track, mid));
            self.tell(ClientEvent::Published(track));
        }
    }

    /// The polite side: an own offer under way is rolled back; what it would have added is offered again.
    fn handle_offer(&mut self, text: &str, by_channel: bool) -> Result<(), ClientError> {
        if matches!(self.negotiation.own, Own::Offered { .. }) {
            self.negotiation.own = Own::None;
        }
        // A microphone that waits comes up inside the answer, on the first m-line that lets it.
        let wants_voice = self
            .negotiation
            .wanted
            .iter()
            .any(|w| w.track == Track::Voice);
        let voice = self.negotiation.mid_of(Track::Voice).map(|m| m.to_string());
        let new_voice = (voice.is_none() && wants_voice)
            .then(|| sdp::first_sendrecv_audio(text))
            .flatten();
        let keep = voice.as_deref().or(new_voice.as_deref());
        let offer = SdpOffer::from_sdp_string(&sdp::receive_only(text, keep))
            .map_err(|e| ClientError::Server(e.to_string()))?;
        let answer = self.rtc.sdp_api().accept_offer(offer)?;
        self.negotiation.slots = parley_media::sdp::sections(text)
            .iter()
            .filter(|s| s.kind == parley_media::sdp::MediaKind::Audio && s.direction.sends())
            .map(|s| Mid::from(s.mid.as_str()))
            .collect();
        if let Some(mid) = new_voice {
            self.published(vec![(Track::Voice, Mid::from(mid.as_str()))]);
        }
        let description = Description {
            kind: DescriptionKind::Answer,
            sdp: answer.to_sdp_string(),
        };
        self.send_description(&description, by_channel);
        self.tell(ClientEvent::OfferApplied);
        Ok(())
    }
}

fn simulcast(rids: &[&str]) -> Simulcast {
    let layer = |rid: &&str| SimulcastLayer {
        rid: Rid::from(*rid),
        attributes: None,
    };
    Simulcast {
        send: rids.iter().map(layer).collect(),
        recv: vec![],
    }
}
