//! From a session's media stack into the room: datagrams in, events handled, packets handed on.

use std::time::Instant;

use parley_media::channel::{ClientMessage, ServerMessage, SlotKind};
use parley_media::sdp::Description;
use parley_media::sequence::StreamKey;
use str0m::bwe::BweKind;
use str0m::rtp::RtpPacket;
use str0m::{Event, IceConnectionState};

use crate::api::{EventKind, MediaState};
use crate::demux::{Packet, Tuple};
use crate::ids::Key;
use crate::session::inbound::Incoming;
use crate::session::negotiation::{Outcome, Path};
use crate::session::peer::PeerFault;
use crate::shared::Shared;

use super::Room;
use super::audio::source_of;

impl Room {
    /// A datagram that passed the door.
    pub(crate) fn handle_datagram(
        &mut self,
        seat: Key,
        tuple: Tuple,
        packet: Packet,
        data: &[u8],
        shared: &mut Shared,
    ) {
        let Some(session) = self.sessions.get_mut(seat) else {
            return;
        };
        let now = shared.now.instant;
        if let Err(cause) = session.ingress.admit(packet, data, now) {
            session.drop_one(cause, shared);
            return;
        }
        if packet == Packet::Rtp && self.take_sound(seat, data, shared) {
            return;
        }
        let Some(session) = self.sessions.get_mut(seat) else {
            return;
        };
        let Some(peer) = session.peer.as_mut() else {
            return;
        };
        if packet == Packet::Rtcp {
            match peer.take_compound(data, now) {
                Ok(true) => return self.serve_stirred(seat, shared),
                Ok(false) => {}
                Err(fault) => return session.fail(fault, shared),
            }
        }
        let mut events = std::mem::take(&mut shared.scratch);
        let result = peer.handle_datagram(tuple, packet, data, shared, &mut events);
        self.handle_driven(seat, result, events, shared);
        match packet {
            Packet::Check => self.handle_alive(seat, tuple, shared),
            Packet::Rtcp => self.serve_stirred(seat, shared),
            _ => {}
        }
    }

    /// A client that was thought silent proves to be there, and its media stack never noticed.
    /// Where it is sent to, that is: media must not go on to an address that nobody answers at.
    fn handle_alive(&mut self, seat: Key, tuple: Tuple, shared: &mut Shared) {
        let Some(session) = self.sessions.get(seat) else {
            return;
        };
        let connected = session
            .peer
            .as_ref()
            .is_some_and(|peer| peer.rtc.is_connected() && peer.is_from_path(tuple));
        if connected && session.media == MediaState::Reconnecting {
            self.handle_connected(seat, shared);
        }
    }

    /// A session's media stack wants to be woken, or was written to.
    pub(crate) fn drive(&mut self, seat: Key, shared: &mut Shared) {
        let Some(session) = self.sessions.get_mut(seat) else {
            return;
        };
        session.dirty = false;
        let Some(peer) = session.peer.as_mut() else {
            return;
        };
        let mut events = std::mem::take(&mut shared.scratch);
        let result = peer.handle_timeout(shared, &mut events);
        self.handle_driven(seat, result, events, shared);
    }

    fn handle_driven(
        &mut self,
        seat: Key,
        result: Result<(), PeerFault>,
        mut events: Vec<Event>,
        shared: &mut Shared,
    ) {
        for event in events.drain(..) {
            self.handle_event(seat, event, shared);
        }
        shared.scratch = events;
        let Some(session) = self.sessions.get_mut(seat) else {
            return;
        };
        match result {
            Ok(()) => session.flush_channel(shared),
            Err(fault) => session.fail(fault, shared),
        }
    }

    fn handle_event(&mut self, seat: Key, event: Event, shared: &mut Shared) {
        match event {
            Event::RtpPacket(packet) => self.handle_rtp(seat, packet, shared),
            Event::Connected => self.handle_connected(seat, shared),
            Event::IceConnectionStateChange(state) => self.handle_ice(seat, state, shared),
            Event::ChannelOpen(id, label) => {
                if let Some(session) = self.sessions.get_mut(seat) {
                    session.handle_channel_open(id, &label, shared);
                }
            }
            Event::ChannelData(data) => self.handle_channel(seat, &data, shared),
            Event::ChannelClose(id) => {
                if let Some(session) = self.sessions.get_mut(seat) {
                    session.handle_channel_close(id);
                }
            }
            Event::KeyframeRequest(request) => self.handle_keyframe_request(seat, request, shared),
            Event::EgressBitrateEstimate(kind) => {
                // The viewer's own, where there are no reports for an estimate of ours.
                if let BweKind::Remb { estimate, .. } = kind
                    && !self.is_estimated(seat)
                {
                    self.handle_estimate(seat, estimate.as_u64(), shared);
                }
            }
            Event::PeerStats(stats) => self.handle_peer_stats(seat, &stats),
            Event::MediaIngressStats(stats) => self.handle_ingress_stats(seat, &stats),
            Event::MediaEgressStats(stats) => self.handle_egress_stats(seat, &stats),
            Event::Closed => self.lose_media(seat, true, shared),
            _ => {}
        }
    }

