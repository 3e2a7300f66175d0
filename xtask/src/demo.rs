//! `cargo xtask demo`: builds what a call needs and starts the local platform with two people.

use std::os::unix::process::CommandExt;

use crate::sh::{self, Failure, Outcome};
use crate::{tools, web};

pub(crate) fn run(args: &[String]) -> Outcome {
    tools::ready_to_build()?;
    web::build()?;
    let mut packages = vec!["parley-host", "parley-sidecar"];
    if args.iter().any(|arg| arg == "--with-robot") {
        packages.push("parley-bench");
    }
    let mut build = sh::cargo(&["build", "--quiet"]);
    for package in &packages {
        build.args(["--package", package]);
    }
    sh::step(&format!("build {}", packages.join(", ")), &mut build)?;
    let host = sh::target_dir().join("debug/parley");
    let mut command = sh::command(&host.to_string_lossy(), &["demo"]);
    command
        .arg("--web-dir")
        .arg(sh::root().join("webapp-bridge/dist"))
        .args(args);
    // Replaces this process: Ctrl-C and the exit code are the demo's own.
    Err(Failure::new(format!(
        "{}: {}",
        host.display(),
        command.exec()
    )))
}
