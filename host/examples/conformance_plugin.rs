//! A plugin of a Mattermost server that shows what its adapter passes on. `/call {json}`, with the ids of what
//! there is, runs the suite of all platform adapters and answers what is wrong; `/call publish URL` brings the
//! recordings of the sidecar there into the server from then on; requests and clients' messages are sent back as
//! they came.
#![allow(missing_docs, reason = "no library")]

#[path = "../tests/conformance/suite.rs"]
mod suite;

#[path = "../tests/recordings/poster.rs"]
mod poster;

use std::io::Write as _;
use std::sync::Arc;

use parley_goplugin::Listener;
use parley_host::hooks::{
    ClientMessage, CommandArgs, CommandResponse, HookFuture, Hooks, HttpRequest, HttpResponse,
    PlatformEvent, SettingError,
};
use parley_host::installed::Installed;
use parley_host::media::recordings::Publisher;
use parley_host::media::{Connection, FixedLink};
use parley_host::platform::mattermost::{
    Activation, ActivationFuture, HANDSHAKE, Mattermost, MattermostPlugin, ServerFacts,
};
use parley_host::platform::{Broadcast, Platform as _};
use serde_json::json;
use tokio_util::sync::CancellationToken;

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
        json!({})
    }
    fn hooks(&self) -> ActivationFuture<'_, Arc<dyn Hooks>> {
        let suite: Arc<dyn Hooks> = Arc::new(Self(Arc::clone(&self.0)));
        Box::pin(async { suite })
    }
}

impl Suite {
    fn publish(&self, sidecar: String) -> CommandResponse {
        let text = match tonic::transport::Endpoint::from_shared(sidecar) {
            Ok(endpoint) => {
                let connection = Connection::new(endpoint.connect_lazy(), "start-1");
                let publisher = Publisher {
                    host_id: format!("process {}", std::process::id()),
                    link: Arc::new(FixedLink::new(Some(connection))),
                    files: Arc::clone(&self.0) as _,
                    handler: Arc::new(poster::ThreadPoster(Arc::clone(&self.0))),
                    counters: Arc::default(),
                };
                tokio::spawn(publisher.run(CancellationToken::new()));
                "publishes".to_owned()
            }
            Err(error) => error.to_string(),
        };
        CommandResponse {
            text,
            ..CommandResponse::default()
        }
    }
}

impl Hooks for Suite {
    fn command(&self, args: CommandArgs) -> HookFuture<'_, CommandResponse> {
        Box::pin(async move {
            let world = args.command.trim_start_matches("/call");
            if let Some(sidecar) = world.trim().strip_prefix("publish ") {
                return self.publish(sidecar.to_owned());
            }
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
    fn client_message(&self, message: ClientMessage) -> HookFuture<'_, ()> {
        Box::pin(async move {
            let data = json!({
                "action": message.action,
                "user": message.user_id,
                "phone": message.is_mobile,
                "data": format!("{:?}", message.data),
            });
            let to = Broadcast {
                connection_id: message.connection_id,
                ..Broadcast::default()
            };
            let sent = self.0.publish_event("echo", &data.to_string(), to).await;
            if let Err(error) = sent {
                eprintln!("{error}");
            }
        })
    }
    fn http(&self, request: HttpRequest) -> HookFuture<'_, HttpResponse> {
        let mut headers = vec![
            (
                "x-seen".to_owned(),
                format!("{} {}?{}", request.method, request.path, request.query),
            ),
            ("x-user".to_owned(), request.user_id),
        ];
        let asked = |(name, _): &(String, String)| name.to_lowercase().starts_with("x-back");
        headers.extend(request.headers.into_iter().filter(asked));
        Box::pin(async {
            HttpResponse {
                status: 203,
                headers,
                body: request.body,
            }
        })
    }
    fn platform_event(&self, _: PlatformEvent) -> HookFuture<'_, ()> {
        Box::pin(async {})
    }
    fn check_settings<'a>(&'a self, _: &'a str) -> HookFuture<'a, Result<(), SettingError>> {
        Box::pin(async { Ok(()) })
    }
}
