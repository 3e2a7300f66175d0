//! Tells the guest, once per start, that the sidecar is a new one.
//!
//! Which start it knows of is kept in the platform's store: a host that was restarted itself neither misses
//! the sidecar's restart meanwhile nor reports one that did not happen.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{CancelledOr as _, NotHandled, Pump};
use crate::platform::PlatformError;
use crate::trace::{self, TraceId};

/// The host's own key; the guest's begin differently (`c_`, `s_`, …).
const KEY: &str = "host_media_start_id";
/// First pause before the guest is told again; doubled each time.
const RETRY_PAUSE_FIRST: Duration = Duration::from_millis(50);
/// Longest such pause.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(2);
/// Tries when the guest breaks over it.
const BROKEN_TRIES_MAX: u32 = 3;

/// What this host knows of the guest's knowledge.
#[derive(Debug, Default)]
pub(super) struct RestartNotice {
    known: Option<String>,
}

impl RestartNotice {
    /// Makes sure that the guest knows of this start. False: ended before it could be told.
    pub(super) async fn tell(
        &mut self,
        pump: &Pump,
        start_id: &str,
        ended: &CancellationToken,
    ) -> bool {
        if self.known.as_deref() == Some(start_id) {
            return true;
        }
        let mut pause = RETRY_PAUSE_FIRST;
        for tries in 1.. {
            let trace = TraceId::random();
            let Err(error) = trace::scope(trace, tell_once(pump, start_id)).await else {
                break;
            };
            tracing::warn!(%trace, %error, tries, "the guest could not be told of the restart");
            if matches!(error, NotHandled::Broken(_)) && tries >= BROKEN_TRIES_MAX {
                // Events matter more than a guest that breaks over this one; the next host tells it again.
                tracing::error!(%trace, "given up telling the guest of the restart");
                break;
            }
            ended.cancelled_or(pause).await;
            if ended.is_cancelled() {
                return false;
            }
            pause = (pause * 2).min(RETRY_PAUSE_MAX);
        }
        self.known = Some(start_id.to_owned());
        true
    }
}

async fn tell_once(pump: &Pump, start_id: &str) -> Result<(), NotHandled> {
    let later = |error: PlatformError| NotHandled::Later(error.to_string());
    let stored = pump.platform.kv_get(KEY).await.map_err(later)?;
    if stored.as_deref() == Some(start_id.as_bytes()) {
        return Ok(());
    }
    tracing::info!("the sidecar is a new one");
    pump.handler.media_restart(start_id).await?;
    pump.counters.restarts.fetch_add(1, Ordering::Relaxed);
    // Another host that was faster wrote the same; a lost race with an older one is told again, which is
    // harmless: the handling is idempotent.
    let new = Some(start_id.as_bytes().to_vec());
    pump.platform
        .kv_compare_and_set(KEY, stored, new, 0)
        .await
        .map_err(later)?;
    Ok(())
}
