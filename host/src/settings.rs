//! The admin's settings on their way from the platform to the guest.

use std::path::Path;

use parley_settings::{Overrides, Secret, SettingError, Settings, SidecarMode};
use serde_json::Value;

use crate::folder::made;
use crate::sidecar::check_authorities;

/// What only the host needs, and the guest does not get.
const HOSTS_SECRET: &str = "SidecarToken";

/// Who vouches for the remote media server.
const AUTHORITY: &str = "SidecarCaCertificate";

/// What this process' environment says over the stored settings, and what in it is refused.
pub(crate) fn from_environment() -> (Overrides, Vec<SettingError>) {
    Overrides::read(|name| {
        let value = std::env::var_os(name)?;
        Some(value.to_string_lossy().into_owned())
    })
}

/// What the plugin checks of settings that are about to be stored: with the environment's, which need not be
/// stored. What those hide is checked here: it will be in force some day.
pub(crate) fn to_check(
    overrides: &Overrides,
    stored_json: &str,
) -> Result<String, crate::hooks::SettingError> {
    let checked = match overrides.names().is_empty() {
        true => Ok(()),
        false => Settings::parse(stored_json).map(|_| ()),
    };
    checked.map_err(|error| crate::hooks::SettingError {
        key: error.key,
        reason: error.reason,
    })?;
    Ok(overrides.over(stored_json))
}

/// Says which variables are in force; never their values.
pub(crate) fn tell_of_environment(overrides: &Overrides, refused: &[SettingError]) {
    for error in refused {
        tracing::error!(
            variable = error.key,
            reason = error.reason,
            "a variable is refused; the stored setting holds"
        );
    }
    let names = overrides.names();
    if !names.is_empty() {
        tracing::info!(variables = names.join(" "), "settings from the environment");
    }
}

/// The stored settings, checked; what is refused falls back to its default and is logged.
#[must_use]
pub fn effective(stored_json: &str) -> Settings {
    let (mut settings, refused) = Settings::parse_or_default(stored_json);
    // The default is to trust more than was meant: then better no connection, and no token sent.
    if refused.iter().any(|error| error.key == AUTHORITY) {
        settings.sidecar_address.clear();
    }
    for error in refused {
        tracing::warn!(
            key = error.key,
            reason = error.reason,
            "a stored setting is refused"
        );
    }
    settings
}

/// The stored JSON with defaults applied, as the guest reads it.
#[must_use]
pub fn with_defaults(stored_json: &str) -> String {
    let settings = Settings {
        sidecar_token: Secret::default(),
        ..effective(stored_json)
    };
    settings.to_json()
}

/// Checks settings that are about to be stored; returns what the guest may see of them.
pub fn check(json: &str) -> Result<String, SettingError> {
    let settings = Settings::check(json)?;
    check_authorities(&settings.sidecar_ca_certificate).map_err(|reason| SettingError {
        key: AUTHORITY.to_owned(),
        reason,
    })?;
    Ok(match serde_json::from_str(json) {
        Ok(Value::Object(mut object)) => {
            object.retain(|key, _| !key.eq_ignore_ascii_case(HOSTS_SECRET));
            Value::Object(object).to_string()
        }
        _ => json.to_owned(),
    })
}

/// The data folder can be used, if settings that [`check`] took name one. At the next start it would be too
/// late to say so: without it the plugin does not start.
pub(crate) fn check_data_dir(json: &str) -> Result<(), SettingError> {
    let settings = Settings::check(json)?;
    let folder = settings.data_dir.trim();
    if folder.is_empty() || settings.sidecar_mode != SidecarMode::Embedded {
        return Ok(());
    }
    made(Path::new(folder))
        .map(drop)
        .map_err(|reason| SettingError {
            key: "DataDir".to_owned(),
            reason,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guest_never_sees_the_media_servers_token() {
        let token = "0123456789abcdef0123456789abcdef";
        let stored = format!(
            r#"{{"sidecartoken":"{token}","SidecarMode":"remote","sidecaraddress":"https://a:1","mediaport":9}}"#
        );
        for given in [with_defaults(&stored), check(&stored).unwrap()] {
            assert!(!given.contains(token), "{given}");
            assert!(given.contains('9'), "{given}");
        }
    }

    #[test]
    fn without_the_authority_that_was_meant_there_is_no_remote_media_server() {
        let stored = r#"{"SidecarMode":"remote","SidecarAddress":"https://a:1","MediaPort":9,
            "SidecarCaCertificate":"-----BEGIN CERTIFICATE-----"}"#;
        let settings = effective(stored);
        assert_eq!(settings.media_port, 9);
        assert_eq!(settings.sidecar_ca_certificate, "");
        assert_eq!(settings.sidecar_address, "");
    }

    #[test]
    fn a_data_folder_is_made_or_refused_if_there_is_a_media_server_to_use_it() {
        let folder = tempfile::tempdir().unwrap();
        let good = folder.path().join("parley");
        let check = |folder: &str, more: Value| {
            let mut settings = serde_json::json!({ "datadir": folder });
            if let (Value::Object(settings), Value::Object(more)) = (&mut settings, more) {
                settings.extend(more);
            }
            check_data_dir(&settings.to_string()).map_err(|error| error.key)
        };
        assert_eq!(check("", serde_json::json!({})), Ok(()));
        assert_eq!(check(good.to_str().unwrap(), serde_json::json!({})), Ok(()));
        assert!(good.is_dir());
        let nowhere = "/proc/nowhere";
        assert_eq!(
            check(nowhere, serde_json::json!({})),
            Err("DataDir".to_owned())
        );
        let remote = serde_json::json!({
            "SidecarMode": "remote",
            "SidecarAddress": "https://a:1",
            "SidecarToken": "0123456789abcdef0123456789abcdef",
        });
        assert_eq!(check(nowhere, remote), Ok(()));
    }

    #[test]
    fn authorities_that_are_none_are_refused_by_name() {
        let stored = serde_json::json!({
            "SidecarCaCertificate":
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
        });
        let error = check(&stored.to_string()).unwrap_err();
        assert_eq!(error.key, "SidecarCaCertificate");
    }
}
