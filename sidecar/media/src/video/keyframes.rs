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
        let _ = now;
        todo!()
    }

    /// A key frame began: whoever waited has it.
    pub fn handle_keyframe(&mut self) {
        todo!()
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }

    /// True: ask the publisher now.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        let _ = now;
        todo!()
    }
}
