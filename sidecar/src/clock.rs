//! Wall time as an argument: what is reported to others, never what durations are measured by.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Tells Unix time.
pub trait WallClock: Debug + Send + Sync + 'static {
    /// Unix milliseconds.
    fn unix_ms(&self) -> u64;
}

/// The clock to hand around.
pub type SharedClock = Arc<dyn WallClock>;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    fn unix_ms(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| {
                u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
            })
    }
}

/// Wall time that follows tokio's clock, hence stands still and jumps with it in tests.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    base_unix_ms: u64,
    base: Instant,
}

impl TokioClock {
    /// Says `base_unix_ms` now.
    #[must_use]
    pub fn starting_at(base_unix_ms: u64) -> Self {
        Self {
            base_unix_ms,
            base: Instant::now(),
        }
    }
}

impl WallClock for TokioClock {
    fn unix_ms(&self) -> u64 {
        let passed = u64::try_from(self.base.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.base_unix_ms.saturating_add(passed)
    }
}
