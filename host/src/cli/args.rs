//! The arguments as they are typed: nothing is checked here but their form.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use parley_settings::IceHost;

/// Calls for chat platforms: the host of the Parley plugin.
#[derive(Debug, Parser)]
#[command(name = "parley", version, about, propagate_version = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve the local platform: a small chat server with calls.
    Serve(ServeArgs),
    /// Try it: a local platform with a team, a channel and two people, and a sign-in link for each.
    Demo(DemoArgs),
}

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Address and port to listen on; repeatable. Other addresses than loopback need TLS, because browsers
    /// give microphone and camera to secure pages only.
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        env = "PARLEY_LISTEN",
        value_delimiter = ',',
        default_values = ["127.0.0.1:8065", "[::1]:8065"]
    )]
    pub(super) listen: Vec<SocketAddr>,
    /// How people reach this server, e.g. https://example.org/chat. Default: made from the first --listen.
    #[arg(long, value_name = "URL", env = "PARLEY_SITE_URL")]
    pub(super) site_url: Option<String>,
    /// PEM file with the certificate chain.
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_key",
        env = "PARLEY_TLS_CERT"
    )]
    pub(super) tls_cert: Option<PathBuf>,
    /// PEM file with the certificate's key.
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_cert",
        env = "PARLEY_TLS_KEY"
    )]
    pub(super) tls_key: Option<PathBuf>,
    /// Serve TLS with a certificate of our own making, kept in the data folder.
    #[arg(long, conflicts_with = "tls_cert")]
    pub(super) self_signed: bool,
    /// The largest file that the platform takes from the plugin, i.e. the largest part of a recording, MiB;
    /// 0 = none are taken, and no recording is posted.
    #[arg(
        long,
        value_name = "MIB",
        env = "PARLEY_MAX_FILE_SIZE",
        default_value_t = 4096,
        value_parser = clap::value_parser!(u32).range(..=1024 * 1024)
    )]
    pub(super) max_file_size: u32,
    /// Let anybody make an account.
    #[arg(long)]
    pub(super) open_signup: bool,
    /// Folder of database, files and logs; made if missing.
    #[arg(
        long,
        value_name = "DIR",
        env = "PARLEY_DATA_DIR",
        default_value = "data"
    )]
    pub(super) data_dir: PathBuf,
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Port on 127.0.0.1 and ::1; 0 = any free one. Default: 8065, or any free one if that is in use.
    #[arg(long)]
    pub(super) port: Option<u16>,
    /// Add a participant with a tune and a test picture, for who is alone.
    #[arg(long)]
    pub(super) with_robot: bool,
    /// The robot's executable. Default: parley-robot beside this executable.
    #[arg(
        long,
        value_name = "FILE",
        env = "PARLEY_ROBOT",
        requires = "with_robot"
    )]
    pub(super) robot: Option<PathBuf>,
    /// Folder of database, files and logs; made if missing.
    #[arg(long, value_name = "DIR", default_value = "data/demo")]
    pub(super) data_dir: PathBuf,
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

#[derive(Debug, Args)]
pub(super) struct CommonArgs {
    /// The media sidecar's executable. Default: parley-sidecar beside this executable.
    #[arg(long, value_name = "FILE", env = "PARLEY_SIDECAR")]
    pub(super) sidecar: Option<PathBuf>,
    /// UDP port of all media. Default: the setting MediaPort.
    #[arg(long, value_name = "PORT")]
    pub(super) media_port: Option<u16>,
    /// Address or name that clients send media to, or EXTERNAL/OWN behind NAT; repeatable. Default: the
    /// setting IceHostOverride, else the machine's own addresses.
    #[arg(long = "media-address", value_name = "HOST", value_delimiter = ',')]
    pub(super) media_hosts: Vec<IceHost>,
    /// Configuration file of the sidecar.
    #[arg(long, value_name = "FILE", env = "PARLEY_SIDECAR_CONFIG")]
    pub(super) sidecar_config: Option<PathBuf>,
    /// Folder of the built web files. Default: web beside this executable.
    #[arg(long, value_name = "DIR", env = "PARLEY_WEB_DIR")]
    pub(super) web_dir: Option<PathBuf>,
    /// What to log, e.g. info or "info,parley::guest=debug".
    #[arg(
        long,
        value_name = "FILTER",
        env = "PARLEY_LOG",
        default_value = "info"
    )]
    pub(super) log: String,
    /// How to log, on standard error.
    #[arg(long, value_enum, env = "PARLEY_LOG_FORMAT", default_value_t = LogFormat::Text)]
    pub(super) log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    Text,
    /// One object per line.
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_sound() {
        super::Cli::command().debug_assert();
    }
}
