//! A room: who is in it, what it says about that, and its part in forwarding.

mod audio;
mod connections;
mod forward;
mod keyframes;
mod members;
mod pictures;
mod policy;
mod recording;
mod reel;
mod repairs;
mod report;
mod state;
mod video;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use parley_media::audio::SpeakerSelector;
use parley_media::bucket::SourceBuckets;
use parley_media::channel::SlotKind;
use parley_media::sequence::StreamKey;

use crate::api::event_rates::{JOINS_BURST, JOINS_PER_SECOND};
use crate::api::{
    EventKind, Labels, Now, ParticipantId, RecordingView, RoomEvent, RoomPolicy, RoomRef, RoomView,
    SessionId,
};
use crate::ids::{Arena, Key};
use crate::prefetch::prefetch;
use crate::session::Session;
use crate::session::downlink::{Occupant, PublicationId, VOICES_MAX};
use crate::session::lines::{self, Demand, Offered};
use crate::shared::Shared;
use crate::timers::{Scheduled, Wake};
use connections::Connections;
pub(crate) use pictures::FanOut;
use recording::Tap;
pub(crate) use recording::{TapAllowance, Tapped};
use reel::Reel;

/// Participants remembered for the record of who was there.
const PARTICIPANTS_MAX: usize = 1_000;
/// Sessions are looked after this often.
const TICK: Duration = Duration::from_secs(1);

/// A named timer of the policy.
#[derive(Debug)]
pub(crate) struct NamedTimer {
    pub(crate) at: Instant,
    pub(crate) payload: Vec<u8>,
}

/// One participant is alone since.
#[derive(Debug, Clone, Copy)]
struct Alone {
    since: Instant,
    noticed: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) key: Key,
    pub(crate) id: RoomRef,
    pub(crate) policy: RoomPolicy,
    pub(crate) labels: Labels,
    opened: Now,
    seq: u64,
    pub(crate) sessions: Arena<Box<Session>>,
    pub(crate) names: BTreeMap<SessionId, Key>,
    /// Earliest joiner first.
    order: Vec<Key>,
    /// By which connections its sessions signal.
    connections: Connections,
    /// How many are unmuted.
    unmuted: usize,
    /// Who announced a screen or a camera, earliest joiner first.
    sharing: Vec<Key>,
    participants_ever: Vec<ParticipantId>,
    /// The same, to look somebody up.
    participants_known: BTreeSet<ParticipantId>,
    alone: Option<Alone>,
    pub(crate) timers: BTreeMap<String, NamedTimer>,
    selector: SpeakerSelector,
    selector_epoch: u64,
    next_tick: Instant,
    /// Somebody began or ceased to speak; told at this time at the earliest.
    voice_due: Option<Instant>,
    voice_told_at: Option<Instant>,
    /// Who spoke at the last Voice message.
    speakers_told: Vec<String>,
    /// Earliest trailing edge of merged key-frame requests.
    keyframes_due: Option<Instant>,
    /// Streams of pictures, by what rewriters call them.
    reels: BTreeMap<StreamKey, Reel>,
    /// Where the places of the newest reel began.
    reel_places: u32,
    /// Earliest moment at which packets of a picture wait no longer.
    pictures_due: Option<Instant>,
    /// Media goes to a recording.
    tap: Option<Box<Tap>>,
    /// That one, or the last one.
    recording: Option<RecordingView>,
    joins: SourceBuckets<ParticipantId>,
    /// [`Self::unsettle_all`] is due at the next tick: somebody's publications change too often.
    unsettle_due: bool,
    scheduled: Scheduled,
    /// The room has ended and is to be forgotten.
    pub(crate) over: bool,
}

