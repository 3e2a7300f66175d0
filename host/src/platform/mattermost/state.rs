//! What is known of the server: its API once it activated us, its configuration, the admin's settings.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use parley_flavour::Flavour;
use parley_goplugin::Broker;
use parley_goplugin::rpc::Empty;
use parley_settings::Overrides;
use tokio::sync::Semaphore;

use super::api::Api;
use super::command;
use super::files::Uploads;
use super::positional::Positional;
use super::push;
use super::wire::{Bot, Config, PluginStatus};
use crate::hooks::SettingError;
use crate::platform::PlatformError;
use crate::settings;

/// `PluginStateRunning`.
const RUNNING: i64 = 2;
/// Where files are kept on the server's own disk.
const DRIVER_LOCAL: &str = "local";

/// The server as platform.
pub struct Mattermost {
    flavour: Flavour,
    session: RwLock<Session>,
    /// Of notifications on their way.
    pub(super) pushes: Arc<Semaphore>,
    overrides: Overrides,
    pub(super) uploads: Uploads,
}

#[derive(Default)]
struct Session {
    api: Option<Api>,
    broker: Option<Broker>,
    config: Config,
    settings_json: String,
    bot_id: String,
}

/// What the process' composition has to know of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFacts {
    /// The folder of the server's files, if it is on this machine. Perhaps relative.
    pub file_dir: Option<PathBuf>,
    /// The server is one of several.
    pub is_cluster: bool,
    /// The admin's settings in force, a JSON object.
    pub settings_json: String,
}

impl Mattermost {
    /// Before the activation: every call is refused as unavailable.
    #[must_use]
    pub fn new(flavour: Flavour) -> Self {
        Self {
            flavour,
            session: RwLock::default(),
            pushes: push::lanes(),
            overrides: Overrides::default(),
            uploads: Uploads::default(),
        }
    }

    /// These hold over the settings that the server has.
    #[must_use]
    pub fn overridden_by(self, overrides: Overrides) -> Self {
        Self { overrides, ..self }
    }

    /// What the plugin checks of settings that are about to be stored.
    pub(super) fn to_check(&self, stored_json: &str) -> Result<String, SettingError> {
        settings::to_check(&self.overrides, stored_json)
    }

    pub(super) fn flavour(&self) -> Flavour {
        self.flavour
    }

    pub(super) fn api(&self) -> Result<Api, PlatformError> {
        let api = self.read(|session| session.api.clone());
        api.ok_or_else(|| PlatformError::Unavailable("the plugin is not activated".into()))
    }

    /// Of the connection to the server.
    pub(super) fn broker(&self) -> Result<Broker, PlatformError> {
        let broker = self.read(|session| session.broker.clone());
        broker.ok_or_else(|| PlatformError::Unavailable("the plugin is not activated".into()))
    }

    pub(super) fn bot_id(&self) -> String {
        self.read(|session| session.bot_id.clone())
    }

    pub(super) fn config<R>(&self, of: impl FnOnce(&Config) -> R) -> R {
        self.read(|session| of(&session.config))
    }

    pub(super) fn stored_settings(&self) -> String {
        self.read(|session| session.settings_json.clone())
    }

    /// Takes the API, learns what is needed and registers bot and command. May be repeated.
    pub(super) async fn activate(&self, api: Api, broker: Broker) -> Result<ServerFacts, String> {
        let failed = |what: &'static str| move |error: PlatformError| format!("{what}: {error}");
        self.refuse_beside_the_other(&api).await?;
        self.load(&api).await.map_err(failed("configuration"))?;
        let bot = Bot {
            username: "calls".into(),
            display_name: "Calls".into(),
            description: "Speaks for the calls plugin.".into(),
        };
        let bot_id: String = api
            .ask("EnsureBotUser", Positional((Some(bot),)))
            .await
            .map_err(failed("bot"))?;
        let locale = self.config(|config| config.localization.default_client_locale.clone());
        api.tell(
            "RegisterCommand",
            Positional((Some(command::command(&locale)),)),
        )
        .await
        .map_err(failed("command"))?;
        self.write(|session| {
            session.bot_id = bot_id;
            session.api = Some(api);
            session.broker = Some(broker);
        });
        Ok(self.facts())
    }

    /// Reads the server's configuration and the admin's settings anew.
    pub(super) async fn reload(&self) -> Result<(), PlatformError> {
        let api = self.api()?;
        self.load(&api).await
    }

    async fn load(&self, api: &Api) -> Result<(), PlatformError> {
        let config = api.config().await?;
        let settings_json = self.overrides.over(&api.settings_json().await?);
        self.write(|session| {
            session.config = config;
            session.settings_json = settings_json;
        });
        Ok(())
    }

    /// Two plugins would answer `/call`.
    async fn refuse_beside_the_other(&self, api: &Api) -> Result<(), String> {
        let other = self.flavour.other().id();
        let args = Positional((other.to_owned(),));
        // Not found, or not to be told: then nothing is known against us.
        let status = api.find::<PluginStatus>("GetPluginStatus", args).await;
        if status.is_ok_and(|status| status.state == RUNNING) {
            return Err(format!(
                "the plugin {other} is active and answers /call, too: disable it first"
            ));
        }
        Ok(())
    }

    /// As they were read last.
    pub fn facts(&self) -> ServerFacts {
        self.read(|session| {
            let files = &session.config.file;
            let local = files.driver_name == DRIVER_LOCAL && !files.directory.is_empty();
            ServerFacts {
                file_dir: local.then(|| PathBuf::from(&files.directory)),
                is_cluster: session.config.cluster.enable,
                settings_json: session.settings_json.clone(),
            }
        })
    }

    /// The server's version, for logs and support.
    pub(super) async fn server_version(&self) -> Result<String, PlatformError> {
        self.api()?.get("GetServerVersion", Empty {}).await
    }

    fn read<R>(&self, of: impl FnOnce(&Session) -> R) -> R {
        of(&self.session.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, change: impl FnOnce(&mut Session)) {
        let mut session = self.session.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut session);
    }
}
