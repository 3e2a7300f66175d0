//! `cargo xtask codegen`: what is generated and committed. Tests fail when it drifts (`--check`).

use std::fs;
use std::process::ExitCode;

use crate::sh::{self, Failure, Outcome};

pub(crate) fn run(args: &[String]) -> Outcome {
    let check = match args {
        [] => false,
        [flag] if flag == "--check" => true,
        other => {
            return Err(Failure::usage(format!(
                "codegen: unknown argument {other:?}"
            )));
        }
    };
    manifest(check)?;
    proto_baseline(check)?;
    Ok(ExitCode::SUCCESS)
}

/// The key of `manifest.json` that is generated; it has to be the last one.
const SCHEMA_KEY: &str = "\"settings_schema\": ";

/// `manifest.json` = its hand-written head + the settings schema made from the settings type.
fn manifest(check: bool) -> Result<(), Failure> {
    let path = sh::root().join("manifest.json");
    let old = fs::read_to_string(&path).map_err(|e| Failure::new(format!("manifest.json: {e}")))?;
    let (head, _) = old
        .split_once(SCHEMA_KEY)
        .ok_or_else(|| Failure::new(format!("manifest.json has no {SCHEMA_KEY}")))?;
    let out = sh::cargo(&[
        "run",
        "--quiet",
        "--package",
        "parley-settings",
        "--features",
        "schema",
    ])
    .args(["--bin", "settings-schema"])
    .output()
    .map_err(|e| Failure::new(format!("settings-schema: {e}")))?;
    if !out.status.success() {
        return Err(Failure::new(
            String::from_utf8_lossy(&out.stderr).into_owned(),
        ));
    }
    let schema = String::from_utf8_lossy(&out.stdout);
    let new = format!(
        "{head}{SCHEMA_KEY}{}\n}}\n",
        schema.trim_end().replace('\n', "\n  ")
    );
    if new == old {
        println!("manifest.json is up to date");
        return Ok(());
    }
    if check {
        return Err(Failure::new(
            "manifest.json differs from the settings type: run `cargo xtask codegen`",
        ));
    }
    fs::write(&path, new).map_err(|e| Failure::new(format!("manifest.json: {e}")))?;
    println!("manifest.json written");
    Ok(())
}

/// `proto/baseline.txt`: additions are taken over; a breaking change fails either way.
fn proto_baseline(check: bool) -> Result<(), Failure> {
    let mut command = sh::cargo(&[
        "test",
        "--quiet",
        "--package",
        "parley-proto",
        "--test",
        "baseline",
    ]);
    if !check {
        command.env("PARLEY_TAKE_ADDITIONS", "1");
    }
    sh::step("proto baseline", &mut command)
}
