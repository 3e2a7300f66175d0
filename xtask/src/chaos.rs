//! `cargo xtask chaos`: parts die at random moments, by their seeds, and what was promised has to hold.

mod options;
mod summary;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{fs, io};

use options::{Kind, Options};
use summary::Summary;

use crate::sh::{self, Failure, Outcome};
use crate::{tools, web};

pub(crate) fn run(args: &[String]) -> Outcome {
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        print!("{}", options::HELP);
        return Ok(ExitCode::SUCCESS);
    }
    let options = Options::parse(args)?;
    tools::ready_to_build()?;
    tools::ready_for_browsers()?;
    tools::ready_for_recordings()?;
    let on_mattermost = options.kinds().iter().any(|kind| kind.is_on_mattermost());
    if on_mattermost {
        tools::ready_for_go()?;
    }
    prepare(on_mattermost)?;
    let accounts = accounts_file()?;
    let tests_passed = recording_tests(&options, &accounts)?;
    let text = fs::read_to_string(&accounts).unwrap_or_default();
    let _ = fs::remove_file(&accounts);
    let summaries: Vec<Summary> = options
        .kinds()
        .iter()
        .map(|kind| Summary::of(*kind, &text))
        .collect::<Result<_, _>>()?;
    if options.json {
        println!("{}", summary::json(&options, &summaries));
    } else {
        summaries.iter().for_each(|one| println!("{one}"));
    }
    if let Some(problem) = summaries.iter().find_map(|one| one.problem(options.runs)) {
        return Err(Failure::new(problem));
    }
    if !tests_passed {
        return Err(Failure::new(
            "the tests failed outside of the runs: their output says where",
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// The figures alone are on stdout, so that they can be read by a program.
fn chore(args: &[&str]) -> Result<(), Failure> {
    let own = std::env::current_exe().map_err(|e| Failure::new(format!("xtask: {e}")))?;
    let name = format!("xtask {}", args.join(" "));
    passes(&name, Command::new(own).args(args).current_dir(sh::root()))
}

fn passes(name: &str, command: &mut Command) -> Result<(), Failure> {
    if succeeds(name, command)? {
        return Ok(());
    }
    Err(Failure::new(format!("{name} failed")))
}

fn succeeds(name: &str, command: &mut Command) -> Result<bool, Failure> {
    eprintln!("==> {name}");
    let status = command
        .stdout(io::stderr())
        .status()
        .map_err(|e| Failure::new(format!("{name}: {e}")))?;
    Ok(status.success())
}

/// Builds what the tests run, as `cargo xtask test` does.
fn prepare(on_mattermost: bool) -> Result<(), Failure> {
    chore(&["web"])?;
    let build = [
        "build",
        "--quiet",
        "--package",
        "parley-host",
        "--package",
        "parley-sidecar",
    ];
    passes("build parley-host, parley-sidecar", &mut sh::cargo(&build))?;
    if on_mattermost {
        chore(&["dist", "--profile", "dev"])?;
    }
    Ok(())
}

/// Where the tests write an account of each run, one JSON object a line.
fn accounts_file() -> Result<PathBuf, Failure> {
    let folder = sh::target_dir();
    let path = folder.join(format!("chaos-{}.jsonl", std::process::id()));
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&path, ""))
        .map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
    Ok(path)
}

/// Whether the browser tests of recordings under faults passed.
fn recording_tests(options: &Options, accounts: &Path) -> Result<bool, Failure> {
    let mut tests = web::e2e(&["test", "--silent", "--", "recording_chaos"]);
    tests
        .env("PARLEY_CHAOS_OUT", accounts)
        .env("PARLEY_CHAOS_RUNS", options.runs.to_string())
        .env("PARLEY_CHAOS_SEED", options.seed.to_string())
        .env("PARLEY_CHAOS_KIND", options.kind.map_or("", Kind::name));
    succeeds("recordings under faults", &mut tests)
}
