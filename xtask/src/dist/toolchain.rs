//! A compiler and linker against an old glibc: Zig's, from PyPI, in a folder of our own.

use std::fs;
use std::path::{Path, PathBuf};

use crate::sh::{self, Failure};

/// Versions and digests of what is fetched.
const REQUIREMENTS: &str = include_str!("requirements.txt");

/// Where the tools are.
pub(crate) struct Toolchain {
    folder: PathBuf,
}

impl Toolchain {
    /// Finds the tools, fetches them the first time.
    pub(crate) fn ready() -> Result<Self, Failure> {
        let folder = sh::target_dir().join("dist-tools");
        let stamp = folder.join("requirements.txt");
        let tools = Self { folder };
        if fs::read_to_string(&stamp).is_ok_and(|done| done == REQUIREMENTS) {
            return Ok(tools);
        }
        let venv = tools.venv();
        let hint =
            "; Python >= 3.9 with venv and pip is needed (Debian: apt-get install python3-venv)";
        let with_hint = |failure: Failure| Failure::new(format!("{failure}{hint}"));
        let mut make = sh::command("python3", &["-m", "venv", "--clear"]);
        sh::step("a Python environment for the build tools", make.arg(&venv)).map_err(with_hint)?;
        let asked = tools.folder.join("asked.txt");
        super::write(&asked, REQUIREMENTS.as_bytes())?;
        let pip = venv.join("bin/pip");
        let mut install = sh::command(
            &pip.to_string_lossy(),
            &["install", "--quiet", "--no-deps", "--require-hashes"],
        );
        install.args(["--only-binary", ":all:", "--requirement"]);
        sh::step("cargo-zigbuild and ziglang from PyPI", install.arg(&asked)).map_err(with_hint)?;
        // Last: what is half made is made again.
        super::write(&stamp, REQUIREMENTS.as_bytes())?;
        Ok(tools)
    }

    /// The tools, which an earlier run fetched.
    pub(crate) fn found() -> Result<Self, Failure> {
        let tools = Self {
            folder: sh::target_dir().join("dist-tools"),
        };
        if tools.venv().is_dir() {
            return Ok(tools);
        }
        Err(Failure::new(
            "nothing is built yet: run `cargo xtask dist` first",
        ))
    }

    fn venv(&self) -> PathBuf {
        self.folder.join("venv")
    }

    /// `cargo-zigbuild`, with its caches beside it instead of in the user's home.
    pub(crate) fn zigbuild(&self) -> std::process::Command {
        let bin = self.venv().join("bin");
        let mut command = sh::command(&bin.join("cargo-zigbuild").to_string_lossy(), &["zigbuild"]);
        command
            .env("PATH", with_first(&bin))
            .env("CARGO_ZIGBUILD_CACHE_DIR", self.folder.join("cache"))
            .env("ZIG_GLOBAL_CACHE_DIR", self.folder.join("zig-cache"))
            .env("ZIG_LOCAL_CACHE_DIR", self.folder.join("zig-cache"));
        command
    }

    /// Zig's package: its licence and those of the libraries that it links statically are in there.
    pub(crate) fn zig(&self) -> Result<PathBuf, Failure> {
        let lib = self.venv().join("lib");
        let pythons =
            fs::read_dir(&lib).map_err(|e| Failure::new(format!("{}: {e}", lib.display())))?;
        pythons
            .flatten()
            .map(|python| python.path().join("site-packages/ziglang"))
            .find(|path| path.is_dir())
            .ok_or_else(|| Failure::new(format!("no ziglang below {}", lib.display())))
    }
}

/// PATH with this folder before all others.
fn with_first(folder: &Path) -> std::ffi::OsString {
    let mut path = folder.as_os_str().to_owned();
    if let Some(rest) = std::env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    path
}
