//! Under load datagrams are let come in for a moment, so that one wake-up serves several.
//!
//! In many small rooms each datagram is forwarded to one or two people, and waking up for each costs more
//! than forwarding it. From [`BUSY_PER_SECOND`] on the thread sleeps by the clock and looks every
//! [`EVERY`], counted from look to look: a thread that has work all the time never waits. Below it each
//! datagram wakes the thread at once.

use std::time::{Duration, Instant};

/// Between two looks under load: what it may add to a datagram's way, half of it on average.
const EVERY: Duration = Duration::from_millis(1);
/// Datagrams per second from which on they are gathered: a wake-up for each would be half as many again as
/// there are looks ...
const BUSY_PER_SECOND: u32 = 1_500;
/// ... and below which they no longer are.
const CALM_PER_SECOND: u32 = 1_000;
/// They are counted so long.
const WINDOW: Duration = Duration::from_millis(20);

/// When to look for datagrams again.
#[derive(Debug)]
pub(super) struct Gather {
    window_from: Instant,
    /// Since then.
    datagrams: u32,
    loaded: bool,
    looked_at: Instant,
}

impl Gather {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            window_from: now,
            datagrams: 0,
            loaded: false,
            looked_at: now,
        }
    }

    /// So many datagrams came.
    pub(super) fn add(&mut self, datagrams: usize) {
        let datagrams = u32::try_from(datagrams).unwrap_or(u32::MAX);
        self.datagrams = self.datagrams.saturating_add(datagrams);
    }

    /// How long to let datagrams come in before looking, perhaps not at all; `None`: wait for the first.
    pub(super) fn pause(&mut self, now: Instant) -> Option<Duration> {
        let passed = now.saturating_duration_since(self.window_from);
        if passed >= WINDOW {
            let enough = if self.loaded {
                CALM_PER_SECOND
            } else {
                BUSY_PER_SECOND
            };
            self.loaded = f64::from(self.datagrams) >= f64::from(enough) * passed.as_secs_f64();
            self.window_from = now;
            self.datagrams = 0;
        }
        let next = (self.looked_at + EVERY).max(now);
        self.looked_at = if self.loaded { next } else { now };
        self.loaded.then(|| next - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Looks each millisecond for so many, and finds so many datagrams each time; the pauses that were
    /// asked for.
    fn run(
        gather: &mut Gather,
        now: &mut Instant,
        found: &[usize],
        ms: usize,
    ) -> Vec<Option<Duration>> {
        let mut pauses = Vec::new();
        for n in 0..ms {
            *now += MS;
            gather.add(found[n % found.len()]);
            pauses.push(gather.pause(*now));
        }
        pauses
    }

    #[test]
    fn a_few_datagrams_never_wait() {
        let mut now = Instant::now();
        let mut gather = Gather::new(now);
        let pauses = run(&mut gather, &mut now, &[1], 500);
        assert!(pauses.iter().all(Option::is_none));
    }

    #[test]
    fn many_are_gathered_until_they_are_few_again() {
        let mut now = Instant::now();
        let mut gather = Gather::new(now);
        let pauses = run(&mut gather, &mut now, &[2], 100);
        assert!(pauses[..19].iter().all(Option::is_none));
        // The work took a millisecond each time: nothing is to be waited for.
        let none = Some(Duration::ZERO);
        assert!(pauses[19..].iter().all(|pause| *pause == none));
        // Fewer than what it takes to begin.
        let pauses = run(&mut gather, &mut now, &[1, 1, 1, 2], 100);
        assert!(pauses.iter().all(|pause| *pause == none));
        let pauses = run(&mut gather, &mut now, &[0, 1], 60);
        assert!(pauses[40..].iter().all(Option::is_none));
    }

    #[test]
    fn looks_are_apart_by_the_pause_at_most() {
        let mut now = Instant::now();
        let mut gather = Gather::new(now);
        run(&mut gather, &mut now, &[5], 40);
        let mut looked = now;
        for work in [10, 100, 999, 1000, 3000].map(Duration::from_micros) {
            now = looked + work;
            gather.add(5);
            let pause = gather.pause(now).unwrap();
            assert_eq!(pause, EVERY.saturating_sub(work));
            looked = now + pause;
        }
    }

    #[test]
    fn a_long_silence_is_no_load() {
        let mut now = Instant::now();
        let mut gather = Gather::new(now);
        run(&mut gather, &mut now, &[5], 40);
        now += Duration::from_secs(3600);
        gather.add(100);
        assert_eq!(gather.pause(now), None);
    }
}
