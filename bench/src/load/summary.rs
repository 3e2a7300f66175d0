//! Several runs of one workload in one: least, middle and most of each figure.

use std::collections::BTreeMap;
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
    /// By the names of [`Figures`].
    pub figures: BTreeMap<&'static str, Spread>,
    /// Each of them.
    pub each: Vec<Figures>,
}

/// What is summed up, and the digits after the point.
type Picks = [(&'static str, usize, fn(&Figures) -> f64); 15];

const PICKS: Picks = [
    ("ratio", 3, |f| f.ratio),
    ("packets_per_cpu_second", 0, |f| f.packets_per_cpu_second),
    ("raw_packets_per_cpu_second", 0, |f| {
        f.raw_packets_per_cpu_second
    }),
    ("cpu_us_per_packet", 2, |f| f.cpu_us_per_packet),
    ("cpu_seconds_per_gb", 2, |f| f.cpu_seconds_per_gb),
    ("memory_per_session_idle_bytes", 0, |f| {
        f.memory_per_session_idle_bytes as f64
    }),
    ("memory_per_session_bytes", 0, |f| {
        f.memory_per_session_bytes as f64
    }),
    ("latency_p50_us", 0, |f| f.latency_p50_us),
    ("latency_p99_us", 0, |f| f.latency_p99_us),
    ("latency_p999_us", 0, |f| f.latency_p999_us),
    ("join_cpu_ms", 2, |f| f.join_cpu_ms),
    ("joins_per_cpu_second", 0, |f| f.joins_per_cpu_second),
    ("lost_packets", 0, |f| f.lost_packets as f64),
    ("media_syscalls_per_packet", 3, |f| {
        f.media_syscalls_per_packet
    }),
    ("generator_cpu_share", 2, |f| f.generator_cpu_share),
];

impl Summary {
    /// Of at least one run; `None` of none.
    pub fn of(each: Vec<Figures>) -> Option<Self> {
        let first = each.first()?;
        let figures = PICKS.iter().map(|(name, _, pick)| {
            let values = each.iter().map(pick);
            (*name, Spread::of(values))
        });
        Some(Self {
            scenario: first.scenario,
            title: first.title,
            runs: each.len(),
            figures: figures.collect(),
            each,
        })
    }

    fn median(&self, name: &str) -> f64 {
        self.figures.get(name).map_or(0.0, |spread| spread.median)
    }

    /// Over the lines of several workloads.
    pub fn heading() -> String {
        format!(
            "{:6}{:>7}{:>10}{:>10}{:>8}{:>7}{:>9}{:>9}{:>8}{:>8}{:>7}",
            "",
            "ratio",
            "pkt/CPU-s",
            "bare",
            "s/GB",
            "KiB",
            "p50 us",
            "p99 us",
            "join ms",
            "sysc/pkt",
            "gen %"
        )
    }

    /// The medians of what matters most.
    pub fn line(&self) -> String {
        let of = |name| self.median(name);
        format!(
            "{:6}{:>7.3}{:>10.0}{:>10.0}{:>8.2}{:>7.0}{:>9.0}{:>9.0}{:>8.2}{:>8.2}{:>7.0}",
            self.scenario,
            of("ratio"),
            of("packets_per_cpu_second"),
            of("raw_packets_per_cpu_second"),
            of("cpu_seconds_per_gb"),
            of("memory_per_session_bytes") / 1024.0,
            of("latency_p50_us"),
            of("latency_p99_us"),
            of("join_cpu_ms"),
            of("media_syscalls_per_packet"),
            of("generator_cpu_share") * 100.0,
        )
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for figures in &self.each {
            writeln!(f, "{figures}")?;
        }
        write!(
            f,
            "{}, {} runs: min / median / max",
            self.scenario, self.runs
        )?;
        for (name, digits, _) in PICKS {
            let spread = self.figures.get(name).copied().unwrap_or_default();
            let Spread { min, median, max } = spread;
            write!(
                f,
                "\n  {name:30}{min:.digits$} / {median:.digits$} / {max:.digits$}"
            )?;
        }
        Ok(())
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
