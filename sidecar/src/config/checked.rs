//! Settings as they hold: every value was checked, every default filled in.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use parley_core::api::Limits;
use parley_proto::launch::{RuntimeFiles, SOCKET_PATH_MAX};
use parley_proto::log_filter;
use tracing_subscriber::EnvFilter;

use super::ConfigError;
use super::raw::{Raw, RawLease, RawLimits};
use super::recording::RecordingRules;
use super::remote::{self, GrpcListen};
use crate::shard::{ADDRESSES_MAX, MediaAddress, SHARDS_MAX};

/// The usual port of calls; clients and firewalls know it.
const MEDIA_PORT: u16 = 8443;
/// Media threads that nobody has to ask for; more have to share the gRPC threads and the kernel's work
/// with less gain each.
const SHARDS_DEFAULT_MAX: usize = 8;
/// Longest node id.
const NODE_ID_CHARS_MAX: usize = 64;

/// See the module.
#[derive(Debug, Clone)]
pub struct Config {
    /// Directory of socket, lock and token.
    pub runtime_dir: PathBuf,
    /// Directory of what must last: recordings, and an embedded sidecar's log (else in the runtime
    /// directory). `None` = nothing is recorded.
    pub data_dir: Option<PathBuf>,
    /// UDP port; 0 = any.
    pub media_port: u16,
    /// Take another port when that one is in use.
    pub media_port_fallback: bool,
    /// Empty = the machine's interfaces.
    pub media_addresses: Vec<MediaAddress>,
    /// Media threads.
    pub shards: usize,
    /// Loopback address of the HTTP server.
    pub http_listen: Option<SocketAddr>,
    /// For hosts on other machines.
    pub grpc_listen: Option<GrpcListen>,
    /// Holds a token; `None` = one that came by descriptor, or a random one.
    pub token_file: Option<PathBuf>,
    /// A filter that parses.
    pub log_level: String,
    /// Of the log's lines.
    pub log_format: LogFormat,
    /// Stable name.
    pub node_id: String,
    /// In ICE user fragments.
    pub node_number: u16,
    /// Named limits of the core.
    pub limits: Limits,
    /// How long an embedded sidecar outlives its hosts.
    pub lease: LeaseRules,
    /// What may be recorded.
    pub recording: RecordingRules,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum LogFormat {
    Text,
    Json,
}

/// After how long without a host an embedded sidecar ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseRules {
    /// The last host said Goodbye.
    pub goodbye: Duration,
    /// The connection was lost, no session lives; or no host ever came.
    pub idle: Duration,
    /// The connection was lost while sessions live, or a recording goes on.
    pub sessions: Duration,
}

impl Default for LeaseRules {
    fn default() -> Self {
        Self {
            goodbye: parley_proto::launch::GOODBYE_LEASE,
            idle: Duration::from_secs(30),
            sessions: Duration::from_secs(10 * 60),
        }
    }
}

pub(super) fn wrong<T>(field: impl Into<String>, reason: impl ToString) -> Result<T, ConfigError> {
    Err(ConfigError::Field {
        field: field.into(),
        reason: reason.to_string(),
    })
}

impl Config {
    /// Checks everything; the first field at fault is named.
    pub fn check(raw: Raw, embedded: bool) -> Result<Self, ConfigError> {
        let runtime_dir = raw.runtime_dir.unwrap_or_else(default_runtime_dir);
        check_socket_path(&runtime_dir)?;
        if let Some(dir) = raw
            .data_dir
            .as_deref()
            .filter(|dir| dir.as_os_str().is_empty())
        {
            return wrong("data_dir", format!("`{}` is no directory", dir.display()));
        }
        let node_id = raw.node_id.unwrap_or_else(|| "local".to_owned());
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if node_id.is_empty() || node_id.len() > NODE_ID_CHARS_MAX || !node_id.chars().all(allowed)
        {
            return wrong("node_id", "must be 1 to 64 characters of [A-Za-z0-9_.-]");
        }
        let log_level = raw.log_level.unwrap_or_else(|| "info".to_owned());
        if let Some(word) = log_filter::misspelt_level(&log_level) {
            return wrong("log_level", log_filter::misspelt_level_reason(word));
        }
        if let Err(error) = EnvFilter::from_str(&log_level) {
            return wrong("log_level", error);
        }
        let log_format = match raw.log_format.as_deref() {
            None | Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(other) => {
                return wrong("log_format", format!("`{other}` is neither text nor json"));
            }
        };
        let token_file = remote::token_file(raw.token_file, embedded)?;
        let grpc_listen = remote::grpc_listen(
            raw.grpc_listen.as_deref(),
            raw.grpc_tls_cert,
            raw.grpc_tls_key,
            embedded,
        )?;
        if grpc_listen.is_some() && token_file.is_none() {
            return wrong(
                "token_file",
                "must be set with grpc_listen: hosts show the token that is in it",
            );
        }
        Ok(Self {
            grpc_listen,
            token_file,
            runtime_dir,
            data_dir: raw.data_dir,
            media_port: raw.media_port.unwrap_or(MEDIA_PORT),
            media_port_fallback: raw.media_port_fallback.unwrap_or(embedded),
            media_addresses: media_addresses(&raw.media_addresses)?,
            shards: shards(raw.shards)?,
            http_listen: http_listen(raw.http_listen.as_deref())?,
            log_level,
            log_format,
            node_id,
            node_number: raw.node_number.unwrap_or(0),
            limits: limits(&raw.limits)?,
            lease: lease(&raw.lease)?,
            recording: RecordingRules::check(&raw.recording)?,
        })
    }
}

