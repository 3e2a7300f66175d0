//! The local platform: a small chat server imitating the subset of Mattermost's API v4 that the
//! browser part and Mattermost's npm client use, over SQLite.
//!
//! [`Local`] is the [`crate::platform::Platform`] of the sandbox; [`Local::router`] serves people.
//! Rules of access stand in `access.rs`, limits in `limits.rs`.

mod access;
mod adapter;
mod api;
mod auth;
mod clock;
mod config;
mod db;
mod ephemeral;
mod error;
mod event;
mod files_dir;
mod hub;
mod ids;
mod lanes;
pub mod limits;
mod manage;
mod model;
mod passwords;
mod plugin_http;
mod schema;
mod serve;
mod settings;
mod socket;
mod spent;
mod store;
#[cfg(test)]
mod tests;
mod uploads;
mod web;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

pub use clock::{Clock, ManualClock, SystemClock};
use config::Site;
pub use config::{Autocomplete, LocalConfig, OpenError};
use db::Db;
use files_dir::FilesDir;
pub use hub::Drops;
use hub::Hub;
use lanes::Lanes;
pub use manage::Account;
use parley_settings::Overrides;
use passwords::Passwords;
use spent::Spent;
use tokio::sync::Semaphore;

use crate::hooks::Hooks;
use crate::platform::rate::Buckets;
use crate::platform::turns::Turns;

/// The version of Mattermost whose API this imitates.
const SERVER_VERSION: &str = "11.0.0";
/// Where Mattermost has its build number.
const SERVER_BUILD: &str = "parley";

/// The first administrator, made when the database was new. The password is known only now.
#[derive(Clone)]
pub struct FirstAdmin {
    /// Name to sign in with.
    pub username: String,
    /// The random password.
    pub password: String,
}

/// What `seed_demo` made. Links are paths from the origin, sub-path included, e.g.
/// `/login/one-time?token=…`: put any origin of the server before them.
#[derive(Clone)]
pub struct DemoLinks {
    /// Signs in as Alice, once.
    pub alice: String,
    /// Signs in as Bob, once.
    pub bob: String,
    /// Alice's user id.
    pub alice_id: String,
    /// Bob's user id.
    pub bob_id: String,
    /// The team's id.
    pub team_id: String,
    /// The channel's id.
    pub channel_id: String,
}

/// The local platform.
pub struct Local {
    db: Db,
    hub: Arc<Hub>,
    lanes: Arc<Lanes>,
    site: Site,
    clock: Arc<dyn Clock>,
    plugin_id: String,
    plugin_version: String,
    web_dir: PathBuf,
    /// Of large files' bytes; `None` = only in memory, and no such files.
    files: Option<FilesDir>,
    file_bytes_max: u64,
    /// Uploads that somebody is at.
    uploading: Mutex<HashSet<String>>,
    autocomplete: Autocomplete,
    /// The slash command's word.
    trigger: String,
    open_signup: bool,
    plain_http: bool,
    passwords: Passwords,
    requests: Mutex<Buckets<String>>,
    /// Sessions over that limit.
    spent: Spent,
    /// WebSocket messages by user.
    messages: Mutex<Buckets<String>>,
    /// Turns of signed-in people with the plugin.
    turns: Turns,
    /// Turns of signed-out people with the plugin.
    anonymous: Semaphore,
    hooks: RwLock<Option<Arc<dyn Hooks>>>,
    /// The plugin's, as JSON text, as stored.
    settings: RwLock<String>,
    overrides: Overrides,
    first_admin: Option<FirstAdmin>,
}

impl Local {
    /// Opens or creates the database; makes the first administrator in a new one. Blocks.
    pub fn open(config: LocalConfig) -> Result<Self, OpenError> {
        let site = Site::parse(&config.site_url)?;
        let hub = Arc::new(Hub::default());
        let lanes = Arc::new(Lanes::new(hub.clone()));
        let files = match &config.data_dir {
            Some(dir) => Some(FilesDir::open(dir)?),
            None => None,
        };
        let db = Db::open(
            config.data_dir.as_deref(),
            config.clock.clone(),
            hub.clone(),
            lanes.clone(),
            files.clone(),
        )?;
        let mut local = Self {
            db,
            hub,
            lanes,
            site,
            clock: config.clock,
            plugin_id: config.plugin_id,
            plugin_version: config.plugin_version,
            web_dir: config.web_dir,
            files,
            file_bytes_max: config.file_bytes_max,
            uploading: Mutex::default(),
            autocomplete: config.autocomplete,
            trigger: (config.autocomplete)("")["Trigger"]
                .as_str()
                .unwrap_or("call")
                .to_owned(),
            open_signup: config.open_signup,
            plain_http: config.plain_http,
            passwords: Passwords::new(),
            requests: Mutex::new(Buckets::new(
                limits::REQUESTS_BURST,
                limits::REQUESTS_PER_S,
                limits::REQUESTS_USERS_MAX,
            )),
            spent: Spent::default(),
            messages: Mutex::new(Buckets::new(
                limits::SOCKET_MESSAGES_PER_USER_BURST,
                limits::SOCKET_MESSAGES_PER_USER_PER_S,
                limits::SOCKETS_MAX,
            )),
            turns: Turns::new(limits::PLUGIN_TURNS_PER_USER),
            anonymous: Semaphore::new(limits::PLUGIN_ANONYMOUS_AT_ONCE),
            hooks: RwLock::new(None),
            settings: RwLock::new("{}".to_owned()),
            overrides: config.overrides,
            first_admin: None,
        };
        let failed = |error: error::ApiError| OpenError::Other(error.to_string());
        local.load_settings().map_err(failed)?;
        local.sweep_files().map_err(failed)?;
        if config.first_admin {
            local.first_admin = local.make_first_admin().map_err(failed)?;
        }
        Ok(local)
    }

    /// Everything people reach, sub-path included. `hooks` becomes the plugin, also of routers made
    /// earlier. Must be called within a tokio runtime. The host binds listeners and serves it.
    pub fn router(self: &Arc<Self>, hooks: Arc<dyn Hooks>) -> axum::Router {
        *self.hooks.write().unwrap_or_else(PoisonError::into_inner) = Some(hooks);
        let local = Arc::downgrade(self);
        self.lanes.start(move || local.upgrade()?.hooks());
        serve::router(self)
    }

    fn hooks(&self) -> Option<Arc<dyn Hooks>> {
        self.hooks
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The first administrator, if this start made one.
    pub fn first_admin(&self) -> Option<&FirstAdmin> {
        self.first_admin.as_ref()
    }

    /// What was dropped so far.
    pub fn drops(&self) -> &Drops {
        &self.hub.drops
    }

    /// Closes every WebSocket, for an orderly end.
    pub fn close_connections(&self) {
        self.hub.close_all();
    }

    /// WebSockets open at the moment.
    pub fn connections(&self) -> usize {
        self.hub.len()
    }
}
