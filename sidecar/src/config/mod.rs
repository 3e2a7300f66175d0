//! Settings in two types: [`Raw`] as somebody wrote them, [`Config`] as they hold.
//!
//! Precedence: argument, then environment (`PARLEY_SIDECAR_...`), then file, then default.

mod checked;
mod raw;
mod recording;
mod remote;

pub use checked::{Config, LeaseRules, LogFormat};
pub use raw::{Args, Raw};
pub use recording::RecordingRules;
pub(crate) use remote::is_open_to_all;
pub use remote::{GrpcListen, TlsFiles, read_token};

use std::path::PathBuf;

/// Why the configuration is refused. The process exits with
/// [`EXIT_CONFIG`](parley_proto::launch::EXIT_CONFIG).
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML, or has a field that does not exist.
    #[error("{}: {source}", path.display())]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A field has a value that cannot be.
    #[error("{field}: {reason}")]
    Field {
        /// Which field, as in the file.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Reads the file that `args` name, merges, and checks.
pub fn load(args: &Args) -> Result<Config, ConfigError> {
    Config::check(merged(args)?, args.embedded)
}

/// The directory of what must last, if one is named; nothing else is checked.
pub fn data_dir(args: &Args) -> Result<Option<PathBuf>, ConfigError> {
    merged(args).map(|raw| raw.data_dir)
}

fn merged(args: &Args) -> Result<Raw, ConfigError> {
    let file = match &args.config {
        None => Raw::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
                path: path.clone(),
                source,
            })?;
            toml::from_str(&text).map_err(|source| ConfigError::Parse {
                path: path.clone(),
                source: Box::new(source),
            })?
        }
    };
    Ok(args.settings.clone().or(file))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use clap::Parser as _;

    use super::*;

    fn load_with(file: Option<&str>, args: &[&str]) -> Result<Config, String> {
        let mut written = tempfile::NamedTempFile::new().unwrap();
        let path = written.path().to_str().unwrap().to_owned();
        let mut argv = vec!["parley-sidecar", "--runtime-dir", "/run/x"];
        argv.extend(args);
        if let Some(text) = file {
            written.write_all(text.as_bytes()).unwrap();
            argv.extend(["--config", &path]);
        }
        load(&Args::try_parse_from(argv).unwrap()).map_err(|e| e.to_string())
    }

    #[test]
    fn defaults_hold_without_a_file() {
        let config = load_with(None, &[]).unwrap();
        assert_eq!(config.media_port, 8443);
        assert!(!config.media_port_fallback);
        assert!(
            load_with(None, &["--embedded"])
                .unwrap()
                .media_port_fallback
        );
        assert_eq!(config.limits.rooms_max, 1000);
        assert_eq!(config.http_listen, None);
        assert!((1..=8).contains(&config.shards));
        assert_eq!(load_with(None, &["--shards", "2"]).unwrap().shards, 2);
    }

    #[test]
    fn an_argument_wins_over_the_file() {
        let file = "media_port = 1000\nlog_level = \"debug\"\n[limits]\nrooms_max = 5";
        let config = load_with(Some(file), &["--media-port", "2000"]).unwrap();
        assert_eq!((config.media_port, config.limits.rooms_max), (2000, 5));
        assert_eq!(config.log_level, "debug");
    }

    #[test]
    fn the_example_that_admins_start_from_is_understood() {
        let example = include_str!("../../../deploy/sidecar.toml");
        let raw: Raw = toml::from_str(example).unwrap();
        // Its files are not here.
        let refused = Config::check(raw, false).unwrap_err().to_string();
        assert!(
            refused.starts_with("token_file: /etc/parley/token: "),
            "{refused}"
        );
        let settings = [
            "media_", "http_", "[rec", "enabled", "floor_", "quota_", "shards",
        ];
        let settings = settings.into_iter().chain(["recordings_", "grace_"]);
        let all = settings.fold(example.to_owned(), |text, name| {
            text.replace(&format!("# {name}"), name)
        });
        let raw: Raw = toml::from_str(&all).unwrap();
        assert!(
            raw.shards == Some(4) && raw.http_listen.is_some() && raw.media_addresses.len() == 1
        );
        assert!(raw.data_dir.is_some() && raw.recording.quota_bytes.is_some());
        // What it names as the default is the default.
        let written = RecordingRules::check(&raw.recording).unwrap();
        let quota_bytes = None;
        assert_eq!(
            RecordingRules {
                quota_bytes,
                ..written
            },
            RecordingRules::default()
        );
    }

    #[test]
    fn a_token_file_is_checked_and_not_repeated() {
        let file = |text: &str| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file
        };
        let load = |file: &tempfile::NamedTempFile| {
            let path = file.path().to_str().unwrap();
            load_with(None, &["--grpc-listen", "[::1]:1", "--token-file", path])
        };
        let good = file("0123456789abcdef0123456789abcdef\n");
        assert!(load(&good).unwrap().grpc_listen.is_some());
        let short = load(&file("hush\n")).unwrap_err();
        assert!(
            short.starts_with("token_file: ") && !short.contains("hush"),
            "{short}"
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |file: &str| load_with(Some(file), &[]).unwrap_err();
        assert!(error("media_prot = 1").contains("media_prot"));
        assert!(error("media_port = 70000").contains("media_port"));
        assert!(error("media_addresses = [\"0.0.0.0\"]").starts_with("media_addresses: "));
        assert!(error("shards = 0").starts_with("shards: "));
        assert!(error("shards = 33").starts_with("shards: "));
        assert!(error("http_listen = \"192.0.2.1:80\"").starts_with("http_listen: "));
        assert!(error("node_id = \"\"").starts_with("node_id: "));
        assert!(error("log_level = \"a=b=c\"").starts_with("log_level: "));
        let level = load_with(None, &["--log-level", "blub"]).unwrap_err();
        assert!(
            level.starts_with("log_level: `blub` is no level"),
            "{level}"
        );
        assert!(error("[limits]\nrooms_max = 0").starts_with("limits.rooms_max: "));
        assert!(error("[limits]\nroms_max = 1").contains("roms_max"));
        assert!(error("[lease]\nidle_ms = 0").starts_with("lease.idle_ms: "));
        let recording = |setting: &str| error(&format!("[recording]\n{setting}"));
        assert!(recording("recordings_max = 0").starts_with("recording.recordings_max: "));
        assert!(recording("grace_hours = 10000").starts_with("recording.grace_hours: "));
        assert!(recording("quota_bytes = 0").starts_with("recording.quota_bytes: "));
        assert!(recording("grace = 1").contains("grace"));
        assert!(error("grpc_listen = \"here\"").starts_with("grpc_listen: "));
        assert!(error("grpc_listen = \"192.0.2.1:1\"").starts_with("grpc_listen: "));
        assert!(error("grpc_listen = \"127.0.0.1:1\"").starts_with("token_file: "));
        assert!(error("grpc_tls_cert = \"/x\"").starts_with("grpc_tls_key: "));
        assert!(error("grpc_tls_key = \"/x\"").starts_with("grpc_tls_cert: "));
        assert!(error("token_file = \"/nowhere\"").starts_with("token_file: /nowhere: "));
        let tls =
            "grpc_listen = \"0.0.0.0:1\"\ngrpc_tls_cert = \"/nowhere\"\ngrpc_tls_key = \"/x\"";
        assert!(error(tls).starts_with("grpc_tls_cert: /nowhere: "));
        let embedded = load_with(Some("grpc_listen = \"[::1]:1\""), &["--embedded"]);
        assert!(embedded.unwrap_err().starts_with("grpc_listen: "));
        let long = format!("runtime_dir = \"/{}\"", "x".repeat(120));
        let long = load(&Args::try_parse_from(["parley-sidecar"]).unwrap())
            .map(|_| ())
            .and_then(|()| Config::check(toml::from_str(&long).unwrap(), false).map(|_| ()));
        assert!(long.unwrap_err().to_string().starts_with("runtime_dir: "));
    }
}
