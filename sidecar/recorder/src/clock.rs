//! Time as an argument: durations by the monotonic clock, what is told and kept by the wall clock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tells both.
pub trait Clock: Send + Sync {
    /// Monotonic.
    fn now(&self) -> Instant;
    /// Unix milliseconds.
    fn wall_ms(&self) -> u64;
}

/// The machine's.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall_ms(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| {
                u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
            })
    }
}

/// Goes on only when told: for tests. Clones are the same clock.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<(Instant, u64)>>);

impl ManualClock {
    /// Its wall clock says `wall_ms`.
    #[must_use]
    pub fn at(wall_ms: u64) -> Self {
        Self(Arc::new(Mutex::new((Instant::now(), wall_ms))))
    }

    /// Both clocks go on.
    pub fn advance(&self, by: Duration) {
        let mut time = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        time.0 += by;
        time.1 += u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
    }

    /// Only the wall clock steps, by so many milliseconds.
    pub fn step_wall(&self, by_ms: i64) {
        let mut time = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        time.1 = time.1.saturating_add_signed(by_ms);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    fn wall_ms(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}
