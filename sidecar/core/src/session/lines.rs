//! Which m-lines a client shall have and who is in them: the wanted state is computed anew each time
//! from the room, and whatever differs is offered when an offer can go out.

use std::collections::BTreeMap;

use parley_media::channel::{MediaMapEntry, ServerMessage, Slot, SlotKind, SlotMap};
use str0m::media::{Direction, MediaKind, Mid};

use super::Session;
use super::downlink::{AudioSlot, CAMERAS_MAX, Line, Occupant, VOICES_MAX, VideoSlot};
use super::negotiation::{Change, NewLine};
use crate::api::VideoDown;
use crate::shared::Shared;

/// Steps in which voice slots are offered: at most three offers in a session's life.
const VOICE_STEPS: [usize; 3] = [2, 4, VOICES_MAX];
/// Voice slots that do not wait for somebody to unmute.
const VOICES_READY: usize = 4;
/// Steps of camera slots.
const CAMERA_STEPS: [usize; 3] = [1, 4, CAMERAS_MAX];
/// Characters that make a track id unique.
const TRACK_SUFFIX: usize = 8;

/// The step of voice slots for a room with so many unmuted sessions: at first as many as could speak,
/// beyond [`VOICES_READY`] one more than do, so that the next one is heard from its first word. Each
/// slot makes each packet to each listener dearer, and in large rooms most people listen.
pub(crate) fn voice_slots(unmuted: usize, others: usize) -> usize {
    let needed = others.min((unmuted + 1).max(VOICES_READY));
    let step = VOICE_STEPS.iter().find(|step| **step >= needed);
    *step.unwrap_or(&VOICES_MAX)
}

/// Somebody's publication as another client shall receive it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offered {
    pub(crate) occupant: Occupant,
    /// Session id of the sender.
    pub(crate) session: String,
}

/// What the room has for one client.
#[derive(Debug, Clone, Default)]
pub(crate) struct Demand {
    /// Voice slots that everybody should have at least, see [`voice_slots`].
    pub(crate) voice_slots: usize,
    /// Owner of each of the room's voice slots, but for the client itself.
    pub(crate) voices: Vec<Option<Offered>>,
    pub(crate) screen: Option<Offered>,
    pub(crate) screen_audio: Option<Offered>,
    /// Cameras that the client shows, most wanted first.
    pub(crate) cameras: Vec<Offered>,
}

impl Session {
    /// There is somebody to offer anything to.
    pub(crate) fn can_settle(&self) -> bool {
        self.peer.is_some() && self.channel.is_open()
    }

    /// Brings slots, maps and m-lines in line with `demand`. Idempotent.
    pub(crate) fn settle(&mut self, demand: &Demand, shared: &mut Shared) {
        self.fill_slots(demand);
        let change = self.plan(demand, shared);
        let something =
            !change.add.is_empty() || !change.direct.is_empty() || self.negotiator.forced;
        self.negotiator.wanted = something;
        let now = shared.now.instant;
        // Over the socket an offer may have to wait for the next tick.
        let may = self.capabilities.dc_signaling || self.may_signal(now);
        if something && may && self.negotiator.is_free(now, shared) {
            self.make_offer(change, demand, shared);
        } else if self.down.map_stale {
            self.send_map(demand, shared);
        }
    }

    fn fill_slots(&mut self, demand: &Demand) {
        let owners: Vec<_> = demand
            .voices
            .iter()
            .map(|owner| owner.as_ref().map(|offered| offered.occupant))
            .collect();
        self.down.seat_voices(&owners);
        let mut stale = false;
        if let Some(slot) = &mut self.down.screen_audio {
            let occupant = demand.screen_audio.as_ref().map(|offered| offered.occupant);
            stale |= slot.occupant != occupant;
            slot.seat(occupant);
        }
        let wanted: Vec<Occupant> = self
            .wanted_videos(demand)
            .iter()
            .map(|o| o.occupant)
            .collect();
        for slot in &mut self.down.videos {
            if slot
                .occupant
                .is_some_and(|occupant| !wanted.contains(&occupant))
            {
                slot.occupant = None;
                slot.rewriter.set_target(None);
                stale = true;
            }
        }
        for occupant in wanted {
            let kind = occupant.publication.kind;
            if self
                .down
                .videos
                .iter()
                .any(|slot| slot.occupant == Some(occupant))
            {
                continue;
            }
            // Kinds never swap within an m-line.
            let mut free = self.down.videos.iter_mut();
            if let Some(slot) = free.find(|slot| slot.occupant.is_none() && slot.line.kind == kind)
            {
                slot.occupant = Some(occupant);
                stale = true;
            }
        }
        self.down.map_stale |= stale;
    }