impl Room {
    /// An open room without sessions; says so.
    pub(crate) fn open(
        key: Key,
        id: RoomRef,
        policy: RoomPolicy,
        labels: Labels,
        shared: &mut Shared,
    ) -> Self {
        let mut room = Self {
            key,
            id,
            policy,
            labels,
            opened: shared.now,
            seq: 0,
            sessions: Arena::default(),
            names: BTreeMap::new(),
            order: Vec::new(),
            connections: Connections::default(),
            unmuted: 0,
            sharing: Vec::new(),
            participants_ever: Vec::new(),
            participants_known: BTreeSet::new(),
            alone: None,
            timers: BTreeMap::new(),
            selector: SpeakerSelector::new(VOICES_MAX),
            selector_epoch: 0,
            next_tick: shared.now.instant + TICK,
            voice_due: None,
            voice_told_at: None,
            speakers_told: Vec::new(),
            keyframes_due: None,
            reels: BTreeMap::new(),
            reel_places: 0,
            pictures_due: None,
            tap: None,
            recording: None,
            joins: SourceBuckets::new(JOINS_PER_SECOND, JOINS_BURST, PARTICIPANTS_MAX),
            unsettle_due: false,
            scheduled: Scheduled::default(),
            over: false,
        };
        room.selector_epoch = room.selector.epoch();
        let view = room.view();
        room.emit(EventKind::RoomOpened(view), shared);
        room.reschedule(shared);
        room
    }

    pub(crate) fn view(&self) -> RoomView {
        RoomView {
            room: self.id.clone(),
            labels: self.labels.clone(),
            opened_at_ms: self.opened.wall_ms,
            sessions: self.in_order().map(Session::view).collect(),
            screen: self
                .in_order()
                .find(|session| session.announced.screen.is_some())
                .map(|session| session.id.clone()),
            participants_ever: self.participants_ever.clone(),
            recording: self.recording.clone(),
        }
    }

