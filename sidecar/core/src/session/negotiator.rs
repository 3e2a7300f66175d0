//! Who may offer when: the state of the negotiation, the client's signalling lock, and the patience
//! after an offer that failed.

use std::time::{Duration, Instant};

use str0m::change::SdpPendingOffer;

use super::munge::Msids;
use crate::shared::Shared;

/// A client that asked for the lock and went silent loses it after this.
const LOCK_EXPIRY: Duration = Duration::from_secs(10);
/// An offer that is not answered in this time is taken back.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// After a failed offer the next waits this long, twice as long after each further one ...
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// ... but no longer than this.
const RETRY_DOUBLINGS_MAX: u32 = 6;

/// Of the negotiation.
pub(super) enum State {
    /// The client's first offer is awaited.
    Fresh,
    Stable,
    /// Ours is out.
    Offered {
        pending: SdpPendingOffer,
        sent_at: Instant,
        /// As sent over the socket, to be sent again should that be replaced.
        text: Option<String>,
    },
}

/// See the module.
pub(crate) struct Negotiator {
    pub(super) state: State,
    /// The client has the lock until then.
    locked_until: Option<Instant>,
    failures: u32,
    /// No offer before this.
    retry_at: Option<Instant>,
    pub(crate) msids: Msids,
    /// Something is to be offered as soon as it can be.
    pub(crate) wanted: bool,
    /// An offer failed: what it would have changed is to be offered again, even if str0m sees no
    /// change any more.
    pub(crate) forced: bool,
}

impl Default for Negotiator {
    fn default() -> Self {
        Self {
            state: State::Fresh,
            locked_until: None,
            failures: 0,
            retry_at: None,
            msids: Msids::new(),
            wanted: false,
            forced: false,
        }
    }
}

impl std::fmt::Debug for Negotiator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = match self.state {
            State::Fresh => "fresh",
            State::Stable => "stable",
            State::Offered { .. } => "offered",
        };
        f.debug_struct("Negotiator")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}

impl Negotiator {
    /// Whether an offer of ours may go out now.
    pub(crate) fn is_free(&self, now: Instant, shared: &Shared) -> bool {
        #[cfg(feature = "sabotage")]
        if shared.has_fault(crate::shared::Fault::LockIgnored) {
            return matches!(self.state, State::Stable);
        }
        let _ = shared;
        matches!(self.state, State::Stable)
            && self.locked_until.is_none_or(|until| until <= now)
            && self.retry_at.is_none_or(|at| at <= now)
    }

    /// The client asks for the lock.
    pub(crate) fn lock(&mut self, now: Instant, shared: &Shared) -> bool {
        #[cfg(feature = "sabotage")]
        if shared.has_fault(crate::shared::Fault::LockIgnored) {
            return true;
        }
        let _ = shared;
        let taken = self.locked_until.is_some_and(|until| until > now);
        if taken || matches!(self.state, State::Offered { .. }) {
            return false;
        }
        self.locked_until = Some(now + LOCK_EXPIRY);
        true
    }

    /// The client gives the lock back; harmless without having it.
    pub(crate) fn unlock(&mut self) {
        self.locked_until = None;
    }

    /// An offer failed: the next one waits.
    pub(super) fn handle_failure(&mut self, now: Instant) {
        let doublings = self.failures.min(RETRY_DOUBLINGS_MAX);
        self.retry_at = Some(now + RETRY_FIRST * (1 << doublings));
        self.failures += 1;
    }

    /// Takes an unanswered offer back when its time is over. True: the lines it would have brought
    /// must be forgotten.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        match self.state {
            State::Offered { sent_at, .. }
                if now.saturating_duration_since(sent_at) >= ANSWER_TIMEOUT =>
            {
                self.state = State::Stable;
                self.handle_failure(now);
                true
            }
            _ => false,
        }
    }

    /// An offer was answered.
    pub(super) fn handle_success(&mut self) {
        self.failures = 0;
        self.retry_at = None;
    }
}
