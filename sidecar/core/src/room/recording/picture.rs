//! Which picture a recording shows: a shared screen, else the pinned camera, else that of who speaks.
//! It changes at key frames; the picture before goes on until then.

use std::time::{Duration, Instant};

use parley_media::channel::SlotKind;
use parley_media::recording::TrackKind;
use parley_media::sequence::StreamKey;
use str0m::rtp::RtpPacket;

use super::holes::Holes;
use super::tap::Tap;
use crate::ids::Key;
use crate::room::Room;
use crate::session::Session;
use crate::session::inbound::Incoming;
use crate::shared::Shared;

/// Somebody else must have been the loudest for so long before the camera changes.
const SPEAKER_PATIENCE: Duration = Duration::from_secs(2);
/// Who said nothing for so long does not speak.
const VOICE_RECENT: Duration = Duration::from_secs(1);
/// A layer that lags so far behind the others is paused.
const LAYER_PAUSED: Duration = Duration::from_secs(2);
/// A key frame that does not come is asked for again after this.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// So far apart are the places that a player can jump to.
const KEYFRAMES_EVERY: Duration = Duration::from_secs(10);

/// A stream that can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Choice {
    seat: Key,
    stream: StreamKey,
    kind: TrackKind,
}

/// A stream that is shown, or will be.
#[derive(Debug)]
struct Source {
    choice: Choice,
    holes: Holes,
    /// When its last key frame began; until the first one when it was chosen.
    keyframe_at: Instant,
    /// A key frame is waited for.
    waits: bool,
    asked: Option<Instant>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Picture {
    shown: Option<Source>,
    /// Takes over when its first key frame is complete.
    next: Option<Source>,
    /// RTP time of that key frame once it began.
    next_begins: Option<u32>,
    /// Something is shown, the recording was told.
    told: bool,
    /// Who will be shown if it stays the loudest, and since when it is.
    louder: Option<(Key, Instant)>,
}

impl Source {
    fn new(choice: Choice, now: Instant) -> Self {
        Self {
            choice,
            holes: Holes::default(),
            keyframe_at: now,
            waits: true,
            asked: None,
        }
    }

    /// When a key frame is to be asked for.
    fn due(&self) -> Instant {
        let wanted = if self.waits {
            self.keyframe_at
        } else {
            let regular = self.keyframe_at + KEYFRAMES_EVERY;
            self.holes.due().map_or(regular, |due| due.min(regular))
        };
        let allowed = self.asked.map(|asked| asked + ASK_AGAIN);
        allowed.map_or(wanted, |allowed| allowed.max(wanted))
    }
}

impl Picture {
    fn target(&mut self) -> Option<&mut Source> {
        self.next.as_mut().or(self.shown.as_mut())
    }

    fn chosen(&self) -> Option<Choice> {
        let source = self.next.as_ref().or(self.shown.as_ref());
        source.map(|source| source.choice)
    }

    /// When a key frame is to be asked for.
    pub(super) fn due(&self) -> Option<Instant> {
        let source = self.next.as_ref().or(self.shown.as_ref());
        source.map(Source::due)
    }

    /// Packets of the shown picture were lost on the way to the disk.
    pub(super) fn handle_lost(&mut self) {
        for source in [&mut self.next, &mut self.shown].into_iter().flatten() {
            source.waits = true;
        }
    }

    /// A session's streams are gone.
    pub(super) fn forget(&mut self, seat: Key) {
        let of_seat = |source: &Option<Source>| {
            source
                .as_ref()
                .is_some_and(|source| source.choice.seat == seat)
        };
        if of_seat(&self.shown) {
            self.shown = None;
        }
        if of_seat(&self.next) {
            self.next = None;
            self.next_begins = None;
        }
    }

    /// A packet of some picture: the kind of track it is to be recorded as, if it is.
    fn handle_packet(
        &mut self,
        stream: StreamKey,
        keyframe: bool,
        packet: &RtpPacket,
        now: Instant,
    ) -> Option<TrackKind> {
        let is = |source: &&mut Source| source.choice.stream == stream;
        let (is_next, source) = match self.next.as_mut().filter(is) {
            Some(next) => (true, next),
            None => (false, self.shown.as_mut().filter(is)?),
        };
        let kind = source.choice.kind;
        source.holes.add(*packet.seq_no, now);
        if keyframe {
            source.holes.handle_keyframe(*packet.seq_no);
            source.keyframe_at = now;
            source.waits = false;
        }
        if is_next {
            self.advance(keyframe, packet);
        }
        Some(kind)
    }

    /// The next picture takes over with the end of its first key frame.
    fn advance(&mut self, keyframe: bool, packet: &RtpPacket) {
        let time = packet.header.timestamp;
        let begins = match (self.next_begins, keyframe) {
            (Some(begins), _) => begins,
            (None, true) => *self.next_begins.insert(time),
            (None, false) => return,
        };
        if time != begins || packet.header.marker {
            self.shown = self.next.take();
            self.next_begins = None;
        }
    }
}

impl Tap {
    /// One packet of a picture, if that is to be recorded. The time when a key frame is needed.
    fn take_picture(
        &mut self,
        session: &mut Session,
        at: usize,
        keyframe: bool,
        packet: &RtpPacket,
        shared: &mut Shared,
    ) -> Option<Instant> {
        let stream = session.up.stream_mut(at).key;
        let now = shared.now.instant;
        let kind = self.picture.handle_packet(stream, keyframe, packet, now)?;
        self.take(session, at, kind, &Incoming::of(packet), shared);
        self.picture.due()
    }
}

impl Room {
    /// One packet of a VP8 picture of this session's stream.
    pub(in crate::room) fn tap_picture(
        &mut self,
        seat: Key,
        at: usize,
        keyframe: bool,
        packet: &RtpPacket,
        shared: &mut Shared,
    ) {
        let Some((tap, session)) = self.tap.as_mut().zip(self.sessions.get_mut(seat)) else {
            return;
        };
        if let Some(due) = tap.take_picture(session, at, keyframe, packet, shared) {
            self.wake_at(due, shared);
        }
    }

