//! `parley-bench W1`: loads the real sidecar over loopback and prints its figures.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use parley_bench::load::{
    self, Cpus, Figures, Pace, Pairs, Raw, Scenario, Sidecar, SidecarOptions, Summary,
};
use serde::Serialize;

/// Loads the sidecar with simulated participants and prints what it cost.
///
/// Sidecar and clients run on a core each; other work on those cores spoils the latencies. Before each run a
/// bare loop of the same packets to as many sockets shows what the machine can do; `ratio` compares with it.
#[derive(Debug, Parser)]
#[command(name = "parley-bench", version)]
struct Arguments {
    /// Which workload; `list` names them.
    #[arg(value_parser = scenario)]
    scenario: Scenario,
    /// The sidecar's executable.
    #[arg(long, value_name = "FILE")]
    sidecar: PathBuf,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
    /// Length of the measured window.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Media flows so long before it.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=60))]
    warm_up_seconds: u64,
    /// Another number of participants than the scenario's (publishers stay).
    #[arg(long)]
    participants: Option<usize>,
    /// Voice slots that clients take, 1 to 10; 0: as many as the room offers, as our web client does.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=8))]
    voice_slots: u32,
    /// Rooms: the scenario's, and small ones of three beside it, in which one speaks and one shares a screen.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=100))]
    rooms: u16,
    /// Rooms that are recorded, the scenario's first; with as many rooms if --rooms says fewer. The thread
    /// that forwards then has the sidecar's core for itself.
    #[arg(long, value_name = "ROOMS", value_parser = clap::value_parser!(u16).range(0..=100))]
    recordings: Option<u16>,
    /// Runs so often, each time the bare loop and then the workload; prints least, median and most.
    #[arg(long, visible_alias = "pairs", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=100))]
    runs: u16,
    /// Length of the bare loop before each run; 0: none, and no ratio.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=60))]
    raw_seconds: u64,
    /// Runs so many pairs, without recordings and with them, and prints how they compare.
    #[arg(long, requires = "recordings", value_parser = clap::value_parser!(u16).range(1..=100))]
    recording_pairs: Option<u16>,
    /// Core of the sidecar; the last one when absent.
    #[arg(long)]
    sidecar_cpu: Option<usize>,
    /// Core of the clients; the last but one when absent.
    #[arg(long)]
    generator_cpu: Option<usize>,
}

fn scenario(name: &str) -> Result<Scenario, String> {
    Scenario::named(name).ok_or_else(|| {
        let names: Vec<String> = Scenario::all()
            .map(|(name, title)| format!("  {name:6} {title}"))
            .collect();
        format!("the workloads are\n{}", names.join("\n"))
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let cpus =
        Cpus::last_two().context("two cores are needed: one each for sidecar and clients")?;
    let cpus = Cpus {
        sidecar: arguments.sidecar_cpu.or(cpus.sidecar),
        generator: arguments.generator_cpu.or(cpus.generator),
    };
    let recordings = usize::from(arguments.recordings.unwrap_or(0));
    let mut scenario = match arguments.participants {
        Some(participants) => arguments.scenario.with_participants(participants),
        None => arguments.scenario,
    }
    .with_rooms(usize::from(arguments.rooms).max(recordings));
    scenario.voice_slots = arguments.voice_slots;
    let bench = Bench {
        sidecar: SidecarOptions {
            executable: arguments.sidecar,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            cpu: cpus.sidecar,
            others: arguments.recordings.and_then(|_| cpus.others()),
        },
        scenario,
        pace: Pace {
            warm_up: Duration::from_secs(arguments.warm_up_seconds),
            measure: Duration::from_secs(arguments.seconds),
        },
        cpus,
    };
    if let Some(count) = arguments.recording_pairs {
        let mut pairs = Pairs::default();
        for number in 1..=count {
            eprintln!("parley-bench: pair {number} of {count}");
            pairs.add(bench.run(0).await?, bench.run(recordings).await?);
        }
        return print(&pairs, arguments.json);
    }
    let mut each = Vec::new();
    for number in 1..=arguments.runs {
        if arguments.runs > 1 {
            eprintln!("parley-bench: run {number} of {}", arguments.runs);
        }
        let raw = match arguments.raw_seconds {
            0 => None,
            seconds => Some(bench.raw(Duration::from_secs(seconds))?),
        };
        let figures = bench.run(recordings).await?;
        each.push(match raw {
            Some(raw) => figures.beside(raw),
            None => figures,
        });
    }
    match <[Figures; 1]>::try_from(each) {
        Ok([figures]) => print(&figures, arguments.json),
        Err(each) => print(&Summary::of(each).context("no run")?, arguments.json),
    }
}

/// What all runs have in common.
struct Bench {
    sidecar: SidecarOptions,
    scenario: Scenario,
    pace: Pace,
    cpus: Cpus,
}

impl Bench {
    /// The bare loop, while no sidecar runs.
    fn raw(&self, time: Duration) -> anyhow::Result<Raw> {
        eprintln!("parley-bench: the bare loop");
        load::calibrate(&self.scenario, self.cpus, self.sidecar.address, time)
    }

    /// One run against a sidecar of its own.
    async fn run(&self, recordings: usize) -> anyhow::Result<Figures> {
        let sidecar = Sidecar::start(&self.sidecar).await?;
        let mut scenario = self.scenario.clone();
        scenario.recordings = recordings;
        let progress = |line: &str| eprintln!("parley-bench: {line}");
        let figures = load::run(&sidecar, &scenario, self.pace, self.cpus, progress).await?;
        sidecar.stop().await?;
        Ok(figures)
    }
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
