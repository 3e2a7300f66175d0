//! Time as an argument: durations by the monotonic clock, what is told and kept by the wall clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::journal::Boot;

/// Tells both.
pub trait Clock: Send + Sync {
    /// Monotonic.
    fn now(&self) -> Instant;
    /// Unix milliseconds.
    fn wall_ms(&self) -> u64;
    /// The machine's own clock, which goes on between two starts of the sidecar; `None`: it tells none.
    fn boot(&self) -> Option<Boot>;
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

    fn boot(&self) -> Option<Boot> {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let digits: String = id.chars().filter(char::is_ascii_hexdigit).collect();
        let id = u128::from_str_radix(&digits, 16).ok()?.to_be_bytes();
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let now = Duration::new(now.tv_sec.try_into().ok()?, now.tv_nsec.try_into().ok()?);
        let micros = u64::try_from(now.as_micros()).ok()?;
        Some(Boot { id, micros })
    }
}

/// Goes on only when told: for tests. Clones are the same clock.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<Manual>>);

#[derive(Debug)]
struct Manual {
    now: Instant,
    wall_ms: u64,
    boot: Boot,
    /// With each look at it the monotonic clock goes on by so much.
    tick: Duration,
}

impl ManualClock {
    /// Its wall clock says `wall_ms`.
    #[must_use]
    pub fn at(wall_ms: u64) -> Self {
        let boot = Boot {
            id: [1; 16],
            micros: 0,
        };
        Self(Arc::new(Mutex::new(Manual {
            now: Instant::now(),
            wall_ms,
            boot,
            tick: Duration::ZERO,
        })))
    }

    /// All clocks go on.
    pub fn advance(&self, by: Duration) {
        let mut time = self.lock();
        time.now += by;
        time.wall_ms += u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        time.boot.micros += u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
    }

    /// From now on each look at the monotonic clock takes so long.
    pub fn tick(&self, tick: Duration) {
        self.lock().tick = tick;
    }

    /// Only the wall clock steps, by so many milliseconds.
    pub fn step_wall(&self, by_ms: i64) {
        let mut time = self.lock();
        time.wall_ms = time.wall_ms.saturating_add_signed(by_ms);
    }

    /// The machine starts again: its own clock begins anew.
    pub fn reboot(&self) {
        let mut time = self.lock();
        time.boot.id[0] = time.boot.id[0].wrapping_add(1);
        time.boot.micros = 0;
    }

    fn lock(&self) -> MutexGuard<'_, Manual> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        let mut time = self.lock();
        let tick = time.tick;
        time.now += tick;
        time.now
    }

    fn wall_ms(&self) -> u64 {
        self.lock().wall_ms
    }

    fn boot(&self) -> Option<Boot> {
        Some(self.lock().boot)
    }
}
