//! How many bytes of retransmissions one client may cost: four bytes of a NACK ask for up to 17 packets,
//! as often as the client likes (RFC 4585 section 6.2.1). The media stack's own cap is a share that it
//! measures 20 times a second and overshoots in between; this is a bound.

use std::time::Instant;

use parley_media::bucket::TokenBucket;

/// One byte may be sent again for so many sent for the first time. Above a loss of 25 % repeating what
/// was lost only makes it worse.
const MEDIA_PER_REPEAT: u64 = 4;
/// Most that media earns in advance, bytes.
const EARNED_MAX: u64 = 64_000;
/// Free of media, bytes per second and burst: what a still picture lost is sent again, too. str0m's padding, where
/// pictures are left to it, is charged here as well; that of our own egress is bounded by its estimator.
const FREE_PER_SECOND: u64 = 16_000;
const FREE_BURST: u64 = 32_000;

/// See the module.
#[derive(Debug)]
pub(crate) struct RetransmitBudget {
    /// Bytes of media not yet used up, so that no fraction is lost.
    earned: u64,
    free: TokenBucket,
}

impl Default for RetransmitBudget {
    fn default() -> Self {
        Self {
            earned: 0,
            free: TokenBucket::new(FREE_PER_SECOND, FREE_BURST),
        }
    }
}

impl RetransmitBudget {
    /// So many bytes leave for the first time.
    pub(crate) fn earn(&mut self, bytes: usize) {
        self.earned = (self.earned + bytes as u64).min(EARNED_MAX * MEDIA_PER_REPEAT);
    }

    /// Whether so many bytes may be repeated now.
    pub(crate) fn take(&mut self, now: Instant, bytes: usize) -> bool {
        let bytes = bytes as u64;
        let price = bytes * MEDIA_PER_REPEAT;
        if self.earned >= price {
            self.earned -= price;
            return true;
        }
        self.free.take(now, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_a_share_of_the_media_and_little_more() {
        let mut budget = RetransmitBudget::default();
        let now = Instant::now();
        let mut repeat = |media: usize| {
            budget.earn(media);
            (0..100_000).filter(|_| budget.take(now, 1_000)).count() as u64 * 1_000
        };
        assert_eq!(repeat(0), FREE_BURST);
        assert_eq!(repeat(100_000), 25_000);
        assert_eq!(repeat(100_000_000), EARNED_MAX);
    }
}
