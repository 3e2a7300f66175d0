//! The settings as Mattermost's System Console wants them described (`settings_schema` of manifest.json).

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::Settings;

/// Order on the page. Checked against the type: a forgotten or unknown key is an error.
const ORDER: [&str; 11] = [
    "DefaultEnabled",
    "GroupCallsAllowed",
    "MaxCallParticipants",
    "AllowScreenSharing",
    "EnableVideo",
    "AloneTimeoutMinutes",
    "DisconnectTimeoutSeconds",
    "MediaPort",
    "IceServersConfigs",
    "TurnStaticAuthSecret",
    "TurnCredentialsExpirationMinutes",
];

/// `settings_schema` with header, footer and settings; titles, help texts, types and defaults come from
/// [`Settings`].
pub fn settings_schema() -> Result<Value> {
    let schema = serde_json::to_value(schemars::schema_for!(Settings))?;
    let properties = schema["properties"].as_object().context("no properties")?;
    let defaults = serde_json::to_value(Settings::default())?;
    anyhow::ensure!(properties.len() == ORDER.len(), "ORDER and Settings differ");
    let settings = ORDER
        .iter()
        .map(|key| {
            let property = properties
                .get(*key)
                .with_context(|| format!("no setting {key}"))?;
            let kind = match property["type"].as_str() {
                Some("boolean") => "bool",
                Some("integer") => "number",
                Some("string") => "text",
                other => anyhow::bail!("{key}: no setting type for {other:?}"),
            };
            let title = property["title"]
                .as_str()
                .with_context(|| format!("{key}: no title"))?;
            let help = property["description"]
                .as_str()
                .with_context(|| format!("{key}: no text"))?;
            let mut setting = json!({
                "key": key,
                "display_name": title,
                "type": kind,
                "help_text": help.split_whitespace().collect::<Vec<_>>().join(" "),
                "default": defaults[*key],
            });
            if property["secret"] == true {
                setting["secret"] = json!(true);
            }
            Ok(setting)
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(json!({
        "header": "Parley carries voice, video and screen sharing.",
        "footer": "",
        "settings": settings,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_described() {
        let schema = settings_schema().unwrap();
        let settings = schema["settings"].as_array().unwrap();
        assert_eq!(settings.len(), ORDER.len());
        for setting in settings {
            for field in ["key", "display_name", "type", "help_text"] {
                assert!(!setting[field].as_str().unwrap().is_empty(), "{setting}");
            }
            assert!(!setting["default"].is_null(), "{setting}");
        }
        assert_eq!(settings[7]["default"], 8443);
        assert_eq!(settings[7]["type"], "number");
        let secret: Vec<_> = settings.iter().filter(|s| s["secret"] == true).collect();
        assert_eq!(secret.len(), 1);
        assert_eq!(secret[0]["key"], "TurnStaticAuthSecret");
    }
}
