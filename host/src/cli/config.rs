//! The arguments, checked: from here on nothing is wrong any more but the world.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use parley_settings::IceHost;

use super::args::{CommonArgs, DemoArgs, LogFormat, ServeArgs};
use super::failure::Failure;
use super::log_filter::LogFilter;

/// The demo's usual port.
const DEMO_PORT: u16 = 8065;

/// What every command needs.
pub(super) struct CommonConfig {
    /// Exists, absolute.
    pub(super) data_dir: PathBuf,
    /// Exists.
    pub(super) sidecar: PathBuf,
    /// `None` = the setting.
    pub(super) media_port: Option<u16>,
    pub(super) media_hosts: Vec<IceHost>,
    /// Exists.
    pub(super) sidecar_config: Option<PathBuf>,
    pub(super) web_dir: PathBuf,
    pub(super) log_filter: LogFilter,
    pub(super) log_format: LogFormat,
}

/// How connections are protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tls {
    Off,
    Files { cert: PathBuf, key: PathBuf },
    SelfSigned,
}

/// A local platform to serve.
pub(super) struct ServeConfig {
    /// The argument that said where to listen, for messages.
    pub(super) listen_field: &'static str,
    /// At least one.
    pub(super) listen: Vec<SocketAddr>,
    /// `None` = made from what is listened on.
    pub(super) site_url: Option<String>,
    pub(super) tls: Tls,
    pub(super) open_signup: bool,
    /// `None` = the platform's default.
    pub(super) file_bytes_max: Option<u64>,
    pub(super) common: CommonConfig,
}

/// A demo to show.
pub(super) struct DemoConfig {
    pub(super) serve: ServeConfig,
    /// The robot's executable, if one is wanted.
    pub(super) robot: Option<PathBuf>,
}

impl ServeConfig {
    pub(super) fn check(args: ServeArgs) -> Result<Self, Failure> {
        let tls = match (args.tls_cert, args.tls_key) {
            (Some(cert), Some(key)) => Tls::Files {
                cert: existing_file("--tls-cert", cert)?,
                key: existing_file("--tls-key", key)?,
            },
            _ if args.self_signed => Tls::SelfSigned,
            _ => Tls::Off,
        };
        if args.listen.is_empty() {
            return Err(Failure::config("--listen", "no address"));
        }
        Ok(Self {
            listen_field: "--listen",
            listen: args.listen,
            site_url: args.site_url,
            tls,
            open_signup: args.open_signup,
            file_bytes_max: Some(u64::from(args.max_file_size) << 20),
            common: CommonConfig::check(args.common, &args.data_dir)?,
        })
    }
}

impl DemoConfig {
    pub(super) fn check(args: DemoArgs) -> Result<Self, Failure> {
        let robot = match (args.with_robot, args.robot) {
            (false, _) => None,
            (true, Some(path)) => Some(existing_file("--robot", path)?),
            (true, None) => Some(existing_file("--with-robot", beside_own("parley-robot")?)?),
        };
        let port = args.port.unwrap_or_else(usual_port);
        let hosts: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let serve = ServeConfig {
            listen_field: "--port",
            listen: hosts.map(|host| SocketAddr::new(host, port)).to_vec(),
            site_url: None,
            tls: Tls::Off,
            open_signup: false,
            file_bytes_max: None,
            common: CommonConfig::check(args.common, &args.data_dir)?,
        };
        Ok(Self { serve, robot })
    }
}

impl CommonConfig {
    fn check(args: CommonArgs, data_dir: &Path) -> Result<Self, Failure> {
        // It will hold password hashes and sessions: for this user alone, unless somebody made it otherwise.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(data_dir)
            .and_then(|()| data_dir.canonicalize())
            .map_err(|error| {
                Failure::config("--data-dir", format!("{}: {error}", data_dir.display()))
            })
            .and_then(|data_dir| Self::check_in(args, data_dir))
    }

