//! The admin's settings: one type that checks values, fills in defaults and describes itself.
//!
//! Platforms hand over loosely typed JSON (Mattermost stores keys lower-cased, old values as strings):
//! [`Settings::parse`] accepts that, names the key of anything wrong, and everything behind it works with
//! checked values only. A setting appears here with the feature that it controls.

mod ice;
mod ice_host;
mod log_level;
mod loose;
mod overrides;
mod recording;
#[cfg(feature = "schema")]
pub mod schema;
mod sidecar;
#[cfg(test)]
mod tests;

pub use ice::{IceServer, Secret};
pub use ice_host::{External, IceHost};
pub use log_level::LogLevel;
pub use overrides::{Overrides, variable_of, variables};
pub use recording::RecordingQuality;
pub use sidecar::{SidecarAddress, SidecarMode};

use garde::Validate;
use serde::{Deserialize, Serialize};

/// A setting refused: which, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct SettingError {
    /// The key as in the schema, e.g. `DisconnectTimeoutSeconds`; empty = the whole object.
    pub key: String,
    /// What is wrong, for the admin.
    pub reason: String,
}

/// All settings, checked. The doc comments are the admin's help texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase", default)]
pub struct Settings {
    /// When false, calls are in test mode: only system admins may start one; everybody may join.
    #[cfg_attr(feature = "schema", schemars(title = "Calls enabled for everybody"))]
    #[garde(skip)]
    pub default_enabled: bool,
    /// When false, calls are possible in direct channels only.
    #[cfg_attr(
        feature = "schema",
        schemars(title = "Allow calls outside direct messages")
    )]
    #[garde(skip)]
    pub group_calls_allowed: bool,
    /// The most participants of one call; 0 = only limited by the media server (1000).
    #[cfg_attr(feature = "schema", schemars(title = "Maximum participants per call"))]
    #[garde(range(max = MAX_CALL_PARTICIPANTS_MAX))]
    pub max_call_participants: u32,
    /// When true, participants may share their screen.
    #[cfg_attr(feature = "schema", schemars(title = "Allow screen sharing"))]
    #[garde(skip)]
    pub allow_screen_sharing: bool,
    /// When true, participants may turn their camera on.
    #[cfg_attr(feature = "schema", schemars(title = "Allow cameras"))]
    #[garde(skip)]
    pub enable_video: bool,
    /// When true, those of Mattermost's own apps that can do so send cameras and screens in AV1 too, beside
    /// VP8, and get AV1 from others: sharper at the same rate, at the price of processor time. They then
    /// share their screen in one quality instead of two.
    #[cfg_attr(feature = "schema", schemars(title = "AV1 beside VP8"))]
    #[serde(rename = "EnableAV1")]
    #[garde(skip)]
    pub enable_av1: bool,
    /// When true, the host of a call and system admins may record it. The recording is made by the media
    /// server, which needs no other service for it, and posted in the call's thread.
    // On by default, unlike in the Calls plugin: there it cannot work without a service that an admin sets up.
    #[cfg_attr(feature = "schema", schemars(title = "Allow recordings"))]
    #[garde(skip)]
    pub enable_recordings: bool,
    /// A recording ends by itself after so many minutes, 1 to 1440; the next one can be started at once. Ten
    /// minutes before, the host and the call's thread are told.
    #[cfg_attr(
        feature = "schema",
        schemars(title = "Maximum length of a recording (minutes)")
    )]
    #[garde(range(min = MAX_RECORDING_DURATION_MIN, max = MAX_RECORDING_DURATION_MAX))]
    pub max_recording_duration: u32,
    /// The highest picture that is recorded where participants send several.
    #[cfg_attr(
        feature = "schema",
        schemars(
            title = "Picture of recordings",
            with = "String",
            extend("options" = [
                ["480p", "480 lines: small files"],
                ["720p", "720 lines"],
                ["1080p", "1080 lines: text of shared screens stays sharp"]
            ])
        )
    )]
    #[garde(skip)]
    pub recording_quality: RecordingQuality,
    /// A call with a single participant ends after so many minutes; 0 = never. The participant is told
    /// one minute earlier.
    #[cfg_attr(
        feature = "schema",
        schemars(title = "End a call of one participant after (minutes)")
    )]
    #[garde(range(max = ALONE_TIMEOUT_MINUTES_MAX))]
    pub alone_timeout_minutes: u32,
    /// How long a participant with a lost connection is kept in the call, 5 to 300 seconds.
    #[cfg_attr(feature = "schema", schemars(title = "Disconnect timeout (seconds)"))]
    #[garde(range(min = DISCONNECT_TIMEOUT_SECONDS_MIN, max = DISCONNECT_TIMEOUT_SECONDS_MAX))]
    pub disconnect_timeout_seconds: u32,
    /// The UDP port that carries all media; it has to be reachable by the participants. A change takes
    /// effect when the media server starts anew: disable the plugin for 30 seconds, which ends calls. If the
    /// port is in use then, a free one is taken, and /call start says which.
    #[cfg_attr(feature = "schema", schemars(title = "Media port (UDP)"))]
    #[garde(range(min = 1))]
    pub media_port: u16,
    /// The addresses that participants send media to, separated by commas, if they are not this machine's
    /// own: IP addresses, host names (looked up when the media server starts), or EXTERNAL/OWN where a
    /// router passes what comes to one address on to another. Empty = this machine's own addresses. A
    /// change takes effect when the media server starts anew: disable the plugin for 30 seconds, which ends
    /// calls.
    #[cfg_attr(feature = "schema", schemars(title = "ICE host override"))]
    #[garde(custom(ice_host::check))]
    pub ice_host_override: String,
    /// Who runs the media server (parley-sidecar). On a cluster it has to be a remote one. A change moves
    /// running calls to the other one.
    #[cfg_attr(
        feature = "schema",
        schemars(
            title = "Media server",
            with = "String",
            extend("options" = [
                ["embedded", "Started by the plugin, on this server"],
                ["remote", "Remote: run by an admin"]
            ])
        )
    )]
    #[garde(skip)]
    pub sidecar_mode: SidecarMode,
    /// Where the remote media server is reached: https://host:port. http:// is possible for this machine's
    /// own addresses only.
    #[cfg_attr(feature = "schema", schemars(title = "Media server: address"))]
    #[garde(custom(sidecar::check_address))]
    pub sidecar_address: String,
    /// What the remote media server has in its token file, 32 to 256 characters of A-Z, a-z, 0-9, _ and -.
    #[cfg_attr(
        feature = "schema",
        schemars(title = "Media server: token", with = "String", extend("secret" = true))
    )]
    #[garde(custom(sidecar::check_token))]
    pub sidecar_token: Secret,
    /// The certificate authority (PEM) that vouches for the remote media server, or its own self-signed
    /// certificate. Empty = the authorities that this server's system trusts.
    #[cfg_attr(
        feature = "schema",
        schemars(title = "Media server: certificate authority", extend("lines" = true))
    )]
    #[garde(custom(sidecar::check_ca))]
    pub sidecar_ca_certificate: String,
    /// STUN and TURN servers for clients that cannot reach the media port otherwise: a JSON list such as
    /// [{"urls":["turn:turn.example.com:3478"]}]. A TURN server without "username" and "credential" gets
    /// them from the shared secret.
    #[cfg_attr(feature = "schema", schemars(title = "ICE servers"))]
    #[garde(custom(ice::check))]
    pub ice_servers_configs: String,
    /// The secret that the TURN servers share (coturn: static-auth-secret). Each user gets a name and
    /// password of limited life made from it.
    #[cfg_attr(
        feature = "schema",
        schemars(title = "TURN shared secret", with = "String", extend("secret" = true))
    )]
    #[garde(skip)]
    pub turn_static_auth_secret: Secret,
    /// How long such a name and password are good for, 5 to 10080 minutes.
    #[cfg_attr(
        feature = "schema",
        schemars(title = "Life of TURN credentials (minutes)")
    )]
    #[garde(range(min = TURN_MINUTES_MIN, max = TURN_MINUTES_MAX))]
    pub turn_credentials_expiration_minutes: u32,
    /// The folder for the media server's log and its other files, an absolute path that the server may
    /// write to. Empty = parley in the server's own file folder. A change takes effect when the media server
    /// starts anew: disable the plugin for 30 seconds, which ends calls.
    #[cfg_attr(feature = "schema", schemars(title = "Data folder"))]
    #[garde(custom(check_data_dir))]
    pub data_dir: String,
    /// How much the plugin writes to the server's log. The media server follows when it is started the next
    /// time.
    #[cfg_attr(
        feature = "schema",
        schemars(
            title = "Log level",
            with = "String",
            extend("options" = [
                ["error", "Errors"],
                ["warn", "Warnings, too"],
                ["info", "What happens, too"],
                ["debug", "Everything: may hold addresses of participants"]
            ])
        )
    )]
    #[garde(skip)]
    pub log_level: LogLevel,
}

