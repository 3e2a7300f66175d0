//! Voice on and off as the official clients expect it (calls-client-protocol.md, section 4).

use std::time::Instant;

/// The state changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoiceChange {
    /// Began to speak.
    On,
    /// Stopped.
    Off,
}

/// One microphone's activity, from the spread of its last 50 audio levels.
#[derive(Debug, Clone)]
pub struct VoiceActivity {
    _p: (),
}

impl VoiceActivity {
    /// Silent.
    pub fn new() -> Self {
        todo!()
    }

    /// A packet's level, dBov; packets without one do not count.
    pub fn handle_level(&mut self, level: i8, now: Instant) -> Option<VoiceChange> {
        let _ = (level, now);
        todo!()
    }

    /// Muted or gone: off at once.
    pub fn reset(&mut self) -> Option<VoiceChange> {
        todo!()
    }

    /// Speaks now.
    pub fn is_on(&self) -> bool {
        todo!()
    }
}

impl Default for VoiceActivity {
    fn default() -> Self {
        Self::new()
    }
}
