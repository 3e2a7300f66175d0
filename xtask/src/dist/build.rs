//! Compiling what goes into a bundle, so that nothing of this machine stays in it.

use std::fs;
use std::path::{Path, PathBuf};

use parley_flavour::Flavour;

use super::platform::{GLIBC, Platform};
use super::toolchain::Toolchain;
use crate::sh::{self, Failure};
use crate::web;

/// The guest's package, and its cargo target and profile.
pub(crate) const GUEST: &str = "parley-plugin";
pub(crate) const GUEST_TRIPLE: &str = "wasm32-wasip2";
const GUEST_PROFILE: &str = "wasm";
/// The executables' profile.
const PROFILE: &str = "bundle";
/// Packages of the executables, with the executables' names.
pub(crate) const EXECUTABLES: [(&str, &str); 2] = [
    ("parley-host", "parley"),
    ("parley-sidecar", "parley-sidecar"),
];

/// Names of folders of this machine, and what stands for them in the executables.
pub(crate) struct Remap(Vec<(String, String)>);

impl Remap {
    pub(crate) fn of_this_machine() -> Self {
        let mut folders = vec![(shown(&sh::root()), "/parley".to_owned())];
        let target = sh::target_dir();
        if !target.starts_with(sh::root()) {
            folders.push((shown(&target), "/parley/target".to_owned()));
        }
        if let Some(cargo) = cargo_home() {
            folders.push((shown(&cargo), "/cargo".to_owned()));
            // Registries have folders of their own, whose names tell from where crates were fetched.
            let sources = fs::read_dir(cargo.join("registry/src"));
            let mut sources: Vec<_> = sources.into_iter().flatten().flatten().collect();
            sources.sort_by_key(fs::DirEntry::file_name);
            for source in sources {
                folders.push((shown(&source.path()), "/crates".to_owned()));
            }
        }
        let sysroot = sh::output("rustc", &["--print", "sysroot"]);
        let about = sh::output("rustc", &["--verbose", "--version"]);
        if let (Some(sysroot), Some(about)) = (sysroot, about) {
            // The library's sources have this name already, unless rustup has put them there.
            let commit = about.lines().find_map(|l| l.strip_prefix("commit-hash: "));
            let library = format!("/rustc/{}", commit.unwrap_or_default());
            folders.push((sysroot.clone(), "/rust".to_owned()));
            folders.push((format!("{sysroot}/lib/rustlib/src/rust"), library));
        }
        Self(folders)
    }

    /// For `CARGO_ENCODED_RUSTFLAGS`; of several that match, the compiler takes the last.
    fn rustflags(&self) -> String {
        let flags: Vec<String> = self
            .0
            .iter()
            .map(|(from, to)| format!("--remap-path-prefix={from}={to}"))
            .collect();
        flags.join("\x1f")
    }

    /// For the C compiler.
    fn cflags(&self) -> String {
        let flags: Vec<String> = self
            .0
            .iter()
            .filter(|(from, _)| !from.contains(' '))
            .map(|(from, to)| format!("-ffile-prefix-map={from}={to}"))
            .collect();
        flags.join(" ")
    }

    /// What must not be found in an executable: those folders, and the home folder.
    pub(crate) fn traces(&self) -> Vec<String> {
        let mut traces: Vec<String> = self.0.iter().map(|(from, _)| format!("{from}/")).collect();
        if let Some(home) = std::env::var_os("HOME") {
            let home = home.to_string_lossy().trim_end_matches('/').to_owned();
            if !home.is_empty() {
                traces.push(format!("{home}/"));
            }
        }
        traces.sort();
        traces.dedup();
        traces
    }
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().trim_end_matches('/').to_owned()
}

fn cargo_home() -> Option<PathBuf> {
    let asked = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    asked.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))
}

/// Where a flavour's web files are built to.
pub(crate) fn web_dir(flavour: Flavour) -> PathBuf {
    sh::target_dir().join("dist-web").join(flavour.id())
}

/// Where an executable is built to.
pub(crate) fn executable(platform: Platform, name: &str) -> PathBuf {
    let target = sh::target_dir().join(platform.triple());
    target.join(PROFILE).join(name)
}

/// The web app's plugin, under the flavour's id.
pub(crate) fn web(flavour: Flavour) -> Result<(), Failure> {
    web::install()?;
    let folder = web_dir(flavour);
    // In this order: the first one empties the folder.
    for (config, into) in [
        ("build/vite.plugin.ts", folder.clone()),
        ("build/vite.standalone.ts", folder.join(super::WEB_PUBLIC)),
    ] {
        let mut build = web::npm(&["exec", "--no", "--", "vite", "build"]);
        build
            .args(["--config", config, "--logLevel", "warn", "--outDir"])
            .arg(into)
            .env("PARLEY_PLUGIN_ID", flavour.id());
        sh::step("web build", &mut build)?;
    }
    Ok(())
}

/// The guest: built once for all platforms. Apart from the host, because cargo gives flags of ours to one
/// of them only.
pub(crate) fn guest(remap: &Remap) -> Result<PathBuf, Failure> {
    let mut build = sh::cargo(&["build", "--locked", "--lib", "--package", GUEST]);
    build
        .args(["--target", GUEST_TRIPLE, "--profile", GUEST_PROFILE])
        .env("CARGO_ENCODED_RUSTFLAGS", remap.rustflags());
    sh::step("the guest (wasm)", &mut build)?;
    let folder = sh::target_dir().join(GUEST_TRIPLE).join(GUEST_PROFILE);
    Ok(folder.join(format!("{}.wasm", GUEST.replace('-', "_"))))
}

/// Host and sidecar.
pub(crate) fn executables(
    tools: &Toolchain,
    platform: Platform,
    guest: &Path,
    remap: &Remap,
) -> Result<(), Failure> {
    let target = format!("{}.{}.{}", platform.triple(), GLIBC.0, GLIBC.1);
    let mut build = tools.zigbuild();
    build.args(["--locked", "--profile", PROFILE, "--target", &target]);
    for (package, name) in EXECUTABLES {
        build.args(["--package", package, "--bin", name]);
    }
    build
        .env("CARGO_ENCODED_RUSTFLAGS", remap.rustflags())
        .env("CFLAGS", remap.cflags())
        .env("CXXFLAGS", remap.cflags())
        .env("PARLEY_GUEST_WASM", guest);
    sh::step(
        &format!(
            "host and sidecar for {} (some minutes the first time)",
            platform.name()
        ),
        &mut build,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_folder_wins_over_the_one_it_is_in() {
        let remap = Remap::of_this_machine();
        for (at, (folder, _)) in remap.0.iter().enumerate() {
            let inside = remap.0[..at]
                .iter()
                .find(|(earlier, _)| earlier.starts_with(&format!("{folder}/")));
            assert_eq!(inside, None, "{folder} would hide it");
        }
    }

    #[test]
    fn the_sources_and_the_registry_are_among_what_is_renamed_and_looked_for() {
        let remap = Remap::of_this_machine();
        let root = shown(&sh::root());
        assert!(remap.rustflags().contains(&format!("={root}=/parley")));
        let traces = remap.traces();
        assert!(traces.contains(&format!("{root}/")));
        assert!(traces.iter().any(|trace| trace.contains("registry/src")));
        // A home folder of `/` would be found everywhere.
        assert!(traces.iter().all(|trace| trace.len() > 1), "{traces:?}");
    }
}
