//! The admin's settings on their way from the platform to the guest.

use parley_settings::Settings;

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
    effective(stored_json).to_json()
}
