//! The executable as a Mattermost server starts it: the composition for that platform.
//!
//! The handshake comes first, for the server waits 3 s for it; the component is compiled meanwhile. Sidecar
//! and events start with the activation, and are left with the deactivation or the server's end: calls go on
//! for the sidecar's lease, until the next start of the plugin adopts it.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parley_goplugin::{Ended, Listener};
use parley_proto::trouble::Trouble;
use parley_settings::Settings;
use serde_json::{Value, json};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::logging::{self, LogControl};
use super::media_server::{MediaServer, Wanted};
use super::plugin_env::PluginEnv;
use crate::environment::SystemEnvironment;
use crate::hooks::Hooks;
use crate::installed::Installed;
use crate::media::FixedLink;
use crate::media::pump::{Pump, PumpCounters};
use crate::media::recordings::{Publisher, PublisherCounters};
use crate::platform::mattermost::{
    Activation, ActivationFuture, HANDSHAKE, Mattermost, MattermostPlugin, ServerFacts,
};
use crate::plugin::Plugin;
use crate::sandbox::{Limits, LoadError, Services};
use crate::settings;
use crate::sidecar::{SidecarConfig, runtime_dir};
use crate::trace::TraceId;

/// How long a deactivation may take: the server waits longer, the admin should not.
const DEACTIVATION_MAX: Duration = Duration::from_secs(3);

/// Whether this process was started by a server.
pub(super) fn is_asked_for() -> bool {
    HANDSHAKE.is_asked_for()
}

/// Serves until the server needs us no more.
pub(super) async fn run() -> Result<(), Failure> {
    let started = Instant::now();
    let listener =
        Listener::bind(&HANDSHAKE).map_err(|error| Failure::system("handshake", error))?;
    announce(&listener)?;
    let env = PluginEnv::read();
    let (overrides, refused) = settings::from_environment();
    let level = settings::effective(&overrides.over("")).log_level;
    let log = logging::start_hclog(env.log_filter.as_deref(), level)?;
    settings::tell_of_environment(&overrides, &refused);
    ignore_interrupts()?;
    let installed =
        Installed::of_this_process().map_err(|error| Failure::config("bundle", error))?;
    tracing::info!(
        ms = milliseconds(started),
        version = %installed.manifest_version,
        plugin = installed.flavour.id(),
        "started by the server"
    );
    let platform = Arc::new(Mattermost::new(installed.flavour).overridden_by(overrides));
    let (loaded, plugin) = watch::channel(None);
    let composition = Arc::new(Composition::new(env, log, Arc::clone(&platform), plugin));
    let loading = composition.load();
    let serving = MattermostPlugin::new(platform, composition);
    let serving = parley_goplugin::serve(&listener, serving);
    let loading = async {
        match loading.await {
            Ok(Ok(plugin)) => {
                loaded.send_replace(Some(plugin));
                std::future::pending().await
            }
            // Better gone than active and mute: the server says so to the admin.
            Ok(Err(error)) => Failure::internal("plugin", error),
            Err(error) => Failure::internal("plugin", error),
        }
    };
    let ended = tokio::select! {
        ended = serving => ended.map_err(|error| Failure::system("connection", error))?,
        failure = loading => {
            tracing::error!(%failure, "the plugin cannot be loaded");
            return Err(failure);
        }
    };
    match ended {
        Ended::Quit => tracing::info!("the server ends the plugin"),
        Ended::Disconnected => tracing::warn!("the server is gone"),
    }
    Ok(())
}

/// The one line that standard output may ever have.
fn announce(listener: &Listener) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(listener.line().as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::system("handshake", error))
}

/// A Ctrl-C at the server's terminal is the server's to handle.
fn ignore_interrupts() -> Result<(), Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupts =
        signal(SignalKind::interrupt()).map_err(|error| Failure::system("signals", error))?;
    tokio::spawn(async move { while interrupts.recv().await.is_some() {} });
    Ok(())
}

/// What is behind the platform.
struct Composition {
    env: PluginEnv,
    log: LogControl,
    platform: Arc<Mattermost>,
    host_id: String,
    /// The way to the media server of the moment.
    link: FixedLink,
    /// `None` while it is compiled.
    plugin: watch::Receiver<Option<Plugin>>,
    counters: Arc<PumpCounters>,
    published: Arc<PublisherCounters>,
    active: Mutex<Option<Active>>,
}

