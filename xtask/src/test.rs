//! `cargo xtask test`: every test there is, in the order in which failures are cheapest.

use std::process::ExitCode;

use crate::sh::{self, Failure, Outcome};
use crate::{INCOMPLETE, codegen, dist, sabotage, tools, web};

/// Sabotages that run with each test run; `cargo xtask sabotage` runs them all.
const SABOTAGES_IN_CI: [&str; 3] = ["mute_gate_open", "access_always_yes", "ack_before_handling"];

pub(crate) fn run(args: &[String]) -> Outcome {
    let browsers = match args {
        [] => true,
        [flag] if flag == "--no-browser" => false,
        other => return Err(Failure::usage(format!("test: unknown argument {other:?}"))),
    };
    tools::ready_to_build()?;
    let mut missing = if browsers {
        tools::ready_for_browsers().err()
    } else {
        None
    };
    let without_ffmpeg = tools::ready_for_recordings().err();
    let without_go = tools::ready_for_go().err();
    let without_postgres = tools::ready_for_cluster().err();

    web::build()?;
    sh::step("types", &mut web::npm(&["run", "--silent", "check"]))?;
    sh::step("web tests", &mut web::npm(&["run", "--silent", "test"]))?;
    // One build of everything: the scenarios and the browser tests use the binaries it leaves behind.
    sh::step(
        "build",
        &mut sh::cargo(&["build", "--quiet", "--workspace", "--all-targets"]),
    )?;
    let mut tests = sh::cargo(&["test", "--quiet", "--workspace"]);
    if without_ffmpeg.is_some() {
        tests.env("PARLEY_WITHOUT_FFMPEG", "1");
    }
    if without_go.is_some() {
        tests.env("PARLEY_WITHOUT_GO", "1");
    }
    if without_postgres.is_some() {
        tests.env("PARLEY_WITHOUT_POSTGRES", "1");
    }
    sh::step("rust tests and scenarios", &mut tests)?;
    codegen::run(&["--check".into()])?;
    sabotage::run(&SABOTAGES_IN_CI.map(String::from))?;
    if browsers && missing.is_none() {
        let mut tests = web::npm(&["run", "--silent", "e2e"]);
        if without_ffmpeg.is_some() {
            tests.env("PARLEY_WITHOUT_FFMPEG", "1");
        }
        if without_go.is_some() {
            tests.env("PARLEY_WITHOUT_GO", "1");
        } else {
            // For a Mattermost server's plugin host, from what was built above.
            for flavour in ["parley", "drop-in"] {
                dist::run(&["--profile", "dev", "--flavour", flavour].map(String::from))?;
            }
        }
        sh::step("browser tests", &mut tests)?;
        sh::step(
            "types of the browser tests",
            &mut web::e2e(&["run", "--silent", "check"]),
        )?;
        println!("screenshots: target/screens/index.html");
        missing = without_go.or(without_postgres).or(without_ffmpeg);
    } else if missing.is_none() {
        missing = Some(Failure::new(
            "the browser tests were left out (--no-browser)",
        ));
    }
    match missing {
        None => {
            println!("all tests passed");
            Ok(ExitCode::SUCCESS)
        }
        Some(reason) => {
            eprintln!("incomplete: {reason}");
            Ok(ExitCode::from(INCOMPLETE))
        }
    }
}

/// What CI checks before the tests.
pub(crate) fn lint() -> Outcome {
    sh::step("formatting", &mut sh::cargo(&["fmt", "--all", "--check"]))?;
    tools::ready_to_build()?;
    web::install()?;
    sh::step("web lint", &mut web::npm(&["run", "--silent", "lint"]))?;
    sh::step(
        "clippy",
        &mut sh::cargo(&[
            "clippy",
            "--quiet",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]),
    )?;
    sh::step(
        "licences",
        &mut sh::cargo(&[
            "deny",
            "--log-level",
            "error",
            "check",
            "licenses",
            "bans",
            "sources",
        ]),
    )?;
    Ok(ExitCode::SUCCESS)
}
