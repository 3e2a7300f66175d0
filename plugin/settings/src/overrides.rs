//! Settings from a process' environment: `PARLEY_` and the setting's name in capitals, for every setting.

use serde_json::{Map, Value};

use crate::{SettingError, Settings, loose};

/// Before the name of each.
const PREFIX: &str = "PARLEY_";

/// `MaxCallParticipants` -> `PARLEY_MAX_CALL_PARTICIPANTS`.
pub fn variable_of(key: &str) -> String {
    let mut name = PREFIX.to_owned();
    let mut before: Option<char> = None;
    for letter in key.chars() {
        if letter.is_ascii_uppercase() && before.is_some_and(|c| !c.is_ascii_uppercase()) {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
        before = Some(letter);
    }
    name
}

/// All variables, with their settings' keys.
pub fn variables() -> Vec<(String, String)> {
    let defaults = serde_json::to_value(Settings::default()).unwrap_or_default();
    let keys = defaults.as_object().into_iter().flat_map(Map::keys);
    keys.map(|key| (variable_of(key), key.clone())).collect()
}

/// What the environment says, over whatever is stored.
#[derive(Clone, Default)]
pub struct Overrides(Map<String, Value>);

impl Overrides {
    /// Reads and checks each variable by itself. Those refused are returned by their names, and what is
    /// stored holds in their place. An empty one is none.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> (Self, Vec<SettingError>) {
        let mut values = Map::new();
        let mut refused = Vec::new();
        for (name, key) in variables() {
            let Some(text) = variable(&name).filter(|text| !text.trim().is_empty()) else {
                continue;
            };
            let value = Map::from_iter([(key.clone(), Value::String(text))]);
            match Settings::parse(&Value::Object(value.clone()).to_string()) {
                Ok(_) => values.extend(value),
                Err(error) => refused.push(SettingError { key: name, ..error }),
            }
        }
        (Self(values), refused)
    }

    /// Puts a value of this process' arguments over the environment's; the key and the value must be good.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.to_owned(), value.into());
    }

    /// The variables in force; their values may be secrets.
    pub fn names(&self) -> Vec<String> {
        self.0.keys().map(|key| variable_of(key)).collect()
    }

    /// `stored_json` with the environment's values in the place of its own.
    pub fn over(&self, stored_json: &str) -> String {
        if self.0.is_empty() {
            return stored_json.to_owned();
        }
        let mut object = loose::object(stored_json).unwrap_or_default();
        object.retain(|key, _| !self.0.keys().any(|own| own.eq_ignore_ascii_case(key)));
        object.extend(self.0.clone());
        Value::Object(object).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> (Overrides, Vec<SettingError>) {
        Overrides::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn names_follow_one_rule() {
        for (key, name) in [
            ("MediaPort", "PARLEY_MEDIA_PORT"),
            ("EnableAV1", "PARLEY_ENABLE_AV1"),
            ("SidecarCaCertificate", "PARLEY_SIDECAR_CA_CERTIFICATE"),
            (
                "TurnCredentialsExpirationMinutes",
                "PARLEY_TURN_CREDENTIALS_EXPIRATION_MINUTES",
            ),
        ] {
            assert_eq!(variable_of(key), name);
            assert!(variables().contains(&(name.to_owned(), key.to_owned())));
        }
    }

    #[test]
    fn the_environment_wins_over_what_is_stored() {
        let (overrides, refused) = read(&[
            ("PARLEY_MEDIA_PORT", "9000"),
            ("PARLEY_ENABLE_VIDEO", "false"),
            ("PARLEY_MAX_CALL_PARTICIPANTS", ""),
        ]);
        assert_eq!(refused, []);
        assert_eq!(
            overrides.names(),
            ["PARLEY_ENABLE_VIDEO", "PARLEY_MEDIA_PORT"]
        );
        for stored in [
            r#"{"mediaport":8000,"enablevideo":true,"maxcallparticipants":7}"#,
            r#"{"MediaPort":8000,"mediaport":8001,"MaxCallParticipants":7}"#,
        ] {
            let settings = Settings::parse(&overrides.over(stored)).unwrap();
            assert_eq!((settings.media_port, settings.enable_video), (9000, false));
            assert_eq!(settings.max_call_participants, 7);
        }
        // Nothing stored, or nothing that can be read.
        for stored in ["", "null", "nonsense"] {
            let settings = Settings::parse(&overrides.over(stored)).unwrap();
            assert_eq!(settings.media_port, 9000);
        }
    }

    #[test]
    fn a_bad_variable_is_named_and_what_is_stored_holds() {
        let (overrides, refused) = read(&[
            ("PARLEY_MEDIA_PORT", "http"),
            ("PARLEY_SIDECAR_TOKEN", "hush hush"),
            ("PARLEY_ENABLE_VIDEO", "false"),
        ]);
        let names: Vec<_> = refused.iter().map(|error| &*error.key).collect();
        assert_eq!(names, ["PARLEY_MEDIA_PORT", "PARLEY_SIDECAR_TOKEN"]);
        assert!(refused.iter().all(|error| !error.reason.contains("hush")));
        let settings = Settings::parse(&overrides.over(r#"{"mediaport":8000}"#)).unwrap();
        assert_eq!((settings.media_port, settings.enable_video), (8000, false));
    }
}
