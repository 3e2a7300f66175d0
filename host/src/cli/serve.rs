//! `parley serve`: the composition. Platform, sandbox, sidecar and pump are put together here and nowhere
//! else.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parley_settings::{Overrides, Settings};
use tokio_util::sync::CancellationToken;

use super::config::{CommonConfig, ServeConfig, Tls};
use super::data_lock::DataLock;
use super::failure::Failure;
use super::health;
use super::listen::{self, Listeners};
use super::media_server::{MediaServer, Wanted};
use super::request_trace::request_trace;
use super::say;
use super::signals::{Signals, Told};
use crate::environment::SystemEnvironment;
use crate::media::FixedLink;
use crate::media::pump::{Pump, PumpCounters};
use crate::media::recordings::Publisher;
use crate::platform::Platform as _;
use crate::platform::local::{Local, LocalConfig, OpenError};
use crate::plugin::Plugin;
use crate::sandbox::{Limits, Services};
use crate::settings;
use crate::sidecar::{FirstStart, SidecarConfig, SidecarEnding, runtime_dir};
use crate::trace::TraceId;

/// The id under which the local platform runs the plugin.
pub(super) const PLUGIN_ID: &str = parley_flavour::Flavour::Own.id();
/// How long a second Ctrl-C is waited for while calls go on without this process.
const SECOND_THOUGHT: Duration = Duration::from_secs(3);

/// A local platform that listens, with everything behind it at work.
pub(super) struct Running {
    pub(super) local: Arc<Local>,
    /// Where people can connect to, without a trailing slash.
    pub(super) site_url: String,
    pub(super) port: u16,
    listeners: Listeners,
    router: axum::Router,
    tls: Option<axum_server::tls_rustls::RustlsConfig>,
    media: MediaServer,
    pump: tokio::task::JoinHandle<()>,
    stop_pump: CancellationToken,
    _data_lock: DataLock,
}

/// Serves until the process is told to end.
pub(super) async fn serve(config: ServeConfig) -> Result<(), Failure> {
    let signals = Signals::install()?;
    let running = start(config).await?;
    say(&format!("Parley is ready: {}", running.site_url));
    if let Some(admin) = running.local.first_admin() {
        say(&format!(
            "First administrator: {} / {}",
            admin.username, admin.password
        ));
        say("The password is shown this once.");
    }
    let sidecar = running.sidecar_ending();
    running.until(leave_or_end(signals, sidecar)).await
}

/// Done when the process is told to end. Calls go on for the sidecar's lease, so that whoever starts Parley
/// again continues them; somebody at a terminal may end them by a second Ctrl-C.
async fn leave_or_end(mut signals: Signals, sidecar: Option<SidecarEnding>) {
    let told = signals.told_to_end().await;
    let Some(sidecar) = sidecar else {
        // A remote one goes on without us.
        signals.end_at_once_when_interrupted();
        return;
    };
    let calls = sidecar.calls().await;
    if calls == 0 {
        signals.end_at_once_when_interrupted();
        return;
    }
    let notice = calls_go_on(calls, told);
    match told {
        Told::Terminate => tracing::info!("{notice}"),
        Told::Interrupt => {
            say(&notice);
            let again = tokio::time::timeout(SECOND_THOUGHT, signals.interrupted()).await;
            if again.is_ok() {
                signals.end_at_once_when_interrupted();
                return sidecar.end().await;
            }
        }
    }
    signals.end_at_once_when_interrupted();
}

fn calls_go_on(calls: u32, told: Told) -> String {
    let lease_s = parley_proto::launch::GOODBYE_LEASE.as_secs();
    let subject = if calls == 1 {
        "1 call goes on".to_owned()
    } else {
        format!("{calls} calls go on")
    };
    let again = match told {
        Told::Interrupt => ", or press Ctrl-C again to end all of it now",
        Told::Terminate => "",
    };
    format!("{subject} for {lease_s} s: start Parley again within that time to continue{again}.")
}

