//! `cargo xtask dist`'s arguments.

use parley_flavour::Flavour;

use super::platform::Platform;
use crate::sh::Failure;

pub(crate) const HELP: &str = "\
Make the bundle that is uploaded to a Mattermost server: target/dist/parley-<version>-<platform>.tar.gz

Usage: cargo xtask dist [--flavour NAME] [--target PLATFORM]... [--profile NAME] [--check]

Options:
  --flavour parley    The plugin under its own id, app.parley.calls (default)
  --flavour drop-in   In the place of Mattermost's Calls plugin (id com.mattermost.calls), for its mobile,
                      desktop and load-test clients: target/dist/parley-drop-in-<version>-<platform>.tar.gz
  --target PLATFORM   linux-amd64 or linux-arm64; repeatable.
                      Default: linux-amd64, and linux-arm64 if rustup has that target
  --profile bundle    With optimisation, for any server's system (default)
  --profile dev       For tests on this machine: the executables that lie in target/debug from the last build,
                      stripped, in target/dist-dev/parley-<version>-<platform>-dev.tar.gz. Takes seconds; leaves
                      out Zig, the check for glibc 2.28, that for traces of this machine, and the size's
  --check             Build nothing: pack what the last run built again, and compare with its archives

The first run takes 26 minutes of processor time (about 10 minutes on four cores): it compiles all of Parley
with optimisation, against glibc 2.28. For that it puts cargo-zigbuild and ziglang from PyPI (103 MB) into
target/dist-tools; Python >= 3.9 with venv and pip must be there. CARGO_BUILD_JOBS limits the processes at work.

The same sources give the same bytes, wherever they are.
";

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) flavour: Flavour,
    /// Empty = what this machine can.
    pub(crate) platforms: Vec<Platform>,
    pub(crate) profile: Profile,
    pub(crate) check: bool,
}

/// How the executables of a bundle are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// What is shipped.
    Bundle,
    /// What the last build for tests left.
    Dev,
}

/// Name of a flavour on the command line and in file names.
pub(crate) const fn flavour_name(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::Own => "parley",
        Flavour::DropIn => "drop-in",
    }
}

impl Options {
    pub(crate) fn parse(args: &[String]) -> Result<Self, Failure> {
        let mut options = Self {
            flavour: Flavour::Own,
            platforms: Vec::new(),
            profile: Profile::Bundle,
            check: false,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let (name, inline) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (arg.as_str(), None),
            };
            match name {
                "--check" if inline.is_none() => options.check = true,
                "--flavour" | "--target" | "--profile" => {
                    let value = inline
                        .or_else(|| args.next().map(String::as_str))
                        .ok_or_else(|| Failure::usage(format!("dist: {name} needs a value")))?;
                    options.take(name, value)?;
                }
                _ => return Err(Failure::usage(format!("dist: unknown argument {arg}"))),
            }
        }
        Ok(options)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        if name == "--flavour" {
            self.flavour = Flavour::ALL
                .into_iter()
                .find(|flavour| flavour_name(*flavour) == value)
                .ok_or_else(|| {
                    Failure::usage(format!("dist: no flavour {value}: parley or drop-in"))
                })?;
            return Ok(());
        }
        if name == "--profile" {
            self.profile = match value {
                "bundle" => Profile::Bundle,
                "dev" => Profile::Dev,
                _ => {
                    return Err(Failure::usage(format!(
                        "dist: no profile {value}: bundle or dev"
                    )));
                }
            };
            return Ok(());
        }
        let platform = Platform::of(value).ok_or_else(|| {
            Failure::usage(format!(
                "dist: no target {value}: linux-amd64 or linux-arm64"
            ))
        })?;
        if !self.platforms.contains(&platform) {
            self.platforms.push(platform);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, Failure> {
        let args: Vec<String> = line.split_whitespace().map(String::from).collect();
        Options::parse(&args)
    }

    #[test]
    fn what_is_asked_for_is_taken() {
        assert_eq!(
            parse("").unwrap(),
            Options {
                flavour: Flavour::Own,
                platforms: vec![],
                profile: Profile::Bundle,
                check: false
            }
        );
        assert_eq!(
            parse("--target linux-arm64 --flavour=drop-in --check --target=linux-arm64").unwrap(),
            Options {
                flavour: Flavour::DropIn,
                platforms: vec![Platform::Arm64],
                profile: Profile::Bundle,
                check: true
            }
        );
        assert_eq!(parse("--profile dev").unwrap().profile, Profile::Dev);
    }

    #[test]
    fn nonsense_is_a_matter_of_usage_and_named() {
        for (line, named) in [
            ("--flavour vanilla", "vanilla"),
            ("--target windows", "windows"),
            ("--target", "--target"),
            ("--profile release", "release"),
            ("--chek", "--chek"),
            ("--check=yes", "--check=yes"),
        ] {
            let failure = parse(line).unwrap_err();
            assert_eq!(failure.code, 2, "{line}");
            assert!(failure.message.contains(named), "{}", failure.message);
        }
    }
}
