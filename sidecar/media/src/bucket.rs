//! Token buckets: what a sender may do per second, with a burst. One, or one per source in a table of
//! bounded size.

use std::collections::BTreeMap;
use std::time::Instant;

const NANO: u128 = 1_000_000_000;

/// A bucket that fills at `rate` tokens per second up to `burst`. Starts full.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    rate_per_second: u64,
    burst: u64,
    /// In billionths of a token, so that no fraction is lost between close calls.
    nano_tokens: u128,
    updated: Option<Instant>,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(rate_per_second: u64, burst: u64) -> Self {
        Self {
            rate_per_second,
            burst,
            nano_tokens: u128::from(burst) * NANO,
            updated: None,
        }
    }

    /// Takes `cost` tokens, or none and returns false. Time that runs backwards fills nothing.
    pub fn take(&mut self, now: Instant, cost: u64) -> bool {
        let enough = self.has(now, cost);
        if enough {
            self.nano_tokens -= u128::from(cost) * NANO;
        }
        enough
    }

    /// Whether so many tokens could be taken.
    pub fn has(&mut self, now: Instant, cost: u64) -> bool {
        self.refill(now);
        u128::from(cost) * NANO <= self.nano_tokens
    }

    /// Nothing was taken lately: forgetting the bucket changes nothing.
    pub fn is_full(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.nano_tokens == u128::from(self.burst) * NANO
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = self
            .updated
            .map_or(0, |then| now.saturating_duration_since(then).as_nanos());
        self.updated = Some(self.updated.map_or(now, |then| then.max(now)));
        let gained = elapsed.saturating_mul(u128::from(self.rate_per_second));
        self.nano_tokens = self
            .nano_tokens
            .saturating_add(gained)
            .min(u128::from(self.burst) * NANO);
    }
}

/// One bucket per source, for at most `sources_max` sources at a time. When the table is full and
/// nobody in it is idle, further sources share one bucket: memory stays bounded and newcomers are
/// slowed, not the known.
#[derive(Debug, Clone)]
pub struct SourceBuckets<K> {
    template: TokenBucket,
    sources_max: usize,
    sources: BTreeMap<K, TokenBucket>,
    overflow: TokenBucket,
    swept: Option<Instant>,
}

impl<K: Ord> SourceBuckets<K> {
    /// Every source gets `rate_per_second` and `burst`.
    pub fn new(rate_per_second: u64, burst: u64, sources_max: usize) -> Self {
        let template = TokenBucket::new(rate_per_second, burst);
        Self {
            overflow: template.clone(),
            template,
            sources_max,
            sources: BTreeMap::new(),
            swept: None,
        }
    }

    /// Takes `cost` tokens of this source's bucket, or none and returns false.
    pub fn take(&mut self, source: K, now: Instant, cost: u64) -> bool {
        if let Some(bucket) = self.sources.get_mut(&source) {
            return bucket.take(now, cost);
        }
        if self.sources.len() >= self.sources_max {
            self.sweep(now);
        }
        if self.sources.len() >= self.sources_max {
            return self.overflow.take(now, cost);
        }
        let mut bucket = self.template.clone();
        let taken = bucket.take(now, cost);
        self.sources.insert(source, bucket);
        taken
    }

    /// Sources remembered now.
    pub fn len(&self) -> usize {
        self.sources.len()
    }

    /// No source is remembered.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Forgets idle sources; at most once a second, since it walks the table.
    fn sweep(&mut self, now: Instant) {
        let due = self
            .swept
            .is_none_or(|then| now.saturating_duration_since(then).as_secs() >= 1);
        if due {
            self.swept = Some(now);
            self.sources.retain(|_, bucket| !bucket.is_full(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn burst_then_rate() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(10, 20);
        assert_eq!((0..30).filter(|_| bucket.take(start, 1)).count(), 20);
        let later = start + Duration::from_millis(250);
        assert_eq!((0..30).filter(|_| bucket.take(later, 1)).count(), 2);
        assert!(!bucket.take(start, 1), "an earlier time fills nothing");
    }

    #[test]
    fn a_full_table_slows_newcomers_only_and_forgets_the_idle() {
        let start = Instant::now();
        let mut table = SourceBuckets::new(1, 2, 3);
        for source in 0..3 {
            assert!(table.take(source, start, 1));
        }
        let newcomers = (10..100).filter(|s| table.take(*s, start, 1)).count();
        assert_eq!(newcomers, 2, "all newcomers share one bucket");
        assert!(table.take(0, start, 1), "the known keep theirs");
        assert_eq!(table.len(), 3);
        assert!(table.take(100, start + Duration::from_secs(5), 2));
        assert_eq!(table.len(), 1);
    }

    proptest! {
        #[test]
        fn never_more_than_burst_plus_rate(steps in proptest::collection::vec((0u64..200, 1u64..5), 1..200)) {
            let start = Instant::now();
            let mut bucket = TokenBucket::new(50, 30);
            let (mut ms, mut granted) = (0, 0);
            for (step, cost) in steps {
                ms += step;
                if bucket.take(start + Duration::from_millis(ms), cost) {
                    granted += cost;
                }
                prop_assert!(granted <= 30 + ms * 50 / 1000 + 1);
            }
        }
    }
}
