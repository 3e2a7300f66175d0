//! What recordings take of one session at most. Sound is written before pictures and goes on in what is
//! held free for a full disk, so one session must not have all of it; nor all the numbers of tracks.

use std::time::Instant;

use parley_media::bucket::TokenBucket;

/// Bytes of sound: 510 kbit/s, the most that Opus has (RFC 6716 section 2.1.1).
const SOUND_PER_SECOND: u64 = 64_000;
const SOUND_BURST: u64 = 2 * SOUND_PER_SECOND;
/// A track counts as so many: one in ten seconds …
const TRACK_COST: u64 = 10;
/// … and 64 at once.
const TRACKS_BURST: u64 = 64 * TRACK_COST;

/// See the module.
#[derive(Debug)]
pub(crate) struct TapAllowance {
    sound: TokenBucket,
    tracks: TokenBucket,
}

impl Default for TapAllowance {
    fn default() -> Self {
        Self {
            sound: TokenBucket::new(SOUND_PER_SECOND, SOUND_BURST),
            tracks: TokenBucket::new(1, TRACKS_BURST),
        }
    }
}

impl TapAllowance {
    /// Whether so many bytes of sound may be recorded.
    pub(super) fn take_sound(&mut self, bytes: usize, now: Instant) -> bool {
        self.sound.take(now, bytes as u64)
    }

    /// Whether one more track may begin.
    pub(super) fn take_track(&mut self, now: Instant) -> bool {
        self.tracks.take(now, TRACK_COST)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn tracks_are_few_in_the_long_run() {
        let mut allowance = TapAllowance::default();
        let start = Instant::now();
        let begun = (0..3_600_u64)
            .filter(|second| {
                let now = start + Duration::from_secs(*second);
                (0..10).filter(|_| allowance.take_track(now)).count() > 0
            })
            .count();
        assert!((300..430).contains(&begun), "{begun}");
        let later = start + Duration::from_secs(7_200);
        assert!((0..64).all(|_| allowance.take_track(later)), "all at once");
        assert!(!allowance.take_track(later));
    }
}