/// Puts everything together and listens.
pub(super) async fn start(config: ServeConfig) -> Result<Running, Failure> {
    let data_lock = DataLock::take(&config.common.data_dir)?;
    let listeners = Listeners::bind(config.listen_field, &config.listen)?;
    let names = site_names(&listeners);
    let tls = listen::tls(&config.tls, names, &config.common.data_dir).await?;
    let site_url = match config.site_url.clone() {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => default_site_url(&listeners, tls.is_some()),
    };
    warn_of_plain_http(&listeners, &config.tls);

    let (mut overrides, refused) = settings::from_environment();
    settings::tell_of_environment(&overrides, &refused);
    if let Some(port) = config.common.media_port {
        overrides.set("MediaPort", port);
    }
    let local = Arc::new(open_local(&config, &site_url, overrides).await?);
    let settings = settings::effective(&local.settings_json());
    let host_id = TraceId::random().to_string();
    let link = FixedLink::new(None);
    let wanted = Wanted::of(&settings, false, &host_id);
    let embedded = sidecar_config(&config.common, &settings, host_id.clone())?;
    let media = MediaServer::start(&wanted, &link, || Ok(embedded))
        .map_err(|error| Failure::internal("sidecar", error))?;
    let services = Services {
        platform: Arc::clone(&local) as _,
        media: Arc::new(link.clone()),
        environment: Arc::new(SystemEnvironment),
    };
    let plugin = Arc::new(load_plugin(services).await?);
    // Nobody is to be sent to calls that cannot be.
    if let FirstStart::Refused(said) = media.first_start().await {
        return Err(refused_by_sidecar(&config.common, said));
    }
    let stop_pump = CancellationToken::new();
    let publisher = Publisher {
        host_id: host_id.clone(),
        link: Arc::new(link.clone()),
        files: Arc::clone(&local) as _,
        handler: Arc::clone(&plugin) as _,
        counters: Arc::default(),
    };
    let pump = Pump {
        host_id,
        link: Arc::new(link.clone()),
        platform: Arc::clone(&local) as _,
        handler: Arc::clone(&plugin) as _,
        counters: Arc::<PumpCounters>::default(),
    };
    let stopped = stop_pump.clone();
    let pump = tokio::spawn(async move {
        tokio::join!(pump.run(stopped.clone()), publisher.run(stopped));
    });
    let router = health::router(Arc::new(link))
        .fallback_service(local.router(plugin))
        .layer(axum::middleware::from_fn(request_trace));
    for address in listeners.addresses() {
        tracing::info!(%address, tls = tls.is_some(), "listening");
    }
    let port = listeners
        .addresses()
        .first()
        .map_or(0, std::net::SocketAddr::port);
    Ok(Running {
        local,
        site_url,
        port,
        listeners,
        router,
        tls,
        media,
        pump,
        stop_pump,
        _data_lock: data_lock,
    })
}

impl Running {
    /// For whoever decides, while everything is still at work, whether calls outlive this process.
    /// `None`: it is not ours to end.
    pub(super) fn sidecar_ending(&self) -> Option<SidecarEnding> {
        self.media.ending()
    }

    /// Serves until `stop` is done, then ends in order: no new requests, the running ones finish, events
    /// are no longer taken, the sidecar hears goodbye.
    pub(super) async fn until(self, stop: impl Future<Output = ()>) -> Result<(), Failure> {
        let local = Arc::clone(&self.local);
        let stop = async move {
            stop.await;
            // They would hold up the end for as long as open requests may.
            local.close_connections();
        };
        let outcome = self.listeners.serve(self.router, self.tls, stop).await;
        self.stop_pump.cancel();
        let _ = self.pump.await;
        self.media.leave().await;
        tracing::info!("ended in order");
        outcome
    }
}