/// What one activation started.
struct Active {
    asked: Asked,
    media: MediaServer,
    pump: tokio::task::JoinHandle<()>,
    stop: CancellationToken,
}

impl Composition {
    fn new(
        env: PluginEnv,
        log: LogControl,
        platform: Arc<Mattermost>,
        plugin: watch::Receiver<Option<Plugin>>,
    ) -> Self {
        Self {
            env,
            log,
            platform,
            host_id: TraceId::random().to_string(),
            link: FixedLink::new(None),
            plugin,
            counters: Arc::default(),
            published: Arc::default(),
            active: Mutex::default(),
        }
    }

    /// Compiles the component, which takes longer than a server should wait for its answers.
    fn load(&self) -> tokio::task::JoinHandle<Result<Plugin, LoadError>> {
        let services = Services {
            platform: Arc::clone(&self.platform) as _,
            media: Arc::new(self.link.clone()),
            environment: Arc::new(SystemEnvironment),
        };
        tokio::task::spawn_blocking(move || {
            let start = Instant::now();
            let plugin = Plugin::new(parley_component::COMPONENT, services, Limits::default())?;
            tracing::info!(ms = milliseconds(start), "plugin loaded");
            Ok(plugin)
        })
    }

    /// What brings the media server's news to the plugin, once there is one to handle them.
    fn couriers(&self) -> impl Future<Output = (Pump, Publisher)> + use<> {
        let (host_id, link) = (self.host_id.clone(), Arc::new(self.link.clone()));
        let (platform, plugin) = (Arc::clone(&self.platform), self.plugin.clone());
        let (counters, published) = (Arc::clone(&self.counters), Arc::clone(&self.published));
        async move {
            let plugin = Arc::new(when_loaded(plugin).await);
            let publisher = Publisher {
                host_id: host_id.clone(),
                link: Arc::clone(&link) as _,
                files: Arc::clone(&platform) as _,
                handler: Arc::clone(&plugin) as _,
                counters: published,
            };
            let pump = Pump {
                host_id,
                link,
                platform,
                handler: plugin,
                counters,
            };
            (pump, publisher)
        }
    }

    fn start_all(&self, facts: &ServerFacts) -> Result<Active, String> {
        let asked = self.asked(facts);
        self.log.set_level(asked.settings.log_level);
        let media = self.start_media(&asked, facts)?;
        let stop = CancellationToken::new();
        let couriers = self.couriers();
        let stopped = stop.clone();
        let pump = tokio::spawn(async move {
            tokio::select! {
                () = stopped.cancelled() => {}
                (pump, publisher) = couriers => {
                    tokio::join!(pump.run(stopped.clone()), publisher.run(stopped.clone()));
                }
            }
        });
        Ok(Active {
            asked,
            media,
            pump,
            stop,
        })
    }

    /// What the settings ask for.
    fn asked(&self, facts: &ServerFacts) -> Asked {
        let settings = settings::effective(&facts.settings_json);
        Asked {
            wanted: Wanted::of(&settings, facts.is_cluster, &self.host_id),
            settings,
        }
    }

    fn start_media(&self, asked: &Asked, facts: &ServerFacts) -> Result<MediaServer, String> {
        MediaServer::start(&asked.wanted, &self.link, || {
            self.sidecar(facts, &asked.settings)
        })
    }

    /// The former one hears goodbye. Calls stay if it is the same media server behind other settings; else
    /// they are opened anew on the other one.
    async fn change_media(&self, active: &mut Active, asked: Asked, facts: &ServerFacts) {
        std::mem::replace(&mut active.media, MediaServer::None)
            .leave()
            .await;
        match self.start_media(&asked, facts) {
            Ok(media) => {
                active.media = media;
                active.asked = asked;
            }
            Err(error) => {
                tracing::error!(error, "no media server");
                // So that the next change of settings is a try.
                active.asked.wanted = Wanted::Incomplete;
            }
        }
    }

