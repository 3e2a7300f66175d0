//! The settings as Mattermost's System Console wants them described (`settings_schema` of manifest.json).

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::Settings;

/// Order on the page. Checked against the type: a forgotten or unknown key is an error.
const ORDER: [&str; 22] = [
    "DefaultEnabled",
    "GroupCallsAllowed",
    "MaxCallParticipants",
    "AllowScreenSharing",
    "EnableVideo",
    "EnableAV1",
    "EnableRecordings",
    "MaxRecordingDuration",
    "RecordingQuality",
    "AloneTimeoutMinutes",
    "DisconnectTimeoutSeconds",
    "MediaPort",
    "IceHostOverride",
    "SidecarMode",
    "SidecarAddress",
    "SidecarToken",
    "SidecarCaCertificate",
    "IceServersConfigs",
    "TurnStaticAuthSecret",
    "TurnCredentialsExpirationMinutes",
    "DataDir",
    "LogLevel",
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
                Some("string") if property["options"].is_array() => "dropdown",
                Some("string") if property["lines"] == true => "longtext",
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
            if let Some(options) = property["options"].as_array() {
                let option = |pair: &Value| json!({"value": pair[0], "display_name": pair[1]});
                setting["options"] = options.iter().map(option).collect();
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
        let named = |key: &str| settings.iter().find(|s| s["key"] == key).unwrap();
        assert_eq!(named("MediaPort")["default"], 8443);
        assert_eq!(named("MediaPort")["type"], "number");
        let secret: Vec<_> = settings.iter().filter(|s| s["secret"] == true).collect();
        let secret: Vec<_> = secret.iter().map(|setting| &setting["key"]).collect();
        assert_eq!(secret, ["SidecarToken", "TurnStaticAuthSecret"]);
        let dropdowns = settings.iter().filter(|s| s["type"] == "dropdown");
        for dropdown in dropdowns {
            let options = dropdown["options"].as_array().unwrap();
            let default = |option: &Value| option["value"] == dropdown["default"];
            assert_eq!(
                options.iter().filter(|o| default(o)).count(),
                1,
                "{dropdown}"
            );
        }
        assert_eq!(named("SidecarMode")["type"], "dropdown");
    }
}
