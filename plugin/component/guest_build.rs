// Compiles one package of this workspace to a component. Included by the build scripts that need it.
//
// The inner cargo gets its own target directory (sharing ours would deadlock on the build lock) and none
// of the flags of the outer build: coverage, clippy's wrapper or a user's RUSTFLAGS are for the native side.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The guest's target: one `cargo build` gives a component.
const GUEST_TARGET: &str = "wasm32-wasip2";
/// The workspace profile made for it.
const GUEST_PROFILE: &str = "wasm";

/// Builds `package` and returns the path of its `.wasm`.
fn build_guest(package: &str, features: &[&str]) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let manifest_dir = PathBuf::from(var("CARGO_MANIFEST_DIR")?);
    let workspace = workspace_root(&manifest_dir)?;
    let target_dir = PathBuf::from(var("OUT_DIR")?).join("guest");
    let mut cargo = Command::new(var("CARGO")?);
    cargo
        .current_dir(&workspace)
        .args(["build", "--package", package, "--lib", "--target", GUEST_TARGET])
        .args(["--profile", GUEST_PROFILE, "--target-dir"])
        .arg(&target_dir);
    if !features.is_empty() {
        cargo.args(["--features", &features.join(",")]);
    }
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if concerns_the_outer_build(&name) {
            cargo.env_remove(&name);
        }
    }
    let output = cargo.output()?;
    if !output.status.success() {
        let log = String::from_utf8_lossy(&output.stderr);
        return Err(format!("building {package} for {GUEST_TARGET} failed:\n{log}").into());
    }
    let file = format!("{}.wasm", package.replace('-', "_"));
    let wasm = target_dir.join(GUEST_TARGET).join(GUEST_PROFILE).join(file);
    if !wasm.is_file() {
        return Err(format!("{package} built, but {} is missing", wasm.display()).into());
    }
    Ok(wasm)
}

/// Variables that describe the outer build; where cargo and its registries live stays.
fn concerns_the_outer_build(name: &str) -> bool {
    const KEPT: [&str; 5] =
        ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRIES_", "CARGO_SOURCE_"];
    const DROPPED: [&str; 10] = [
        "RUSTC",
        "RUSTDOC",
        "RUSTFLAGS",
        "RUSTDOCFLAGS",
        "CLIPPY_ARGS",
        "TARGET",
        "HOST",
        "OUT_DIR",
        "PROFILE",
        "OPT_LEVEL",
    ];
    if name.starts_with("CARGO") {
        return !KEPT.iter().any(|kept| name.starts_with(kept));
    }
    name.starts_with("RUSTC_") || DROPPED.contains(&name)
}

/// The nearest directory above with the lock file.
fn workspace_root(from: &Path) -> Result<PathBuf, Box<dyn std::error::Error>> {
    from.ancestors()
        .find(|dir| dir.join("Cargo.lock").is_file())
        .map(Path::to_path_buf)
        .ok_or_else(|| format!("no Cargo.lock above {}", from.display()).into())
}

/// A variable that cargo sets for build scripts.
fn var(name: &str) -> Result<String, Box<dyn std::error::Error>> {
    std::env::var(name).map_err(|error| format!("{name}: {error}").into())
}
