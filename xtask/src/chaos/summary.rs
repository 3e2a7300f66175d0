//! What the runs' accounts come to.

use std::fmt;

use serde_json::{Value, json};

use super::options::{Kind, Options};
use crate::sh::Failure;

/// Of all runs of one kind.
#[derive(Debug, PartialEq)]
pub(crate) struct Summary {
    kind: &'static str,
    runs: u32,
    /// Seed, and what was wrong.
    failures: Vec<(u64, String)>,
    /// The worst of the runs that could be looked at, in ms.
    lacking_max: u64,
    gap_max: u64,
    timeline_max: u64,
    posted_max: u64,
}

impl Summary {
    /// From the accounts, one JSON object a line; those of other kinds are left out.
    pub(crate) fn of(kind: Kind, accounts: &str) -> Result<Self, Failure> {
        let mut summary = Self {
            kind: kind.name(),
            runs: 0,
            failures: Vec::new(),
            lacking_max: 0,
            gap_max: 0,
            timeline_max: 0,
            posted_max: 0,
        };
        for line in accounts.lines() {
            let account: Value = serde_json::from_str(line)
                .map_err(|e| Failure::new(format!("a run's account: {e}: {line}")))?;
            if account["kind"] != kind.name() {
                continue;
            }
            summary.runs += 1;
            if let Some(failure) = account["failure"].as_str() {
                let seed = account["seed"].as_u64().unwrap_or_default();
                let first = failure.lines().next().unwrap_or_default();
                summary.failures.push((seed, first.to_owned()));
            }
            // Negative: the run did not come so far.
            let figure = |name: &str| account[name].as_u64().unwrap_or_default();
            summary.lacking_max = summary.lacking_max.max(figure("lackingMs"));
            summary.gap_max = summary.gap_max.max(figure("gapMs"));
            summary.timeline_max = summary.timeline_max.max(figure("timelineMs"));
            summary.posted_max = summary.posted_max.max(figure("postedMs"));
        }
        Ok(summary)
    }

    /// Why this is no success.
    pub(crate) fn problem(&self, runs_due: u32) -> Option<String> {
        if !self.failures.is_empty() {
            let seeds: Vec<String> = self.failures.iter().map(|(s, _)| s.to_string()).collect();
            return Some(format!(
                "{}: failed with seeds {}",
                self.kind,
                seeds.join(", ")
            ));
        }
        (self.runs != runs_due)
            .then(|| format!("{}: {} of {runs_due} runs were made", self.kind, self.runs))
    }
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:9} {:3} runs, {} failed; at most: lacking {:.2} s, gap {:.2} s, timeline off {:.2} s, posted {:.1} s after the stop",
            self.kind,
            self.runs,
            self.failures.len(),
            seconds(self.lacking_max),
            seconds(self.gap_max),
            seconds(self.timeline_max),
            seconds(self.posted_max),
        )?;
        for (seed, failure) in &self.failures {
            write!(f, "\n          seed {seed}: {failure}")?;
        }
        Ok(())
    }
}

/// For programs.
pub(crate) fn json(options: &Options, summaries: &[Summary]) -> Value {
    let kinds: Vec<Value> = summaries
        .iter()
        .map(|one| {
            json!({
                "kind": one.kind,
                "runs": one.runs,
                "failures": one.failures.iter().map(|(seed, failure)| json!({"seed": seed, "failure": failure})).collect::<Vec<_>>(),
                "lacking_ms_max": one.lacking_max,
                "gap_ms_max": one.gap_max,
                "timeline_ms_max": one.timeline_max,
                "posted_ms_max": one.posted_max,
            })
        })
        .collect();
    json!({"chaos": "recording", "seed": options.seed, "runs": options.runs, "kinds": kinds})
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNTS: &str = r#"{"kind":"host","seed":1,"lackingMs":20,"gapMs":40,"timelineMs":90,"postedMs":2000}
{"kind":"sidecar","seed":1,"lackingMs":900,"gapMs":2000,"timelineMs":100,"postedMs":3000}
{"kind":"host","seed":2,"lackingMs":-1,"gapMs":-1,"timelineMs":-1,"postedMs":-1,"failure":"not within 60000 ms\nat"}
"#;

    #[test]
    fn each_kind_has_its_own_figures_and_failures() {
        let host = Summary::of(Kind::Host, ACCOUNTS).unwrap();
        assert_eq!(
            (host.runs, host.lacking_max, host.posted_max),
            (2, 20, 2_000)
        );
        assert_eq!(host.failures, [(2, "not within 60000 ms".to_owned())]);
        assert!(host.problem(2).unwrap().contains("seeds 2"));
        let sidecar = Summary::of(Kind::Sidecar, ACCOUNTS).unwrap();
        assert_eq!((sidecar.runs, sidecar.gap_max), (1, 2_000));
        assert_eq!(sidecar.problem(1), None);
    }

    #[test]
    fn runs_that_were_not_made_are_no_success() {
        let sidecar = Summary::of(Kind::Sidecar, ACCOUNTS).unwrap();
        assert!(sidecar.problem(2).unwrap().contains("1 of 2"));
        assert!(
            Summary::of(Kind::Plugin, ACCOUNTS)
                .unwrap()
                .problem(1)
                .is_some()
        );
    }

    #[test]
    fn an_account_that_cannot_be_read_is_a_failure() {
        assert!(Summary::of(Kind::Host, "{\"kind\":").is_err());
    }
}
