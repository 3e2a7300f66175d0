//! Token buckets.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

/// `burst` at once, `per_s` sustained.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    tokens: f64,
    burst: f64,
    per_s: f64,
    at: Instant,
}

impl Bucket {
    pub(crate) fn new(burst: f64, per_s: f64, now: Instant) -> Self {
        Self {
            tokens: burst,
            burst,
            per_s,
            at: now,
        }
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.per_s).min(self.burst);
        self.at = now;
    }

    /// Is there a token?
    pub(crate) fn ready(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.tokens >= 1.0
    }

    /// Takes one, if there is one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let ready = self.ready(now);
        if ready {
            self.tokens -= 1.0;
        }
        ready
    }
}

/// Buckets by key; full ones are forgotten when there are too many.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    map: HashMap<K, Bucket>,
    burst: f64,
    per_s: f64,
    keys_max: usize,
}

impl<K: Hash + Eq> Buckets<K> {
    pub(crate) fn new(burst: f64, per_s: f64, keys_max: usize) -> Self {
        Self {
            map: HashMap::new(),
            burst,
            per_s,
            keys_max,
        }
    }

    /// The key's bucket. `None` = too many keys at once.
    pub(crate) fn get(&mut self, key: K, now: Instant) -> Option<&mut Bucket> {
        if self.map.len() >= self.keys_max && !self.map.contains_key(&key) {
            let refill = Duration::from_secs_f64(self.burst / self.per_s);
            self.map
                .retain(|_, bucket| now.saturating_duration_since(bucket.at) < refill);
            if self.map.len() >= self.keys_max {
                return None;
            }
        }
        let (burst, per_s) = (self.burst, self.per_s);
        Some(
            self.map
                .entry(key)
                .or_insert_with(|| Bucket::new(burst, per_s, now)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_then_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(3.0, 2.0, start);
        assert_eq!((0..5).filter(|_| bucket.take(start)).count(), 3);
        assert!(!bucket.take(start + Duration::from_millis(400)));
        assert!(bucket.take(start + Duration::from_millis(500)));
        let later = start + Duration::from_secs(60);
        assert_eq!((0..5).filter(|_| bucket.take(later)).count(), 3);
    }

    #[test]
    fn keys_are_limited() {
        let start = Instant::now();
        let mut buckets = Buckets::new(1.0, 1.0, 2);
        assert!(buckets.get("a", start).is_some());
        assert!(buckets.get("b", start).is_some());
        assert!(buckets.get("c", start).is_none());
        assert!(buckets.get("c", start + Duration::from_secs(2)).is_some());
    }
}
