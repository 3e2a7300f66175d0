//! The process from its arguments to its exit code.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use parley_core::api::CoreConfig;
use parley_proto::launch::{
    EXIT_CONFIG, EXIT_INTERNAL, EXIT_LOCKED, EXIT_OK, EXIT_SYSTEM, LaunchInfo,
};
use parley_proto::{PROTOCOL_MAJOR, PROTOCOL_MINOR};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::transport::server::Connected;

use super::descriptors::{self, Inherited};
use super::ending::{self, Cause, Signals};
use super::log::{self, RotatedLog};
use super::runtime_dir::{RuntimeDir, RuntimeDirError};
use super::{allocator, peers, recording, remote_peers, tls};
use crate::clock::{SharedClock, SystemClock};
use crate::config::{self, Args, Config, ConfigError};
use crate::grpc::{Connection, Identity, Services};
use crate::http;
use crate::secret::{Secret, SecretError, hex};
use crate::shard::{self, BindError, MediaSockets, ShardSet, Shards};

/// Why the process failed; decides the exit code.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The token that came by descriptor.
    #[error("token: {0}")]
    Token(#[from] SecretError),
    /// The runtime directory.
    #[error(transparent)]
    RuntimeDir(#[from] RuntimeDirError),
    /// The media port.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Something else that the system refused.
    #[error("{what}: {source}")]
    System {
        /// What was wanted.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// A part of the process is gone that it cannot be without.
    #[error("the {0} ended, which is a bug")]
    PartGone(&'static str),
}

impl Failure {
    /// See [`parley_proto::launch`].
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Config(_) => EXIT_CONFIG,
            Self::RuntimeDir(RuntimeDirError::Locked(_)) => EXIT_LOCKED,
            Self::Token(_) | Self::RuntimeDir(_) | Self::Bind(_) | Self::System { .. } => {
                EXIT_SYSTEM
            }
            Self::PartGone(_) => EXIT_INTERNAL,
        }
    }
}

pub(super) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Failure {
    move |source| Failure::System { what, source }
}

/// Runs the sidecar; returns its exit code.
#[must_use]
pub fn main(args: &Args) -> i32 {
    // Before there are threads. Without the setting all is a little slower.
    let _ = allocator::keep_freed_memory();
    match run(args) {
        Ok(()) => EXIT_OK,
        Err(failure) => {
            tracing::error!(%failure, "failed");
            // Until the start is over, standard error is where the host listens.
            let _ = io::Write::write_fmt(
                &mut io::stderr(),
                format_args!("parley-sidecar: {failure}\n"),
            );
            failure.exit_code()
        }
    }
}

fn run(args: &Args) -> Result<(), Failure> {
    let inherited = descriptors::take(args.token_fd, args.ready_fd, args.embedded)
        .map_err(system("inherited descriptors"))?;
    let config = config::load(args)?;
    if args.check_config {
        return io::Write::write_all(&mut io::stdout(), b"The configuration is good.\n")
            .map_err(system("standard output"));
    }
    let runtime_dir = RuntimeDir::hold(&config.runtime_dir)?;
    let log = start_log(&config, args.embedded)?;
    if let Some(pid) = runtime_dir.former_pid() {
        tracing::info!(pid, "took over the lock of a sidecar that is gone");
    }
    if args.embedded {
        // Fails only for the leader of a process group, who has its own session by other means.
        let _ = rustix::process::setsid();
    }
    // gRPC and HTTP are this thread's; media has its own, and files have theirs. With several, each request
    // wakes another, which finds nothing to do, on cores that media could use.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(system("async runtime"))?;
    let result = runtime.block_on(serve(args, &config, &runtime_dir, inherited, log));
    runtime_dir.clean();
    runtime.shutdown_background();
    result
}

/// The log file of an embedded sidecar, with its path.
fn start_log(config: &Config, embedded: bool) -> Result<Option<(RotatedLog, PathBuf)>, Failure> {
    let file = if embedded {
        let dir = config.data_dir.as_ref().unwrap_or(&config.runtime_dir);
        std::fs::create_dir_all(dir).map_err(system("data directory"))?;
        let path = dir.join(format!("sidecar-v{PROTOCOL_MAJOR}.log"));
        Some((RotatedLog::open(&path).map_err(system("log file"))?, path))
    } else {
        None
    };
    let writer = file.as_ref().map(|(log, _)| log.clone());
    log::start(&config.log_level, config.log_format, writer);
    Ok(file)
}

async fn serve(
    args: &Args,
    config: &Config,
    runtime_dir: &RuntimeDir,
    mut inherited: Inherited,
    log: Option<(RotatedLog, PathBuf)>,
) -> Result<(), Failure> {
    let mut signals = Signals::install().map_err(system("signals"))?;
    let clock: SharedClock = std::sync::Arc::new(SystemClock);
    let token = token(config, &mut inherited)?;
    runtime_dir.write_token(&token)?;
    let identity = Identity {
        node_id: config.node_id.clone(),
        start_id: hex(&random::<16>()?),
        started_at_ms: clock.unix_ms(),
    };

    let sockets = open_media(config)?;
    let first = sockets.first().ok_or(Failure::PartGone("media port"))?;
    let media_port = first.port();
    tracing::info!(
        port = media_port,
        addresses = first.advertised().len(),
        shards = sockets.len(),
        "media port open"
    );
    let (desk, links) = recording::start(config).await;
    let Shards {
        set,
        events,
        mut ended,
    } = shard::spawn(core_config(config)?, sockets, &clock, links)
        .map_err(system("media thread"))?;
    let services = Services::with_recordings(
        set.clone(),
        events,
        identity.clone(),
        Some(token),
        clock,
        desk,
    );

    let listener = peers::bind(&runtime_dir.files().socket).map_err(system("socket"))?;
    let incoming = peers::accept(listener, services.attachments().clone());
    let (stop_serving, stopped) = watch::channel(());
    let server = tokio::spawn(serve_grpc(services.clone(), incoming, stopped.clone()));
    let remote = serve_remote(config, &services, stopped).await?;
    let http = match config.http_listen {
        Some(address) => Some(
            http::serve(address, services.clone(), set.clone())
                .await
                .map_err(system("http_listen"))?,
        ),
        None => None,
    };

    let info = LaunchInfo {
        grpc: remote.as_ref().map(|(address, _)| *address),
        ..launch_info(&identity, runtime_dir, media_port, log.as_ref(), http)
    };
    runtime_dir.write_info(&info)?;
    let line = serde_json::to_string(&info).map_err(|e| system("ready line")(e.into()))?;
    // A host that went away meanwhile is no reason to stop: the lease decides.
    let _ = inherited.write_ready(&line);
    if let Some((log, _)) = &log {
        log.take_standard()
            .map_err(system("standard descriptors"))?;
    }
    tracing::info!(pid = info.pid, version = info.version, "serving");

    let cause = tokio::select! {
        () = ended.first() => return Err(Failure::PartGone("media thread")),
        () = services.events().gone() => return Err(Failure::PartGone("event hub")),
        () = signals.stop(services.node()) => Cause::Signal,
        () = ending::lease_over(config.lease, services.attachments(), &set), if args.embedded => {
            Cause::LeaseOver
        }
        () = ending::drained(services.node(), &set) => Cause::Drained,
    };
    tracing::info!(?cause, "ending");
    tokio::select! {
        () = ending::end_rooms(&services, &set) => {}
        () = ended.first() => return Err(Failure::PartGone("media thread")),
    }
    recording::close(services.recordings()).await;
    drop(stop_serving);
    // Streams of hosts stay open as long as they like: they are cut with the runtime.
    server.abort();
    if let Some((_, server)) = remote {
        server.abort();
    }
    Ok(())
}

/// The one that hosts show: an admin's, the host's own, or a random one.
fn token(config: &Config, inherited: &mut Inherited) -> Result<Secret, Failure> {
    let by_descriptor = inherited.read_token().map_err(system("token"))?;
    if let Some(path) = &config.token_file {
        if config::is_open_to_all(path) {
            tracing::warn!(
                file = %path.display(),
                "token_file: every user of this machine can read it; `chmod 600` helps"
            );
        }
        return Ok(config::read_token(path)?);
    }
    Ok(match by_descriptor {
        Some(text) => Secret::parse(&text)?,
        None => Secret::random()?,
    })
}

/// Listens for hosts on other machines, if that is asked for.
async fn serve_remote(
    config: &Config,
    services: &Services<ShardSet>,
    stopped: watch::Receiver<()>,
) -> Result<Option<(SocketAddr, JoinHandle<()>)>, Failure> {
    let Some(listen) = &config.grpc_listen else {
        return Ok(None);
    };
    let certificate = match &listen.tls {
        None => None,
        Some(files) => Some(tls::watch(files.clone())?),
    };
    let listener = TcpListener::bind(listen.address)
        .await
        .map_err(system("grpc_listen"))?;
    let address = listener.local_addr().map_err(system("grpc_listen"))?;
    tracing::info!(%address, tls = certificate.is_some(), "serving hosts on other machines");
    let attachments = services.attachments().clone();
    let counting = services.clone();
    let refused = std::sync::Arc::new(move || counting.refuse_stranger());
    let incoming = remote_peers::accept(listener, certificate, attachments, refused);
    let server = tokio::spawn(serve_grpc(services.clone(), incoming, stopped));
    Ok(Some((address, server)))
}

async fn serve_grpc<P>(
    services: Services<ShardSet>,
    incoming: impl futures::Stream<Item = io::Result<P>>,
    mut stopped: watch::Receiver<()>,
) where
    P: AsyncRead + AsyncWrite + Connected<ConnectInfo = Connection> + Unpin + Send + 'static,
{
    let server = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(std::time::Duration::from_secs(10)))
        .http2_keepalive_timeout(Some(std::time::Duration::from_secs(20)))
        .max_concurrent_streams(1024)
        .add_routes(services.routes());
    let served = server.serve_with_incoming_shutdown(incoming, async {
        // Nothing is ever sent: the sender's end is the sign.
        let _ = stopped.changed().await;
    });
    if let Err(error) = served.await {
        tracing::error!(%error, "gRPC server ended");
    }
}

