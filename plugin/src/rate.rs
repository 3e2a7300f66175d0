//! Limits per user over all nodes: token buckets in the store.
//!
//! Of HTTP requests clients make a few per page load, and of reactions a few per call, so a write for each
//! costs little. WebSocket messages are far more and are limited per connection by the platform's side.

use serde::{Deserialize, Serialize};

use crate::env::{Env, PlatformError};
use crate::ids::UserId;

/// Lost races before a request is refused: whoever loses so often asks too much.
const RETRIES_MAX: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Bucket {
    /// Unix ms at which it will be full.
    full_at_ms: i64,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limited {
    /// HTTP requests.
    Requests,
    /// Reactions: each is an event for every participant.
    Reactions,
    /// Logs: each is kept as a file.
    Logs,
    /// Calls that ring phones.
    Rings,
    /// Recordings: each has a folder, a post, and everybody's attention.
    Recordings,
}

impl Limited {
    fn key_prefix(self) -> &'static str {
        match self {
            Self::Requests => "rl_",
            Self::Reactions => "rr_",
            Self::Logs => "rf_",
            Self::Rings => "rc_",
            Self::Recordings => "rd_",
        }
    }

    /// Tokens at rest, and the time for one of them to come back, ms.
    fn bucket(self) -> (i64, i64) {
        match self {
            Self::Requests | Self::Reactions => (10, 1_000),
            Self::Logs => (3, 20_000),
            Self::Rings => (5, 30_000),
            Self::Recordings => (10, 10_000),
        }
    }
}

/// Takes a token; false = too much.
pub(crate) fn take(env: &dyn Env, limited: Limited, user: &UserId) -> Result<bool, PlatformError> {
    let key = format!("{}{user}", limited.key_prefix());
    let (burst, refill_ms) = limited.bucket();
    let full_ms = burst * refill_ms;
    // An untouched bucket is full by then, so it may go.
    let expires_s = u32::try_from(full_ms / 1_000 + 20).unwrap_or(u32::MAX);
    for _ in 0..RETRIES_MAX {
        let now_ms = env.now_ms();
        let old = env.kv_get(&key)?;
        let bucket = old
            .as_deref()
            .and_then(|raw| serde_json::from_slice::<Bucket>(raw).ok());
        // A clock that went back must not lock anybody out: never fuller than empty.
        let full_at_ms = bucket
            .map_or(now_ms, |bucket| bucket.full_at_ms)
            .clamp(now_ms, now_ms + full_ms)
            + refill_ms;
        if full_at_ms > now_ms + full_ms {
            return Ok(false);
        }
        let new = serde_json::to_vec(&Bucket { full_at_ms }).unwrap_or_default();
        if env.kv_compare_and_set(&key, old.as_deref(), Some(&new), expires_s)? {
            return Ok(true);
        }
    }
    Ok(false)
}
