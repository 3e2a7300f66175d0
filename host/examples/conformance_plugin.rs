//! The suite of all platform adapters as a plugin of a Mattermost server: `/call {json}`, with the ids of
//! what there is, runs it and answers what is wrong.
#![allow(missing_docs, reason = "no library")]

#[path = "../tests/conformance/suite.rs"]
mod suite;

use std::io::Write as _;
use std::sync::Arc;

use parley_goplugin::Listener;
use parley_host::hooks::{
    ClientMessage, CommandArgs, CommandResponse, HookFuture, Hooks, HttpRequest, HttpResponse,
    PlatformEvent, SettingError,
};
use parley_host::installed::Installed;
use parley_host::platform::mattermost::{
    Activation, ActivationFuture, HANDSHAKE, Mattermost, MattermostPlugin, ServerFacts,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = Listener::bind(&HANDSHAKE)?;
    std::io::stdout().write_all(listener.line().as_bytes())?;
    std::io::stdout().flush()?;
    let platform = Arc::new(Mattermost::new(Installed::of_this_process()?.flavour));
    let suite = Arc::new(Suite(Arc::clone(&platform)));
    parley_goplugin::serve(&listener, MattermostPlugin::new(platform, suite)).await?;
    Ok(())
}

struct Suite(Arc<Mattermost>);

impl Activation for Suite {
    fn activate<'a>(&'a self, _: &'a ServerFacts) -> ActivationFuture<'a, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }
    fn settings_changed(&self) -> ActivationFuture<'_, ()> {
        Box::pin(async {})
    }
    fn deactivate(&self) -> ActivationFuture<'_, ()> {
        Box::pin(async {})
    }
    fn support_data(&self) -> serde_json::Value {
        serde_json::json!({})
    }
    fn hooks(&self) -> ActivationFuture<'_, Arc<dyn Hooks>> {
        let suite: Arc<dyn Hooks> = Arc::new(Self(Arc::clone(&self.0)));
        Box::pin(async { suite })
    }
}

impl Hooks for Suite {
    fn command(&self, args: CommandArgs) -> HookFuture<'_, CommandResponse> {
        Box::pin(async move {
            let world = args.command.trim_start_matches("/call");
            let text = match serde_json::from_str(world) {
                Ok(world) => {
                    let failures = suite::failures(&*self.0, &world).await;
                    if failures.is_empty() {
                        "conforms".to_owned()
                    } else {
                        failures.join("\n")
                    }
                }
                Err(error) => error.to_string(),
            };
            CommandResponse {
                text,
                ..CommandResponse::default()
            }
        })
    }
    fn client_message(&self, _: ClientMessage) -> HookFuture<'_, ()> {
        Box::pin(async {})
    }
    fn http(&self, _: HttpRequest) -> HookFuture<'_, HttpResponse> {
        Box::pin(async { HttpResponse::default() })
    }
    fn platform_event(&self, _: PlatformEvent) -> HookFuture<'_, ()> {
        Box::pin(async {})
    }
    fn check_settings<'a>(&'a self, _: &'a str) -> HookFuture<'a, Result<(), SettingError>> {
        Box::pin(async { Ok(()) })
    }
}
