//! Choosing speakers, once per room (media-plane.md, "Choosing speakers"). Decisions fall when a
//! packet arrives, depend only on what arrived before, and so replay the same.

use super::level::SourceLevel;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// An owner keeps its slot so long after its last voice.
const FREE_AFTER: Duration = Duration::from_secs(2);
/// An owner this young is not robbed.
const TENANCY_MIN: Duration = Duration::from_millis(300);
/// How much louder a thief must be, dB ...
const STEAL_ABOVE_DB: i32 = 6;
/// ... over so many packets in a row.
const STEAL_PACKETS: u8 = 3;

/// A voice source of the room. Smaller ids win ties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// What is known of a packet before decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioPacket {
    /// dBov, 0 (loudest) to -127, as RFC 6464 and str0m's `audio_level`; `None`: no extension.
    pub level: Option<i8>,
    /// RFC 6464 V bit, if the extension is there.
    pub voice: Option<bool>,
}

/// Chooses the owners of the room's voice slots.
#[derive(Debug, Clone)]
pub struct SpeakerSelector {
    owners: Vec<Option<SourceId>>,
    slots: Vec<Slot>,
    sources: BTreeMap<SourceId, Source>,
    epoch: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// When the present owner came.
    since: Option<Instant>,
    /// The present or last owner: while all fit, one person keeps one slot.
    known_as: Option<SourceId>,
}

#[derive(Debug, Clone, Default)]
struct Source {
    level: SourceLevel,
    slot: Option<usize>,
    pinned: bool,
    /// Packets in a row that were loud enough to steal.
    louder: u8,
}

impl SpeakerSelector {
    /// A room with `slots` voice slots, all empty.
    pub fn new(slots: usize) -> Self {
        Self {
            owners: vec![None; slots],
            slots: vec![Slot::default(); slots],
            sources: BTreeMap::new(),
            epoch: 0,
        }
    }

    /// More slots; never fewer (slots stay for a session's life).
    pub fn grow(&mut self, slots: usize) {
        let slots = slots.max(self.slots.len());
        self.owners.resize(slots, None);
        self.slots.resize(slots, Slot::default());
    }

    /// A packet of a source that is not muted. The slot to forward it in, if it owns one now.
    pub fn handle_packet(
        &mut self,
        source: SourceId,
        packet: AudioPacket,
        now: Instant,
    ) -> Option<usize> {
        let state = self.sources.entry(source).or_default();
        state.level.handle(packet, now);
        if state.slot.is_none() && state.level.is_candidate() {
            self.claim(source, now);
        }
        self.slot_of(source)
    }

    /// The source was muted: its slot is free at once, but prefers it when it comes back.
    pub fn mute(&mut self, source: SourceId) {
        self.vacate(source);
        if let Some(state) = self.sources.get_mut(&source) {
            state.level = SourceLevel::default();
            state.louder = 0;
        }
    }

    /// The source is gone.
    pub fn remove(&mut self, source: SourceId) {
        self.vacate(source);
        self.sources.remove(&source);
        for slot in &mut self.slots {
            if slot.known_as == Some(source) {
                slot.known_as = None;
            }
        }
    }

    /// A pinned source that owns a slot keeps it until it is muted, removed or unpinned.
    pub fn set_pinned(&mut self, source: SourceId, pinned: bool) {
        self.sources.entry(source).or_default().pinned = pinned;
    }

    /// Owner of each slot.
    pub fn owners(&self) -> &[Option<SourceId>] {
        &self.owners
    }

    /// The slot this source owns.
    pub fn slot_of(&self, source: SourceId) -> Option<usize> {
        self.sources.get(&source)?.slot
    }

    /// Grows by one with every change of an owner: compare to know when to send maps.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// More than 6 silent packets in a row: nothing of it matters until it speaks.
    pub fn is_dtx(&self, source: SourceId) -> bool {
        self.sources
            .get(&source)
            .is_none_or(|state| state.level.is_dtx())
    }

