//! The same load with recordings and without, in turns: what recording costs those who only talk.

use std::fmt;

use serde::Serialize;

use super::Figures;
use super::summary::median;

/// Pairs of runs, and what they say. A ratio above 1: dearer with recordings.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Pairs {
    /// Rooms recorded in the second run of each pair.
    pub recordings: usize,
    /// Median over the pairs of the 99th percentiles' ratio. The bar is 1.25.
    pub latency_p99_ratio: f64,
    /// Median over the pairs of the ratio of CPU time per packet of the thread that forwards. The bar is
    /// 1.10.
    pub media_cpu_ratio: f64,
    /// Nothing speaks against any of the runs.
    pub trusted: bool,
    /// Each pair's, as they came.
    pub latency_p99_ratios: Vec<f64>,
    /// Likewise.
    pub media_cpu_ratios: Vec<f64>,
    /// All runs: without, with, without, ...
    pub runs: Vec<Figures>,
}

impl Pairs {
    /// A run without recordings and one with them.
    pub fn add(&mut self, without: Figures, with: Figures) {
        let ratio = |with: f64, without: f64| if without > 0.0 { with / without } else { 0.0 };
        self.recordings = with.recordings;
        self.latency_p99_ratios
            .push(ratio(with.latency_p99_us, without.latency_p99_us));
        self.media_cpu_ratios.push(ratio(
            with.media_cpu_us_per_packet,
            without.media_cpu_us_per_packet,
        ));
        self.latency_p99_ratio = median(&self.latency_p99_ratios);
        self.media_cpu_ratio = median(&self.media_cpu_ratios);
        self.runs.extend([without, with]);
        self.trusted = self.runs.iter().all(|run| run.trusted);
    }
}

impl fmt::Display for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.latency_p99_ratios.iter().zip(&self.media_cpu_ratios);
        writeln!(f, "{} recordings against none", self.recordings)?;
        for (latency, cpu) in pairs {
            writeln!(f, "  p99 x {latency:.2}, CPU per packet x {cpu:.2}")?;
        }
        write!(
            f,
            "  medians: p99 x {:.2}, CPU per packet x {:.2}",
            self.latency_p99_ratio, self.media_cpu_ratio
        )?;
        for doubt in self.runs.iter().flat_map(|run| &run.doubts) {
            write!(f, "\n  not trusted: {doubt}")?;
        }
        Ok(())
    }
}
