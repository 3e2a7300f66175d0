//! Voices and screen sound through the room. Choosing is done once per room; each listener renumbers
//! for its own slots.

use std::time::Duration;

use parley_media::audio::{AudioIn, AudioPacket, SourceId};
use parley_media::channel::{ServerMessage, SlotKind};
use parley_media::recording::TrackKind;
use parley_media::sequence::StreamKey;
use std::sync::Arc;

use str0m::media::Pt;

use crate::api::{EventKind, MediaState};
use crate::egress::Packet;
use crate::ids::Key;
use crate::prefetch::prefetch;
use crate::session::Session;
use crate::session::downlink::{AudioSlot, PublicationId};
use crate::session::inbound::{Incoming, Opened};
use crate::session::peer::{SendFault, Sent};
use crate::shared::Shared;

use super::Room;

/// Listeners of whom something is asked for before their turn: the session, what it leads to, and what that
/// leads to.
const FAR: usize = 8;
const NEAR: usize = 4;
const NEXT: usize = 2;
/// At most four voice messages per second and room; the latest wins.
const VOICE_INTERVAL: Duration = Duration::from_millis(250);
/// A microphone that was silent for so long gives way to another m-line's.
const VOICE_STREAM_IDLE: Duration = Duration::from_millis(200);
/// What a packet without the level extension counts as.
const LEVEL_UNKNOWN: i8 = -40;

/// A seat as the speaker selection knows it.
pub(super) fn source_of(seat: Key) -> SourceId {
    SourceId(seat.slot)
}

impl Room {
    /// A packet of sound that is decrypted here. False: it is the media stack's.
    pub(super) fn take_sound(&mut self, seat: Key, datagram: &[u8], shared: &mut Shared) -> bool {
        #[cfg(feature = "sabotage")]
        if shared.has_fault(crate::shared::Fault::PanicInSession) {
            return false;
        }
        let now = shared.now.instant;
        let Some(session) = self.sessions.get_mut(seat) else {
            return false;
        };
        let Some(peer) = session.peer.as_mut() else {
            return false;
        };
        let opened = match peer.open(datagram, &mut shared.plain, now) {
            None => return false,
            Some(Err(cause)) => {
                session.drop_one(cause, shared);
                return true;
            }
            Some(Ok(opened)) => opened,
        };
        let Opened {
            ssrc,
            sequence,
            lengths,
            ..
        } = opened;
        if let Some((at, kind)) = self.count_in(seat, (ssrc, sequence), lengths, shared) {
            let payload: Arc<[u8]> = Arc::from(&shared.plain[..lengths.1]);
            let packet = Incoming::from(&opened, &payload);
            self.forward_audio(seat, at, kind, &packet, shared);
        }
        true
    }

    /// A packet of sound on its way to those who hear it.
    pub(super) fn forward_audio(
        &mut self,
        seat: Key,
        at: usize,
        kind: Option<SlotKind>,
        packet: &Incoming<'_>,
        shared: &mut Shared,
    ) {
        let Some(session) = self.sessions.get_mut(seat) else {
            return;
        };
        let key = session.up.stream_mut(at).key;
        match kind {
            Some(SlotKind::Voice) => self.forward_voice(seat, at, key, packet, shared),
            Some(SlotKind::ScreenAudio) => {
                self.forward_screen_audio(seat, at, key, packet, shared);
            }
            _ => session.drop_one("media_unannounced", shared),
        }
    }