    /// Earliest joiner first.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = &Session> {
        let seats = self.order.iter();
        seats.filter_map(|seat| self.sessions.get(*seat).map(|boxed| &**boxed))
    }

    /// Adds an event of this room to the outbox.
    pub(crate) fn emit(&mut self, kind: EventKind, shared: &mut Shared) {
        self.seq += 1;
        shared.out.push_event(RoomEvent {
            room: self.id.clone(),
            room_labels: self.labels.clone(),
            seq: self.seq,
            at_ms: shared.now.wall_ms,
            kind,
        });
    }

    /// Texts that a session has for its client's signalling connection become events.
    pub(crate) fn flush_signals(&mut self, seat: Key, shared: &mut Shared) {
        let Some(session) = self.sessions.get_mut(seat) else {
            return;
        };
        if session.signals.is_empty() {
            return;
        }
        let texts = std::mem::take(&mut session.signals);
        let id = session.id.clone();
        let participant = session.participant.clone();
        let connection = session.connection.clone();
        for json in texts {
            let signal = EventKind::Signal {
                session: id.clone(),
                participant: participant.clone(),
                connection: connection.clone(),
                json,
            };
            self.emit(signal, shared);
        }
    }

    /// Everybody's lines may need a change.
    pub(crate) fn unsettle_all(&mut self, shared: &mut Shared) {
        for (_, session) in self.sessions.iter_mut() {
            session.mark_unsettled(shared);
        }
    }

    /// What this session publishes has changed: everybody's lines follow, at the next tick if that
    /// happens too often.
    pub(crate) fn unsettle_for(&mut self, seat: Key, shared: &mut Shared) {
        let Some(session) = self.sessions.get_mut(seat) else {
            return;
        };
        if session.publications.take(shared.now.instant, 1) {
            self.unsettle_all(shared);
        } else {
            session.drop_one("publication_rate", shared);
            self.unsettle_due = true;
        }
    }

    /// Brings the lines of these sessions in line with what the room has. Costs nothing for the others:
    /// one after the other they all join.
    pub(crate) fn settle(&mut self, seats: &[Key], shared: &mut Shared) {
        #[cfg(feature = "sabotage")]
        shared.panic_for(crate::shared::Fault::PanicInSettle);
        let screen = self.publication(SlotKind::Screen);
        let screen_audio = self.publication(SlotKind::ScreenAudio);
        let cameras: Vec<Offered> = self
            .sharing()
            .filter_map(|session| self.offered(session, SlotKind::Video))
            .collect();
        let voices = self.voice_owners();
        let voice_slots = self.voice_slots();
        for &seat in seats {
            let Some(session) = self.sessions.get_mut(seat) else {
                continue;
            };
            if !std::mem::take(&mut session.unsettled) || !session.can_settle() {
                continue;
            }
            let foreign = |offered: &Offered| offered.occupant.publication.seat != seat;
            let demand = Demand {
                voice_slots,
                voices: voices
                    .iter()
                    .map(|owner| owner.clone().filter(foreign))
                    .collect(),
                screen: screen.clone().filter(foreign),
                screen_audio: screen_audio.clone().filter(foreign),
                cameras: session.shown_cameras(&cameras, seat),
            };
            session.settle(&demand, shared);
            self.flush_signals(seat, shared);
            self.retarget(seat, shared);
        }
    }

    /// Voice slots that everybody should have at least.
    pub(crate) fn voice_slots(&self) -> usize {
        debug_assert_eq!(
            self.unmuted,
            self.in_order().filter(|session| session.unmuted).count()
        );
        lines::voice_slots(self.unmuted, self.sessions.len().saturating_sub(1))
    }

    fn publication(&self, kind: SlotKind) -> Option<Offered> {
        self.sharing()
            .find_map(|session| self.offered(session, kind))
    }

    fn sharing(&self) -> impl Iterator<Item = &Session> {
        let seats = self.sharing.iter();
        seats.filter_map(|seat| self.sessions.get(*seat).map(|boxed| &**boxed))
    }

    /// Somebody announced something, or nothing any more.
    fn note_sharing(&mut self) {
        let shares = |session: &&Session| {
            session.announced.screen.is_some() || session.announced.video.is_some()
        };
        let seats = self.in_order().filter(shares);
        self.sharing = seats.map(|session| session.owner.seat).collect();
    }

    /// A publication that is live: announced, and its m-line bound.
    fn offered(&self, session: &Session, kind: SlotKind) -> Option<Offered> {
        let announced = match kind {
            SlotKind::Voice => true,
            SlotKind::Screen | SlotKind::ScreenAudio => session.announced.screen.is_some(),
            SlotKind::Video => session.announced.video.is_some(),
        };
        if !announced || !session.up.is_bound(kind) {
            return None;
        }
        Some(Offered {
            occupant: Occupant {
                publication: PublicationId {
                    seat: session.owner.seat,
                    kind,
                },
                csrc: session.csrcs.of(kind),
            },
            session: session.id.0.clone(),
        })
    }

    /// Who owns the room's voice slots.
    fn voice_owners(&self) -> Vec<Option<Offered>> {
        let owners = self.selector.owners().iter();
        owners
            .map(|owner| {
                let seat = self.sessions.key_at((*owner)?.0)?;
                self.offered(self.sessions.get(seat)?, SlotKind::Voice)
            })
            .collect()
    }

    /// A datagram of a session here comes next.
    pub(crate) fn expect(&self) {
        prefetch(&self.selector);
        prefetch(&self.selector_epoch);
        prefetch(&self.tap);
    }

    /// Hands the session of a datagram to `work`, and in a small room those who will hear it.
    pub(crate) fn each_expected(
        &self,
        seat: Key,
        listeners_max: usize,
        mut work: impl FnMut(&Session, bool),
    ) {
        if self.sessions.len() > listeners_max {
            if let Some(session) = self.sessions.get(seat) {
                work(session, true);
            }
            return;
        }
        for (key, session) in self.sessions.iter() {
            work(session, key == seat);
        }
    }

    /// Makes sure that the room is woken at `at`.
    pub(crate) fn wake_at(&mut self, at: Instant, shared: &mut Shared) {
        shared
            .timers
            .schedule(Wake::Room(self.key), at, &mut self.scheduled);
    }

    /// A timer entry of this room came up.
    pub(crate) fn came_up(&mut self, at: Instant) -> bool {
        self.scheduled.came_up(at)
    }
}
