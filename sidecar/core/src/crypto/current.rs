//! The session that str0m works for at the moment.

use std::cell::RefCell;
use std::time::Instant;

use crate::egress::Compact;

struct Current {
    /// `None` before the first session.
    session: Option<(Box<Compact>, Instant)>,
}

thread_local! {
    static CURRENT: RefCell<Current> = const { RefCell::new(Current { session: None }) };
}

/// Runs `work`, calls into the `Rtc` of the session that `compact` belongs to; `now` is what that `Rtc`
/// was told last. It is lent by its address: this happens several times per packet that str0m takes.
pub(crate) fn during<T>(compact: &mut Box<Compact>, now: Instant, work: impl FnOnce() -> T) -> T {
    let _turn = Turn::begin(compact, now);
    work()
}

/// Ends by unwinding too: the next session must not find this one's keys.
struct Turn<'a>(&'a mut Box<Compact>);

impl<'a> Turn<'a> {
    fn begin(compact: &'a mut Box<Compact>, now: Instant) -> Self {
        swap(compact, now);
        Self(compact)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(|current| {
            if let Some((lent, _)) = &mut current.session {
                std::mem::swap(lent, self.0);
            }
        });
    }
}

/// What was in its place, an empty one but for nested turns, is kept where it came from.
fn swap(compact: &mut Box<Compact>, now: Instant) {
    CURRENT.with_borrow_mut(|current| {
        let (lent, at) = current.session.get_or_insert_with(|| (Box::default(), now));
        std::mem::swap(lent, compact);
        *at = now;
    });
}

/// For the providers: the session's own streams, and the time.
pub(super) fn with<T>(work: impl FnOnce(&mut Compact, Instant) -> T) -> Option<T> {
    CURRENT.with_borrow_mut(|current| {
        let (compact, now) = current.session.as_mut()?;
        Some(work(compact, *now))
    })
}
