//! When what wants to be woken. One heap for the core; an entry that became later is put back when it
//! comes up, so that moving a deadline further away costs nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use crate::demux::Owner;
use crate::ids::Key;

/// Who is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wake {
    /// A room's own rules.
    Room(Key),
    /// A session's media stack.
    Session(Owner),
    /// What a session gets of pictures: its estimator, and padding.
    Pictures(Owner),
}

/// The earliest entry of one wakeable in the heap; kept by the wakeable itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Scheduled(Option<Instant>);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, Wake)>>,
}

impl Timers {
    /// Makes sure that `wake` comes up at `at` or earlier.
    pub(crate) fn schedule(&mut self, wake: Wake, at: Instant, scheduled: &mut Scheduled) {
        if scheduled.0.is_none_or(|before| at < before) {
            scheduled.0 = Some(at);
            self.heap.push(Reverse((at, wake)));
        }
    }

    /// The next entry that is due. Its owner calls [`Scheduled::came_up`] and schedules itself anew.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Instant, Wake)> {
        match self.heap.peek() {
            Some(Reverse((at, _))) if *at <= now => self.heap.pop().map(|entry| entry.0),
            _ => None,
        }
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }
}

impl Scheduled {
    /// An entry for `at` came up. False: it was left over from before the deadline moved.
    pub(crate) fn came_up(&mut self, at: Instant) -> bool {
        if self.0 == Some(at) {
            self.0 = None;
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_earlier_deadline_wins_and_leftovers_are_recognised() {
        let mut timers = Timers::default();
        let mut scheduled = Scheduled::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let wake = Wake::Room(Key { slot: 1, epoch: 0 });
        timers.schedule(wake, at(50), &mut scheduled);
        timers.schedule(wake, at(80), &mut scheduled);
        timers.schedule(wake, at(20), &mut scheduled);
        assert_eq!(timers.next(), Some(at(20)));
        assert_eq!(timers.pop_due(at(10)), None);
        assert_eq!(timers.pop_due(at(60)), Some((at(20), wake)));
        assert!(scheduled.came_up(at(20)));
        assert_eq!(timers.pop_due(at(60)), Some((at(50), wake)));
        assert!(!scheduled.came_up(at(50)));
        assert_eq!(timers.pop_due(at(60)), None);
    }
}
