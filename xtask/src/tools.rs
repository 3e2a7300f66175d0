//! The tools beyond git, rustup, a C compiler and Node: found, installed where we may, or named.

use std::process::{Command, ExitCode};

use crate::sh::{self, Failure, Outcome};

/// What a chore needs from the machine.
struct Tool {
    /// Any of these on the PATH will do, or at a path with `*` in it.
    programs: &'static [&'static str],
    /// Debian's package.
    package: &'static str,
    why: &'static str,
}

const CC: Tool = Tool {
    programs: &["cc", "gcc", "clang"],
    package: "gcc",
    why: "builds SQLite and the crypto library",
};
const CMAKE: Tool = Tool {
    programs: &["cmake"],
    package: "cmake",
    why: "builds the Opus codec, which recordings are mixed with",
};
const MAKE: Tool = Tool {
    programs: &["make", "gmake"],
    package: "make",
    why: "as cmake",
};
const CHROMIUM: Tool = Tool {
    programs: &["chromium", "chromium-browser"],
    package: "chromium",
    why: "browser tests",
};

const FFMPEG: Tool = Tool {
    programs: &["ffprobe"],
    package: "ffmpeg",
    why: "checks recordings by other software than ours",
};

const GO: Tool = Tool {
    programs: &["go"],
    package: "golang-go",
    why: "Mattermost's plugin host and a second WebRTC stack to test against",
};

const POSTGRES: Tool = Tool {
    programs: &["initdb", "/usr/lib/postgresql/*/bin/initdb"],
    package: "postgresql",
    why: "several nodes of a chat server share its database",
};

/// Our programs in Go; each one's go.mod says how old Go may be.
const GO_MODULES: [&str; 3] = [
    "tests/gob-peer",
    "tests/mattermost-host",
    "tests/pion-client",
];

/// Node's oldest major version that the web bundle is built with.
const NODE_MAJOR_MIN: u32 = 20;

fn found(tool: &Tool) -> Option<String> {
    tool.programs.iter().find_map(|p| {
        let path = sh::output("sh", &["-c", &format!("command -v {p}")])?;
        // Of several versions the first one.
        path.lines().next().map(str::to_owned)
    })
}

fn node_problem() -> Option<String> {
    let Some(version) = sh::output("node", &["--version"]) else {
        return Some(
            "Node is missing: install Node >= 20 (nodejs.org or your distribution)".into(),
        );
    };
    let major: Option<u32> = version
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|m| m.parse().ok());
    match major {
        Some(m) if m >= NODE_MAJOR_MIN => None,
        _ => Some(format!(
            "Node {version} is too old: >= {NODE_MAJOR_MIN} is needed"
        )),
    }
}

fn is_root() -> bool {
    sh::output("id", &["-u"]).as_deref() == Some("0")
}

/// Installs missing packages if this is Debian and we are root; else says the one line to type.
fn provide(tools: &[&Tool]) -> Result<(), Failure> {
    let missing: Vec<&Tool> = tools
        .iter()
        .copied()
        .filter(|t| found(t).is_none())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|t| t.package).collect();
    let line = format!("apt-get install -y {}", packages.join(" "));
    for tool in &missing {
        println!("missing: {} ({})", tool.package, tool.why);
    }
    if is_root() && sh::output("sh", &["-c", "command -v apt-get"]).is_some() {
        let script = format!("apt-get update -qq && DEBIAN_FRONTEND=noninteractive {line} -qq");
        sh::step(
            &format!("install {}", packages.join(" ")),
            Command::new("sh").args(["-c", &script]),
        )?;
    }
    match tools.iter().find(|t| found(t).is_none()) {
        None => Ok(()),
        Some(_) => Err(Failure {
            code: crate::INCOMPLETE,
            message: format!("please run: sudo {line}"),
        }),
    }
}

/// What building needs: everything stops without it.
pub(crate) fn ready_to_build() -> Result<(), Failure> {
    if let Some(problem) = node_problem() {
        return Err(Failure {
            code: crate::INCOMPLETE,
            message: problem,
        });
    }
    provide(&[&CC, &CMAKE, &MAKE])
}

/// What tests of recordings need on top.
pub(crate) fn ready_for_recordings() -> Result<(), Failure> {
    provide(&[&FFMPEG])
}

/// What the browser tests need on top.
pub(crate) fn ready_for_browsers() -> Result<(), Failure> {
    provide(&[&CHROMIUM])
}

/// What the tests against programs in Go need.
pub(crate) fn ready_for_go() -> Result<(), Failure> {
    provide(&[&GO])?;
    for module in GO_MODULES {
        // Fails where Go is older than the module wants and cannot fetch a newer one.
        let path = sh::root().join(module);
        if sh::output("go", &["-C", &path.to_string_lossy(), "version"]).is_none() {
            let version = sh::output("go", &["version"]).unwrap_or_default();
            return Err(Failure {
                code: crate::INCOMPLETE,
                message: format!("{module} needs a newer Go than {version} (go.dev/dl)"),
            });
        }
    }
    Ok(())
}

/// What the tests with several nodes of a server need on top of Go.
pub(crate) fn ready_for_cluster() -> Result<(), Failure> {
    provide(&[&POSTGRES])
}

/// Lists the tools and what is missing; changes nothing.
pub(crate) fn doctor() -> Outcome {
    let mut complete = true;
    for tool in [&CC, &CMAKE, &MAKE, &CHROMIUM, &FFMPEG, &GO, &POSTGRES] {
        match found(tool) {
            Some(path) => println!("ok       {:10} {path}", tool.package),
            None => {
                complete = false;
                println!(
                    "missing  {:10} {} - apt-get install {}",
                    tool.package, tool.why, tool.package
                );
            }
        }
    }
    match node_problem() {
        None => println!(
            "ok       node       {}",
            sh::output("node", &["--version"]).unwrap_or_default()
        ),
        Some(problem) => {
            complete = false;
            println!("missing  node       {problem}");
        }
    }
    Ok(if complete {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(crate::INCOMPLETE)
    })
}
