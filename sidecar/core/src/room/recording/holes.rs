//! Packets of a recorded picture that did not come: a hole that stays open needs a key frame, one that
//! a retransmission fills does not.

use std::time::{Duration, Instant};

/// A retransmission had its chance after this.
const PATIENCE: Duration = Duration::from_millis(500);
/// Missing packets that are waited for; more at a time are a hole for sure.
const MISSING_MAX: usize = 64;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Holes {
    /// The next number that is due.
    next: Option<u64>,
    /// In order of their numbers, which is that of their times but for strangers' tricks.
    missing: Vec<u64>,
    /// Since when the oldest of them is missing.
    since: Option<Instant>,
    /// More was lost at once than is waited for.
    wide: bool,
}

impl Holes {
    /// A packet came, in whatever order.
    pub(super) fn add(&mut self, sequence: u64, now: Instant) {
        let next = *self.next.get_or_insert(sequence);
        if sequence < next {
            self.missing.retain(|missing| *missing != sequence);
            if self.missing.is_empty() && !self.wide {
                self.since = None;
            }
            return;
        }
        self.next = Some(sequence + 1);
        let gap = sequence - next;
        if gap == 0 {
            return;
        }
        self.since.get_or_insert(now);
        if self.missing.len() as u64 + gap > MISSING_MAX as u64 {
            self.wide = true;
        } else {
            self.missing.extend(next..sequence);
        }
    }

    /// A key frame begins with this packet: what is missing before it matters no more.
    pub(super) fn handle_keyframe(&mut self, sequence: u64) {
        self.missing.retain(|missing| *missing > sequence);
        self.wide = false;
        if self.missing.is_empty() {
            self.since = None;
        }
    }

    /// When a key frame is needed unless the hole is filled.
    pub(super) fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + PATIENCE)
    }

    /// A key frame was asked for: what is missing now is given up.
    pub(super) fn give_up(&mut self) {
        self.missing.clear();
        self.wide = false;
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(sequences: &[u64]) -> (Holes, Instant) {
        let mut holes = Holes::default();
        let now = Instant::now();
        for sequence in sequences {
            holes.add(*sequence, now);
        }
        (holes, now)
    }

    #[test]
    fn only_what_stays_missing_is_a_hole() {
        assert_eq!(after(&[5, 6, 7]).0.due(), None);
        assert_eq!(after(&[5, 8, 6, 9, 7]).0.due(), None);
        let (holes, now) = after(&[5, 8, 6]);
        assert_eq!(holes.due(), Some(now + PATIENCE));
    }

    #[test]
    fn a_wide_hole_is_not_filled_by_a_part_of_it() {
        let (mut holes, now) = after(&[1, 5_000]);
        holes.add(2, now);
        assert_eq!(holes.due(), Some(now + PATIENCE));
        assert!(holes.missing.is_empty());
    }

    #[test]
    fn a_key_frame_makes_good_what_was_lost_before_it_but_not_itself() {
        let (mut holes, now) = after(&[1, 3]);
        holes.handle_keyframe(3);
        assert_eq!(holes.due(), None);
        let (mut torn, _) = after(&[1, 3, 4, 7]);
        torn.handle_keyframe(4);
        assert_eq!(torn.due(), Some(now.max(torn.since.unwrap()) + PATIENCE));
        torn.give_up();
        assert_eq!(torn.due(), None);
    }
}
