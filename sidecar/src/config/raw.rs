//! Settings as written: arguments, environment and file share these fields; nothing is checked here.

use std::path::PathBuf;

use clap::Parser;
use serde::Deserialize;

/// The media sidecar of Parley: forwards voice and video between browsers, steered over gRPC.
///
/// Settings come from arguments, the environment and a TOML file, in this order of precedence. In the
/// file they have the same names with underscores: `media_port = 8443`. A plugin starts its own sidecar
/// (--embedded); one for hosts on other machines is started by hand or by systemd, with --grpc-listen
/// and --token-file, and stays until SIGTERM.
#[derive(Debug, Clone, Parser)]
#[command(name = "parley-sidecar", version, max_term_width = 100)]
pub struct Args {
    /// TOML file with settings.
    #[arg(
        long,
        value_name = "FILE",
        env = "PARLEY_SIDECAR_CONFIG",
        global = true
    )]
    pub config: Option<PathBuf>,

    /// Check the settings, say what is wrong with them, and end (exit code 0 or 78).
    #[arg(long)]
    pub check_config: bool,

    /// Run as the companion of a host process: a session of its own, own log file, and an end when no
    /// host needs it any more (20 s after its goodbye, 30 s after its loss, 10 min if sessions live or a
    /// recording goes on).
    #[arg(long)]
    pub embedded: bool,

    /// Inherited descriptor from which to read the access token (to its end). Without: a random one.
    #[arg(long, value_name = "FD")]
    pub token_fd: Option<i32>,

    /// Inherited descriptor to which one line of JSON is written when the process serves.
    #[arg(long, value_name = "FD")]
    pub ready_fd: Option<i32>,

    /// What file and environment can set too.
    #[command(flatten)]
    pub settings: Raw,

    /// Something else than to serve.
    #[command(subcommand)]
    pub command: Option<crate::recordings_cli::Command>,
}

/// See [`Args`]. `None` = not said here.
#[derive(Debug, Clone, Default, clap::Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Raw {
    /// Directory of the socket, lock and token; made with mode 0700 if missing. Its path must leave the
    /// socket's below 108 bytes. Default: $XDG_RUNTIME_DIR/parley, else /tmp/parley-UID.
    #[arg(long, value_name = "DIR", env = "PARLEY_SIDECAR_RUNTIME_DIR")]
    pub runtime_dir: Option<PathBuf>,

    /// Directory of what must last: recordings until the platform has them, and the log of an embedded
    /// sidecar. Default: none, nothing is recorded, and the log lies in the runtime directory.
    #[arg(
        long,
        value_name = "DIR",
        env = "PARLEY_SIDECAR_DATA_DIR",
        global = true
    )]
    pub data_dir: Option<PathBuf>,

    /// UDP port of all media; 0 = any free one. Default: 8443.
    #[arg(long, value_name = "PORT", env = "PARLEY_SIDECAR_MEDIA_PORT")]
    pub media_port: Option<u16>,

    /// Take any free port when the media port is in use. Default: only with --embedded.
    #[arg(long, value_name = "BOOL", env = "PARLEY_SIDECAR_MEDIA_PORT_FALLBACK")]
    pub media_port_fallback: Option<bool>,

    /// Address that clients reach, `IP` or `PUBLIC_IP=LOCAL_IP`; repeat, or separate by commas.
    /// Default: the machine's interfaces and loopback.
    #[arg(
        long = "media-address",
        value_name = "ADDRESS",
        value_delimiter = ',',
        env = "PARLEY_SIDECAR_MEDIA_ADDRESSES"
    )]
    pub media_addresses: Vec<String>,

    /// Media threads, 1 to 32, each with calls of its own. Default: as many as this process may use cores,
    /// at most 8.
    #[arg(long, value_name = "NUMBER", env = "PARLEY_SIDECAR_SHARDS")]
    pub shards: Option<u64>,

    /// Loopback address for /metrics, /live and /ready, e.g. 127.0.0.1:9095. Default: off.
    #[arg(long, value_name = "ADDRESS", env = "PARLEY_SIDECAR_HTTP_LISTEN")]
    pub http_listen: Option<String>,

    /// Address and port for hosts on other machines, e.g. 0.0.0.0:8444, which need TLS (below) and the
    /// token of --token-file. Loopback addresses do without TLS. Default: off, hosts of this machine use
    /// the socket.
    #[arg(long, value_name = "ADDRESS:PORT", env = "PARLEY_SIDECAR_GRPC_LISTEN")]
    pub grpc_listen: Option<String>,

    /// PEM file with the certificate chain of --grpc-listen. Read again on SIGHUP.
    #[arg(long, value_name = "FILE", env = "PARLEY_SIDECAR_GRPC_TLS_CERT")]
    pub grpc_tls_cert: Option<PathBuf>,

    /// PEM file with the certificate's private key. Read again on SIGHUP.
    #[arg(long, value_name = "FILE", env = "PARLEY_SIDECAR_GRPC_TLS_KEY")]
    pub grpc_tls_key: Option<PathBuf>,

    /// File with the access token that hosts show: 32 to 256 characters of [A-Za-z0-9_-], e.g. from
    /// `openssl rand -hex 32`. Default: a random one per start, in the runtime directory.
    #[arg(long, value_name = "FILE", env = "PARLEY_SIDECAR_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,

    /// What is logged: error, warn, info, debug, trace, or a filter as `info,parley_core=debug`.
    #[arg(long, value_name = "FILTER", env = "PARLEY_SIDECAR_LOG_LEVEL")]
    pub log_level: Option<String>,

    /// `text` or `json`. Default: text.
    #[arg(long, value_name = "FORMAT", env = "PARLEY_SIDECAR_LOG_FORMAT")]
    pub log_format: Option<String>,

    /// Stable name of this node, 1 to 64 characters of [A-Za-z0-9_.-]. Default: local.
    #[arg(long, value_name = "ID", env = "PARLEY_SIDECAR_NODE_ID")]
    pub node_id: Option<String>,

    /// Number of this node in ICE user fragments; distinct where nodes share an address. Default: 0.
    #[arg(long, value_name = "NUMBER", env = "PARLEY_SIDECAR_NODE_NUMBER")]
    pub node_number: Option<u16>,

    /// Named limits (file only).
    #[arg(skip)]
    pub limits: RawLimits,

    /// How long an embedded sidecar outlives its hosts (file only).
    #[arg(skip)]
    pub lease: RawLease,

    /// Recordings (file only).
    #[arg(skip)]
    pub recording: RawRecording,
}

