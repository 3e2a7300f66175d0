//! Counting: rates over a second, and what str0m reports of a track.

use std::time::{Duration, Instant};

/// Bits per second, over windows of one second.
#[derive(Debug, Clone, Default)]
pub(crate) struct RateMeter {
    window: Option<Instant>,
    bytes: u64,
    last_bps: u64,
}

const WINDOW: Duration = Duration::from_secs(1);

impl RateMeter {
    pub(crate) fn add(&mut self, bytes: usize, now: Instant) {
        self.roll(now);
        self.bytes += bytes as u64;
    }

    /// The rate of the last complete window; 0 when nothing came for longer than that.
    pub(crate) fn bps(&mut self, now: Instant) -> u64 {
        self.roll(now);
        self.last_bps
    }

    /// As [`Self::bps`] said last.
    pub(crate) fn last_bps(&self) -> u64 {
        self.last_bps
    }

    fn roll(&mut self, now: Instant) {
        let start = *self.window.get_or_insert(now);
        let elapsed = now.saturating_duration_since(start);
        if elapsed < WINDOW {
            return;
        }
        self.last_bps = if elapsed < WINDOW * 2 {
            (self.bytes as f64 * 8.0 / elapsed.as_secs_f64()) as u64
        } else {
            0
        };
        self.bytes = 0;
        self.window = Some(now);
    }
}

/// The part of a track's counters that only the media stack knows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RtcTrackStats {
    pub(crate) packets_lost: u64,
    pub(crate) jitter_ms: f64,
    pub(crate) nacks: u64,
    pub(crate) plis: u64,
    pub(crate) retransmitted: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_shows_its_rate_and_silence_shows_none() {
        let mut meter = RateMeter::default();
        let start = Instant::now();
        for n in 0..150u64 {
            meter.add(100, start + Duration::from_millis(20 * n));
        }
        let rate = meter.bps(start + Duration::from_secs(3));
        assert!((38_000..=42_000).contains(&rate), "{rate}");
        assert_eq!(meter.bps(start + Duration::from_secs(10)), 0);
    }
}