    /// Sources with voice in the last `within`, loudest first.
    pub fn speaking(&self, now: Instant, within: Duration) -> Vec<SourceId> {
        let mut speaking: Vec<_> = self
            .sources
            .iter()
            .filter(|(_, state)| state.level.had_voice_since(now, within))
            .map(|(id, state)| (-state.level.loudness(), *id))
            .collect();
        speaking.sort_unstable();
        speaking.into_iter().map(|(_, id)| id).collect()
    }

    /// Gives a candidate a slot if one is empty, free, or can be taken from somebody quieter.
    fn claim(&mut self, source: SourceId, now: Instant) {
        if let Some(slot) = self.empty_slot(source).or_else(|| self.free_slot(now)) {
            self.give(slot, source, now);
            return;
        }
        let Some((slot, owner_loudness)) = self.weakest_slot(now) else {
            return;
        };
        let Some(state) = self.sources.get_mut(&source) else {
            return;
        };
        if state.level.loudness() < owner_loudness + SourceLevel::db(STEAL_ABOVE_DB) {
            state.louder = 0;
            return;
        }
        state.louder += 1;
        if state.louder >= STEAL_PACKETS {
            self.give(slot, source, now);
        }
    }

    /// An empty slot: the source's former one, else one that nobody is known by, else the first.
    fn empty_slot(&self, source: SourceId) -> Option<usize> {
        (0..self.slots.len())
            .filter(|slot| self.owners[*slot].is_none())
            .min_by_key(|slot| match self.slots[*slot].known_as {
                Some(known) if known == source => 0,
                None => 1,
                Some(_) => 2,
            })
    }

    /// The slot whose owner has been silent longest, and long enough.
    fn free_slot(&self, now: Instant) -> Option<usize> {
        self.robbable()
            .filter(|(_, _, state)| !state.level.had_voice_since(now, FREE_AFTER))
            .min_by_key(|(_, owner, state)| (state.level.last_voice(), *owner))
            .map(|(slot, _, _)| slot)
    }

    /// The slot of the quietest owner that may be robbed, and its loudness. Of two as quiet, the one
    /// that holds its slot longest keeps it, then the smaller id.
    fn weakest_slot(&self, now: Instant) -> Option<(usize, i32)> {
        self.robbable()
            .filter(|(slot, _, _)| {
                self.slots[*slot]
                    .since
                    .is_none_or(|since| now.saturating_duration_since(since) >= TENANCY_MIN)
            })
            .min_by_key(|(slot, owner, state)| {
                let youngest_first = std::cmp::Reverse((self.slots[*slot].since, *owner));
                (state.level.loudness(), youngest_first)
            })
            .map(|(slot, _, state)| (slot, state.level.loudness()))
    }

    fn robbable(&self) -> impl Iterator<Item = (usize, SourceId, &Source)> {
        self.owners.iter().enumerate().filter_map(|(slot, owner)| {
            let owner = (*owner)?;
            let state = self.sources.get(&owner)?;
            (!state.pinned).then_some((slot, owner, state))
        })
    }

    fn give(&mut self, slot: usize, source: SourceId, now: Instant) {
        if let Some(former) = self.owners[slot] {
            self.vacate(former);
        }
        self.owners[slot] = Some(source);
        self.slots[slot] = Slot {
            since: Some(now),
            known_as: Some(source),
        };
        if let Some(state) = self.sources.get_mut(&source) {
            state.slot = Some(slot);
            state.louder = 0;
        }
        self.epoch += 1;
    }

    fn vacate(&mut self, source: SourceId) {
        let Some(state) = self.sources.get_mut(&source) else {
            return;
        };
        if let Some(slot) = state.slot.take() {
            self.owners[slot] = None;
            self.slots[slot].since = None;
            self.epoch += 1;
        }
    }
}

#[cfg(test)]
mod tests;