fn check_data_dir(text: &str, _: &()) -> garde::Result {
    let text = text.trim();
    if text.is_empty() || text.starts_with('/') && !text.contains('\0') {
        return Ok(());
    }
    Err(garde::Error::new("an absolute path is expected"))
}

/// Most participants an admin may ask for: the media server's own limit per room.
pub const MAX_CALL_PARTICIPANTS_MAX: u32 = 1_000;
/// Shortest limit of recordings, minutes.
pub const MAX_RECORDING_DURATION_MIN: u32 = 1;
/// Longest limit of recordings, minutes: a day.
pub const MAX_RECORDING_DURATION_MAX: u32 = 1_440;
/// Longest time alone: a day.
pub const ALONE_TIMEOUT_MINUTES_MAX: u32 = 1_440;
/// Shortest disconnect timeout: less would throw out people who change their network.
pub const DISCONNECT_TIMEOUT_SECONDS_MIN: u32 = 5;
/// Longest disconnect timeout: more would keep ghosts in the call.
pub const DISCONNECT_TIMEOUT_SECONDS_MAX: u32 = 300;

/// Shortest life of TURN credentials: less would end before a slow client has connected.
pub const TURN_MINUTES_MIN: u32 = 5;
/// Longest life of TURN credentials: a week.
pub const TURN_MINUTES_MAX: u32 = 10_080;