    /// Shows another picture in the recording if there is a better one now.
    pub(in crate::room) fn choose_picture(&mut self, shared: &mut Shared) {
        let Some(tap) = &self.tap else {
            return;
        };
        let now = shared.now.instant;
        let (choice, louder) = if tap.audio_only {
            (None, None)
        } else {
            self.best_picture(tap, now)
        };
        let Some(tap) = &mut self.tap else {
            return;
        };
        tap.picture.louder = louder;
        // Who left took its picture along, which is still to be told.
        let stale = choice.is_none() && tap.picture.told;
        if choice == tap.picture.chosen() && !stale {
            return;
        }
        tap.picture.told = choice.is_some();
        tap.picture.next = None;
        tap.picture.next_begins = None;
        let Some(choice) = choice else {
            tap.picture.shown = None;
            tap.show(None, shared);
            return;
        };
        let Some(session) = self.sessions.get_mut(choice.seat) else {
            return;
        };
        let mut streams = session.up.streams().iter();
        let Some(at) = streams.position(|stream| stream.key == choice.stream) else {
            return;
        };
        let Some(track) = tap.track(session, at, choice.kind, shared) else {
            shared.drop_one("recording_tracks");
            return;
        };
        match &mut tap.picture.shown {
            // Back to what is still shown.
            Some(shown) if shown.choice == choice => shown.waits = true,
            _ => tap.picture.next = Some(Source::new(choice, now)),
        }
        tap.show(Some(track), shared);
        self.ask_for_picture(shared);
    }

    /// Asks for the key frame that the recording needs, if it is due, and sees to the next one.
    pub(super) fn ask_for_picture(&mut self, shared: &mut Shared) {
        let now = shared.now.instant;
        let Some(source) = self.tap.as_mut().and_then(|tap| tap.picture.target()) else {
            return;
        };
        let choice = source.choice;
        let due = source.due() <= now;
        if due {
            source.waits = true;
            source.asked = Some(now);
            source.holes.give_up();
        }
        let next = source.due();
        if due {
            self.ask_keyframe(choice.seat, choice.stream, shared);
        }
        self.wake_at(next, shared);
    }

    /// What is to be shown, and who is about to be because it is louder.
    fn best_picture(&self, tap: &Tap, now: Instant) -> (Option<Choice>, Option<(Key, Instant)>) {
        let screen = |session: &Session| session.choice(SlotKind::Screen, tap.max_height, now);
        if let Some(choice) = self.in_order().find_map(screen) {
            return (Some(choice), None);
        }
        let camera = |seat: Key| {
            let session = self.sessions.get(seat)?;
            session.choice(SlotKind::Video, tap.max_height, now)
        };
        let pinned = tap.pinned.as_ref().and_then(|id| self.names.get(id));
        if let Some(choice) = pinned.and_then(|seat| camera(*seat)) {
            return (Some(choice), None);
        }
        let speaking = self.selector.speaking(now, VOICE_RECENT).into_iter();
        let loudest = speaking
            .filter_map(|source| self.sessions.key_at(source.0))
            .find_map(camera);
        let shown = tap.picture.chosen();
        let current = shown
            .filter(|shown| shown.kind == TrackKind::Camera)
            .and_then(|shown| camera(shown.seat));
        match (current, loudest) {
            (None, Some(loudest)) => (Some(loudest), None),
            (None, None) => {
                let first = self.order.iter().find_map(|seat| camera(*seat));
                (first, None)
            }
            (Some(current), Some(loudest)) if loudest.seat != current.seat => {
                let before = tap.picture.louder.filter(|(seat, _)| *seat == loudest.seat);
                let since = before.map_or(now, |(_, since)| since);
                if now.saturating_duration_since(since) >= SPEAKER_PATIENCE {
                    (Some(loudest), None)
                } else {
                    (Some(current), Some((loudest.seat, since)))
                }
            }
            (Some(current), _) => (Some(current), None),
        }
    }
}

impl Session {
    /// The best layer of its screen or camera that is not too large; the smallest if all are.
    fn choice(&self, kind: SlotKind, max_height: Option<u16>, now: Instant) -> Option<Choice> {
        if !self.is_announced(kind) {
            return None;
        }
        // Never the second encoding: a recording is VP8 throughout.
        let mut layers = self.up.layers(kind, false, now);
        let newest = layers.iter().map(|layer| layer.last_packet).max()?;
        layers.retain(|layer| newest.saturating_duration_since(layer.last_packet) < LAYER_PAUSED);
        let fits = max_height.and_then(|max| layers.iter().rposition(|layer| layer.height <= max));
        let place = match max_height {
            Some(_) => fits.unwrap_or(0),
            None => layers.len().saturating_sub(1),
        };
        let stream = layers.get(place)?.key;
        Some(Choice {
            seat: self.owner.seat,
            stream,
            kind: match kind {
                SlotKind::Screen => TrackKind::Screen,
                _ => TrackKind::Camera,
            },
        })
    }
}