fn default_runtime_dir() -> PathBuf {
    std::env::var_os("XDG_RUNTIME_DIR")
        .filter(|dir| !dir.is_empty())
        .map_or_else(
            || {
                let uid = rustix::process::geteuid().as_raw();
                std::env::temp_dir().join(format!("parley-{uid}"))
            },
            |dir| PathBuf::from(dir).join("parley"),
        )
}

fn check_socket_path(runtime_dir: &Path) -> Result<(), ConfigError> {
    if runtime_dir.as_os_str().is_empty() {
        return wrong("runtime_dir", "must be set");
    }
    let length = RuntimeFiles::of(runtime_dir).socket.as_os_str().len();
    if length > SOCKET_PATH_MAX {
        return wrong(
            "runtime_dir",
            format!(
                "the socket's path would have {length} bytes, the system takes {SOCKET_PATH_MAX}"
            ),
        );
    }
    Ok(())
}

fn media_addresses(texts: &[String]) -> Result<Vec<MediaAddress>, ConfigError> {
    if texts.len() > ADDRESSES_MAX {
        return wrong("media_addresses", format!("more than {ADDRESSES_MAX}"));
    }
    let mut addresses: Vec<MediaAddress> = Vec::new();
    for text in texts {
        match text.parse::<MediaAddress>() {
            Ok(address) if addresses.iter().any(|a| a.advertised == address.advertised) => {
                return wrong(
                    "media_addresses",
                    format!("`{}` comes twice", address.advertised),
                );
            }
            Ok(address) => addresses.push(address),
            Err(error) => return wrong("media_addresses", error),
        }
    }
    Ok(addresses)
}

/// By default one per core that this process may use: those it is bound to, and that its quota pays for.
fn shards(asked: Option<u64>) -> Result<usize, ConfigError> {
    let Some(asked) = asked else {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        return Ok(cores.min(SHARDS_DEFAULT_MAX));
    };
    match usize::try_from(asked) {
        Ok(shards) if (1..=SHARDS_MAX).contains(&shards) => Ok(shards),
        _ => wrong(
            "shards",
            format!(
                "`{asked}` is not 1 to {SHARDS_MAX}; one per core is best, which is the default"
            ),
        ),
    }
}

fn http_listen(text: Option<&str>) -> Result<Option<SocketAddr>, ConfigError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    match SocketAddr::from_str(text) {
        Ok(address) if address.ip().is_loopback() => Ok(Some(address)),
        Ok(_) => wrong(
            "http_listen",
            "must be a loopback address: what it tells is not for everybody",
        ),
        Err(_) => wrong("http_listen", format!("`{text}` is no address and port")),
    }
}

/// A limit that must be positive and fit its type; `default` when nothing is said.
fn limit<T: TryFrom<u64>>(name: &str, value: Option<u64>, default: T) -> Result<T, ConfigError> {
    match value {
        None => Ok(default),
        Some(0) => wrong(format!("limits.{name}"), "must be positive"),
        Some(value) => match T::try_from(value) {
            Ok(value) => Ok(value),
            Err(_) => wrong(format!("limits.{name}"), "too large"),
        },
    }
}

fn limits(raw: &RawLimits) -> Result<Limits, ConfigError> {
    let d = Limits::default();
    Ok(Limits {
        rooms_max: limit("rooms_max", raw.rooms_max, d.rooms_max)?,
        sessions_per_room_max: limit(
            "sessions_per_room_max",
            raw.sessions_per_room_max,
            d.sessions_per_room_max,
        )?,
        m_lines_max: limit("m_lines_max", raw.m_lines_max, d.m_lines_max)?,
        sdp_bytes_max: limit("sdp_bytes_max", raw.sdp_bytes_max, d.sdp_bytes_max)?,
        candidates_max: limit("candidates_max", raw.candidates_max, d.candidates_max)?,
        channel_message_bytes_max: limit(
            "channel_message_bytes_max",
            raw.channel_message_bytes_max,
            d.channel_message_bytes_max,
        )?,
        channel_messages_per_second: limit(
            "channel_messages_per_second",
            raw.channel_messages_per_second,
            d.channel_messages_per_second,
        )?,
        streams_per_session_max: limit(
            "streams_per_session_max",
            raw.streams_per_session_max,
            d.streams_per_session_max,
        )?,
        ingress_bytes_per_second: limit(
            "ingress_bytes_per_second",
            raw.ingress_bytes_per_second,
            d.ingress_bytes_per_second,
        )?,
        timers_per_room_max: limit(
            "timers_per_room_max",
            raw.timers_per_room_max,
            d.timers_per_room_max,
        )?,
        stun_failures_per_second: limit(
            "stun_failures_per_second",
            raw.stun_failures_per_second,
            d.stun_failures_per_second,
        )?,
    })
}

fn lease(raw: &RawLease) -> Result<LeaseRules, ConfigError> {
    let d = LeaseRules::default();
    let rule = |name: &str, ms: Option<u64>, default: Duration| match ms {
        None => Ok(default),
        Some(0) => wrong(format!("lease.{name}"), "must be positive"),
        Some(ms) => Ok(Duration::from_millis(ms)),
    };
    Ok(LeaseRules {
        goodbye: rule("goodbye_ms", raw.goodbye_ms, d.goodbye)?,
        idle: rule("idle_ms", raw.idle_ms, d.idle)?,
        sessions: rule("sessions_ms", raw.sessions_ms, d.sessions)?,
    })
}
