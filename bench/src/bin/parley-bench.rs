//! `parley-bench W1`: loads the real sidecar over loopback and prints its figures.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser};
use parley_bench::load::{
    self, Baseline, Cpus, Figures, Measures, Options, Pairs, Raw, Scenario, Sidecar,
    SidecarOptions, Summary,
};
use serde::Serialize;

/// Loads the sidecar with simulated participants and prints what it cost.
///
/// Sidecar and clients run on cores of their own; other work on those cores spoils the latencies. Before each
/// run a bare loop of the same packets to as many sockets shows what the machine can do; `ratio` compares
/// with it. bench/README.md tells how to read the figures.
#[derive(Debug, Parser)]
#[command(name = "parley-bench", version, after_help = workloads())]
struct Arguments {
    /// Workloads, one after another; `all`: those of the table.
    #[arg(required = true, value_name = "WORKLOAD")]
    names: Vec<String>,
    /// The sidecar's executable.
    #[arg(long, value_name = "FILE")]
    sidecar: PathBuf,
    /// Print one line of JSON for each workload.
    #[arg(long)]
    json: bool,
    /// Runs so often, each time the bare loop and then the workload; prints least, median and most.
    #[arg(long, visible_alias = "pairs", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=100))]
    runs: u16,
    /// Length of the measured window; of each load of a sweep, of each slice of a soak. 15, of W8 60 when
    /// absent.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: Option<u64>,
    /// Media flows so long before it.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=60))]
    warm_up_seconds: u64,
    /// Length of the bare loop before each run; 0: none, and no ratio.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=60))]
    raw_seconds: u64,
    /// After the window more and more of the same joins, until the sidecar is saturated.
    #[arg(long)]
    load: bool,
    /// Length of a soak (W11).
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    soak_minutes: u64,
    /// Compares with a baseline; ends with code 1 when something got worse by more than it may.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    compare: Option<PathBuf>,
    /// Writes the figures of these workloads into a baseline.
    #[arg(long, value_name = "FILE", conflicts_with = "compare")]
    update_baseline: Option<PathBuf>,
    /// Threads that forward, on a core each: the sidecar's own option of this name.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    shards: u8,
    /// Threads of clients, on a core each.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    generators: u8,
    /// One of so many of those who only hear tells its latency; the others count RTP by its header, which
    /// costs the clients much less. 1: everybody.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    sample: u16,
    /// Clients send here instead of to the sidecar's address: something that impairs the way.
    #[arg(long, value_name = "ADDRESS:PORT")]
    via: Option<SocketAddr>,
    /// UDP port of the sidecar; 0: any.
    #[arg(long, default_value_t = 0)]
    media_port: u16,
    /// Another number of participants in the first room than the workload's (publishers stay).
    #[arg(long)]
    participants: Option<usize>,
    /// Voice slots that clients take, 1 to 10; 0: as many as the room offers, as our web client does.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10))]
    voice_slots: u32,
    /// At least so many rooms; those added have three participants: one speaks, one shares a screen.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=100))]
    rooms: u16,
    /// Rooms that are recorded, the first ones; with as many rooms if there are fewer. The threads that
    /// forward then have the sidecar's cores for themselves.
    #[arg(long, value_name = "ROOMS", value_parser = clap::value_parser!(u16).range(0..=100))]
    recordings: Option<u16>,
    /// Runs so many pairs, without recordings and with them, and prints how they compare.
    #[arg(long, requires = "recordings", value_parser = clap::value_parser!(u16).range(1..=100))]
    recording_pairs: Option<u16>,
    /// Cores of the sidecar, by commas; the last ones when absent.
    #[arg(long, value_delimiter = ',')]
    sidecar_cpu: Vec<usize>,
    /// Cores of the clients; those before the sidecar's when absent.
    #[arg(long, value_delimiter = ',')]
    generator_cpu: Vec<usize>,
}

fn workloads() -> String {
    let lines = Scenario::all().map(|(name, title)| format!("\n  {name:6} {title}"));
    format!("Workloads:{}", lines.collect::<String>())
}

impl Arguments {
    fn scenarios(&self) -> anyhow::Result<Vec<Scenario>> {
        let mut names: Vec<String> = Vec::new();
        for name in &self.names {
            if name == "all" {
                names.extend(Scenario::table().map(str::to_owned));
            } else {
                names.push(name.clone());
            }
        }
        let scenarios = names.into_iter().map(|name| {
            let mut scenario = Scenario::named(&name).map_err(anyhow::Error::msg)?;
            if let Some(participants) = self.participants {
                scenario = scenario.with_participants(participants);
            }
            if let Some(recordings) = self.recordings {
                scenario.recordings = usize::from(recordings);
            }
            let rooms = usize::from(self.rooms).max(scenario.recordings);
            let mut scenario = scenario.with_rooms(rooms);
            scenario.voice_slots = self.voice_slots;
            Ok(scenario)
        });
        scenarios.collect()
    }

