//! What the guest sees of time and chance: behind a trait, so that scenarios run on a virtual clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Time and randomness as given to the guest.
pub trait Environment: Send + Sync + 'static {
    /// Unix milliseconds.
    fn now_ms(&self) -> u64;
    /// Fills `buffer` with bytes that nobody can guess.
    fn fill_random(&self, buffer: &mut [u8]) -> Result<(), RandomUnavailable>;
}

/// The operating system has no randomness to give.
#[derive(Debug, thiserror::Error)]
#[error("no randomness: {0}")]
pub struct RandomUnavailable(pub String);

/// The real clock and the operating system's random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEnvironment;

impl Environment for SystemEnvironment {
    fn now_ms(&self) -> u64 {
        // A clock before 1970 is a broken clock: 0 says so to everybody.
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
    }

    fn fill_random(&self, buffer: &mut [u8]) -> Result<(), RandomUnavailable> {
        getrandom::fill(buffer).map_err(|error| RandomUnavailable(error.to_string()))
    }
}
