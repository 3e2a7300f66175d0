//! One participant's connection to a room: who it is, what it says of itself, and its media.

pub(crate) mod channel;
pub(crate) mod downlink;
pub(crate) mod inbound;
pub(crate) mod ingress;
pub(crate) mod lines;
pub(crate) mod munge;
pub(crate) mod negotiation;
pub(crate) mod negotiator;
pub(crate) mod peer;
pub(crate) mod retransmit;
pub(crate) mod unsent;
pub(crate) mod uplink;

use std::collections::BTreeMap;
use std::time::Instant;

use parley_media::audio::VoiceActivity;
use parley_media::bucket::TokenBucket;
use parley_media::channel::View;
use parley_media::recording::RecordingKey;
use rand::Rng;

use crate::api::event_rates::*;
use crate::api::{
    Capabilities, ConnectionId, Join, Labels, LeaveReason, MediaState, Now, ParticipantId,
    SessionId, SessionView,
};
use crate::demux::Owner;
use crate::prefetch::prefetch;
use crate::room::TapAllowance;
use crate::shared::Shared;
use crate::stats::RtcTrackStats;
use channel::Channel;
use downlink::Downlink;
use ingress::Ingress;
use negotiator::Negotiator;
use peer::{Peer, PeerFault};
use uplink::{Announced, Uplink};

/// Kept free of what the session may say before a description is made: the largest one is smaller.
const SIGNAL_BYTES_RESERVED: u64 = 64 * 1024;

/// What the client measured, as it said over the channel.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ClientReport {
    pub(crate) loss: Option<f64>,
    pub(crate) rtt_s: Option<f64>,
    pub(crate) jitter_s: Option<f64>,
}

/// CSRCs of a session's publications: stable while one lives, in band on every packet.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Csrcs {
    pub(crate) voice: u32,
    pub(crate) screen: u32,
    pub(crate) screen_audio: u32,
    pub(crate) video: u32,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) owner: Owner,
    pub(crate) id: SessionId,
    pub(crate) participant: ParticipantId,
    pub(crate) connection: ConnectionId,
    pub(crate) labels: Labels,
    pub(crate) capabilities: Capabilities,
    pub(crate) joined: Now,
    pub(crate) unmuted: bool,
    pub(crate) hand_raised_at_ms: u64,
    pub(crate) announced: Announced,
    pub(crate) csrcs: Csrcs,
    pub(crate) media: MediaState,
    /// Since when `media` is what it is; for Connecting the time of the join.
    pub(crate) media_since: Instant,
    /// Its signalling connection is lost since.
    pub(crate) detached: Option<Now>,
    pub(crate) activity: VoiceActivity,
    /// What VoiceChanged said last.
    pub(crate) voice_told: bool,
    pub(crate) view: Option<View>,
    pub(crate) report: ClientReport,
    pub(crate) rtt_ms: Option<f64>,
    pub(crate) drops: BTreeMap<&'static str, u64>,
    /// The recording that was told who it is.
    pub(crate) recorded: Option<RecordingKey>,
    /// What recordings take of it.
    pub(crate) tap_allowance: TapAllowance,
    pub(crate) ingress: Ingress,
    pub(crate) candidates: u32,
    /// The stream that carries the voice now; a session may have more than one microphone m-line.
    pub(crate) voice_stream: Option<(u32, Instant)>,
    /// `None` once media is lost for good, until it is replaced.
    pub(crate) peer: Option<Box<Peer>>,
    pub(crate) channel: Channel,
    pub(crate) negotiator: Negotiator,
    /// The client's ICE credentials, as its first description named them.
    pub(crate) ice_remote: Option<(String, String)>,
    pub(crate) up: Uplink,
    pub(crate) down: Downlink,
    /// JSON texts for the signalling connection, in order; see [`Self::push_signal`].
    pub(crate) signals: Vec<String>,
    /// Is in `Shared::dirty`.
    pub(crate) dirty: bool,
    /// [`Self::settle`] is due.
    pub(crate) unsettled: bool,
    pub(crate) signal_bucket: TokenBucket,
    signal_bytes: TokenBucket,
    pub(crate) changes: TokenBucket,
    pub(crate) publications: TokenBucket,
}

