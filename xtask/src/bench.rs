//! `cargo xtask bench`: the load generator against the release build of the sidecar.

use std::os::unix::process::CommandExt;

use crate::sh::{self, Failure, Outcome};
use crate::tools;

pub(crate) fn run(args: &[String]) -> Outcome {
    tools::ready_to_build()?;
    // The figures go to stdout (perhaps as JSON), so the build's headline must not.
    let build = [
        "build",
        "--release",
        "--quiet",
        "--package",
        "parley-bench",
        "--package",
        "parley-sidecar",
    ];
    eprintln!("==> build the release sidecar and the load generator");
    let status = sh::cargo(&build)
        .status()
        .map_err(|e| Failure::new(format!("cargo: {e}")))?;
    if !status.success() {
        return Err(Failure::new("the release build failed"));
    }
    let release = sh::target_dir().join("release");
    let mut command = sh::command(&release.join("parley-bench").to_string_lossy(), &[]);
    command
        .arg("--sidecar")
        .arg(release.join("parley-sidecar"))
        .args(args);
    Err(Failure::new(format!("parley-bench: {}", command.exec())))
}
