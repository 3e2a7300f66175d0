//! Mattermost: the server starts this executable as a plugin and talks to it over go-plugin's net/rpc.
//!
//! [`serve`] answers the server's hooks until it goes away; [`Mattermost`] is the [`Platform`](super::Platform)
//! over the server's API, from the activation on. What belongs to an activation beside the platform itself
//! (sidecar, events) is the [`Activation`] of whoever composes the process.
//!
//! A reply of the wrong shape makes the server's client end while its health checks still succeed: what we
//! answer is built from the structs in [`wire`], or is empty.

mod adapter;
mod api;
mod command;
mod fault;
mod files;
mod hooks;
mod http;
mod json;
mod lanes;
mod limits;
pub mod log;
mod logins;
mod places;
mod positional;
mod push;
mod state;
#[cfg(test)]
mod tests;
mod wire;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use parley_goplugin::{Broker, Handshake, rpc};

use self::hooks::HookService;
pub use self::state::{Mattermost, ServerFacts};

/// How Mattermost starts its plugins.
pub const HANDSHAKE: Handshake = Handshake {
    cookie_key: "MATTERMOST_PLUGIN",
    cookie_value: "Securely message teams, anywhere.",
    protocol_version: 1,
};

/// The name of the only service that Mattermost asks for.
const HOOKS: &str = "hooks";

/// What an activation does, boxed.
pub type ActivationFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What starts and ends with the plugin's activation, beside the platform.
pub trait Activation: Send + Sync + 'static {
    /// The server activated us and its API answers. An error is shown to the admin, and the plugin stays off.
    fn activate<'a>(&'a self, facts: &'a ServerFacts) -> ActivationFuture<'a, Result<(), String>>;
    /// The admin's settings changed; they are in the platform already.
    fn settings_changed(&self) -> ActivationFuture<'_, ()>;
    /// The server deactivates us; it waits a few seconds at most.
    fn deactivate(&self) -> ActivationFuture<'_, ()>;
    /// What helps with questions to support, a JSON object without secrets.
    fn support_data(&self) -> serde_json::Value;
    /// The plugin, once it is loaded.
    fn hooks(&self) -> ActivationFuture<'_, Arc<dyn crate::hooks::Hooks>>;
}

/// The plugin as go-plugin's host sees it.
pub struct MattermostPlugin {
    platform: Arc<Mattermost>,
    activation: Arc<dyn Activation>,
}

impl MattermostPlugin {
    /// For [`parley_goplugin::serve`].
    #[must_use]
    pub fn new(platform: Arc<Mattermost>, activation: Arc<dyn Activation>) -> Self {
        Self {
            platform,
            activation,
        }
    }
}

impl parley_goplugin::Plugin for MattermostPlugin {
    fn dispense(&self, name: &str, broker: &Broker) -> Option<Arc<dyn rpc::Service>> {
        (name == HOOKS).then(|| {
            let (platform, activation) = (Arc::clone(&self.platform), Arc::clone(&self.activation));
            Arc::new(HookService::new(platform, activation, broker.clone())) as _
        })
    }
}