impl Session {
    /// A packet of sound of this session comes next, or one that it will hear.
    pub(crate) fn expect(&self, is_speaker: bool) {
        prefetch(&self.media);
        prefetch(&self.capabilities);
        prefetch(&self.down.voices);
        prefetch(&self.down.routes);
        if is_speaker {
            prefetch(&self.unmuted);
            prefetch(&self.activity);
            prefetch(&self.ingress);
            prefetch(&self.voice_stream);
            prefetch(&self.up);
            prefetch(&self.csrcs);
        }
        if let Some(peer) = &self.peer {
            prefetch(&peer.pts);
            prefetch(&peer.last_datagram);
            prefetch(&peer.compact);
        }
    }

    /// The same for what these lead to.
    pub(crate) fn expect_streams(&self, is_speaker: bool) {
        if is_speaker {
            if let Some(stream) = self.up.streams().first() {
                prefetch(stream);
            }
            self.ingress.expect();
        } else if let Some(slot) = self.down.voices.first() {
            prefetch(slot);
        }
        if let Some(peer) = &self.peer {
            peer.compact.expect(is_speaker);
        }
    }

    pub(crate) fn new(owner: Owner, join: Join, shared: &mut Shared) -> Self {
        let limits = &shared.config.limits;
        let ingress = Ingress::new(limits);
        let channel = Channel::new(limits);
        let now = shared.now;
        Self {
            owner,
            id: join.session.session,
            participant: join.participant,
            connection: join.connection,
            labels: join.labels,
            joined: now,
            unmuted: join.unmuted,
            hand_raised_at_ms: 0,
            announced: Announced::default(),
            csrcs: Csrcs {
                voice: shared.rng.random(),
                ..Csrcs::default()
            },
            media: MediaState::Connecting,
            media_since: now.instant,
            detached: None,
            activity: VoiceActivity::new(),
            voice_told: false,
            view: None,
            report: ClientReport::default(),
            rtt_ms: None,
            drops: BTreeMap::new(),
            recorded: None,
            tap_allowance: TapAllowance::default(),
            ingress,
            candidates: 0,
            voice_stream: None,
            peer: Some(Box::new(Peer::new(owner, join.capabilities.av1, shared))),
            capabilities: join.capabilities,
            channel,
            negotiator: Negotiator::default(),
            ice_remote: None,
            up: Uplink::default(),
            down: Downlink::default(),
            signals: Vec::new(),
            dirty: false,
            unsettled: false,
            signal_bucket: TokenBucket::new(SIGNALS_PER_SECOND, SIGNALS_BURST),
            signal_bytes: TokenBucket::new(SIGNAL_BYTES_PER_SECOND, SIGNAL_BYTES_BURST),
            changes: TokenBucket::new(CHANGES_PER_SECOND, CHANGES_BURST),
            publications: TokenBucket::new(PUBLICATIONS_PER_SECOND, PUBLICATIONS_BURST),
        }
    }

    /// A new media connection in the same session; whoever it is and what it says of itself stays.
    pub(crate) fn replace_media(&mut self, join: Join, shared: &mut Shared) {
        self.close_media(shared);
        self.connection = join.connection;
        // They tell of the connection too: the login that asked, for one.
        self.labels = join.labels;
        self.capabilities = join.capabilities;
        self.detached = None;
        // The new page announces anew what it shares; what was shared ended with the old one.
        self.announced = Announced::default();
        self.media = MediaState::Connecting;
        self.media_since = shared.now.instant;
        self.view = None;
        self.candidates = 0;
        self.channel = Channel::new(&shared.config.limits);
        self.negotiator = Negotiator::default();
        self.ice_remote = None;
        self.up = Uplink::default();
        self.down = Downlink::default();
        self.voice_stream = None;
        let peer = Peer::new(self.owner, self.capabilities.av1, shared);
        self.peer = Some(Box::new(peer));
    }

