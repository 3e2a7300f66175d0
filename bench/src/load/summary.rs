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

/// The runs of one workload, each between two bare loops. One run is told the same way.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// `W1`.
    pub scenario: &'static str,
    /// What it is.
    pub title: &'static str,
    /// How many.
    pub runs: usize,
    /// All runs are.
    pub trusted: bool,
    /// What speaks against runs, in words.
    pub doubts: Vec<String>,
    /// By the names of [`Figures`]; what no run has is absent.
    pub figures: BTreeMap<&'static str, Spread>,
    /// Each of them.
    pub each: Vec<Figures>,
}

/// What is summed up, and the digits after the point. Some figures only some runs have.
type Pick = (&'static str, usize, fn(&Figures) -> Option<f64>);

const PICKS: &[Pick] = &[
    ("ratio", 3, |f| Some(f.ratio)),
    ("packets_per_cpu_second", 0, |f| {
        Some(f.packets_per_cpu_second)
    }),
    ("raw_packets_per_cpu_second", 0, |f| {
        Some(f.raw_packets_per_cpu_second)
    }),
    ("paced_ratio", 3, |f| f.paced_ratio),
    ("paced_packets_per_cpu_second", 0, |f| {
        f.raw.and_then(|raw| raw.paced_packets_per_cpu_second)
    }),
    ("raw_spread", 3, |f| f.raw.map(|raw| raw.spread)),
    ("cpu_us_per_packet", 2, |f| Some(f.cpu_us_per_packet)),
    ("cpu_seconds_per_gb", 2, |f| Some(f.cpu_seconds_per_gb)),
    ("memory_per_session_idle_bytes", 0, |f| {
        Some(f.memory_per_session_idle_bytes as f64)
    }),
    ("memory_per_session_bytes", 0, |f| {
        Some(f.memory_per_session_bytes as f64)
    }),
    ("latency_p50_us", 0, |f| Some(f.latency_p50_us)),
    ("latency_p99_us", 0, |f| Some(f.latency_p99_us)),
    ("latency_p999_us", 0, |f| Some(f.latency_p999_us)),
    ("join_cpu_ms", 2, |f| Some(f.join_cpu_ms)),
    ("joins_per_cpu_second", 0, |f| Some(f.joins_per_cpu_second)),
    ("delivered_share", 5, |f| f.delivered_share),
    ("lost_packets", 0, |f| Some(f.lost_packets as f64)),
    ("syscalls_per_packet", 3, |f| f.syscalls_per_packet),
    ("media_syscalls_per_packet", 3, |f| {
        Some(f.media_syscalls_per_packet)
    }),
    ("generator_cpu_share", 2, |f| Some(f.generator_cpu_share)),
    ("lost_core_share", 3, |f| Some(f.lost_core_share)),
    ("others_share", 3, |f| Some(f.others_share)),
    ("storm.join_to_media_p50_ms", 0, |f| {
        f.storm.as_ref().map(|storm| storm.join_to_media_p50_ms)
    }),
    ("storm.join_to_media_p99_ms", 0, |f| {
        f.storm.as_ref().map(|storm| storm.join_to_media_p99_ms)
    }),
    ("storm.cpu_ms_per_join", 2, |f| {
        f.storm.as_ref().map(|storm| storm.cpu_ms_per_join)
    }),
    ("sweep.saturation_packets_per_second", 0, |f| {
        let sweep = f.sweep.as_ref();
        sweep.map(|sweep| sweep.saturation_packets_per_second)
    }),
    ("sweep.latency_at_70_percent.p50_us", 0, |f| {
        let sweep = f.sweep.as_ref();
        sweep.map(|sweep| sweep.latency_at_70_percent.p50_us)
    }),
    ("sweep.latency_at_70_percent.p99_us", 0, |f| {
        let sweep = f.sweep.as_ref();
        sweep.map(|sweep| sweep.latency_at_70_percent.p99_us)
    }),
];

impl Summary {
    /// Of at least one run; `None` of none.
    pub fn of(each: Vec<Figures>) -> Option<Self> {
        let first = each.first()?;
        let figures = PICKS.iter().filter_map(|(name, _, pick)| {
            let values: Vec<f64> = each.iter().filter_map(pick).collect();
            (!values.is_empty()).then(|| (*name, Spread::of(values)))
        });
        let doubts = each.iter().zip(1..).flat_map(|(figures, run)| {
            let doubts = figures.doubts.iter();
            doubts.map(move |doubt| format!("run {run}: {doubt}"))
        });
        Some(Self {
            scenario: first.scenario,
            title: first.title,
            runs: each.len(),
            trusted: each.iter().all(|figures| figures.trusted),
            doubts: doubts.collect(),
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
            "{:6}{:>7}{:>7}{:>10}{:>10}{:>8}{:>7}{:>9}{:>9}{:>8}{:>8}{:>7}",
            "",
            "ratio",
            "paced",
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
            "{:6}{:>7.3}{:>7.3}{:>10.0}{:>10.0}{:>8.2}{:>7.0}{:>9.0}{:>9.0}{:>8.2}{:>8.2}{:>7.0}",
            self.scenario,
            of("ratio"),
            of("paced_ratio"),
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
            write!(f, "{figures}")?;
            // One run says all of it.
            if self.runs > 1 {
                writeln!(f)?;
            }
        }
        if self.runs == 1 {
            return Ok(());
        }
        write!(
            f,
            "{}, {} runs: min / median / max",
            self.scenario, self.runs
        )?;
        for (name, digits, _) in PICKS {
            if let Some(Spread { min, median, max }) = self.figures.get(name) {
                write!(
                    f,
                    "\n  {name:36}{min:.digits$} / {median:.digits$} / {max:.digits$}"
                )?;
            }
        }
        for doubt in &self.doubts {
            write!(f, "\n  NOT TRUSTED, {doubt}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Storm;

    fn stormy(join_to_media_p99_ms: f64) -> Figures {
        let storm = Storm {
            joins: 200,
            seconds: 10.0,
            cpu_ms_per_join: 1.0,
            joins_per_cpu_second: 1_000.0,
            join_to_media_p50_ms: 60.0,
            join_to_media_p99_ms,
            got_media: 200,
            generator_cpu_share: 0.3,
            lost_core_share: 0.0,
            generator_lost_core_share: 0.0,
        };
        Figures {
            storm: Some(storm),
            ..Figures::blank()
        }
    }

    #[test]
    fn what_only_some_runs_have_is_summed_up_too() {
        let each = vec![stormy(100.0), stormy(300.0), stormy(150.0)];
        let summary = Summary::of(each).expect("runs");
        let p99 = summary.figures["storm.join_to_media_p99_ms"];
        assert_eq!((p99.min, p99.median, p99.max), (100.0, 150.0, 300.0));
        assert!(
            !summary
                .figures
                .contains_key("sweep.saturation_packets_per_second")
        );
        let text = summary.to_string();
        assert!(
            text.contains("100 / 150 / 300") && !text.contains("sweep."),
            "{text}"
        );
    }

    #[test]
    fn one_run_has_the_schema_of_many_and_doubts_are_told_by_run() {
        let mut bad = Figures::blank();
        bad.generator_cpu_share = 0.95;
        let bad = bad.examined();
        let json = |each| serde_json::to_value(Summary::of(each).expect("runs")).expect("JSON");
        let (one, two) = (json(vec![bad.clone()]), json(vec![Figures::blank(), bad]));
        let names = |json: &serde_json::Value| -> Vec<String> {
            json.as_object()
                .expect("an object")
                .keys()
                .cloned()
                .collect()
        };
        assert_eq!(names(&one), names(&two));
        assert_eq!((&one["runs"], &one["trusted"]), (&1.into(), &false.into()));
        assert_eq!(two["each"][0]["trusted"], true);
        let doubt = two["doubts"][0].as_str().expect("a text");
        assert!(doubt.starts_with("run 2: the clients used 95 %"), "{doubt}");
    }

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