    fn handle_connected(&mut self, seat: Key, shared: &mut Shared) {
        let sessions = self.sessions.len();
        if let Some(session) = self.sessions.get_mut(seat)
            && session.media != MediaState::Connected
        {
            session.media = MediaState::Connected;
            session.media_since = shared.now.instant;
            if let Some(peer) = &mut session.peer {
                peer.compact
                    .place(session.owner, sessions, &mut shared.lanes);
                peer.hush(false);
            }
            let session = session.view();
            self.emit(EventKind::MediaChanged { session }, shared);
        }
    }

    /// Disconnected before the first connection is no loss: str0m says it while no candidate is known.
    fn handle_ice(&mut self, seat: Key, state: IceConnectionState, shared: &mut Shared) {
        let Some(session) = self.sessions.get_mut(seat) else {
            return;
        };
        match (session.media, state) {
            (MediaState::Connected, IceConnectionState::Disconnected) => {
                self.lose_media(seat, false, shared);
            }
            (
                MediaState::Reconnecting,
                IceConnectionState::Connected | IceConnectionState::Completed,
            ) => self.handle_connected(seat, shared),
            _ => {}
        }
    }

    /// The media connection is lost; `for_good` when it cannot come back by itself. Our clients have
    /// their disconnect timeout to return, official ones never do: they go at once.
    pub(super) fn lose_media(&mut self, seat: Key, for_good: bool, shared: &mut Shared) {
        let Some(session) = self.sessions.get_mut(seat) else {
            return;
        };
        if for_good {
            session.close_media(shared);
        }
        if session.media == MediaState::Connecting {
            return;
        }
        if !session.capabilities.slots_v1 {
            let lost = (session.owner, crate::api::LeaveReason::MediaLost);
            shared.ended.push(lost);
            return;
        }
        if session.media == MediaState::Reconnecting {
            return;
        }
        session.media = MediaState::Reconnecting;
        session.media_since = shared.now.instant;
        if let Some(peer) = &mut session.peer {
            peer.hush(true);
        }
        let view = session.view();
        self.emit(EventKind::MediaChanged { session: view }, shared);
        self.free_voice(seat, shared);
    }

    fn handle_channel(
        &mut self,
        seat: Key,
        data: &str0m::channel::ChannelData,
        shared: &mut Shared,
    ) {
        let Some(session) = self.sessions.get_mut(seat) else {
            return;
        };
        let now = shared.now.instant;
        let Some(message) = session.read_channel(data, shared) else {
            return;
        };
        match message {
            ClientMessage::Ping => session.send_channel(&ServerMessage::Pong, shared),
            ClientMessage::TextPing => session.send_channel(&ServerMessage::TextPong, shared),
            ClientMessage::Lock => {
                let given = session.negotiator.lock(now, shared);
                session.send_channel(&ServerMessage::Lock(given), shared);
            }
            ClientMessage::Unlock => {
                session.negotiator.unlock();
                session.mark_unsettled(shared);
            }
            ClientMessage::Sdp(zlib) => {
                // The one costly message: bounded as those of the other way are.
                if !session.signal_bucket.take(now, 1) {
                    session.drop_one("signal_rate", shared);
                    return;
                }
                let max = shared.config.limits.sdp_bytes_max;
                match Description::from_zlib_by(zlib, max, &mut shared.inflater) {
                    Ok(description) => {
                        // Refusals are counted; the client's own timeout tells it.
                        let _ = self.handle_description(seat, &description, Path::Channel, shared);
                    }
                    Err(_) => session.drop_one("sdp_malformed", shared),
                }
            }
            ClientMessage::LossRate(loss) => session.report.loss = Some(loss),
            ClientMessage::RoundTripTime(rtt) => session.report.rtt_s = Some(rtt),
            ClientMessage::Jitter(jitter) => session.report.jitter_s = Some(jitter),
            ClientMessage::View(view) => {
                session.view = Some(view);
                session.mark_unsettled(shared);
            }
            ClientMessage::Unknown(_) => session.drop_one("channel_unknown", shared),
        }
    }

