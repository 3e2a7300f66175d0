//! Merges key-frame requests of one publication's layer: the first goes out at once, those within
//! 500 ms after it become one at the end of that window.

use std::time::{Duration, Instant};

/// Least time between two requests.
pub const KEYFRAME_WINDOW: Duration = Duration::from_millis(500);

/// Leading and trailing edge.
#[derive(Debug, Clone, Default)]
pub struct KeyframeMerger {
    window_ends: Option<Instant>,
    pending: bool,
}

impl KeyframeMerger {
    /// Nothing asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Somebody needs a key frame. True: ask the publisher now.
    pub fn request(&mut self, now: Instant) -> bool {
        if self.window_ends.is_some_and(|end| now < end) {
            self.pending = true;
            return false;
        }
        self.open_window(now);
        true
    }

    /// A key frame began: whoever waited has it.
    pub fn handle_keyframe(&mut self) {
        self.pending = false;
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.window_ends.filter(|_| self.pending)
    }

    /// True: ask the publisher now.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        let is_due = self.poll_timeout().is_some_and(|end| now >= end);
        if is_due {
            self.open_window(now);
        }
        is_due
    }

    fn open_window(&mut self, now: Instant) {
        self.pending = false;
        self.window_ends = Some(now + KEYFRAME_WINDOW);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn first_at_once_the_rest_as_one() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut merger = KeyframeMerger::new();
        assert!(merger.request(at(0)));
        assert_eq!(merger.poll_timeout(), None);
        assert!(!merger.request(at(10)) && !merger.request(at(499)));
        assert!(!merger.handle_timeout(at(499)));
        assert_eq!(merger.poll_timeout(), Some(at(500)));
        assert!(merger.handle_timeout(at(505)));
        assert!(!merger.request(at(600)));
        merger.handle_keyframe();
        assert_eq!(merger.poll_timeout(), None, "served by the key frame");
        assert!(merger.request(at(1_005)));
    }

    proptest! {
        /// A storm costs the publisher at most two requests a second and a bit, and after the last
        /// request of a viewer there is always one more or a key frame.
        #[test]
        fn storms_are_bounded_and_nobody_is_forgotten(steps in proptest::collection::vec((0u64..300, any::<bool>()), 1..200)) {
            let start = Instant::now();
            let (mut merger, mut ms, mut sent, mut waiting) = (KeyframeMerger::new(), 0, Vec::new(), false);
            for (step, is_request) in steps {
                ms += step;
                let now = start + Duration::from_millis(ms);
                if merger.handle_timeout(now) {
                    sent.push(ms);
                    waiting = false;
                }
                if is_request {
                    waiting = !merger.request(now);
                    if !waiting {
                        sent.push(ms);
                    }
                }
                prop_assert_eq!(waiting, merger.poll_timeout().is_some());
            }
            for pair in sent.windows(2) {
                prop_assert!(pair[1] - pair[0] >= 500);
            }
        }
    }
}
