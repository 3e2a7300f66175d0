//! When publishing is tried again after it failed: for ever, with growing pauses (R6). Pauses are in
//! memory and by the monotonic clock: a step of the wall clock cannot hold a recording back, and a restart
//! tries at once.

use std::time::{Duration, Instant};

/// After the first failure.
const FIRST: Duration = Duration::from_secs(5);
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// Of one recording.
#[derive(Debug, Clone, Copy, Default)]
pub struct Backoff {
    /// Failures in a row.
    streak: u32,
    not_before: Option<Instant>,
}

impl Backoff {
    /// It may be tried.
    #[must_use]
    pub fn is_over(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|at| at <= now)
    }

    /// It failed again. `dice` is in 0..1: half of the pause is drawn by lot, so that what failed together
    /// does not come back together.
    pub fn failed(&mut self, now: Instant, dice: f64) {
        let full = FIRST.saturating_mul(1 << self.streak.min(16)).min(LONGEST);
        self.streak = self.streak.saturating_add(1);
        self.not_before = Some(now + full.mul_f64(0.5 + dice.clamp(0.0, 1.0) / 2.0));
    }

    /// It went on.
    pub fn went_on(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_minutes() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        assert!(backoff.is_over(now));
        for seconds in [5, 10, 20, 40, 80, 160, 300, 300] {
            backoff.failed(now, 1.0);
            let over = now + Duration::from_secs(seconds);
            assert!(
                !backoff.is_over(over - Duration::from_millis(1)),
                "{seconds}"
            );
            assert!(backoff.is_over(over), "{seconds}");
        }
        for _ in 0..100 {
            backoff.failed(now, 1.0);
        }
        assert!(backoff.is_over(now + LONGEST));
    }

    #[test]
    fn half_of_a_pause_is_drawn_by_lot() {
        let (mut low, mut high, now) = (Backoff::default(), Backoff::default(), Instant::now());
        low.failed(now, 0.0);
        high.failed(now, 1.0);
        let between = now + Duration::from_secs(3);
        assert!(low.is_over(between) && !high.is_over(between));
    }

    #[test]
    fn progress_starts_it_anew() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        for _ in 0..10 {
            backoff.failed(now, 1.0);
        }
        backoff.went_on();
        assert!(backoff.is_over(now));
        backoff.failed(now, 1.0);
        assert!(backoff.is_over(now + FIRST));
    }
}
