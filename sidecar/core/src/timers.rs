//! When what wants to be woken. One heap for the core; an entry that became later is put back when it
//! comes up, so that moving a deadline further away costs nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use crate::demux::Owner;
use crate::ids::Key;

/// What can wait comes up at multiples of this: for many sessions at once, and often not at all, since a
/// datagram was there first, with which a media stack does what is due.
pub(crate) const TOGETHER: Duration = Duration::from_millis(20);

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
#[derive(Debug)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, Wake)>>,
    /// Where the multiples of [`TOGETHER`] begin.
    start: Instant,
}

impl Timers {
    /// `start`: nothing is due before.
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            heap: BinaryHeap::new(),
            start,
        }
    }

    /// Makes sure that `wake` comes up at `at` or earlier.
    pub(crate) fn schedule(&mut self, wake: Wake, at: Instant, scheduled: &mut Scheduled) {
        if scheduled.0.is_none_or(|before| at < before) {
            scheduled.0 = Some(at);
            self.heap.push(Reverse((at, wake)));
        }
    }

    /// When something comes up that is due at `at` and can wait a little.
    pub(crate) fn together(&self, at: Instant) -> Instant {
        let step = TOGETHER.as_micros() as u64;
        let since = at.saturating_duration_since(self.start).as_micros() as u64;
        // What is left of less than a microsecond would make it too early.
        self.start + Duration::from_micros((since + 1).next_multiple_of(step))
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
    fn what_can_wait_comes_up_together_and_never_early() {
        let start = Instant::now();
        let timers = Timers::new(start);
        let at = |micros| start + Duration::from_micros(micros);
        assert_eq!(timers.together(start), at(20_000));
        for due in [1, 7_000, 19_998] {
            assert_eq!(timers.together(at(due)), at(20_000));
        }
        let late = at(20_001) + Duration::from_nanos(7);
        assert_eq!(timers.together(late), at(40_000));
        let last = at(39_999) + Duration::from_nanos(999);
        assert!(timers.together(last) >= last);
        // Whichever was asked for first.
        let _ = timers.together(at(5_000_000));
        assert_eq!(timers.together(at(100_000)), at(120_000));
    }

    #[test]
    fn an_earlier_deadline_wins_and_leftovers_are_recognised() {
        let start = Instant::now();
        let mut timers = Timers::new(start);
        let mut scheduled = Scheduled::default();
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
