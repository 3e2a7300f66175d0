//! The administrator's settings: stored whole, checked by the plugin, kept at hand.

use std::sync::PoisonError;

use serde_json::{Map, Value, json};

use super::Local;
use super::error::{ApiError, ApiResult};
use super::model::object;
use super::store::kv;
use crate::hooks::SettingError;

/// Where the plugin's settings stand in the table of settings.
const PLUGIN: &str = "plugin";
/// Everything else of `PUT /config`.
const REST: &str = "config";

impl Local {
    /// Reads the settings once, at start.
    pub(super) fn load_settings(&self) -> ApiResult<()> {
        let stored = self.db.run_blocking(|tx| kv::setting(tx, PLUGIN))?;
        self.keep(stored.unwrap_or_else(|| "{}".to_owned()));
        Ok(())
    }

    fn keep(&self, text: String) {
        *self
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner) = text;
    }

    /// Stores the plugin's settings (a JSON object) after the plugin checked them.
    pub async fn set_settings(&self, settings: &Value) -> Result<(), SettingError> {
        let text = settings.to_string();
        if !settings.is_object() {
            return Err(SettingError {
                key: String::new(),
                reason: "not an object".into(),
            });
        }
        if let Some(hooks) = self.hooks() {
            let checked = crate::settings::to_check(&self.overrides, &text)?;
            hooks.check_settings(&checked).await?;
        }
        let stored = text.clone();
        self.db
            .run(move |tx| {
                kv::set_setting(tx, PLUGIN, &stored)?;
                tx.event("config_changed", json!({}), super::event::Target::default());
                Ok(())
            })
            .await
            .map_err(|error| SettingError {
                key: String::new(),
                reason: error.message,
            })?;
        self.keep(text);
        Ok(())
    }

    /// `GET /config`.
    pub(super) async fn whole_config(&self) -> ApiResult<Value> {
        let rest = self.db.run(|tx| kv::setting(tx, REST)).await?;
        let mut config = object(&rest.unwrap_or_default());
        let own = object(&self.settings.read().unwrap_or_else(PoisonError::into_inner));
        let site = json!({"SiteURL": self.site.url});
        let plugins = json!({
            "Enable": true,
            "PluginStates": {self.plugin_id.as_str(): {"Enable": true}},
            "Plugins": {self.plugin_id.as_str(): own},
        });
        for (name, value) in [("ServiceSettings", site), ("PluginSettings", plugins)] {
            merge(&mut config[name], value);
        }
        Ok(config)
    }

    /// `PUT /config`: unknown parts survive.
    pub(super) async fn put_config(&self, config: Value) -> ApiResult<()> {
        let own = &config["PluginSettings"]["Plugins"][self.plugin_id.as_str()];
        if own.is_object() {
            self.set_settings(own).await.map_err(|error| {
                ApiError::bad(
                    "api.config.update_config.plugin.app_error",
                    format!("{}: {}", error.key, error.reason),
                )
            })?;
        }
        let text = config.to_string();
        self.db
            .run(move |tx| kv::set_setting(tx, REST, &text))
            .await
    }
}

/// Puts `from` over `into`, object by object.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(
                    into.entry(key).or_insert_with(|| Value::Object(Map::new())),
                    value,
                );
            }
        }
        (into, from) => *into = from,
    }
}
