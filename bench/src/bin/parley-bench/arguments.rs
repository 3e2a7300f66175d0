//! What may be asked for, and what is refused before anything runs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Parser;
use parley_bench::load::{Baseline, COMPARED, Cpus, CpusAsked, Scenario};

/// Loads the sidecar with simulated participants and prints what it cost.
///
/// Sidecar and clients run on cores of their own; other work on those cores spoils the latencies. Before and
/// after each run a bare loop of the same packets to as many sockets shows what the machine can do; `ratio`
/// compares with it. bench/README.md tells how to read the figures.
#[derive(Debug, Parser)]
#[command(name = "parley-bench", version, after_help = workloads())]
pub(crate) struct Arguments {
    /// Workloads, one after another; `all`: those of the table. When comparing and absent: those of the
    /// baseline.
    #[arg(required_unless_present_any = ["compare", "update_baseline"], value_name = "WORKLOAD")]
    names: Vec<String>,
    /// The sidecar's executable.
    #[arg(long, value_name = "FILE")]
    pub(crate) sidecar: PathBuf,
    /// Prints one line of JSON for each workload, the same for one run and for many.
    #[arg(long)]
    pub(crate) json: bool,
    /// Runs so often, each time between two bare loops; prints least, median and most. 1, when comparing 3
    /// when absent.
    #[arg(long, visible_alias = "pairs", value_parser = clap::value_parser!(u16).range(1..=100))]
    runs: Option<u16>,
    /// Length of the measured window; of each load of a sweep, of each slice of a soak. 15, of W8 60 when
    /// absent.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) seconds: Option<u64>,
    /// Media flows so long before it.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=60))]
    pub(crate) warm_up_seconds: u64,
    /// Length of the bare loop before each run and of that after it; 0: none, and no ratio.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=60))]
    pub(crate) raw_seconds: u64,
    /// After the window more and more of the same joins, until the sidecar is saturated.
    #[arg(long)]
    pub(crate) load: bool,
    /// Length of a soak (W11).
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) soak_minutes: u64,
    /// Compares with a baseline; ends with code 1 when something got worse by more than it may, with 3 when
    /// runs are not to be trusted.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    compare: Option<PathBuf>,
    /// Writes the figures of these workloads into a baseline, except of those with a run that is not to be
    /// trusted.
    #[arg(long, value_name = "FILE", conflicts_with = "compare")]
    pub(crate) update_baseline: Option<PathBuf>,
    /// Threads that forward, on a core each: the sidecar's own option of this name.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=32))]
    pub(crate) shards: u8,
    /// Threads of clients, on a core each.
    #[arg(long, default_value_t = 1, conflicts_with = "generator_cpu", value_parser = clap::value_parser!(u8).range(1..=64))]
    generators: u8,
    /// One of so many of those who only hear tells its latency; the others count RTP by its header, which
    /// costs the clients much less. 1: everybody.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) sample: u16,
    /// Clients send here instead of to the sidecar's address: something that impairs the way.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) via: Option<SocketAddr>,
    /// UDP port of the sidecar; 0: any.
    #[arg(long, default_value_t = 0)]
    pub(crate) media_port: u16,
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
    #[arg(long, requires = "recordings", conflicts_with_all = ["runs", "load"], value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) recording_pairs: Option<u16>,
    /// Cores of the sidecar, by commas; the last ones that the clients were not given when absent.
    #[arg(long, value_delimiter = ',')]
    sidecar_cpu: Vec<usize>,
    /// Cores of the clients, a thread each; the last ones that the sidecar does not have when absent.
    #[arg(long, value_delimiter = ',')]
    generator_cpu: Vec<usize>,
}

fn workloads() -> String {
    let lines = Scenario::all().chain(Scenario::refused());
    let lines = lines.map(|(name, title)| format!("\n  {name:6} {title}"));
    format!("Workloads:{}", lines.collect::<String>())
}

impl Arguments {
    pub(crate) fn runs(&self) -> u16 {
        self.runs
            .unwrap_or(if self.baseline_file().is_some() { 3 } else { 1 })
    }

    pub(crate) fn baseline_file(&self) -> Option<&Path> {
        let file = self.compare.as_ref().or(self.update_baseline.as_ref());
        file.map(PathBuf::as_path)
    }

