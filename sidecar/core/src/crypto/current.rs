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

/// Runs `work`, calls into the `Rtc` of the session that `compact` belongs to; `now` is what that `Rtc`
/// was told last.
pub(crate) fn during<T>(compact: &mut Compact, now: Instant, work: impl FnOnce() -> T) -> T {
    let _turn = Turn::begin(compact, now);
    work()
}

/// Ends by unwinding too: the next session must not find this one's keys.
struct Turn<'a>(&'a mut Compact);

impl<'a> Turn<'a> {
    fn begin(compact: &'a mut Compact, now: Instant) -> Self {
        CURRENT.with_borrow_mut(|current| {
            std::mem::swap(&mut current.compact, compact);
            current.now = Some(now);
        });
        Self(compact)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(|current| std::mem::swap(&mut current.compact, self.0));
    }
}

/// For the providers: the session's own streams, and the time.
pub(super) fn with<T>(work: impl FnOnce(&mut Compact, Instant) -> T) -> Option<T> {
    CURRENT.with_borrow_mut(|current| {
        let now = current.now?;
        Some(work(&mut current.compact, now))
    })
}