    fn cpus(&self) -> anyhow::Result<Cpus> {
        let (shards, generators) = (usize::from(self.shards), usize::from(self.generators));
        let mut cpus = match (&*self.sidecar_cpu, &*self.generator_cpu) {
            ([], _) | (_, []) => Cpus::choose(shards, generators)?,
            _ => Cpus::ANY,
        };
        for (given, chosen) in [
            (&self.sidecar_cpu, &mut cpus.sidecar),
            (&self.generator_cpu, &mut cpus.generators),
        ] {
            if !given.is_empty() {
                chosen.clone_from(given);
            }
        }
        Ok(cpus)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let scenarios = match arguments.scenarios() {
        Ok(scenarios) => scenarios,
        Err(error) => Arguments::command()
            .error(ErrorKind::InvalidValue, error)
            .exit(),
    };
    let bench = Bench::new(&arguments)?;
    if let (Some(count), [scenario]) = (arguments.recording_pairs, &*scenarios) {
        let pairs = bench.recording_pairs(scenario, count).await?;
        print(&pairs, arguments.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut baseline = match arguments
        .compare
        .as_ref()
        .or(arguments.update_baseline.as_ref())
    {
        Some(file) => Some(read_baseline(file)?),
        None => None,
    };
    let mut verdicts = Vec::new();
    let mut lines = Vec::new();
    for scenario in &scenarios {
        let each = bench
            .runs(scenario, arguments.runs, arguments.raw_seconds)
            .await?;
        if let Some(baseline) = baseline.as_mut().filter(|_| scenario.is_comparable()) {
            ensure!(arguments.raw_seconds > 0, "a baseline needs the bare loop");
            let now = Measures::of(&each);
            verdicts.extend(baseline.judge(scenario.name, &now));
            if arguments.update_baseline.is_some() {
                baseline.workloads.insert(scenario.name.into(), now);
            }
        }
        let summary = Summary::of(each).context("no run")?;
        lines.push(summary.line());
        match &*summary.each {
            [figures] => print(figures, arguments.json)?,
            _ => print(&summary, arguments.json)?,
        }
    }
    if !arguments.json && lines.len() > 1 {
        print_lines(&Summary::heading(), &lines);
    }
    match (baseline, &arguments.update_baseline) {
        (Some(baseline), Some(file)) => write_baseline(file, &baseline)?,
        (Some(_), None) => return judge(&verdicts),
        _ => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// What all runs have in common.
struct Bench {
    sidecar: SidecarOptions,
    options: Options,
    /// Length of the window; the workload's own when absent.
    window: Option<Duration>,
    cpus: Cpus,
}

impl Bench {
    fn new(arguments: &Arguments) -> anyhow::Result<Self> {
        if !arguments.sidecar.is_file() {
            bail!(
                "--sidecar: there is no file {}",
                arguments.sidecar.display()
            );
        }
        let cpus = arguments.cpus()?;
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

    /// Pairs of the bare loop and the workload.
    async fn runs(
        &self,
        scenario: &Scenario,
        count: u16,
        raw_seconds: u64,
    ) -> anyhow::Result<Vec<Figures>> {
        let mut each = Vec::new();
        for number in 1..=count {
            eprintln!("parley-bench: {}, run {number} of {count}", scenario.name);
            let raw = match raw_seconds {
                seconds if seconds == 0 || !scenario.is_comparable() => None,
                seconds => Some(self.raw(scenario, Duration::from_secs(seconds))?),
            };
            let figures = self.run(scenario, scenario.recordings > 0).await?;
            each.push(match raw {
                Some(raw) => figures.beside(raw),
                None => figures,
            });
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

fn read_baseline(file: &Path) -> anyhow::Result<Baseline> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| file.display().to_string())
}

fn write_baseline(file: &Path, baseline: &Baseline) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(baseline)? + "\n";
    std::fs::write(file, text).with_context(|| file.display().to_string())
}

fn judge(verdicts: &[load::Verdict]) -> anyhow::Result<ExitCode> {
    ensure!(
        !verdicts.is_empty(),
        "the baseline has none of these workloads"
    );
    let lines: Vec<String> = verdicts.iter().map(ToString::to_string).collect();
    print_lines("against the baseline", &lines);
    let worse = verdicts.iter().any(|verdict| verdict.too_much);
    Ok(ExitCode::from(u8::from(worse)))
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
