//! Starts one process and waits until it serves.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use parley_proto::launch::{EXIT_CONFIG, EXIT_LOCKED, LaunchInfo};
use parley_settings::LogLevel;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

use super::addresses;
use super::supervisor::SidecarConfig;

/// From the start of the process to its ready line.
const READY_TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes of the ready line.
const READY_LINE_MAX: u64 = 16 * 1024;
/// Bytes of standard error that go into the host's log.
const STDERR_MAX: u64 = 8 * 1024;
/// How the sidecar begins what it says of its failure; the host says by itself who that is.
const SAID_PREFIX: &str = "parley-sidecar: ";
/// Tries while the fresh copy is still open for writing in a process that another thread just forked.
const BUSY_TRIES_MAX: u32 = 20;
const BUSY_PAUSE: Duration = Duration::from_millis(25);

/// Variables that the sidecar gets; the host's others may hold the platform's secrets.
const PASSED_VARIABLES: [&str; 8] = [
    "PATH",
    "HOME",
    "LANG",
    "TZ",
    "RUST_LOG",
    "RUST_BACKTRACE",
    "STATE_DIRECTORY",
    "XDG_RUNTIME_DIR",
];
/// So are all that begin like this, but for settings: some of those are secrets.
const PASSED_PREFIX: &str = "PARLEY_";
/// Its own variable for what it logs.
const LOG_LEVEL: &str = "PARLEY_SIDECAR_LOG_LEVEL";

/// A start that failed.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// No process came to be.
    #[error("the sidecar cannot be started: {0}")]
    Spawn(#[source] io::Error),
    /// Another one lives in the runtime directory.
    #[error("another sidecar lives in the runtime directory")]
    Locked,
    /// Its configuration is refused; it says why.
    #[error("the sidecar refuses its configuration: {0}")]
    Config(String),
    /// It ended before it served.
    #[error("the sidecar ended at once ({status}): {said}")]
    Ended {
        /// How.
        status: String,
        /// What it said.
        said: String,
    },
    /// It does not come to serve.
    #[error("the sidecar did not serve within {READY_TIME_MAX:?}")]
    Slow,
    /// What it said is not understood.
    #[error("the sidecar's ready line: {0}")]
    ReadyLine(String),
}

/// A process that serves.
pub(super) struct Launched {
    pub(super) child: Child,
    pub(super) info: LaunchInfo,
}

/// Starts `executable` and waits for its ready line.
pub(super) async fn launch(
    executable: &Path,
    config: &SidecarConfig,
) -> Result<Launched, LaunchError> {
    let token = token().map_err(LaunchError::Spawn)?;
    let addresses = addresses::of(&config.media_hosts).await;
    let mut child = spawn(executable, config, &addresses)
        .await
        .map_err(LaunchError::Spawn)?;
    let ready = tokio::time::timeout(READY_TIME_MAX, ready(&mut child, token)).await;
    match ready {
        Ok(Ok(info)) => Ok(Launched { child, info }),
        Ok(Err(error)) => {
            let _ = child.start_kill();
            Err(error)
        }
        Err(_) => {
            let _ = child.start_kill();
            Err(LaunchError::Slow)
        }
    }
}

/// 32 random bytes in hexadecimal digits.
fn token() -> io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

async fn spawn(
    executable: &Path,
    config: &SidecarConfig,
    addresses: &[String],
) -> io::Result<Child> {
    let mut command = Command::new(executable);
    command
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| is_passed(name)))
        .args(arguments(config, addresses))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // It outlives the host.
        .kill_on_drop(false);
    if config.log_level != LogLevel::default() && std::env::var_os(LOG_LEVEL).is_none() {
        command.env(LOG_LEVEL, config.log_level.name());
    }
    for _ in 0..BUSY_TRIES_MAX {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                tokio::time::sleep(BUSY_PAUSE).await;
            }
            outcome => return outcome,
        }
    }
    command.spawn()
}

fn is_passed(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    let is_setting = || {
        let mut settings = parley_settings::variables().into_iter();
        settings.any(|(variable, _)| variable == name)
    };
    PASSED_VARIABLES.contains(&&*name) || name.starts_with(PASSED_PREFIX) && !is_setting()
}

fn arguments(config: &SidecarConfig, addresses: &[String]) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec![
        "--embedded".into(),
        "--runtime-dir".into(),
        config.runtime_dir.clone().into(),
        "--data-dir".into(),
        config.data_dir.clone().into(),
        "--token-fd".into(),
        "0".into(),
        "--ready-fd".into(),
        "1".into(),
        "--media-port".into(),
        config.media_port.to_string().into(),
    ];
    for address in addresses {
        arguments.extend(["--media-address".into(), address.into()]);
    }
    if let Some(file) = &config.config_file {
        arguments.extend(["--config".into(), file.into()]);
    }
    arguments
}

/// Hands over the token and reads the ready line. The pipes close here: none stays with the sidecar.
async fn ready(child: &mut Child, token: String) -> Result<LaunchInfo, LaunchError> {
    if let Some(mut stdin) = child.stdin.take() {
        // A process that ended already is reported by its exit code below.
        let _ = stdin.write_all(token.as_bytes()).await;
    }
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        let mut lines = BufReader::new(stdout.take(READY_LINE_MAX));
        lines
            .read_line(&mut line)
            .await
            .map_err(LaunchError::Spawn)?;
    }
    if line.is_empty() {
        return Err(ended(child).await);
    }
    serde_json::from_str(&line).map_err(|error| LaunchError::ReadyLine(error.to_string()))
}

/// Why a process ended that never served.
async fn ended(child: &mut Child) -> LaunchError {
    let mut said = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        let _ = stderr.take(STDERR_MAX).read_to_end(&mut said).await;
    }
    let said = String::from_utf8_lossy(&said);
    let said = said.trim().trim_start_matches(SAID_PREFIX).to_owned();
    match child.wait().await {
        Ok(status) => match status.code() {
            Some(EXIT_LOCKED) => LaunchError::Locked,
            Some(EXIT_CONFIG) => LaunchError::Config(said),
            _ => LaunchError::Ended {
                status: status.to_string(),
                said,
            },
        },
        Err(error) => LaunchError::Spawn(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_stay_with_the_host() {
        for (name, passed) in [
            ("PARLEY_SIDECAR_HTTP_LISTEN", true),
            ("PARLEY_SIDECAR_TOKEN", false),
            ("PARLEY_TURN_STATIC_AUTH_SECRET", false),
            ("MM_SQLSETTINGS_DATASOURCE", false),
            ("PATH", true),
        ] {
            assert_eq!(is_passed(&name.into()), passed, "{name}");
        }
    }
}