    fn forward_voice(
        &mut self,
        seat: Key,
        at: usize,
        key: StreamKey,
        packet: &Incoming<'_>,
        shared: &mut Shared,
    ) {
        let now = shared.now.instant;
        let Some(session) = self.sessions.get_mut(seat) else {
            return;
        };
        if !session.unmuted && !gate_is_broken(shared) {
            session.drop_one("muted", shared);
            return;
        }
        let ssrc = packet.ssrc;
        // A device change may bring a second microphone m-line: the one that sends counts.
        match session.voice_stream {
            Some((current, last))
                if current != ssrc && now.saturating_duration_since(last) < VOICE_STREAM_IDLE =>
            {
                session.drop_one("second_microphone", shared);
                return;
            }
            _ => session.voice_stream = Some((ssrc, now)),
        }
        if let Some(tap) = &mut self.tap {
            tap.take(session, at, TrackKind::Voice, packet, shared);
        }
        let (level, voice) = (packet.level, packet.voice);
        if let Some(level) = level
            && session.activity.handle_level(level, now).is_some()
        {
            self.voice_changed(shared);
        }
        let slot = self
            .selector
            .handle_packet(source_of(seat), AudioPacket { level, voice }, now);
        self.follow_owners(shared);
        let Some(slot) = slot else {
            shared.drop_one("no_voice_slot");
            return;
        };
        let input = audio_in(packet);
        let level = (level.unwrap_or(LEVEL_UNKNOWN), voice.unwrap_or(false));
        let Some(csrc) = self.sessions.get(seat).map(|session| session.csrcs.voice) else {
            return;
        };
        for at in 0..self.sessions.places() {
            self.look_ahead(at, slot);
            let Some((listener, session)) = self.sessions.at_mut(at) else {
                continue;
            };
            if listener == seat {
                continue;
            }
            let Some(place) = session.down.routes.get(slot).copied().flatten() else {
                continue;
            };
            let slot = session.down.voices.get(usize::from(place));
            let occupant = slot.and_then(|slot| slot.occupant);
            if occupant.is_none_or(|occupant| occupant.publication.seat != seat) {
                continue;
            }
            send_audio(
                session,
                Some(place),
                (key, input, csrc, level),
                packet,
                shared,
            );
        }
    }

    /// Asks for what sending to the next listeners takes, in the order in which one leads to the other.
    #[inline]
    fn look_ahead(&self, at: usize, slot: usize) {
        if let Some(session) = self.sessions.at(at + FAR) {
            prefetch(&session.down.routes);
            prefetch(&session.down.voices);
            prefetch(&session.media);
            prefetch(&session.capabilities);
            prefetch(&session.peer);
        }
        if let Some(session) = self.sessions.at(at + NEAR) {
            if let Some(Some(place)) = session.down.routes.get(slot)
                && let Some(slot) = session.down.voices.get(usize::from(*place))
            {
                prefetch(slot);
            }
            if let Some(peer) = &session.peer {
                prefetch(&peer.pts);
                prefetch(&peer.compact);
            }
        }
        if let Some(session) = self.sessions.at(at + NEXT)
            && let Some(Some(place)) = session.down.routes.get(slot)
            && let Some(peer) = &session.peer
        {
            peer.compact.prefetch(usize::from(*place));
        }
    }

    fn forward_screen_audio(
        &mut self,
        seat: Key,
        at: usize,
        key: StreamKey,
        packet: &Incoming<'_>,
        shared: &mut Shared,
    ) {
        let Some(session) = self.sessions.get_mut(seat) else {
            return;
        };
        if session.announced.screen.is_none() {
            session.drop_one("media_unannounced", shared);
            return;
        }
        if let Some(tap) = &mut self.tap {
            tap.take(session, at, TrackKind::ScreenAudio, packet, shared);
        }
        let csrc = session.csrcs.screen_audio;
        let level = packet.level.unwrap_or(LEVEL_UNKNOWN);
        let input = audio_in(packet);
        let publication = PublicationId {
            seat,
            kind: SlotKind::ScreenAudio,
        };
        for (_, session) in self.sessions.iter_mut() {
            let occupant = session
                .down
                .screen_audio
                .as_ref()
                .and_then(|slot| slot.occupant);
            if occupant.is_some_and(|occupant| occupant.publication == publication) {
                send_audio(
                    session,
                    None,
                    (key, input, csrc, (level, false)),
                    packet,
                    shared,
                );
            }
        }
    }

    /// Listeners' slots follow the owners of the room's slots.
    pub(super) fn follow_owners(&mut self, shared: &mut Shared) {
        if self.selector.epoch() == self.selector_epoch {
            return;
        }
        self.selector_epoch = self.selector.epoch();
        self.unsettle_all(shared);
        // At once, not when the core settles: this very packet is to be heard.
        let seats = shared.take_unsettled(self.key);
        self.settle(&seats, shared);
    }

    /// Somebody began or ceased to speak: told now, or when the interval is over.
    pub(super) fn voice_changed(&mut self, shared: &mut Shared) {
        if self.voice_due.is_some() {
            return;
        }
        let now = shared.now.instant;
        let due = self
            .voice_told_at
            .map_or(now, |told| (told + VOICE_INTERVAL).max(now));
        self.voice_due = Some(due);
        self.wake_at(due, shared);
    }

