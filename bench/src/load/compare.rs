//! What got worse since a baseline was written: by figures that do not depend on the machine.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Figures;
use super::summary::median;

/// What a baseline is written of when nothing else is named: quick enough to be run, long enough to mean
/// something.
pub const COMPARED: [&str; 6] = ["W1", "W1-10", "W2", "W2-2", "W3", "W5"];

/// The file that is committed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// By how much each figure may be worse, as a share of the baseline's.
    pub tolerance: Measures,
    /// By name.
    pub workloads: BTreeMap<String, Measures>,
}

/// Figures of one workload.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measures {
    /// Packets per CPU-second to those of the bare loop: more is better.
    pub ratio: f64,
    /// Loaded, KiB: less is better.
    pub memory_per_session_kib: f64,
    /// CPU time of a join, in packets that the bare loop would send in that time: less is better.
    pub join_in_packets: f64,
}

impl Measures {
    /// Medians of the runs; each was between two bare loops.
    pub fn of(runs: &[Figures]) -> Self {
        let middle = |pick: fn(&Figures) -> f64| {
            let values: Vec<f64> = runs.iter().map(pick).collect();
            // Three digits say enough, and keep the file readable.
            (median(&values) * 1e3).round() / 1e3
        };
        Self {
            ratio: middle(|f| f.ratio),
            memory_per_session_kib: middle(|f| f.memory_per_session_bytes as f64 / 1024.0),
            join_in_packets: middle(|f| {
                let storm = f.storm.as_ref().map(|storm| storm.cpu_ms_per_join);
                storm.unwrap_or(f.join_cpu_ms) / 1e3 * f.raw_packets_per_cpu_second
            }),
        }
    }
}

/// One figure of one workload against the baseline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    #[allow(missing_docs)]
    pub workload: String,
    /// Which figure.
    pub measure: &'static str,
    #[allow(missing_docs)]
    pub baseline: f64,
    #[allow(missing_docs)]
    pub now: f64,
    /// As a share of the baseline; below 0: it got better.
    pub worse_by: f64,
    /// By more than the tolerance.
    pub too_much: bool,
}

impl Baseline {
    /// Those of the names that it has no figures of.
    pub fn lacks<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
        let mut names: Vec<&str> = names.into_iter().collect();
        names.retain(|name| !self.workloads.contains_key(*name));
        names
    }

    /// The figures of a workload against what is committed; none: it has no baseline.
    pub fn judge(&self, workload: &str, now: &Measures) -> Vec<Verdict> {
        let Some(then) = self.workloads.get(workload) else {
            return Vec::new();
        };
        let verdict = |measure, baseline: f64, now: f64, sign: f64, tolerance: f64| {
            let worse_by = if baseline > 0.0 {
                (now - baseline) / baseline * sign
            } else {
                0.0
            };
            Verdict {
                workload: workload.to_owned(),
                measure,
                baseline,
                now,
                worse_by,
                too_much: worse_by > tolerance,
            }
        };
        let may = &self.tolerance;
        vec![
            verdict("ratio", then.ratio, now.ratio, -1.0, may.ratio),
            verdict(
                "memory_per_session_kib",
                then.memory_per_session_kib,
                now.memory_per_session_kib,
                1.0,
                may.memory_per_session_kib,
            ),
            verdict(
                "join_in_packets",
                then.join_in_packets,
                now.join_in_packets,
                1.0,
                may.join_in_packets,
            ),
        ]
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:5} {:24}{:10.3} -> {:10.3}  {:+.1} % {}",
            self.workload,
            self.measure,
            self.baseline,
            self.now,
            (self.now - self.baseline) / self.baseline * 100.0,
            if self.too_much { "WORSE" } else { "ok" }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measures(ratio: f64, memory_per_session_kib: f64, join_in_packets: f64) -> Measures {
        Measures {
            ratio,
            memory_per_session_kib,
            join_in_packets,
        }
    }

    #[test]
    fn only_what_got_worse_by_more_than_it_may_is_told() {
        let baseline = Baseline {
            tolerance: measures(0.15, 0.2, 0.5),
            workloads: [("W1".to_owned(), measures(0.5, 200.0, 100.0))].into(),
        };
        let bad = |now: Measures| -> Vec<&'static str> {
            let verdicts = baseline.judge("W1", &now).into_iter();
            verdicts.filter(|v| v.too_much).map(|v| v.measure).collect()
        };
        assert!(bad(measures(0.5, 200.0, 100.0)).is_empty());
        assert!(bad(measures(0.44, 230.0, 140.0)).is_empty(), "tolerated");
        assert!(bad(measures(1.0, 20.0, 1.0)).is_empty(), "better");
        assert_eq!(bad(measures(0.4, 200.0, 100.0)), ["ratio"]);
        assert_eq!(
            bad(measures(0.5, 250.0, 160.0)),
            ["memory_per_session_kib", "join_in_packets"]
        );
        assert!(baseline.judge("W2", &measures(0.0, 0.0, 0.0)).is_empty());
        assert_eq!(baseline.lacks(["W1", "W2"]), ["W2"]);
    }

    #[test]
    fn the_committed_baseline_names_workloads_that_there_are() {
        let text = include_str!("../../compare/baseline.json");
        let baseline: Baseline = serde_json::from_str(text).expect("it parses");
        let names = baseline.workloads.keys().map(String::as_str);
        for name in names {
            assert!(super::super::Scenario::named(name).is_ok(), "{name}");
        }
        for name in COMPARED {
            assert!(baseline.workloads.contains_key(name), "{name}");
        }
    }
}