    fn sidecar(&self, facts: &ServerFacts, settings: &Settings) -> Result<SidecarConfig, String> {
        let media_port = settings.media_port;
        let data_dir = self
            .env
            .data_dir(&settings.data_dir, facts.file_dir.as_deref())?;
        let runtime_dir = runtime_dir(&data_dir, self.env.xdg_runtime_dir.as_deref())
            .map_err(|error| error.to_string())?;
        let executable = crate::sidecar::locate(self.env.sidecar.as_deref())
            .map_err(|error| error.to_string())?;
        tracing::info!(data_dir = %data_dir.display(), media_port, "starting the media server");
        Ok(SidecarConfig {
            executable,
            data_dir,
            runtime_dir,
            media_port,
            media_hosts: settings.ice_hosts(),
            log_level: settings.log_level,
            config_file: None,
            host_id: self.host_id.clone(),
        })
    }
}

/// Waits until the plugin is compiled; if that fails, the process ends.
async fn when_loaded(mut loaded: watch::Receiver<Option<Plugin>>) -> Plugin {
    let plugin = loaded.wait_for(Option::is_some).await;
    match plugin.ok().and_then(|plugin| plugin.clone()) {
        Some(plugin) => plugin,
        None => std::future::pending().await,
    }
}

/// What the settings ask for.
struct Asked {
    wanted: Wanted,
    settings: Settings,
}

impl Asked {
    /// Settings that an own media server takes at its start only, and that are others now.
    fn waiting(&self, now: &Settings) -> Vec<&'static str> {
        let then = &self.settings;
        let differing = [
            ("MediaPort", then.media_port != now.media_port),
            (
                "IceHostOverride",
                then.ice_host_override != now.ice_host_override,
            ),
            ("DataDir", then.data_dir != now.data_dir),
        ];
        let differing = differing.into_iter().filter(|(_, differs)| *differs);
        differing.map(|(setting, _)| setting).collect()
    }
}

impl Active {
    /// No more events are taken, the media server hears goodbye.
    async fn leave(self) {
        self.stop.cancel();
        let _ = self.pump.await;
        self.media.leave().await;
    }
}

impl Activation for Composition {
    fn activate<'a>(&'a self, facts: &'a ServerFacts) -> ActivationFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let mut active = self.active.lock().await;
            // A server that lost our answer asks again: everything is there already.
            if active.is_none() {
                *active = Some(self.start_all(facts)?);
            }
            Ok(())
        })
    }

    fn settings_changed(&self) -> ActivationFuture<'_, ()> {
        Box::pin(async move {
            let facts = self.platform.facts();
            let asked = self.asked(&facts);
            self.log.set_level(asked.settings.log_level);
            let mut active = self.active.lock().await;
            if let Some(active) = active.as_mut() {
                if active.asked.wanted != asked.wanted {
                    self.change_media(active, asked, &facts).await;
                } else if asked.wanted == Wanted::Embedded {
                    for setting in active.asked.waiting(&asked.settings) {
                        tracing::warn!(
                            setting,
                            "the change is used when the media server starts anew: disable the plugin for 30 seconds, which ends calls"
                        );
                    }
                }
            }
            tracing::info!("settings taken");
        })
    }

    fn deactivate(&self) -> ActivationFuture<'_, ()> {
        Box::pin(async move {
            let Some(active) = self.active.lock().await.take() else {
                return;
            };
            if tokio::time::timeout(DEACTIVATION_MAX, active.leave())
                .await
                .is_err()
            {
                tracing::warn!("left without a goodbye to the media server");
            }
        })
    }

    fn support_data(&self) -> Value {
        use crate::media::MediaLink as _;
        use std::sync::atomic::Ordering::Relaxed;
        let calls = self.plugin.borrow().as_ref().map(Plugin::counters);
        json!({
            "media_server_connected": self.link.connection().borrow().is_some(),
            "media_server_trouble": self.link.trouble().map(Trouble::word),
            "media_events_handled": self.counters.handled.load(Relaxed),
            "media_events_retried": self.counters.retried.load(Relaxed),
            "media_events_given_up": self.counters.poisoned.load(Relaxed),
            "recordings_published": self.published.verified.load(Relaxed),
            "recordings_failed": self.published.failed.load(Relaxed),
            "recordings_given_up": self.published.parked.load(Relaxed),
            "guest_calls": calls.map(|calls| calls.calls),
            "guest_failures": calls.map(|calls| calls.failures),
        })
    }

    fn hooks(&self) -> ActivationFuture<'_, Arc<dyn Hooks>> {
        Box::pin(async move { Arc::new(when_loaded(self.plugin.clone()).await) as _ })
    }
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