    fn check_in(args: CommonArgs, data_dir: PathBuf) -> Result<Self, Failure> {
        let log_filter =
            LogFilter::parse(&args.log).map_err(|why| Failure::config("--log", why))?;
        if args.media_port == Some(0) {
            return Err(Failure::config("--media-port", "0 is no port"));
        }
        let web_dir = match args.web_dir {
            Some(dir) => existing_dir("--web-dir", dir)?,
            None => existing_dir("--web-dir", beside_own("web")?)?,
        };
        Ok(Self {
            data_dir,
            sidecar: crate::sidecar::locate(args.sidecar.as_deref())
                .map_err(|error| Failure::config("--sidecar", error))?,
            media_port: args.media_port,
            media_hosts: args.media_hosts,
            sidecar_config: args
                .sidecar_config
                .map(|path| existing_file("--sidecar-config", path))
                .transpose()?,
            web_dir,
            log_filter,
            log_format: args.log_format,
        })
    }
}

/// Where people look for it, unless something else is there: a demo is to start without a question.
fn usual_port() -> u16 {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, DEMO_PORT)).is_ok();
    if free { DEMO_PORT } else { 0 }
}

fn existing_file(field: &str, path: PathBuf) -> Result<PathBuf, Failure> {
    if path.is_file() {
        return Ok(path);
    }
    Err(Failure::config(
        field,
        format!("no file {}", path.display()),
    ))
}

fn existing_dir(field: &str, path: PathBuf) -> Result<PathBuf, Failure> {
    if path.is_dir() {
        return Ok(path);
    }
    Err(Failure::config(
        field,
        format!("no folder {}", path.display()),
    ))
}

/// A neighbour of the running executable.
fn beside_own(name: &str) -> Result<PathBuf, Failure> {
    std::env::current_exe()
        .map(|own| own.with_file_name(name))
        .map_err(|error| Failure::internal("own executable", error))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::args::{Cli, Command};
    use super::*;

    /// The message for these arguments, with all files that must exist in place.
    fn refused(extra: &[&str]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let sidecar = folder.path().join("sidecar");
        std::fs::write(&sidecar, "").unwrap();
        let (data, web) = (folder.path().join("data"), folder.path());
        let mut line: Vec<String> = vec!["parley".into(), "serve".into()];
        for (name, value) in [
            ("--data-dir", &*data),
            ("--sidecar", &sidecar),
            ("--web-dir", web),
        ] {
            if !extra.contains(&name) {
                line.extend([name.to_owned(), value.display().to_string()]);
            }
        }
        line.extend(extra.iter().map(|&argument| argument.to_owned()));
        let Command::Serve(args) = Cli::try_parse_from(line).unwrap().command else {
            panic!("not serve")
        };
        match ServeConfig::check(args) {
            Ok(_) => "fine".to_owned(),
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn a_bad_argument_is_named() {
        assert_eq!(refused(&[]), "fine");
        for (extra, field) in [
            (&["--sidecar", "/nowhere"][..], "--sidecar"),
            (&["--web-dir", "/nowhere"], "--web-dir"),
            (&["--data-dir", "/proc/nowhere"], "--data-dir"),
            (
                &["--tls-cert", "/nowhere", "--tls-key", "/nowhere"],
                "--tls-cert",
            ),
            (&["--media-port", "0"], "--media-port"),
            (&["--log", "a=b=c"], "--log"),
            (&["--log", "blub"], "--log: `blub` is no level"),
            (&["--sidecar-config", "/nowhere"], "--sidecar-config"),
        ] {
            let message = refused(extra);
            assert!(message.starts_with(field), "{extra:?}: {message}");
        }
    }

    #[test]
    fn the_data_folder_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let sidecar = folder.path().join("sidecar");
        std::fs::write(&sidecar, "").unwrap();
        let path = |path: &Path| path.display().to_string();
        let line = [
            "parley",
            "serve",
            "--data-dir",
            &path(&data),
            "--sidecar",
            &path(&sidecar),
        ]
        .map(str::to_owned)
        .into_iter()
        .chain(["--web-dir".to_owned(), path(folder.path())]);
        let Command::Serve(args) = Cli::try_parse_from(line).unwrap().command else {
            panic!("not serve")
        };
        assert!(ServeConfig::check(args).is_ok());
        let mode = std::fs::metadata(&data).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
