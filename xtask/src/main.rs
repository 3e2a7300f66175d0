//! The project's chores as one program: `cargo xtask demo` runs a call, `cargo xtask test` runs every test.
//!
//! Few and small dependencies, so that it builds in seconds on a fresh machine. Each chore is one module.

#![allow(clippy::print_stdout)] // a command-line program talks on stdout

mod bench;
mod chaos;
mod codegen;
mod demo;
mod dist;
mod sabotage;
mod sh;
mod test;
mod tools;
mod web;

use std::process::ExitCode;

const HELP: &str = "\
Parley's chores

Usage: cargo xtask <COMMAND> [ARGS]

Commands:
  demo [--with-robot] [ARGS]  Build everything and run a call on this machine: prints two links to open
  test [--no-browser]         Every test: Rust, TypeScript, scenarios, browsers, three sabotages
  lint                        Formatting, clippy, licences (what CI checks before the tests)
  sabotage [FAULT ...]        Plant named faults and see the right scenario go red (all, without names)
  bench <W1|...|all> [--json] Load the real sidecar and print its figures (--help: workloads, options)
  bench compare               What got worse since the committed baseline of ratios
  bench recording [--json]    What recordings cost the sidecar (--help: which figures)
  chaos recording [ARGS]      Kill parts while calls are recorded: nothing is lost, posted twice (--help: kinds, seeds)
  dist [ARGS]                 Make the bundle for Mattermost servers (--help: flavours, platforms)
  codegen [--check]           Write what is generated from the sources (manifest settings, proto baseline)
  web                         Build the web bundle and the local platform's page
  doctor                      Say which tools are here, and how to get the rest

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 incomplete (a tool is missing: some tests did not run)
";

/// Exit code of a run that could not test everything.
pub(crate) const INCOMPLETE: u8 = 3;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match args.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    let wants_help = rest.iter().any(|a| a == "--help" || a == "-h");
    let outcome = match command {
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        // These have a help of their own.
        "demo" => demo::run(rest),
        "bench" => bench::run(rest),
        "chaos" => chaos::run(rest),
        "dist" => dist::run(rest),
        _ if wants_help => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        "test" => test::run(rest),
        "lint" => test::lint(),
        "sabotage" => sabotage::run(rest),
        "codegen" => codegen::run(rest),
        "web" => web::build(),
        "doctor" => tools::doctor(),
        unknown => {
            eprintln!("unknown command `{unknown}`; `cargo xtask help` lists them");
            return ExitCode::from(2);
        }
    };
    outcome.unwrap_or_else(|failure| {
        eprintln!("xtask: {failure}");
        ExitCode::from(failure.code)
    })
}
