//! The web bundle and the local platform's page: npm packages as locked, then the build.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use crate::sh::{self, Failure, Outcome};

/// npm in `webapp-bridge`.
pub(crate) fn npm(args: &[&str]) -> std::process::Command {
    let mut command = sh::command("npm", args);
    command.current_dir(sh::root().join("webapp-bridge"));
    command
}

/// npm in `tests/e2e`; its first run installs what its lock file names.
pub(crate) fn e2e(args: &[&str]) -> std::process::Command {
    let mut command = sh::command("npm", args);
    command.current_dir(sh::root().join("tests/e2e"));
    command
}

/// Installs exactly what the lock file names, unless that was done already.
pub(crate) fn install() -> Result<(), Failure> {
    let dir = sh::root().join("webapp-bridge");
    let lock = read(&dir.join("package-lock.json"))?;
    let stamp = dir.join("node_modules/.parley-installed");
    if fs::read_to_string(&stamp).is_ok_and(|done| done == lock) {
        return Ok(());
    }
    sh::step("npm ci", &mut npm(&["ci", "--no-audit", "--no-fund"]))?;
    fs::write(&stamp, lock).map_err(|e| Failure::new(format!("{}: {e}", stamp.display())))
}

/// Builds both outputs into `webapp-bridge/dist`.
pub(crate) fn build() -> Outcome {
    install()?;
    sh::step("web build", &mut npm(&["run", "--silent", "build"]))?;
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|e| Failure::new(format!("{}: {e}", path.display())))
}
