//! `parley-bench W1`: loads the real sidecar over loopback and prints its figures.

mod arguments;

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use arguments::Arguments;
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};
use parley_bench::load::{
    self, Baseline, Figures, Measures, Options, Pairs, Raw, Scenario, Sidecar, SidecarOptions,
    Summary,
};
use serde::Serialize;

/// Something got worse by more than it may.
const WORSE: u8 = 1;
/// Nothing can be said: runs are not to be trusted.
const NOT_TRUSTED: u8 = 3;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut baseline = arguments.baseline()?;
    let scenarios = or_usage(arguments.scenarios(baseline.as_ref()));
    let bench = Bench::new(&arguments)?;
    if let (Some(count), [scenario]) = (arguments.recording_pairs, &*scenarios) {
        let pairs = bench.recording_pairs(scenario, count).await?;
        print(&pairs, arguments.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (mut verdicts, mut lines, mut doubts) = (Vec::new(), Vec::new(), Vec::new());
    for scenario in &scenarios {
        let each = bench
            .runs(scenario, arguments.runs(), arguments.raw_seconds)
            .await?;
        let summary = Summary::of(each).context("no run")?;
        print(&summary, arguments.json)?;
        lines.push(summary.line());
        if let Some(baseline) = baseline.as_mut().filter(|_| summary.trusted) {
            let now = Measures::of(&summary.each);
            verdicts.extend(baseline.judge(scenario.name, &now));
            baseline.workloads.insert(scenario.name.into(), now);
        }
        let told = summary.doubts.iter();
        doubts.extend(told.map(|doubt| format!("{}, {doubt}", scenario.name)));
    }
    if !arguments.json && lines.len() > 1 {
        print_lines(&Summary::heading(), &lines);
    }
    let worse = match (&baseline, &arguments.update_baseline) {
        (None, _) => return Ok(ExitCode::SUCCESS),
        (Some(baseline), Some(file)) => {
            write_baseline(file, baseline)?;
            false
        }
        (Some(_), None) => {
            let lines: Vec<String> = verdicts.iter().map(ToString::to_string).collect();
            print_lines("against the baseline", &lines);
            verdicts.iter().any(|verdict| verdict.too_much)
        }
    };
    if !doubts.is_empty() {
        eprintln!("parley-bench: not compared and not written, since runs are not to be trusted:");
        doubts.iter().for_each(|doubt| eprintln!("  {doubt}"));
    }
    Ok(ExitCode::from(match (worse, doubts.is_empty()) {
        (true, _) => WORSE,
        (false, false) => NOT_TRUSTED,
        (false, true) => 0,
    }))
}

/// What was asked for, or the end with code 2.
fn or_usage<T>(asked: anyhow::Result<T>) -> T {
    match asked {
        Ok(asked) => asked,
        Err(error) => Arguments::command()
            .error(ErrorKind::InvalidValue, error)
            .exit(),
    }
}

/// What all runs have in common.
struct Bench {
    sidecar: SidecarOptions,
    options: Options,
    /// Length of the window; the workload's own when absent.
    window: Option<Duration>,
    cpus: load::Cpus,
}

impl Bench {
    fn new(arguments: &Arguments) -> anyhow::Result<Self> {
        if !arguments.sidecar.is_file() {
            bail!(
                "--sidecar: there is no file {}",
                arguments.sidecar.display()
            );
        }
        let cpus = or_usage(arguments.cpus());
        Ok(Self {
            sidecar: SidecarOptions {
                executable: arguments.sidecar.clone(),
                address: IpAddr::V4(Ipv4Addr::LOCALHOST),
                media_port: arguments.media_port,
                cpus: cpus.sidecar.clone(),
                others: None,
                shards: usize::from(arguments.shards),
            },
            options: Options {
                soak: Duration::from_secs(arguments.soak_minutes * 60),
                sample: usize::from(arguments.sample),
                via: arguments.via,
                syscalls: true,
                sweep: arguments.load,
                ..Options::window(
                    Duration::from_secs(arguments.warm_up_seconds),
                    Duration::ZERO,
                )
            },
            window: arguments.seconds.map(Duration::from_secs),
            cpus,
        })
    }

    /// Each between two bare loops.
    async fn runs(
        &self,
        scenario: &Scenario,
        count: u16,
        raw_seconds: u64,
    ) -> anyhow::Result<Vec<Figures>> {
        let mut each = Vec::new();
        for number in 1..=count {
            eprintln!("parley-bench: {}, run {number} of {count}", scenario.name);
            let raw = || match raw_seconds {
                seconds if seconds == 0 || !scenario.is_comparable() => Ok(None),
                seconds => self.raw(scenario, Duration::from_secs(seconds)).map(Some),
            };
            let before = raw()?;
            let figures = self.run(scenario, scenario.recordings > 0).await?;
            let figures = match (before, raw()?) {
                (Some(before), Some(after)) => figures.beside(before, after),
                _ => figures,
            };
            for doubt in &figures.doubts {
                eprintln!("parley-bench: not trusted: {doubt}");
            }
            each.push(figures);
        }
        Ok(each)
    }

    /// The bare loop, while no sidecar runs.
    fn raw(&self, scenario: &Scenario, time: Duration) -> anyhow::Result<Raw> {
        load::calibrate(scenario, &self.cpus, self.sidecar.address, time)
    }

    /// One run against a sidecar of its own; perhaps only the threads that forward on its cores.
    async fn run(&self, scenario: &Scenario, apart: bool) -> anyhow::Result<Figures> {
        let mut options = self.sidecar.clone();
        options.others = if apart { self.cpus.others() } else { None };
        let sidecar = Sidecar::start(&options).await?;
        let progress = |line: &str| eprintln!("parley-bench: {line}");
        let options = Options {
            measure: self.window.unwrap_or_else(|| scenario.usual_window()),
            ..self.options.clone()
        };
        let run = load::run(&sidecar, scenario, &options, &self.cpus, progress);
        let figures = run.await?;
        sidecar.stop().await?;
        Ok(figures)
    }

    async fn recording_pairs(&self, scenario: &Scenario, count: u16) -> anyhow::Result<Pairs> {
        let (with, mut without) = (scenario, scenario.clone());
        without.recordings = 0;
        let mut pairs = Pairs::default();
        for number in 1..=count {
            eprintln!("parley-bench: pair {number} of {count}");
            pairs.add(self.run(&without, true).await?, self.run(with, true).await?);
        }
        Ok(pairs)
    }
}

fn write_baseline(file: &Path, baseline: &Baseline) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(baseline)? + "\n";
    std::fs::write(file, text).with_context(|| file.display().to_string())
}

#[allow(clippy::print_stdout)] // the figures are the program's output
fn print<T: Serialize + Display>(figures: &T, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string(figures)?);
    } else {
        println!("{figures}");
    }
    Ok(())
}

#[allow(clippy::print_stdout)] // as above
fn print_lines(heading: &str, lines: &[String]) {
    println!("{heading}\n{}", lines.join("\n"));
}
