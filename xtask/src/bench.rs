//! `cargo xtask bench`: the load generator against the release build of the sidecar, and what recordings
//! cost it.

use std::os::unix::process::CommandExt;

use crate::sh::{self, Failure, Outcome};
use crate::tools;

const RECORDING_HELP: &str = "\
What recordings cost the sidecar, in its release build

Usage: cargo xtask bench recording [--json] [--pairs N] [--minutes N]

1. A 60-minute recording (four voices, a shared screen of 1 Mbit/s) as fast as it goes: share of a core for
   tap, journal and composing, and memory. The bars: 0.05 of a core, 30 MB.
2. The same for --minutes (5) in real time: also how soon the files are complete (bar: 5 s).
3. W1 with 10 rooms being recorded against none, --pairs (10) interleaved pairs of runs: medians of the ratios
   of latency (p99, bar 1.25) and of processor time per packet (bar 1.10) of the thread that forwards.

With the usual figures it takes about 15 minutes. Other work on the machine spoils 3.
--json prints an object per step, one after another.
";

const COMPARE_HELP: &str = "\
What got worse since the committed baseline of ratios (bench/compare/baseline.json)

Usage: cargo xtask bench compare [WORKLOAD...] [--update] [options of the load generator]

Runs the workloads of the baseline, or these, 3 times each unless --runs says otherwise; the medians count.
Ends with code 1 when a figure is worse by more than the baseline tolerates, with 3 when other work or busy
clients spoiled a run, with 2 when the baseline has no figures of a workload.
--update writes the baseline instead, of runs that were not spoiled: commit it with the reason.
";

/// Tested by the load generator against its own options.
const HELP: &str = include_str!("../../bench/help.txt");
const BASELINE: &str = "bench/compare/baseline.json";

pub(crate) fn run(args: &[String]) -> Outcome {
    let asks_for_help = args.iter().any(|word| word == "--help" || word == "-h");
    match args.first().map(String::as_str) {
        None => Err(Failure::usage(
            "bench: which workload? `cargo xtask bench --help` lists them",
        )),
        Some("recording") => recording(&args[1..]),
        Some("compare") if asks_for_help => help(COMPARE_HELP),
        Some("compare") => generator(&compare_arguments(&args[1..])),
        Some(_) if asks_for_help => help(HELP),
        Some(_) => generator(args),
    }
}

fn help(text: &str) -> Outcome {
    print!("{text}");
    Ok(std::process::ExitCode::SUCCESS)
}

/// Becomes the load generator.
fn generator(args: &[String]) -> Outcome {
    tools::ready_to_build()?;
    build(&["--package", "parley-bench", "--package", "parley-sidecar"])?;
    let release = sh::target_dir().join("release");
    let mut command = sh::command(&release.join("parley-bench").to_string_lossy(), &[]);
    command
        .arg("--sidecar")
        .arg(release.join("parley-sidecar"))
        .args(args);
    Err(Failure::new(format!("parley-bench: {}", command.exec())))
}

/// Which words are workloads, and which runs are missing, is the generator's to say.
fn compare_arguments(args: &[String]) -> Vec<String> {
    let (update, mut arguments): (Vec<String>, Vec<String>) =
        args.iter().cloned().partition(|word| word == "--update");
    let option = if update.is_empty() {
        "--compare"
    } else {
        "--update-baseline"
    };
    arguments.extend([option.into(), BASELINE.into()]);
    arguments
}

/// The figures go to stdout (perhaps as JSON), so the build's headline must not.
fn build(what: &[&str]) -> Result<(), Failure> {
    eprintln!("==> release build");
    let arguments = [&["build", "--release", "--quiet"], what].concat();
    let status = sh::cargo(&arguments)
        .status()
        .map_err(|e| Failure::new(format!("cargo: {e}")))?;
    if !status.success() {
        return Err(Failure::new("the release build failed"));
    }
    Ok(())
}

fn recording(args: &[String]) -> Outcome {
    let (mut json, mut pairs, mut minutes) = (false, 10u32, 5u32);
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let mut number = |name: &str| {
            let number = words.next().and_then(|word| word.parse().ok());
            number
                .filter(|number| (1..=100).contains(number))
                .ok_or_else(|| Failure::usage(format!("bench recording: {name}: 1 to 100")))
        };
        match word.as_str() {
            "--json" => json = true,
            "--pairs" => pairs = number("--pairs")?,
            "--minutes" => minutes = number("--minutes")?,
            "--help" | "-h" => {
                print!("{RECORDING_HELP}");
                return Ok(std::process::ExitCode::SUCCESS);
            }
            other => {
                return Err(Failure::usage(format!(
                    "bench recording: unknown argument {other:?}"
                )));
            }
        }
    }
    tools::ready_to_build()?;
    build(&["--package", "parley-bench", "--package", "parley-sidecar"])?;
    build(&["--package", "parley-recorder", "--example", "hour"])?;
    let release = sh::target_dir().join("release");
    let format: &[&str] = if json { &["--json"] } else { &[] };
    let hour = release.join("examples/hour");
    let minutes = minutes.to_string();
    let runs: [&[&str]; 2] = [
        &["--minutes", "60"],
        &["--minutes", &minutes, "--real-time"],
    ];
    for run in runs {
        figures(sh::command(
            &hour.to_string_lossy(),
            &[run, format].concat(),
        ))?;
    }
    let sidecar = release.join("parley-sidecar");
    let sidecar = sidecar.to_string_lossy();
    let pairs = pairs.to_string();
    let forwarding = [
        "W1",
        "--sidecar",
        &*sidecar,
        "--recordings",
        "10",
        "--recording-pairs",
        &*pairs,
    ];
    figures(sh::command(
        &release.join("parley-bench").to_string_lossy(),
        &[&forwarding, format].concat(),
    ))?;
    Ok(std::process::ExitCode::SUCCESS)
}

fn figures(mut command: std::process::Command) -> Result<(), Failure> {
    let status = command
        .status()
        .map_err(|e| Failure::new(format!("{}: {e}", command.get_program().to_string_lossy())))?;
    if !status.success() {
        return Err(Failure::new(format!("{command:?} failed")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(words: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        compare_arguments(&words).join(" ")
    }

    #[test]
    fn comparing_and_writing_are_modes_of_the_generator() {
        let baseline = "bench/compare/baseline.json";
        for (words, expected) in [
            (&[][..], "--compare"),
            (&["W1", "--runs", "5"], "W1 --runs 5 --compare"),
            (&["--runs", "5", "W1"], "--runs 5 W1 --compare"),
            (&["--update"], "--update-baseline"),
            (&["--update", "W1"], "W1 --update-baseline"),
            (&["W1", "--update", "W2"], "W1 W2 --update-baseline"),
        ] {
            assert_eq!(arguments(words), format!("{expected} {baseline}"));
        }
    }

    #[test]
    fn help_needs_no_build_and_names_what_there_is() {
        for words in [&["--help"][..], &["W1", "-h"], &["compare", "--help"]] {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert!(run(&words).is_ok());
        }
        for word in ["bench compare", "bench recording", "  W8 ", "  W10 "] {
            assert!(HELP.contains(word), "{word}");
        }
        assert!(!HELP.contains("--sidecar "));
        let nothing = run(&[]).expect_err("nothing to run");
        assert_eq!(nothing.code, 2);
    }
}