/// `[limits]` of the file, see `parley_core::api::Limits`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct RawLimits {
    pub rooms_max: Option<u64>,
    pub sessions_per_room_max: Option<u64>,
    pub m_lines_max: Option<u64>,
    pub sdp_bytes_max: Option<u64>,
    pub candidates_max: Option<u64>,
    pub channel_message_bytes_max: Option<u64>,
    pub channel_messages_per_second: Option<u64>,
    pub streams_per_session_max: Option<u64>,
    pub ingress_bytes_per_second: Option<u64>,
    pub timers_per_room_max: Option<u64>,
    pub stun_failures_per_second: Option<u64>,
}

/// `[lease]` of the file, milliseconds.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct RawLease {
    pub goodbye_ms: Option<u64>,
    pub idle_ms: Option<u64>,
    pub sessions_ms: Option<u64>,
}

/// `[recording]` of the file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct RawRecording {
    pub enabled: Option<bool>,
    pub floor_bytes: Option<u64>,
    pub quota_bytes: Option<u64>,
    pub recordings_max: Option<u64>,
    pub grace_hours: Option<u64>,
}

impl Raw {
    /// These settings, and those of `other` where nothing is said.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            runtime_dir: self.runtime_dir.or(other.runtime_dir),
            data_dir: self.data_dir.or(other.data_dir),
            media_port: self.media_port.or(other.media_port),
            media_port_fallback: self.media_port_fallback.or(other.media_port_fallback),
            media_addresses: if self.media_addresses.is_empty() {
                other.media_addresses
            } else {
                self.media_addresses
            },
            shards: self.shards.or(other.shards),
            http_listen: self.http_listen.or(other.http_listen),
            grpc_listen: self.grpc_listen.or(other.grpc_listen),
            grpc_tls_cert: self.grpc_tls_cert.or(other.grpc_tls_cert),
            grpc_tls_key: self.grpc_tls_key.or(other.grpc_tls_key),
            token_file: self.token_file.or(other.token_file),
            log_level: self.log_level.or(other.log_level),
            log_format: self.log_format.or(other.log_format),
            node_id: self.node_id.or(other.node_id),
            node_number: self.node_number.or(other.node_number),
            // Only the file has these.
            limits: other.limits,
            lease: other.lease,
            recording: other.recording,
        }
    }
}
