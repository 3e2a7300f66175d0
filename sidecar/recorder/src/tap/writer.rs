//! The shard's end of the ring: what may still go in, and what must be told of what did not.

use parley_media::recording::codec::{self, BODY_BYTES_MAX};
use parley_media::recording::{At, Entry, TrackId};

use super::RecordingKey;
use super::ring::{Class, HEAD_BYTES, Inlet, head};

/// The last of the ring's room is for what says what the packets are.
const CONTROL_BYTES: usize = 64 << 10;
/// Pictures need so large a part of the ring free.
const VIDEO_PART: usize = 4;
/// Recordings whose tracks and losses are kept in mind; beyond, the oldest is forgotten (its pictures then
/// count as sound).
const RECORDINGS_MAX: usize = 256;
/// Tracks of pictures per recording that are kept in mind, likewise.
const VIDEO_TRACKS_MAX: usize = 64;
/// What was left out is told at most so often, microseconds.
const TELL_EVERY: u64 = 250_000;

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Pushed {
    /// It is on its way.
    Away,
    /// There was no room, and it is counted.
    Dropped,
}

/// The shard thread's end of the tap. Dropped, the recorder writes what it has got and closes.
pub struct TapWriter {
    inlet: Inlet,
    /// One record, head and body.
    record: Vec<u8>,
    recordings: Vec<Known>,
}

/// A recording's pictures, and its losses that were not told yet.
struct Known {
    key: RecordingKey,
    video: Vec<TrackId>,
    lost: Lost,
}

#[derive(Default, Clone, Copy)]
struct Lost {
    since: At,
    audio: u32,
    video: u32,
}

impl TapWriter {
    pub(super) fn new(inlet: Inlet) -> Self {
        Self {
            inlet,
            record: Vec::with_capacity(HEAD_BYTES + BODY_BYTES_MAX),
            recordings: Vec::with_capacity(RECORDINGS_MAX),
        }
    }

    /// Hands an entry over. Never blocks, and allocates nothing for a packet. [`Entry::Segment`] is the
    /// journal's own and is refused.
    pub fn push(&mut self, key: RecordingKey, entry: &Entry<'_>) -> Pushed {
        if matches!(entry, Entry::Segment { .. }) {
            return Pushed::Dropped;
        }
        let place = self.place(key);
        self.note(place, entry);
        let class = self.class(place, entry);
        if let Some(at) = entry.at() {
            self.tell(place, at, matches!(entry, Entry::End { .. }));
        }
        let pushed = self.write(key, class, entry);
        if let Entry::End { at, reason } = *entry {
            self.recordings.swap_remove(place);
            if pushed == Pushed::Dropped {
                // Without its end a recording would go on for ever.
                self.inlet.end_late(key, at, reason);
                return Pushed::Away;
            }
        } else if pushed == Pushed::Dropped {
            self.recordings[place].lost.count(class, entry.at());
        }
        pushed
    }

    fn place(&mut self, key: RecordingKey) -> usize {
        if let Some(place) = self.recordings.iter().position(|known| known.key == key) {
            return place;
        }
        if self.recordings.len() == RECORDINGS_MAX {
            let oldest = self
                .recordings
                .iter()
                .enumerate()
                .min_by_key(|(_, known)| known.key);
            let oldest = oldest.map_or(0, |(place, _)| place);
            self.recordings.swap_remove(oldest);
        }
        self.recordings.push(Known {
            key,
            video: Vec::with_capacity(VIDEO_TRACKS_MAX),
            lost: Lost::default(),
        });
        self.recordings.len() - 1
    }

    fn note(&mut self, place: usize, entry: &Entry<'_>) {
        let video = &mut self.recordings[place].video;
        match entry {
            Entry::Track { track, kind, .. } if !kind.is_audio() && !video.contains(track) => {
                if video.len() == VIDEO_TRACKS_MAX {
                    video.remove(0);
                }
                video.push(*track);
            }
            Entry::TrackEnd { track, .. } => video.retain(|known| known != track),
            _ => {}
        }
    }

    fn class(&self, place: usize, entry: &Entry<'_>) -> Class {
        match entry {
            Entry::Media(media) if self.recordings[place].video.contains(&media.track) => {
                Class::Video
            }
            Entry::Media(_) => Class::Audio,
            _ => Class::Control,
        }
    }

    /// Writes what was left out before now, if there is room for it.
    fn tell(&mut self, place: usize, at: At, last: bool) {
        let Known { key, lost, .. } = self.recordings[place];
        let due = last || at.0.saturating_sub(lost.since.0) >= TELL_EVERY;
        if lost.is_none() || !due {
            return;
        }
        let Lost { audio, video, .. } = lost;
        let dropped = Entry::Dropped { at, audio, video };
        if self.write(key, Class::Control, &dropped) == Pushed::Away {
            self.recordings[place].lost = Lost::default();
        }
    }

    fn write(&mut self, key: RecordingKey, class: Class, entry: &Entry<'_>) -> Pushed {
        self.record.clear();
        self.record.extend_from_slice(&[0; HEAD_BYTES]);
        codec::encode(entry, &mut self.record);
        let Some(head) = head(key, class, self.record.len() - HEAD_BYTES) else {
            return Pushed::Dropped;
        };
        self.record[..HEAD_BYTES].copy_from_slice(&head);
        let capacity = self.inlet.ring.buffer().capacity();
        let kept_free = match class {
            Class::Video => capacity / VIDEO_PART,
            Class::Audio => CONTROL_BYTES.min(capacity / (2 * VIDEO_PART)),
            Class::Control => 0,
        };
        // The number seen last is asked first: the reader's cache line is left alone while there is room.
        let needed = kept_free + self.record.len();
        if self.inlet.ring.cached_slots() < needed && self.inlet.ring.slots() < needed {
            return Pushed::Dropped;
        }
        match self.inlet.ring.push_entire_slice(&self.record) {
            Ok(()) => Pushed::Away,
            Err(_) => Pushed::Dropped,
        }
    }
}

impl Lost {
    const fn is_none(&self) -> bool {
        self.audio == 0 && self.video == 0
    }

    fn count(&mut self, class: Class, at: Option<At>) {
        if self.is_none() {
            self.since = at.unwrap_or_default();
        }
        match class {
            Class::Video => self.video = self.video.saturating_add(1),
            // What is no packet counts as sound: without it packets cannot be placed.
            Class::Audio | Class::Control => self.audio = self.audio.saturating_add(1),
        }
    }
}

#[cfg(test)]
mod tests;
