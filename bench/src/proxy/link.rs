//! One direction of one client's way: who gets through, and when.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::Conditions;

/// What became of datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fates {
    /// Offered.
    pub sent: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Lost because the link's queue was full.
    pub overflowed: u64,
}

/// See the module. Pure: the caller holds datagrams until they are due.
#[derive(Debug)]
pub struct Link {
    rng: StdRng,
    /// Until when the link is busy with what it has.
    busy: Option<Instant>,
    /// When the last datagram arrives.
    latest: Option<Instant>,
    fates: Fates,
}

impl Link {
    /// An empty one.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            busy: None,
            latest: None,
            fates: Fates::default(),
        }
    }

    /// When a datagram of so many bytes arrives; `None`: never.
    pub fn offer(
        &mut self,
        conditions: &Conditions,
        bytes: usize,
        now: Instant,
    ) -> Option<Instant> {
        self.fates.sent += 1;
        // Both are drawn each time: a datagram's fate depends on none before it.
        let lost = self.rng.random_bool(conditions.loss);
        let jitter = conditions.jitter.as_micros() as u64;
        let jitter = Duration::from_micros(self.rng.random_range(0..=jitter));
        if lost {
            self.fates.lost += 1;
            return None;
        }
        let mut leaves = now;
        if let Some(rate) = conditions.rate {
            let begins = self.busy.map_or(now, |busy| busy.max(now));
            if begins.saturating_duration_since(now) > conditions.queue {
                self.fates.overflowed += 1;
                return None;
            }
            leaves = begins + Duration::from_secs_f64(bytes as f64 * 8.0 / rate as f64);
            self.busy = Some(leaves);
        }
        let arrives = leaves + conditions.delay + jitter;
        let arrives = self.latest.map_or(arrives, |latest| latest.max(arrives));
        self.latest = Some(arrives);
        Some(arrives)
    }

    /// So far.
    #[must_use]
    pub fn fates(&self) -> Fates {
        self.fates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_same_seed_is_the_same_network() {
        let conditions = Conditions {
            loss: 0.1,
            jitter: 30 * MS,
            delay: 80 * MS,
            ..Conditions::default()
        };
        let start = Instant::now();
        let run = |seed| -> Vec<Option<Instant>> {
            let mut link = Link::new(seed);
            let offers = (0..1_000).map(|n| link.offer(&conditions, 100, start + n * MS));
            offers.collect()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        let arrived: Vec<Instant> = run(1).into_iter().flatten().collect();
        assert!((870..930).contains(&arrived.len()), "{}", arrived.len());
        assert!(arrived.is_sorted(), "nothing overtakes");
        assert!(arrived[0] >= start + 80 * MS);
    }

    #[test]
    fn a_narrow_link_makes_wait_and_then_drops() {
        let conditions = Conditions {
            rate: Some(80_000),
            queue: 50 * MS,
            ..Conditions::default()
        };
        let start = Instant::now();
        let mut link = Link::new(0);
        // 10 ms each.
        let arrivals: Vec<_> = (0..10)
            .map(|_| link.offer(&conditions, 100, start))
            .collect();
        assert_eq!(arrivals[0], Some(start + 10 * MS));
        assert_eq!(arrivals[5], Some(start + 60 * MS));
        assert_eq!(arrivals[6..], [None; 4]);
        assert_eq!((link.fates().sent, link.fates().overflowed), (10, 4));
        let later = start + 1_000 * MS;
        assert_eq!(link.offer(&conditions, 100, later), Some(later + 10 * MS));
    }
}