    /// A client's offer or answer, whichever way it came.
    pub(crate) fn handle_description(
        &mut self,
        seat: Key,
        description: &Description,
        path: Path,
        shared: &mut Shared,
    ) -> Result<(), String> {
        let Some(session) = self.sessions.get_mut(seat) else {
            return Ok(());
        };
        let result = session.handle_description(description, path, shared);
        match &result {
            Ok(Outcome::Negotiated) => session.mark_unsettled(shared),
            Ok(Outcome::Republished) => self.unsettle_for(seat, shared),
            Ok(Outcome::Ignored) => {}
            Err(_) => {
                session.drop_one("sdp_refused", shared);
                // It may have been the answer to an offer, whose lines are forgotten now.
                session.mark_unsettled(shared);
            }
        }
        self.flush_signals(seat, shared);
        result.map(drop).map_err(|error| error.to_string())
    }

    fn handle_rtp(&mut self, seat: Key, packet: RtpPacket, shared: &mut Shared) {
        let named = (*packet.header.ssrc, *packet.seq_no);
        let lengths = (packet.header.header_len, packet.payload.len());
        let Some((at, kind)) = self.count_in(seat, named, lengths, shared) else {
            return;
        };
        if let Some(kind @ (SlotKind::Screen | SlotKind::Video)) = kind {
            return self.forward_video(seat, at, kind, &packet, shared);
        }
        if kind.is_some()
            && shared.inbound_audio
            && let Some(session) = self.sessions.get_mut(seat)
            && let Some(peer) = &mut session.peer
        {
            let mid = session.up.stream_mut(at).mid;
            peer.adopt(mid, &packet, shared.now.instant);
        }
        self.forward_audio(seat, at, kind, &Incoming::of(&packet), shared);
    }

    /// Counts a packet of an incoming stream, which it introduces if need be: its place, and what it is
    /// bound to. `None`: it goes no further. `lengths`: of header and payload.
    pub(super) fn count_in(
        &mut self,
        seat: Key,
        (ssrc, sequence): (u32, u64),
        (header, payload): (usize, usize),
        shared: &mut Shared,
    ) -> Option<(usize, Option<SlotKind>)> {
        let now = shared.now.instant;
        shared.counters.packets_in += 1;
        shared.lanes.next_packet();
        let session = self.sessions.get_mut(seat)?;
        let at = match session.up.find(ssrc) {
            Some(at) => at,
            None => self.learn_stream(seat, ssrc, now, shared)?,
        };
        let session = self.sessions.get_mut(seat)?;
        let stream = session.up.stream_mut(at);
        if !stream.admit(now) {
            session.drop_one("stream_rate", shared);
            return None;
        }
        stream.last_packet = now;
        stream.packets += 1;
        stream.bytes += (header + payload) as u64;
        stream.rate.add(payload, now);
        stream.loss.add(sequence);
        Some((at, stream.kind))
    }

    fn learn_stream(
        &mut self,
        seat: Key,
        ssrc: u32,
        now: Instant,
        shared: &mut Shared,
    ) -> Option<usize> {
        let session = self.sessions.get_mut(seat)?;
        let peer = session.peer.as_mut()?;
        let place = peer
            .rtc
            .direct_api()
            .stream_rx(&ssrc.into())
            .map(|stream| (stream.mid(), stream.rid()))?;
        let key = StreamKey(u64::from(peer.serial) << 32 | u64::from(ssrc));
        let streams_max = shared.config.limits.streams_per_session_max;
        let Some((at, evicted)) = session.up.insert(ssrc, place, key, streams_max, now) else {
            session.drop_one("streams", shared);
            return None;
        };
        if let Some((tap, tapped)) = self.tap.as_ref().zip(evicted.and_then(|gone| gone.tapped)) {
            tap.end_track(tapped, shared);
        }
        Some(at)
    }

    /// Nobody hears this session any more until it speaks again.
    pub(super) fn free_voice(&mut self, seat: Key, shared: &mut Shared) {
        self.selector.mute(source_of(seat));
        if let Some(session) = self.sessions.get_mut(seat) {
            session.voice_stream = None;
            if session.activity.reset().is_some() {
                self.voice_changed(shared);
            }
        }
        self.follow_owners(shared);
    }
}
