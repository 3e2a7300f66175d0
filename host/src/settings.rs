//! The admin's settings on their way from the platform to the guest.

use parley_settings::{Secret, SettingError, Settings};
use serde_json::Value;

use crate::sidecar::check_authorities;

/// What only the host needs, and the guest does not get.
const HOSTS_SECRET: &str = "SidecarToken";

/// The stored settings, checked; what is refused falls back to its default and is logged.
#[must_use]
pub fn effective(stored_json: &str) -> Settings {
    let (settings, refused) = Settings::parse_or_default(stored_json);
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
        key: "SidecarCaCertificate".to_owned(),
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
    fn authorities_that_are_none_are_refused_by_name() {
        let stored = serde_json::json!({
            "SidecarCaCertificate":
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
        });
        let error = check(&stored.to_string()).unwrap_err();
        assert_eq!(error.key, "SidecarCaCertificate");
    }
}
