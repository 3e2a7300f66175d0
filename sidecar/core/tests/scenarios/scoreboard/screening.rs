//! The viewer's side of a picture: frames put together from packets, shown when they and all they refer
//! to are there, and key frames asked for when that takes too long.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// A picture that stands still for so long asks for a key frame ...
const PATIENCE: Duration = Duration::from_millis(300);
/// ... at most so often.
const ASKED_EVERY: Duration = Duration::from_millis(500);

/// Layer, lowest first, and number of a frame in it.
type FrameId = (usize, u64);

#[derive(Debug)]
struct Frame {
    captured: Instant,
    keyframe: bool,
    missing: BTreeSet<u64>,
}

/// A frame that was shown.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    pub layer: usize,
    pub captured: Instant,
    pub at: Instant,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Screening {
    frames: BTreeMap<FrameId, Frame>,
    /// Packet of a layer -> its frame.
    packets: BTreeMap<(usize, u64), FrameId>,
    current: Option<FrameId>,
    pub shown: Vec<Shown>,
    came: Option<Instant>,
    asked: Option<Instant>,
    pub key_frames_asked: u64,
}

impl Screening {
    /// The camera sent a frame of these packets.
    pub fn sent(
        &mut self,
        (layer, number): FrameId,
        packets: std::ops::Range<u64>,
        keyframe: bool,
        captured: Instant,
    ) {
        for packet in packets.clone() {
            self.packets.insert((layer, packet), (layer, number));
        }
        let frame = Frame {
            captured,
            keyframe,
            missing: packets.collect(),
        };
        self.frames.insert((layer, number), frame);
    }

    /// A packet came.
    pub fn take(&mut self, layer: usize, packet: u64, now: Instant) {
        self.came = Some(now);
        let Some(id) = self.packets.get(&(layer, packet)).copied() else {
            return;
        };
        let Some(frame) = self.frames.get_mut(&id) else {
            return;
        };
        frame.missing.remove(&packet);
        // Of the same moment it may be, in another layer.
        let latest = self.shown.last().map(|shown| shown.captured);
        if frame.missing.is_empty()
            && frame.keyframe
            && latest.is_none_or(|latest| frame.captured >= latest)
        {
            self.show(id, now);
        }
        while let Some((layer, number)) = self.current {
            let next = (layer, number + 1);
            match self.frames.get(&next) {
                Some(frame) if frame.missing.is_empty() => self.show(next, now),
                _ => break,
            }
        }
    }

    fn show(&mut self, id: FrameId, now: Instant) {
        self.current = Some(id);
        self.shown.push(Shown {
            layer: id.0,
            captured: self.frames[&id].captured,
            at: now,
        });
    }

    /// Whether a key frame is to be asked for.
    pub fn asks(&mut self, now: Instant) -> bool {
        let Some(last) = self.shown.last() else {
            return false;
        };
        // Nothing comes at all: the picture is paused.
        let comes = self.came.is_some_and(|came| now - came < PATIENCE);
        let asked = self.asked.is_some_and(|asked| now - asked < ASKED_EVERY);
        let asks = comes && !asked && now - last.at > PATIENCE;
        if asks {
            self.asked = Some(now);
            self.key_frames_asked += 1;
        }
        asks
    }
}
