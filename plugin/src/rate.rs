//! Limits per user over all nodes: token buckets in the store.
//!
//! Of HTTP requests clients make a few per page load, and of reactions a few per call, so a write for each
//! costs little. WebSocket messages are far more and are limited per connection by the platform's side.

use serde::{Deserialize, Serialize};

use crate::env::{Env, PlatformError};
use crate::ids::UserId;

/// Tokens at rest.
const BURST: i64 = 10;
/// Time for one token to come back.
const REFILL_MS: i64 = 1_000;
/// An untouched bucket is full after this time, so it may go.
const EXPIRES_S: u32 = 30;
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
}

/// Takes a token; false = too much.
pub(crate) fn take(env: &dyn Env, limited: Limited, user: &UserId) -> Result<bool, PlatformError> {
    let prefix = match limited {
        Limited::Requests => "rl_",
        Limited::Reactions => "rr_",
    };
    let key = format!("{prefix}{user}");
    for _ in 0..RETRIES_MAX {
        let now_ms = env.now_ms();
        let old = env.kv_get(&key)?;
        let bucket = old
            .as_deref()
            .and_then(|raw| serde_json::from_slice::<Bucket>(raw).ok());
        // A clock that went back must not lock anybody out: never fuller than empty.
        let full_at_ms = bucket
            .map_or(now_ms, |bucket| bucket.full_at_ms)
            .clamp(now_ms, now_ms + BURST * REFILL_MS)
            + REFILL_MS;
        if full_at_ms > now_ms + BURST * REFILL_MS {
            return Ok(false);
        }
        let new = serde_json::to_vec(&Bucket { full_at_ms }).unwrap_or_default();
        if env.kv_compare_and_set(&key, old.as_deref(), Some(&new), EXPIRES_S)? {
            return Ok(true);
        }
    }
    Ok(false)
}
