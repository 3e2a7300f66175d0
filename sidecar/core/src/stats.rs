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

/// A jump of the sequence numbers beyond this is a restart, not a loss (`MAX_DROPOUT` of RFC 3550 A.1).
const DROPOUT_MAX: u64 = 3_000;

/// Packets of one incoming stream that never came: expected less received, both counted here (RFC 3550
/// A.3). What a sender reports counts other packets, of another moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct LossCounter {
    run: Option<Run>,
    /// Of the runs before it.
    lost_before: u64,
}

/// Numbers that follow each other.
#[derive(Debug, Clone)]
struct Run {
    lowest: u64,
    highest: u64,
    received: u64,
}

impl LossCounter {
    /// A packet came, in whatever order. `sequence` is extended by the media stack, which lets each number
    /// through once; a retransmission bears the number of what it repeats.
    pub(crate) fn add(&mut self, sequence: u64) {
        match &mut self.run {
            Some(run) if sequence.abs_diff(run.highest) <= DROPOUT_MAX => {
                run.lowest = run.lowest.min(sequence);
                run.highest = run.highest.max(sequence);
                run.received += 1;
            }
            _ => {
                self.lost_before = self.lost();
                self.run = Some(Run {
                    lowest: sequence,
                    highest: sequence,
                    received: 1,
                });
            }
        }
    }

    /// How many are missing now; a gap that is filled later counts no more.
    pub(crate) fn lost(&self) -> u64 {
        let missing = |run: &Run| (run.highest - run.lowest + 1).saturating_sub(run.received);
        self.lost_before + self.run.as_ref().map_or(0, missing)
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

    fn lost(sequences: impl IntoIterator<Item = u64>) -> u64 {
        let mut counter = LossCounter::default();
        for sequence in sequences {
            counter.add(sequence);
        }
        counter.lost()
    }

    #[test]
    fn what_never_came_is_lost_and_order_does_not_matter() {
        assert_eq!(lost([]), 0);
        assert_eq!(lost([7]), 0);
        assert_eq!(lost([10, 11, 14, 15]), 2);
        assert_eq!(
            lost([12, 10, 11, 14, 13]),
            0,
            "reordered, from the first on"
        );
        assert_eq!(lost((65_530..65_545).filter(|n| n % 5 != 0)), 2, "rollover");
    }

    #[test]
    fn a_retransmission_fills_its_gap() {
        let mut counter = LossCounter::default();
        for sequence in [1, 2, 4, 5] {
            counter.add(sequence);
        }
        assert_eq!(counter.lost(), 1);
        counter.add(3);
        assert_eq!(counter.lost(), 0);
    }

    #[test]
    fn a_restart_of_the_numbers_is_no_loss() {
        assert_eq!(lost([1, 2, 4, 90_000, 90_001]), 1);
        assert_eq!(lost([90_000, 90_002, 5, 6, 8]), 2);
        assert_eq!(lost([u64::MAX, 0, 2]), 1);
    }

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
