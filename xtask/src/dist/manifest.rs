//! `plugin.json`, made from the repository's `manifest.json`.

use std::collections::BTreeSet;

use parley_flavour::Flavour;
use serde_json::{Map, Value};

use super::platform::Platform;
use crate::sh::Failure;

/// What a bundle is made by.
pub(crate) struct Manifest {
    value: Map<String, Value>,
    /// Our own version, as in `manifest.json`.
    pub(crate) version: String,
}

impl Manifest {
    /// Reads the text of `manifest.json`.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let value: Value =
            serde_json::from_str(text).map_err(|e| Failure::new(format!("manifest.json: {e}")))?;
        let Value::Object(value) = value else {
            return Err(Failure::new("manifest.json: no object"));
        };
        let id = text_of(&value, "id")?;
        if id != Flavour::Own.id() {
            return Err(Failure::new(format!(
                "manifest.json: id is {id}, but host and guest know {}",
                Flavour::Own.id()
            )));
        }
        Ok(Self {
            version: text_of(&value, "version")?.to_owned(),
            value,
        })
    }

    /// Where the server looks for the host's executable, within the bundle.
    pub(crate) fn executable(&self, platform: Platform) -> Result<&str, Failure> {
        self.value["server"]["executables"][platform.name()]
            .as_str()
            .ok_or_else(|| {
                Failure::new(format!(
                    "manifest.json: server.executables has no {}",
                    platform.name()
                ))
            })
    }

    /// Where the server looks for the web app's script, within the bundle.
    pub(crate) fn bundle_path(&self) -> Result<&str, Failure> {
        self.value["webapp"]["bundle_path"]
            .as_str()
            .ok_or_else(|| Failure::new("manifest.json: no webapp.bundle_path"))
    }

    /// The text of `plugin.json`. It names the executables that are in the bundle and no others, so that
    /// a server on another kind of machine says what is wrong.
    pub(crate) fn plugin_json(
        &self,
        flavour: Flavour,
        platform: Platform,
    ) -> Result<String, Failure> {
        let mut made = self.value.clone();
        let version = flavour.manifest_version(&self.version).ok_or_else(|| {
            Failure::new(format!(
                "manifest.json: version {} cannot be a plugin's: three numbers, the last two below 1000",
                self.version
            ))
        })?;
        made.insert("id".into(), flavour.id().into());
        made.insert("version".into(), version.into());
        made["server"]["executables"] = Map::from_iter([(
            platform.name().to_owned(),
            self.executable(platform)?.into(),
        )])
        .into();
        let schema = &made["settings_schema"];
        check_settings(&schema["settings"])?;
        for section in schema["sections"].as_array().into_iter().flatten() {
            check_settings(&section["settings"])?;
        }
        let text = serde_json::to_string_pretty(&made)
            .map_err(|e| Failure::new(format!("plugin.json: {e}")))?;
        Ok(text + "\n")
    }
}

fn text_of<'a>(object: &'a Map<String, Value>, key: &str) -> Result<&'a str, Failure> {
    object
        .get(key)
        .and_then(Value::as_str)
        .ok_or_else(|| Failure::new(format!("manifest.json: no {key}")))
}

/// What a server refuses a whole bundle for.
fn check_settings(settings: &Value) -> Result<(), Failure> {
    const TYPES: [&str; 9] = [
        "bool",
        "text",
        "longtext",
        "number",
        "dropdown",
        "radio",
        "generated",
        "username",
        "custom",
    ];
    let mut keys = BTreeSet::new();
    for setting in settings.as_array().into_iter().flatten() {
        let key = setting["key"].as_str().unwrap_or_default();
        let wrong = |what: &str| {
            Err(Failure::new(format!(
                "manifest.json: setting {key:?}: {what}"
            )))
        };
        let kind = setting["type"].as_str().unwrap_or_default();
        let chosen = matches!(kind, "dropdown" | "radio");
        if key.is_empty() || !keys.insert(key.to_lowercase()) {
            return wrong("no key, or one that is taken");
        }
        if !TYPES.contains(&kind) {
            return wrong(&format!("no type {kind:?}"));
        }
        if !setting["placeholder"].is_null() && (chosen || kind == "bool") {
            return wrong("this type has no placeholder");
        }
        if setting["options"].is_null() == chosen {
            return wrong("options belong to dropdown and radio");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = include_str!("../../../manifest.json");

    fn made(flavour: Flavour, platform: Platform) -> Value {
        let manifest = Manifest::parse(OURS).unwrap();
        serde_json::from_str(&manifest.plugin_json(flavour, platform).unwrap()).unwrap()
    }

    #[test]
    fn our_own_flavour_is_the_manifest_with_one_executable() {
        let mut expected: Value = serde_json::from_str(OURS).unwrap();
        let path = expected["server"]["executables"]["linux-amd64"].take();
        expected["server"]["executables"] = serde_json::json!({ "linux-amd64": path });
        assert_eq!(made(Flavour::Own, Platform::Amd64), expected);
        assert_eq!(expected["id"], "app.parley.calls");
        assert_eq!(expected["min_server_version"], "10.11.0");
        assert!(path.is_string());
    }

    #[test]
    fn the_drop_in_differs_by_id_and_version_alone() {
        let mut drop_in = made(Flavour::DropIn, Platform::Arm64);
        assert_eq!(drop_in["id"], "com.mattermost.calls");
        assert!(drop_in["version"].as_str().unwrap().starts_with("99."));
        let own = made(Flavour::Own, Platform::Arm64);
        for key in ["id", "version"] {
            drop_in[key] = own[key].clone();
        }
        assert_eq!(drop_in, own);
    }

    #[test]
    fn the_version_is_that_of_the_executables() {
        assert_eq!(
            Manifest::parse(OURS).unwrap().version,
            env!("CARGO_PKG_VERSION")
        );
    }

    #[test]
    fn another_id_is_refused() {
        let other = OURS.replace("app.parley.calls", "app.parley.other");
        let error = Manifest::parse(&other).err().unwrap().message;
        assert!(error.contains("app.parley.other"), "{error}");
    }

    #[test]
    fn settings_that_a_server_refuses_are_found_here() {
        for (settings, named) in [
            (r#"[{"key": "A", "type": "boolean"}]"#, "boolean"),
            (
                r#"[{"key": "A", "type": "bool"}, {"key": "a", "type": "bool"}]"#,
                "taken",
            ),
            (
                r#"[{"key": "A", "type": "bool", "placeholder": "x"}]"#,
                "placeholder",
            ),
            (r#"[{"key": "A", "type": "radio"}]"#, "options"),
            (r#"[{"type": "bool"}]"#, "key"),
        ] {
            let error = check_settings(&serde_json::from_str(settings).unwrap()).unwrap_err();
            assert!(error.message.contains(named), "{}", error.message);
        }
        let fine = r#"[{"key": "A", "type": "dropdown", "options": []}, {"key": "B", "type": "text", "placeholder": "x"}]"#;
        assert!(check_settings(&serde_json::from_str(fine).unwrap()).is_ok());
    }
}
