//! The executables of a bundle that stays on this machine: what the last build for tests left, stripped.
//!
//! Nothing is compiled here: a build of these packages alone settles features otherwise than one of the whole
//! workspace, and would be paid for twice in each run of the tests.

use std::path::{Path, PathBuf};

use super::build::EXECUTABLES;
use crate::sh::{self, Failure};

/// Where such bundles, and nothing else, go: they never lie beside those that are uploaded.
pub(crate) fn folder() -> PathBuf {
    sh::target_dir().join("dist-dev")
}

/// Where an executable is stripped to.
pub(crate) fn executable(name: &str) -> PathBuf {
    folder().join("stripped").join(name)
}

/// Strips what `target/debug` has.
pub(crate) fn strip() -> Result<(), Failure> {
    let built = sh::target_dir().join("debug");
    for (_, name) in EXECUTABLES {
        strip_one(&built.join(name), &executable(name))?;
    }
    Ok(())
}

fn strip_one(from: &Path, to: &Path) -> Result<(), Failure> {
    if !from.is_file() {
        return Err(Failure::new(format!(
            "{} is missing: cargo build --workspace --all-targets",
            from.display()
        )));
    }
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|e| Failure::new(format!("{}: {e}", folder.display())))?;
    }
    // The section is one that is loaded, so that stripping alone leaves it.
    let args = ["--strip-all", "--remove-section=.debug_gdb_scripts", "-o"];
    let out = sh::command("strip", &args)
        .arg(to)
        .arg(from)
        .output()
        .map_err(|e| Failure::new(format!("strip (Debian's package binutils): {e}")))?;
    if out.status.success() {
        return Ok(());
    }
    let log = String::from_utf8_lossy(&out.stderr);
    Err(Failure::new(format!("strip {}: {log}", from.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::{executable, platform::Platform};

    #[test]
    fn what_is_left_of_a_debug_build_runs_and_is_stripped() {
        let own = std::env::current_exe().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let stripped = folder.path().join("below/one");
        strip_one(&own, &stripped).unwrap();
        let platform = Platform::of_this_machine().unwrap();
        executable::check(&stripped, platform, None).unwrap();
        let listed = std::process::Command::new(&stripped).arg("--list").output();
        assert!(listed.unwrap().status.success());
    }

    #[test]
    fn a_build_that_was_not_made_is_named() {
        let error = strip_one(Path::new("/nowhere/parley"), Path::new("/nowhere/to")).unwrap_err();
        assert!(
            error.message.contains("/nowhere/parley"),
            "{}",
            error.message
        );
    }
}