    /// What the file has, if there is one.
    pub(crate) fn baseline(&self) -> anyhow::Result<Option<Baseline>> {
        let read = |file: &Path| {
            let text = std::fs::read_to_string(file)?;
            anyhow::Ok(serde_json::from_str(&text)?)
        };
        self.baseline_file()
            .map(|file| read(file).with_context(|| file.display().to_string()))
            .transpose()
    }

    /// What is run. Nothing that would tell nothing.
    pub(crate) fn scenarios(&self, baseline: Option<&Baseline>) -> anyhow::Result<Vec<Scenario>> {
        let scenarios = self
            .workloads(baseline)
            .iter()
            .map(|name| self.scenario(name))
            .collect::<anyhow::Result<Vec<Scenario>>>()?;
        if let Some(baseline) = baseline {
            self.is_comparable(&scenarios, baseline)?;
        }
        if self.recording_pairs.is_some() {
            ensure!(
                self.baseline_file().is_none(),
                "--recording-pairs are not compared with a baseline"
            );
            ensure!(
                self.recordings != Some(0),
                "--recording-pairs: with --recordings 0 both of a pair are the same"
            );
            ensure!(
                scenarios.len() == 1,
                "--recording-pairs takes one workload, here are {}",
                scenarios.len()
            );
        }
        Ok(scenarios)
    }

    fn workloads<'a>(&'a self, baseline: Option<&'a Baseline>) -> Vec<&'a str> {
        if let (Some(baseline), []) = (baseline, &*self.names) {
            return match self.update_baseline {
                Some(_) => COMPARED.to_vec(),
                None => baseline.workloads.keys().map(String::as_str).collect(),
            };
        }
        let mut names: Vec<&str> = Vec::new();
        for name in &self.names {
            if name == "all" {
                let comparable = |name: &&str| {
                    baseline.is_none() || Scenario::named(name).is_ok_and(|s| s.is_comparable())
                };
                for name in Scenario::table().filter(comparable) {
                    names.push(name);
                }
            } else {
                names.push(name);
            }
        }
        names
    }

    fn scenario(&self, name: &str) -> anyhow::Result<Scenario> {
        let mut scenario = Scenario::named(name).map_err(anyhow::Error::msg)?;
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
    }

    /// Whether figures of these workloads mean something beside those of the baseline.
    fn is_comparable(&self, scenarios: &[Scenario], baseline: &Baseline) -> anyhow::Result<()> {
        ensure!(
            self.raw_seconds > 0,
            "--raw-seconds 0: a baseline needs the bare loop"
        );
        let changes = [
            ("--participants", self.participants.is_some()),
            ("--voice-slots", self.voice_slots > 0),
            ("--rooms", self.rooms > 1),
            ("--recordings", self.recordings.is_some()),
            ("--via", self.via.is_some()),
            ("--load", self.load),
            ("--shards", self.shards > 1),
        ];
        if let Some((name, _)) = changes.iter().find(|(_, given)| *given) {
            bail!("{name}: a baseline has figures of the workloads as they are, of one shard");
        }
        for (at, scenario) in scenarios.iter().enumerate() {
            let again = scenarios[..at].iter().any(|s| s.name == scenario.name);
            ensure!(!again, "{} is named twice", scenario.name);
            ensure!(
                scenario.is_comparable(),
                "{}: there is no ratio, the way is measured and not the processor",
                scenario.name
            );
        }
        if self.update_baseline.is_some() {
            return Ok(());
        }
        ensure!(
            !baseline.workloads.is_empty(),
            "the baseline has no workloads: --update-baseline (`compare --update`) writes it"
        );
        let lacks = baseline.lacks(scenarios.iter().map(|scenario| scenario.name));
        ensure!(
            lacks.is_empty(),
            "the baseline has no figures of {}",
            lacks.join(", ")
        );
        Ok(())
    }

