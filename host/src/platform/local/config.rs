//! What the host tells the local platform at start.

use std::path::PathBuf;
use std::sync::Arc;

use parley_settings::Overrides;
use url::Url;

use super::clock::{Clock, SystemClock};

/// Gives a slash command's autocomplete data in the language of a user's locale, in Mattermost's shape
/// (`Trigger`, `SubCommands`, …). Its words are the same in each language.
pub type Autocomplete = fn(locale: &str) -> serde_json::Value;

/// Settings of the local platform. Raw: [`super::Local::open`] checks them.
#[derive(Clone)]
pub struct LocalConfig {
    /// Folder of the database; `None` = in memory, gone with the process.
    pub data_dir: Option<PathBuf>,
    /// How people reach this server, e.g. `http://localhost:8065` or `https://example.org/chat`.
    pub site_url: String,
    /// The plugin's id, e.g. `app.parley.calls`.
    pub plugin_id: String,
    /// The plugin's version, e.g. `0.1.0`.
    pub plugin_version: String,
    /// Built web assets: `page/index.html`, `page/static/…`, `plugin/main.js`.
    pub web_dir: PathBuf,
    /// The slash command's autocomplete data.
    pub autocomplete: Autocomplete,
    /// May anybody sign up by `POST /users`?
    pub open_signup: bool,
    /// May people sign in over plain HTTP on other addresses than loopback? Only shown to the page.
    pub plain_http: bool,
    /// Make an administrator and a team when there are no accounts yet? Tests that make their own
    /// people save a password hash this way.
    pub first_admin: bool,
    /// These hold over the settings that are stored.
    pub overrides: Overrides,
    /// The largest file that is taken in pieces (recordings), bytes; 0 = none are taken. Needs `data_dir`.
    pub file_bytes_max: u64,
    /// Source of timestamps and expiry.
    pub clock: Arc<dyn Clock>,
}

impl LocalConfig {
    /// In memory, closed sign-up, machine's clock, no assets.
    pub fn new(site_url: &str, plugin_id: &str, plugin_version: &str) -> Self {
        Self {
            data_dir: None,
            site_url: site_url.to_owned(),
            plugin_id: plugin_id.to_owned(),
            plugin_version: plugin_version.to_owned(),
            web_dir: PathBuf::new(),
            autocomplete: |_| serde_json::Value::Null,
            open_signup: false,
            plain_http: false,
            first_admin: true,
            overrides: Overrides::default(),
            file_bytes_max: super::limits::UPLOAD_BYTES_MAX,
            clock: Arc::new(SystemClock),
        }
    }
}

/// Why the local platform could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting is wrong.
    #[error("{field}: {reason}")]
    Config {
        /// Name of the field in [`LocalConfig`].
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The data folder cannot be used.
    #[error("data folder: {0}")]
    DataDir(#[from] std::io::Error),
    /// The database cannot be used.
    #[error("database: {0}")]
    Database(#[from] rusqlite::Error),
    /// As the inner one, of this file.
    #[error("{}: {source}", file.display())]
    File {
        /// The database.
        file: PathBuf,
        /// What is wrong with it.
        source: Box<OpenError>,
    },
    /// The database was written by a newer version.
    #[error("the database has version {found}, this program knows up to {known}")]
    Newer {
        /// Version of the file.
        found: i64,
        /// Newest version known.
        known: i64,
    },
    /// Something else failed.
    #[error("{0}")]
    Other(String),
}

/// The checked site address.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// Without trailing slash.
    pub(crate) url: String,
    /// `""` or `/chat`.
    pub(crate) subpath: String,
    /// Cookies are `Secure`.
    pub(crate) https: bool,
}

impl Site {
    pub(crate) fn parse(text: &str) -> Result<Self, OpenError> {
        let wrong = |reason: String| OpenError::Config {
            field: "site_url",
            reason,
        };
        let url = Url::parse(text).map_err(|error| wrong(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(wrong(
                "must start with http:// or https:// and name a host".into(),
            ));
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
            return Err(wrong("must have no query, fragment or user".into()));
        }
        let subpath = url.path().trim_end_matches('/').to_owned();
        let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
        if !subpath.chars().all(plain) || subpath.contains("//") || subpath.contains("..") {
            return Err(wrong(
                "the path may hold letters, digits, - _ . ~ only".into(),
            ));
        }
        Ok(Self {
            // As parsed: `..` and default ports are gone.
            url: url.as_str().trim_end_matches('/').to_owned(),
            https: url.scheme() == "https",
            subpath,
        })
    }
}
