//! A workload as streams: who sends what, when, and to whom it goes on.

use std::time::Duration;

use super::{PICTURES_PER_SECOND, Scenario, VOICE_INTERVAL, VOICES_FORWARDED_MAX};
use crate::client::Track;

/// Each client sends in a phase of its own within the interval.
pub(in crate::load) fn phase(every: Duration, client: usize) -> Duration {
    every.mul_f64((client as f64 * 0.618).fract())
}

/// What one publisher sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::load) struct Feed {
    pub(in crate::load) every: Duration,
    /// When it begins.
    pub(in crate::load) phase: Duration,
    /// Or a voice.
    pub(in crate::load) pictures: bool,
    /// Packets each time.
    pub(in crate::load) packets: usize,
    /// Who gets them.
    pub(in crate::load) listeners: Vec<usize>,
}

impl Scenario {
    /// What each publisher sends, and to whom it goes on; `None`: the sidecar chooses.
    pub(in crate::load) fn feeds(&self) -> Option<Vec<Feed>> {
        if !self.is_exact() {
            return None;
        }
        let mut feeds = Vec::new();
        for number in 0..self.rooms() {
            let (first, room) = (self.rooms[number], self.room(number));
            let mut voices = 0;
            for (at, role) in room.iter().enumerate() {
                for (track, layers) in role.tracks() {
                    let voice = *track == Track::Voice;
                    voices += usize::from(voice);
                    if voice && voices > VOICES_FORWARDED_MAX {
                        continue;
                    }
                    let every = if voice {
                        VOICE_INTERVAL
                    } else {
                        Duration::from_secs(1) / PICTURES_PER_SECOND
                    };
                    let others = (0..room.len()).filter(|other| *other != at);
                    feeds.push(Feed {
                        every,
                        phase: phase(every, first + at),
                        pictures: !voice,
                        packets: layers.first().map_or(1, |layer| layer.packets_per_picture),
                        listeners: others.map(|other| first + other).collect(),
                    });
                }
            }
        }
        Some(feeds)
    }
}
