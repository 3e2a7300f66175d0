//! The server's API, as the plugin calls it: one function for each shape of answer.

use std::sync::Arc;

use parley_goplugin::gob::{Decode, Encode};
use parley_goplugin::rpc::{Client, Empty};
use serde::Deserialize as _;
use serde_json::Value;

use super::fault::{Fault, failed_call};
use super::positional::Positional;
use super::wire::Config;
use crate::platform::PlatformError;

/// Cheap to clone; all clones are one connection.
#[derive(Clone)]
pub(crate) struct Api(Arc<Client>);

impl Api {
    pub(crate) fn new(client: Client) -> Self {
        Self(Arc::new(client))
    }

    /// A method whose only result is a value.
    pub(crate) async fn get<R: Decode + Default>(
        &self,
        method: &str,
        args: impl Encode,
    ) -> Result<R, PlatformError> {
        let answer: Positional<(R,)> = self.call(method, args).await?;
        Ok(answer.0.0)
    }

    /// A method with a value and an error.
    pub(crate) async fn ask<R: Decode + Default>(
        &self,
        method: &str,
        args: impl Encode,
    ) -> Result<R, PlatformError> {
        let answer: Positional<(R, Fault)> = self.call(method, args).await?;
        let (value, fault) = answer.0;
        fault.check()?;
        Ok(value)
    }

    /// As [`Api::ask`], of one thing: the server's nil without an error is "not found".
    pub(crate) async fn find<R: Decode>(
        &self,
        method: &str,
        args: impl Encode,
    ) -> Result<R, PlatformError> {
        let found: Option<R> = self.ask(method, args).await?;
        found.ok_or(PlatformError::NotFound)
    }

    /// A method whose only result is an error.
    pub(crate) async fn tell(&self, method: &str, args: impl Encode) -> Result<(), PlatformError> {
        self.get::<Fault>(method, args).await?.check()
    }

    /// A method without results.
    pub(crate) async fn say(&self, method: &str, args: impl Encode) -> Result<(), PlatformError> {
        let _: Empty = self.call(method, args).await?;
        Ok(())
    }

    async fn call<R: Decode>(&self, method: &str, args: impl Encode) -> Result<R, PlatformError> {
        let method = format!("Plugin.{method}");
        let outcome = self.0.call(&method, &args).await;
        outcome.map_err(|error| {
            tracing::warn!(method, %error, "a call of the platform failed");
            failed_call(&error)
        })
    }

    /// The server's configuration, secrets left out by it.
    pub(crate) async fn config(&self) -> Result<Config, PlatformError> {
        self.get("GetConfig", Empty {}).await
    }

    /// The admin's settings of this plugin, a JSON object.
    pub(crate) async fn settings_json(&self) -> Result<String, PlatformError> {
        let bytes: Vec<u8> = self.get("LoadPluginConfiguration", Empty {}).await?;
        let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        // A plugin that was never configured has null.
        Ok(Option::<serde_json::Map<String, Value>>::deserialize(value)
            .ok()
            .flatten()
            .map_or_else(
                || "{}".to_owned(),
                |object| Value::Object(object).to_string(),
            ))
    }
}