    /// Screen first, then cameras.
    fn wanted_videos<'a>(&self, demand: &'a Demand) -> Vec<&'a Offered> {
        let cameras = match self.capabilities.video_down {
            VideoDown::None => 0,
            VideoDown::OnDemand | VideoDown::Slots => CAMERAS_MAX,
        };
        demand
            .screen
            .iter()
            .chain(demand.cameras.iter().take(cameras))
            .collect()
    }

    /// What has to be offered. Lines on demand are renamed here, in [`super::munge::Msids`].
    fn plan(&mut self, demand: &Demand, shared: &mut Shared) -> Change {
        let mut change = Change::default();
        let slots = self.capabilities.slots_v1;
        // Pictures first; nothing depends on it.
        if slots {
            self.plan_fixed_videos(demand, &mut change, shared);
        } else {
            self.plan_videos_on_demand(demand, &mut change, shared);
        }
        // A new slot is named after who will be its first owner; an unused one after the client itself.
        let seated = |owner: &&Offered| {
            let slots = &self.down.voices;
            slots
                .iter()
                .any(|slot| slot.occupant == Some(owner.occupant))
        };
        let mut waiting = demand
            .voices
            .iter()
            .flatten()
            .filter(|owner| !seated(owner));
        for _ in self.down.voices.len()..self.voices_wanted(demand) {
            let session = waiting.next().map_or(&self.id.0, |owner| &owner.session);
            change
                .add
                .push(new_line(SlotKind::Voice, None, session, shared));
        }
        if self.down.screen_audio.is_none() && (slots || demand.screen_audio.is_some()) {
            let session = demand
                .screen_audio
                .as_ref()
                .map_or(&self.id.0, |o| &o.session);
            change
                .add
                .push(new_line(SlotKind::ScreenAudio, None, session, shared));
        }
        change
    }

    fn voices_wanted(&self, demand: &Demand) -> usize {
        let most = match usize::from(self.capabilities.max_audio_slots) {
            0 => VOICES_MAX,
            most => most.min(VOICES_MAX),
        };
        demand.voice_slots.min(most)
    }

    fn plan_fixed_videos(&self, demand: &Demand, change: &mut Change, shared: &mut Shared) {
        let have = |kind| {
            self.down
                .videos
                .iter()
                .filter(|s| s.line.kind == kind)
                .count()
        };
        if have(SlotKind::Screen) == 0 {
            change
                .add
                .push(new_line(SlotKind::Screen, None, &self.id.0, shared));
        }
        if self.capabilities.video_down == VideoDown::None {
            return;
        }
        let cameras = demand.cameras.len();
        let wanted = match CAMERA_STEPS.iter().find(|step| **step >= cameras) {
            _ if cameras == 0 => 0,
            step => *step.unwrap_or(&CAMERAS_MAX),
        };
        for _ in have(SlotKind::Video)..wanted {
            change
                .add
                .push(new_line(SlotKind::Video, None, &self.id.0, shared));
        }
    }

    fn plan_videos_on_demand(&mut self, demand: &Demand, change: &mut Change, shared: &mut Shared) {
        for slot in &self.down.videos {
            if slot.active && slot.occupant.is_none() {
                change.direct.push((slot.line.mid, Direction::Inactive));
            }
        }
        for offered in self.wanted_videos(demand) {
            let kind = offered.occupant.publication.kind;
            let occupant = Some(offered.occupant);
            match self
                .down
                .videos
                .iter()
                .find(|slot| slot.occupant == occupant)
            {
                Some(slot) if slot.active => {}
                Some(slot) => {
                    let line = new_line(kind, Some(&offered.session), &offered.session, shared);
                    let ids = (line.stream_id, line.track_id);
                    self.negotiator.msids.insert(slot.line.mid.to_string(), ids);
                    change.direct.push((slot.line.mid, Direction::SendOnly));
                }
                None => {
                    let line = new_line(kind, Some(&offered.session), &offered.session, shared);
                    change.add.push(line);
                }
            }
        }
    }

    fn make_offer(&mut self, change: Change, demand: &Demand, shared: &mut Shared) {
        let Some((mids, offer)) = self.offer(&change, shared) else {
            return;
        };
        self.negotiator.wanted = false;
        for (mid, direction) in &change.direct {
            if let Some(slot) = self
                .down
                .videos
                .iter_mut()
                .find(|slot| slot.line.mid == *mid)
            {
                slot.active = direction.is_sending();
                slot.ready = false;
            }
        }
        for (mid, line) in mids.into_iter().zip(&change.add) {
            self.add_slot(mid, line.slot, shared);
        }
        self.fill_slots(demand);
        tracing::debug!(
            session = %self.id.0,
            added = change.add.len(),
            turned = change.direct.len(),
            "offer"
        );
        self.send_map(demand, shared);
        self.send_offer(&offer, shared);
        self.mark_dirty(shared);
    }

    fn add_slot(&mut self, mid: Mid, kind: SlotKind, shared: &mut Shared) {
        let line = Line::new(kind, mid);
        match kind {
            SlotKind::Voice => self.down.voices.push(AudioSlot::new(line, shared)),
            SlotKind::ScreenAudio => self.down.screen_audio = Some(AudioSlot::new(line, shared)),
            SlotKind::Screen | SlotKind::Video => {
                self.down.videos.push(VideoSlot::new(line, shared));
            }
        }
    }

    /// Tells the client who is in which m-line, all of it.
    fn send_map(&mut self, demand: &Demand, shared: &mut Shared) {
        self.down.map_stale = false;
        self.down.map_epoch += 1;
        let names: BTreeMap<OccupantKey, &str> = demand
            .voices
            .iter()
            .flatten()
            .chain(&demand.screen)
            .chain(&demand.screen_audio)
            .chain(&demand.cameras)
            .map(|offered| (key(&offered.occupant), offered.session.as_str()))
            .collect();
        let audio = self.down.voices.iter().chain(&self.down.screen_audio);
        let audio = audio.map(|slot| (&slot.line, slot.occupant));
        let videos = self.down.videos.iter().filter(|slot| slot.active);
        let videos = videos.map(|slot| (&slot.line, slot.occupant));
        let slots: Vec<Slot> = audio
            .chain(videos)
            .filter_map(|(line, occupant)| {
                let occupant = occupant?;
                Some(Slot {
                    mid: line.mid.to_string(),
                    kind: line.kind,
                    session: (*names.get(&key(&occupant))?).to_owned(),
                    publication: format!("{:08x}", occupant.csrc),
                    csrc: occupant.csrc,
                })
            })
            .collect();
        let message = if self.capabilities.slots_v1 {
            ServerMessage::SlotMap(SlotMap {
                epoch: self.down.map_epoch,
                slots,
            })
        } else {
            ServerMessage::MediaMap(
                slots
                    .into_iter()
                    .map(|slot| {
                        let kind = slot.kind;
                        (
                            slot.mid,
                            MediaMapEntry {
                                kind,
                                session: slot.session,
                            },
                        )
                    })
                    .collect(),
            )
        };
        self.send_channel(&message, shared);
    }
}

/// Orders occupants for a lookup.
type OccupantKey = (u32, u32);

fn key(occupant: &Occupant) -> OccupantKey {
    (occupant.publication.seat.slot, occupant.csrc)
}

/// Names a new line. Track ids keep the form `<kind>_<session>_<suffix>` that clients parse. A video's
/// stream is its sender's session; audio gets a stream of its own per slot, so that browsers do not
/// lip-sync strangers.
fn new_line(kind: SlotKind, stream: Option<&str>, session: &str, shared: &mut Shared) -> NewLine {
    let suffix = shared.random_text(TRACK_SUFFIX);
    NewLine {
        slot: kind,
        kind: match kind {
            SlotKind::Voice | SlotKind::ScreenAudio => MediaKind::Audio,
            SlotKind::Screen | SlotKind::Video => MediaKind::Video,
        },
        stream_id: stream.map_or_else(|| shared.random_text(16), str::to_owned),
        track_id: format!("{}_{session}_{suffix}", kind.as_str()),
    }
}
