//! Percentiles of what was measured.

use serde::Serialize;

/// Of a set of latencies, microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Latency {
    pub p50_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
}

impl Latency {
    /// Sorts them. All zero of none.
    pub fn of(latencies_us: &mut [u32]) -> Self {
        latencies_us.sort_unstable();
        let at = |share: f64| f64::from(percentile(latencies_us, share).unwrap_or(0));
        Self {
            p50_us: at(0.5),
            p99_us: at(0.99),
            p999_us: at(0.999),
        }
    }

    /// Between two, `share` of the way.
    #[must_use]
    pub fn towards(self, other: Self, share: f64) -> Self {
        let between = |from: f64, to: f64| from + (to - from) * share;
        Self {
            p50_us: between(self.p50_us, other.p50_us),
            p99_us: between(self.p99_us, other.p99_us),
            p999_us: between(self.p999_us, other.p999_us),
        }
    }
}

/// The value that a share of the sorted values does not exceed (nearest rank); `None` of none.
pub(super) fn percentile<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_rank_is_taken() {
        let values: Vec<u32> = (1..=1_000).collect();
        assert_eq!(percentile(&values, 0.5), Some(500));
        assert_eq!(percentile(&values, 0.99), Some(990));
        assert_eq!(percentile(&values, 0.999), Some(999));
        assert_eq!(percentile(&values, 1.0), Some(1_000));
        assert_eq!(percentile(&values[..1], 0.001), Some(1));
        assert_eq!(percentile::<u32>(&[], 0.5), None);
        let latency = Latency::of(&mut [3, 1, 2]);
        assert_eq!((latency.p50_us, latency.p999_us), (2.0, 3.0));
        assert_eq!(Latency::of(&mut []), Latency::default());
    }

    #[test]
    fn between_two_is_in_proportion() {
        let of = |us: f64| Latency {
            p50_us: us,
            p99_us: us * 2.0,
            p999_us: us * 3.0,
        };
        assert_eq!(of(100.0).towards(of(200.0), 0.25), of(125.0));
    }
}
