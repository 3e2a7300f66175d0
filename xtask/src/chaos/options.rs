//! `cargo xtask chaos`'s arguments.

use crate::sh::Failure;

pub(crate) const HELP: &str = "\
Kill parts at random moments during calls, and see whether what was promised holds

Usage: cargo xtask chaos recording [--kind KIND] [--runs N] [--seed S] [--json]

recording   Two browsers in a call that is recorded, or whose recording was just stopped; kill -9 of a part;
            everything comes back. Each recording must be posted once, and lack at most 1.5 s around the kill.

Options:
  --kind KIND   Only this one; default: all
                  sidecar    the media server
                  host       the local platform with its host
                  plugin     the plugin's process under Mattermost's plugin host
                  platform   Mattermost's plugin host itself
  --runs N      Of each kind (default 50); a run takes about 15 s
  --seed S      Of the first run; the next ones' follow (default 1). A seed alone says when and in which
                phase the part dies: --runs 1 --seed S does it again
  --json        The figures as one JSON object on stdout; everything else is on stderr

Exit codes: 0 all held, 1 something was lost or doubled, 2 wrong usage, 3 a tool is missing
";

const RUNS_DEFAULT: u32 = 50;
/// A day's worth.
const RUNS_MAX: u32 = 5_000;

/// What dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sidecar,
    Host,
    Plugin,
    Platform,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Sidecar, Self::Host, Self::Plugin, Self::Platform];

    /// On the command line, and in the tests' accounts.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sidecar => "sidecar",
            Self::Host => "host",
            Self::Plugin => "plugin",
            Self::Platform => "platform",
        }
    }

    /// It takes the bundle and Mattermost's plugin host.
    pub(crate) const fn is_on_mattermost(self) -> bool {
        matches!(self, Self::Plugin | Self::Platform)
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// `None` = all.
    pub(crate) kind: Option<Kind>,
    pub(crate) runs: u32,
    pub(crate) seed: u32,
    pub(crate) json: bool,
}

impl Options {
    pub(crate) fn parse(args: &[String]) -> Result<Self, Failure> {
        let mut options = Self {
            kind: None,
            runs: RUNS_DEFAULT,
            seed: 1,
            json: false,
        };
        let mut args = args.iter();
        match args.next().map(String::as_str) {
            Some("recording") => {}
            Some(other) => {
                return Err(Failure::usage(format!(
                    "chaos: unknown subject {other}: recording"
                )));
            }
            None => return Err(Failure::usage("chaos: of what? recording")),
        }
        while let Some(arg) = args.next() {
            let (name, inline) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (arg.as_str(), None),
            };
            match name {
                "--json" if inline.is_none() => options.json = true,
                "--kind" | "--runs" | "--seed" => {
                    let value = inline
                        .or_else(|| args.next().map(String::as_str))
                        .ok_or_else(|| Failure::usage(format!("chaos: {name} needs a value")))?;
                    options.take(name, value)?;
                }
                _ => return Err(Failure::usage(format!("chaos: unknown argument {arg}"))),
            }
        }
        Ok(options)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        let number = |least: u32, most: u32| {
            let number = value.parse::<u32>().ok();
            number
                .filter(|number| (least..=most).contains(number))
                .ok_or_else(|| {
                    Failure::usage(format!("chaos: {name} {value}: from {least} to {most}"))
                })
        };
        match name {
            "--runs" => self.runs = number(1, RUNS_MAX)?,
            "--seed" => self.seed = number(0, u32::MAX - RUNS_MAX)?,
            _ => {
                self.kind = Some(
                    Kind::ALL
                        .into_iter()
                        .find(|kind| kind.name() == value)
                        .ok_or_else(|| {
                            let known = Kind::ALL.map(Kind::name).join(", ");
                            Failure::usage(format!("chaos: no kind {value}; there are: {known}"))
                        })?,
                );
            }
        }
        Ok(())
    }

    /// Those that are asked for.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        self.kind
            .map_or_else(|| Kind::ALL.to_vec(), |kind| vec![kind])
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
        let all = parse("recording").unwrap();
        assert_eq!((all.runs, all.seed, all.json), (50, 1, false));
        assert_eq!(all.kinds(), Kind::ALL);
        assert_eq!(
            parse("recording --kind=host --runs 3 --seed 0 --json").unwrap(),
            Options {
                kind: Some(Kind::Host),
                runs: 3,
                seed: 0,
                json: true
            }
        );
    }

    #[test]
    fn nonsense_is_a_matter_of_usage_and_named() {
        for (line, named) in [
            ("", "recording"),
            ("calls", "calls"),
            ("recording --kind cat", "cat"),
            ("recording --runs 0", "--runs 0"),
            ("recording --runs many", "many"),
            ("recording --seed -1", "-1"),
            ("recording --seed", "--seed"),
            ("recording --json=yes", "--json=yes"),
        ] {
            let failure = parse(line).unwrap_err();
            assert_eq!(failure.code, 2, "{line}");
            assert!(failure.message.contains(named), "{}", failure.message);
        }
    }
}
