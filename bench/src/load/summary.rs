//! Several runs of one workload in one: least, middle and most of each figure.

use std::fmt;

use serde::Serialize;

use super::Figures;

/// Least, middle and most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Spread {
    pub min: f64,
    pub median: f64,
    pub max: f64,
}

impl Spread {
    /// Of these; all zero of none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        Self {
            min: sorted.first().copied().unwrap_or(0.0),
            median: median(&sorted),
            max: sorted.last().copied().unwrap_or(0.0),
        }
    }
}

/// In the middle of what need not be sorted; 0 of none.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.len() / 2;
    match sorted.get(upper) {
        None => 0.0,
        Some(value) if sorted.len() % 2 == 1 => *value,
        Some(value) => (sorted[upper - 1] + value) / 2.0,
    }
}

/// The runs of one workload, each with a bare loop just before.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// `W1`.
    pub scenario: &'static str,
    /// What it is.
    pub title: &'static str,
    /// How many.
    pub runs: usize,
    /// Packets per CPU-second by those of the bare loop of the same pair.
    pub ratio: Spread,
    #[allow(missing_docs)]
    pub packets_per_cpu_second: Spread,
    #[allow(missing_docs)]
    pub raw_packets_per_cpu_second: Spread,
    #[allow(missing_docs)]
    pub latency_p50_us: Spread,
    #[allow(missing_docs)]
    pub latency_p99_us: Spread,
    /// Each of them.
    pub each: Vec<Figures>,
}

impl Summary {
    /// Of at least one run; `None` of none.
    pub fn of(each: Vec<Figures>) -> Option<Self> {
        let first = each.first()?;
        let spread = |pick: fn(&Figures) -> f64| Spread::of(each.iter().map(pick));
        Some(Self {
            scenario: first.scenario,
            title: first.title,
            runs: each.len(),
            ratio: spread(|f| f.ratio),
            packets_per_cpu_second: spread(|f| f.packets_per_cpu_second),
            raw_packets_per_cpu_second: spread(|f| f.raw_packets_per_cpu_second),
            latency_p50_us: spread(|f| f64::from(f.latency_p50_us)),
            latency_p99_us: spread(|f| f64::from(f.latency_p99_us)),
            each,
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for figures in &self.each {
            writeln!(f, "{figures}")?;
        }
        writeln!(
            f,
            "{}, {} runs: min / median / max",
            self.scenario, self.runs
        )?;
        let mut row = |name: &str, spread: Spread, digits: usize| {
            writeln!(
                f,
                "  {name:24}{:.digits$} / {:.digits$} / {:.digits$}",
                spread.min, spread.median, spread.max
            )
        };
        row("ratio to the bare loop", self.ratio, 3)?;
        row("packets per CPU-second", self.packets_per_cpu_second, 0)?;
        row("of the bare loop", self.raw_packets_per_cpu_second, 0)?;
        row("latency p50, us", self.latency_p50_us, 0)?;
        row("latency p99, us", self.latency_p99_us, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        let spread = Spread::of([5.0, 1.0, 2.0]);
        assert_eq!((spread.min, spread.median, spread.max), (1.0, 2.0, 5.0));
        assert_eq!(Spread::of([]), Spread::default());
    }
}