    /// Ends the media connection, telling the client by DTLS where possible.
    pub(crate) fn close_media(&mut self, shared: &mut Shared) {
        let Some(mut peer) = self.peer.take() else {
            return;
        };
        if peer.guard(|rtc| rtc.close().is_ok()) == Ok(true) {
            let mut events = std::mem::take(&mut shared.scratch);
            let _ = peer.drain(shared, &mut events);
            events.clear();
            shared.scratch = events;
        }
        peer.compact.close(&mut shared.lanes);
        shared.demux.close(peer.link);
    }

    /// Ends the session because of `fault`; takes effect when the core settles.
    pub(crate) fn fail(&mut self, fault: PeerFault, shared: &mut Shared) {
        let reason = match fault {
            PeerFault::Panicked => {
                shared.counters.panics += 1;
                tracing::error!(session = %self.id.0, "panic in a session's media stack");
                LeaveReason::Internal
            }
            PeerFault::Protocol => LeaveReason::Protocol,
        };
        // Not closed in an orderly way: after a panic the `Rtc` must not be touched again.
        if let Some(mut peer) = self.peer.take() {
            peer.compact.close(&mut shared.lanes);
            shared.demux.close(peer.link);
        }
        shared.ended.push((self.owner, reason));
    }

    /// Whether a description for its signalling connection may be made now.
    pub(crate) fn may_signal(&mut self, now: Instant) -> bool {
        self.signal_bytes.has(now, SIGNAL_BYTES_RESERVED)
    }

    /// Adds a text for the signalling connection, or drops and counts what is too much.
    pub(crate) fn push_signal(&mut self, json: String, shared: &mut Shared) {
        let now = shared.now.instant;
        if self.signal_bytes.take(now, json.len() as u64) {
            self.signals.push(json);
        } else {
            self.drop_one("signal_bytes", shared);
        }
    }

    /// To be drained before the core says that there is nothing more to do.
    pub(crate) fn mark_dirty(&mut self, shared: &mut Shared) {
        if !self.dirty {
            self.dirty = true;
            shared.dirty.push(self.owner);
        }
    }

    /// Its lines may need an offer.
    pub(crate) fn mark_unsettled(&mut self, shared: &mut Shared) {
        if !self.unsettled {
            self.unsettled = true;
            shared.unsettled.push(self.owner);
        }
    }

    pub(crate) fn drop_one(&mut self, cause: &'static str, shared: &mut Shared) {
        self.drop_many(cause, 1, shared);
    }

    pub(crate) fn drop_many(&mut self, cause: &'static str, count: u64, shared: &mut Shared) {
        *self.drops.entry(cause).or_default() += count;
        shared.counters.drop_many(cause, count);
    }

    pub(crate) fn view(&self) -> SessionView {
        SessionView {
            session: self.id.clone(),
            participant: self.participant.clone(),
            connection: self.connection.clone(),
            labels: self.labels.clone(),
            capabilities: self.capabilities.clone(),
            joined_at_ms: self.joined.wall_ms,
            unmuted: self.unmuted,
            hand_raised_at_ms: self.hand_raised_at_ms,
            screen: self.announced.screen.is_some(),
            video: self.announced.video.is_some(),
            voice: self.activity.is_on(),
            media: self.media,
            detached_at_ms: self.detached.map_or(0, |now| now.wall_ms),
        }
    }

    /// Counters that str0m keeps, by m-line and layer.
    pub(crate) fn reported_mut(
        &mut self,
        up: bool,
        mid: str0m::media::Mid,
        rid: Option<str0m::media::Rid>,
    ) -> Option<&mut RtcTrackStats> {
        if up {
            let streams = self.up.streams_mut().iter_mut();
            let mut of_line = streams.filter(|stream| stream.mid == mid && stream.rid == rid);
            of_line.next_back().map(|stream| &mut stream.reported)
        } else {
            let mut lines = self.down.lines_mut();
            lines
                .find(|line| line.mid == mid)
                .map(|line| &mut line.reported)
        }
    }
}