impl Default for Settings {
    fn default() -> Self {
        Self {
            default_enabled: true,
            group_calls_allowed: true,
            max_call_participants: 0,
            allow_screen_sharing: true,
            enable_video: true,
            enable_av1: false,
            enable_recordings: true,
            max_recording_duration: 60,
            recording_quality: RecordingQuality::default(),
            alone_timeout_minutes: 15,
            disconnect_timeout_seconds: 30,
            media_port: 8443,
            ice_host_override: String::new(),
            sidecar_mode: SidecarMode::Embedded,
            sidecar_address: String::new(),
            sidecar_token: Secret::default(),
            sidecar_ca_certificate: String::new(),
            ice_servers_configs: String::new(),
            turn_static_auth_secret: Secret::default(),
            turn_credentials_expiration_minutes: 1_440,
            data_dir: String::new(),
            log_level: LogLevel::default(),
        }
    }
}

impl Settings {
    /// Reads and checks a JSON object. Missing, null and empty values get their defaults; unknown keys are
    /// ignored; keys match without regard to case; booleans and numbers may come as strings.
    pub fn parse(json: &str) -> Result<Self, SettingError> {
        let settings = loose::read(json)?;
        settings.validate().map_err(|report| {
            let (path, error) = match report.iter().next() {
                Some((path, error)) => (path.to_string(), error.to_string()),
                None => (String::new(), "invalid".to_owned()),
            };
            SettingError {
                key: loose::pascal_case(&path),
                reason: error,
            }
        })?;
        Ok(settings)
    }

    /// As [`Self::parse`] for settings that are about to be stored: what needs each other must be there.
    pub fn check(json: &str) -> Result<Self, SettingError> {
        let settings = Self::parse(json)?;
        let missing = |key: &str| {
            Err(SettingError {
                key: key.to_owned(),
                reason: "must be set when the media server is a remote one".to_owned(),
            })
        };
        if settings.sidecar_mode == SidecarMode::Remote {
            if settings.sidecar_address.trim().is_empty() {
                return missing("SidecarAddress");
            }
            if settings.sidecar_token.reveal().trim().is_empty() {
                return missing("SidecarToken");
            }
        }
        Ok(settings)
    }

    /// As [`Self::parse`] for settings in use: a value that is refused falls back to its default, so that
    /// one bad value (checked when it was stored) never switches calls off. Returns what was refused.
    pub fn parse_or_default(json: &str) -> (Self, Vec<SettingError>) {
        let mut refused = Vec::new();
        let mut object = loose::object(json).unwrap_or_else(|error| {
            refused.push(error);
            serde_json::Map::new()
        });
        // Each round removes one key, so it ends.
        loop {
            match Self::parse(&serde_json::Value::Object(object.clone()).to_string()) {
                Ok(settings) => return (settings, refused),
                Err(error) => {
                    let before = object.len();
                    object.retain(|key, _| !key.eq_ignore_ascii_case(&error.key));
                    let stuck = object.len() == before;
                    refused.push(error);
                    if stuck {
                        return (Self::default(), refused);
                    }
                }
            }
        }
    }

    /// The servers of `ice_servers_configs`.
    pub fn ice_servers(&self) -> Vec<IceServer> {
        // Checked when these settings were read.
        ice::parse(&self.ice_servers_configs).unwrap_or_default()
    }

    /// The entries of `ice_host_override`.
    pub fn ice_hosts(&self) -> Vec<IceHost> {
        // As above.
        ice_host::parse(&self.ice_host_override).unwrap_or_default()
    }

    /// All settings as a JSON object, keys as in the schema.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }
}