    /// Tells who speaks: ours by the channel, the others' policy by events.
    pub(super) fn tell_voices(&mut self, shared: &mut Shared) {
        self.voice_due = None;
        self.voice_told_at = Some(shared.now.instant);
        let mut changed = Vec::new();
        let mut speakers = Vec::new();
        for seat in self.order.clone() {
            let Some(session) = self.sessions.get_mut(seat) else {
                continue;
            };
            let on = session.activity.is_on();
            if on {
                speakers.push(session.id.0.clone());
            }
            if on != session.voice_told {
                session.voice_told = on;
                changed.push((session.id.clone(), session.participant.clone(), on));
            }
        }
        let official = self
            .in_order()
            .any(|session| !session.capabilities.slots_v1);
        if official {
            for (session, participant, on) in changed {
                let voice = EventKind::VoiceChanged {
                    session,
                    participant,
                    on,
                };
                self.emit(voice, shared);
            }
        }
        speakers.truncate(parley_media::channel::ENTRIES_MAX);
        if speakers == self.speakers_told {
            return;
        }
        self.speakers_told = speakers.clone();
        let message = ServerMessage::Voice(speakers);
        for (_, session) in self.sessions.iter_mut() {
            if session.capabilities.slots_v1 && session.channel.is_open() {
                session.send_channel(&message, shared);
            }
        }
    }
}

#[cfg(feature = "sabotage")]
fn gate_is_broken(shared: &Shared) -> bool {
    shared.has_fault(crate::shared::Fault::MuteGateOpen)
}

#[cfg(not(feature = "sabotage"))]
fn gate_is_broken(_: &Shared) -> bool {
    false
}

fn audio_in(packet: &Incoming<'_>) -> AudioIn {
    AudioIn {
        sequence: packet.sequence,
        timestamp: packet.timestamp,
        marker: packet.marker,
    }
}

/// Sends a packet into one listener's voice slot, or its screen-sound slot when `place` is `None`.
fn send_audio(
    session: &mut Session,
    place: Option<u8>,
    (key, input, csrc, level): (StreamKey, AudioIn, u32, (i8, bool)),
    packet: &Incoming<'_>,
    shared: &mut Shared,
) {
    // Its consent to be sent to has run out (RFC 7675).
    if session.media == MediaState::Reconnecting {
        return session.drop_one("egress_disconnected", shared);
    }
    let Some(peer) = session.peer.as_mut() else {
        return;
    };
    let Some(pt) = peer.pts.opus else {
        return;
    };
    let slot = match place {
        Some(place) => session.down.voices.get_mut(usize::from(place)),
        None => session.down.screen_audio.as_mut(),
    };
    // Not answered yet: nothing was sent under its SSRC, so nothing is skipped either.
    let Some(slot) = slot.filter(|slot| slot.line.ssrc.is_some()) else {
        return;
    };
    let level = session.capabilities.needs_audio_level.then_some(level);
    let Some(out) = renumber(slot, key, input, (pt, csrc, level), packet, shared) else {
        return;
    };
    match peer.send(&mut slot.line, &out, shared) {
        Ok(Sent::Away) => {}
        Ok(Sent::Queued) => session.mark_dirty(shared),
        Err(SendFault::Packet(error)) => session.drop_one(error.name(), shared),
        Err(SendFault::Peer(fault)) => session.fail(fault, shared),
    }
}

fn renumber<'a>(
    slot: &mut AudioSlot,
    key: StreamKey,
    input: AudioIn,
    (pt, csrc, level): (Pt, u32, Option<(i8, bool)>),
    packet: &Incoming<'a>,
    shared: &Shared,
) -> Option<Packet<'a>> {
    let now = shared.now.instant;
    let numbers = slot.rewrite(key, input, now);
    #[cfg(feature = "sabotage")]
    let numbers = if shared.has_fault(crate::shared::Fault::SlotSeqNotRewritten) {
        Some((input.sequence & 0xffff, input.timestamp, input.marker))
    } else {
        numbers
    };
    let (index, timestamp, marker) = numbers?;
    Some(Packet {
        index,
        timestamp,
        marker,
        pt,
        csrc,
        level,
        nackable: false,
        vp8: None,
        payload: packet.payload,
        captured: now,
    })
}