/// What it says names the field; here belongs who was given it.
fn refused_by_sidecar(common: &CommonConfig, said: String) -> Failure {
    if common.sidecar_config.is_some() {
        Failure::config("--sidecar-config", said)
    } else {
        Failure::config("sidecar", said)
    }
}

/// Compiles the guest, which takes a moment.
async fn load_plugin(services: Services) -> Result<Plugin, Failure> {
    let start = Instant::now();
    let loading = tokio::task::spawn_blocking(|| {
        Plugin::new(parley_component::COMPONENT, services, Limits::default())
    });
    let plugin = loading
        .await
        .map_err(|error| Failure::internal("plugin", error))?
        .map_err(|error| Failure::internal("plugin", error))?;
    let ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        bytes = parley_component::COMPONENT.len(),
        ms,
        "plugin loaded"
    );
    Ok(plugin)
}

async fn open_local(
    config: &ServeConfig,
    site_url: &str,
    overrides: Overrides,
) -> Result<Local, Failure> {
    let defaults = LocalConfig::new(site_url, PLUGIN_ID, env!("CARGO_PKG_VERSION"));
    let local = LocalConfig {
        data_dir: Some(config.common.data_dir.clone()),
        file_bytes_max: config.file_bytes_max.unwrap_or(defaults.file_bytes_max),
        web_dir: config.common.web_dir.clone(),
        autocomplete: parley_component::autocomplete,
        open_signup: config.open_signup,
        overrides,
        plain_http: config.tls == Tls::Off,
        ..defaults
    };
    tokio::task::spawn_blocking(|| Local::open(local))
        .await
        .map_err(|error| Failure::internal("platform", error))?
        .map_err(refused_by_platform)
}

fn refused_by_platform(error: OpenError) -> Failure {
    match error {
        OpenError::Config {
            field: "site_url",
            reason,
        } => Failure::config("--site-url", reason),
        other => Failure::config("--data-dir", other),
    }
}

fn sidecar_config(
    common: &CommonConfig,
    settings: &Settings,
    host_id: String,
) -> Result<SidecarConfig, Failure> {
    let xdg = std::env::var_os("XDG_RUNTIME_DIR").map(std::path::PathBuf::from);
    let runtime_dir = runtime_dir(&common.data_dir, xdg.as_deref())
        .map_err(|error| Failure::system("sidecar", error))?;
    Ok(SidecarConfig {
        executable: common.sidecar.clone(),
        data_dir: common.data_dir.clone(),
        runtime_dir,
        media_port: settings.media_port,
        media_hosts: match common.media_hosts.as_slice() {
            [] => settings.ice_hosts(),
            asked => asked.to_vec(),
        },
        log_level: settings.log_level,
        config_file: common.sidecar_config.clone(),
        host_id,
    })
}

/// Names that a certificate of our own is made for.
fn site_names(listeners: &Listeners) -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    for address in listeners
        .addresses()
        .iter()
        .filter(|address| !address.ip().is_unspecified())
    {
        names.push(address.ip().to_string());
    }
    names.dedup();
    names
}

fn default_site_url(listeners: &Listeners, tls: bool) -> String {
    let scheme = if tls { "https" } else { "http" };
    match listeners.addresses().first() {
        Some(address) if address.ip().is_loopback() || address.ip().is_unspecified() => {
            format!("{scheme}://localhost:{}", address.port())
        }
        Some(address) => format!("{scheme}://{address}"),
        None => format!("{scheme}://localhost"),
    }
}

fn warn_of_plain_http(listeners: &Listeners, tls: &Tls) {
    let open = listeners
        .addresses()
        .iter()
        .any(|address| !address.ip().is_loopback());
    if open && *tls == Tls::Off {
        tracing::warn!(
            "plain HTTP on an address that is not loopback: passwords travel in the clear, and browsers \
             give no microphone or camera there; use --tls-cert and --tls-key, or --self-signed"
        );
    }
}
