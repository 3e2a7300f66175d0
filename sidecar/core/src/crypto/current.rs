//! The session that str0m works for at the moment.

use std::cell::RefCell;
use std::time::Instant;

use crate::egress::Compact;

#[derive(Default)]
struct Current {
    compact: Compact,
    /// What the session's `Rtc` was told. `None` before the first session.
    now: Option<Instant>,
}

thread_local! {
    static CURRENT: RefCell<Current> = RefCell::default();
}

/// Runs `work`, calls into the `Rtc` of the session that `compact` belongs to. `work` must not unwind:
/// the next session would find this one's keys.
pub(crate) fn during<T>(compact: &mut Compact, now: Instant, work: impl FnOnce() -> T) -> T {
    let swap = |compact: &mut Compact| {
        CURRENT.with_borrow_mut(|current| {
            std::mem::swap(&mut current.compact, compact);
            current.now = Some(now);
        });
    };
    swap(compact);
    let done = work();
    swap(compact);
    done
}

/// For the providers: the session's own streams, and the time.
pub(super) fn with<T>(work: impl FnOnce(&mut Compact, Instant) -> T) -> Option<T> {
    CURRENT.with_borrow_mut(|current| {
        let now = current.now?;
        Some(work(&mut current.compact, now))
    })
}