    /// Who has which cores.
    pub(crate) fn cpus(&self) -> anyhow::Result<Cpus> {
        Cpus::choose(CpusAsked {
            shards: usize::from(self.shards),
            generators: usize::from(self.generators),
            sidecar_cpu: &self.sidecar_cpu,
            generator_cpu: &self.generator_cpu,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    const BASELINE: &str = r#"{
        "tolerance": {"ratio": 0.1, "memory_per_session_kib": 0.1, "join_in_packets": 0.1},
        "workloads": {
            "W1": {"ratio": 0.5, "memory_per_session_kib": 200, "join_in_packets": 100},
            "W2": {"ratio": 0.5, "memory_per_session_kib": 200, "join_in_packets": 100}
        }
    }"#;

    /// Names of what is run, and how often.
    fn asked(line: &str) -> Result<(Vec<&'static str>, u16), String> {
        let words = ["parley-bench", "--sidecar", "x"];
        let words = words.into_iter().chain(line.split_ascii_whitespace());
        let arguments = Arguments::try_parse_from(words).map_err(|error| error.to_string())?;
        let baseline: Baseline = serde_json::from_str(BASELINE).expect("it parses");
        let baseline = arguments.baseline_file().map(|_| &baseline);
        let scenarios = arguments.scenarios(baseline).map_err(|e| e.to_string())?;
        let names = scenarios.iter().map(|scenario| scenario.name).collect();
        Ok((names, arguments.runs()))
    }

    fn refused(line: &str) -> String {
        asked(line).expect_err(line)
    }

    #[test]
    fn workloads_are_those_named_or_those_of_the_baseline() {
        assert_eq!(asked("w1 W2"), Ok((vec!["W1", "W2"], 1)));
        assert!(asked("all").expect("a table").0.contains(&"W7"));
        let all = asked("--update-baseline f all").expect("a table").0;
        assert!(all.contains(&"W9") && !all.contains(&"W8"), "{all:?}");
        assert!(refused("--runs 3").contains("WORKLOAD"));
        assert_eq!(asked("--compare f"), Ok((vec!["W1", "W2"], 3)));
        assert_eq!(asked("--compare f W2"), Ok((vec!["W2"], 3)));
        assert_eq!(asked("--runs 5 W1 --compare f"), Ok((vec!["W1"], 5)));
        assert_eq!(asked("--update-baseline f w5"), Ok((vec!["W5"], 3)));
        let usual = asked("--update-baseline f").expect("the usual ones");
        assert_eq!(usual, (COMPARED.to_vec(), 3));
    }

    #[test]
    fn what_would_tell_nothing_is_refused() {
        assert_eq!(
            refused("--compare f W1 W5 W7"),
            "the baseline has no figures of W5, W7"
        );
        for (line, word) in [
            ("--compare f --raw-seconds 0", "--raw-seconds 0"),
            ("--compare f --participants 20", "--participants"),
            ("--compare f --shards 2", "--shards"),
            ("--compare f --load", "--load"),
            ("--compare f W1 w1", "W1 is named twice"),
            ("--update-baseline f W8", "W8: there is no ratio"),
            ("--compare f --json", "--json"),
            ("--compare f --update-baseline f", "--update-baseline"),
            ("--update-baseline f --rooms 3 W1", "--rooms"),
            ("W1 --recording-pairs 3", "--recordings"),
            ("W1 W2 --recordings 3 --recording-pairs 3", "one workload"),
            ("W1 --recordings 0 --recording-pairs 3", "--recordings 0"),
            ("W1 --recordings 1 --recording-pairs 3 --runs 2", "--runs"),
            ("W1 --shards 33", "33"),
            ("W1 --generators 2 --generator-cpu 1", "--generator-cpu"),
        ] {
            let why = refused(line);
            assert!(why.contains(word), "{line}: {why}");
        }
        assert!(asked("W1 --shards 32").is_ok());
    }

    /// `cargo xtask bench --help` prints a text, so that it need not build this program.
    #[test]
    fn the_short_help_has_every_option_and_workload() {
        let help = include_str!("../../../help.txt");
        let command = Arguments::command();
        let options = command.get_arguments().filter_map(|arg| arg.get_long());
        for option in
            options.filter(|name| !["sidecar", "compare", "update-baseline"].contains(name))
        {
            assert!(help.contains(&format!("--{option}")), "--{option}");
        }
        for (name, _) in Scenario::all().chain(Scenario::refused()) {
            assert!(help.contains(&format!("  {name} ")), "{name}");
        }
    }
}