/// A set of sockets for each shard.
fn open_media(config: &Config) -> Result<Vec<MediaSockets>, Failure> {
    let addresses = if config.media_addresses.is_empty() {
        shard::interface_addresses().map_err(system("network interfaces"))?
    } else {
        config.media_addresses.clone()
    };
    Ok(MediaSockets::bind_sets(
        &addresses,
        config.media_port,
        config.media_port_fallback,
        config.shards,
    )?)
}

fn core_config(config: &Config) -> Result<CoreConfig, Failure> {
    Ok(CoreConfig {
        node: config.node_number,
        shard: 0,
        seed: u64::from_ne_bytes(random::<8>()?),
        media_addresses: Vec::new(),
        limits: config.limits.clone(),
    })
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(SecretError::Random)?;
    Ok(bytes)
}

fn launch_info(
    identity: &Identity,
    runtime_dir: &RuntimeDir,
    media_port: u16,
    log: Option<&(RotatedLog, PathBuf)>,
    http: Option<SocketAddr>,
) -> LaunchInfo {
    LaunchInfo {
        pid: std::process::id(),
        start_id: identity.start_id.clone(),
        started_at_ms: i64::try_from(identity.started_at_ms).unwrap_or(i64::MAX),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol_major: PROTOCOL_MAJOR,
        protocol_minor: PROTOCOL_MINOR,
        socket: runtime_dir.files().socket.clone(),
        token_file: runtime_dir.files().token.clone(),
        media_port,
        log: log.map(|(_, path)| path.clone()),
        http,
        grpc: None,
    }
}
