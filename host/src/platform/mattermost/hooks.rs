//! The server's hooks, served concurrently.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use parley_goplugin::gob::Any;
use parley_goplugin::rpc::{Args, Client, Reply, ReplyFuture, Service, no_method};
use parley_goplugin::{Broker, gob_struct};

use super::api::Api;
use super::fault::refusal;
use super::http::Requests;
use super::lanes::Lanes;
use super::logins::{self, Logins};
use super::places::Places;
use super::positional::Positional;
use super::wire::{
    ChannelMember, CommandArgs, CommandResponse, Config, FileData, OnActivateArgs,
    PluginClusterEvent, Post, PushNotification, ServeHttpArgs, Session, User, WebSocketRequest,
};
use super::{Activation, Mattermost, http, json, limits, push};
use crate::hooks::{self, ClientMessage, PlatformEvent, Value};
use crate::platform::Platform as _;
use crate::settings;
use crate::trace::{self, TraceId};

/// What we answer; the server calls nothing else. Each costs it a call for whatever happens.
const IMPLEMENTED: [&str; 16] = [
    "ConfigurationWillBeSaved",
    "ExecuteCommand",
    "GenerateSupportData",
    "MessageHasBeenPosted",
    "NotificationWillBePushed",
    "OnActivate",
    "OnConfigurationChange",
    "OnDeactivate",
    "OnPluginClusterEvent",
    "OnWebSocketConnect",
    "OnWebSocketDisconnect",
    "ServeHTTP",
    "UserHasBeenDeactivated",
    "UserHasJoinedChannel",
    "UserHasLeftChannel",
    "WebSocketMessageHasBeenPosted",
];

/// The server tells of an archived channel by this post alone.
const CHANNEL_ARCHIVED: &str = "system_channel_deleted";

gob_struct! {
    /// A second result alone. The first would be the server's configuration: even its type, as we know it,
    /// might not be this server's, and a reply that does not fit ends the server's client for good.
    struct Refused = "Refused" {
        b: Any = "B",
    }
}

/// Service `Plugin` of one activation.
pub(super) struct HookService {
    platform: Arc<Mattermost>,
    activation: Arc<dyn Activation>,
    broker: Broker,
    lanes: Arc<Lanes>,
    logins: Arc<Logins>,
    requests: Requests,
    places: Arc<Places>,
    /// Connections, and whether each is a phone's.
    phones: Mutex<HashMap<String, bool>>,
}

impl Service for HookService {
    fn call<'a>(&'a self, method: &'a str, args: Args) -> ReplyFuture<'a> {
        // One id for the hook and everything that comes of it.
        Box::pin(trace::scope(TraceId::random(), self.hook(method, args)))
    }
}

impl HookService {
    pub(super) fn new(
        platform: Arc<Mattermost>,
        activation: Arc<dyn Activation>,
        broker: Broker,
    ) -> Self {
        let lanes = Arc::new(Lanes::start(&activation, Arc::clone(&platform) as _));
        let logins = Arc::default();
        logins::watch(&logins, &platform, &lanes);
        let places: Arc<Places> = Arc::default();
        Self {
            lanes,
            logins,
            requests: Requests::new(broker.clone(), Arc::clone(&places)),
            places,
            platform,
            activation,
            broker,
            phones: Mutex::default(),
        }
    }

    async fn hook(&self, method: &str, args: Args) -> Result<Reply, String> {
        match method.strip_prefix("Plugin.").unwrap_or_default() {
            "Implemented" => Ok(Reply::new(IMPLEMENTED.map(str::to_owned).to_vec())),
            "OnActivate" => {
                let outcome = self.activate(args.read()?).await;
                if let Err(error) = &outcome {
                    tracing::error!(error, "not activated");
                }
                Ok(error_reply(outcome.err()))
            }
            "OnDeactivate" => {
                self.activation.deactivate().await;
                Ok(error_reply(None))
            }
            "OnConfigurationChange" => {
                // Before the activation there is nothing to reload; it loads by itself.
                if self.platform.api().is_ok() {
                    let outcome = self.platform.reload().await;
                    if let Err(error) = outcome {
                        return Ok(error_reply(Some(error.to_string())));
                    }
                    self.activation.settings_changed().await;
                }
                Ok(error_reply(None))
            }
            "ConfigurationWillBeSaved" => {
                let Positional((config,)) = args.read()?;
                Ok(match self.check(config).await {
                    None => Reply::empty(),
                    Some(reason) => Reply::new(Refused { b: refusal(reason) }),
                })
            }
            "ExecuteCommand" => {
                let Positional::<(Any, CommandArgs)>((_, args)) = args.read()?;
                Ok(Reply::new(self.command(args).await))
            }
            "ServeHTTP" => {
                let args: ServeHttpArgs = args.read()?;
                self.requests.serve(&self.activation, args).await?;
                Ok(Reply::empty())
            }
            "NotificationWillBePushed" => {
                let Positional::<(PushNotification, String)>((push, _)) = args.read()?;
                // Nothing = neither replaced nor refused.
                Ok(push::in_the_place_of_ours(&push).map_or_else(Reply::empty, Reply::new))
            }
            "GenerateSupportData" => Ok(Reply::new(Positional((self.support_data().await,)))),
            event => {
                self.event(event, method, args).await?;
                Ok(Reply::empty())
            }
        }
    }

    /// Hooks without results.
    async fn event(&self, hook: &str, method: &str, args: Args) -> Result<(), String> {
        let event = match hook {
            "WebSocketMessageHasBeenPosted" => {
                let Positional((connection_id, user_id, request)) = args.read()?;
                self.client_message(connection_id, user_id, request).await;
                return Ok(());
            }
            "OnWebSocketConnect" => {
                let Positional((connection_id, user_id)) = args.read()?;
                PlatformEvent::Connected {
                    connection_id,
                    user_id,
                }
            }
            "OnWebSocketDisconnect" => {
                let Positional::<(String, String)>((connection_id, user_id)) = args.read()?;
                self.phones().remove(&connection_id);
                self.logins
                    .handle_disconnect(&connection_id, Instant::now());
                PlatformEvent::Disconnected {
                    connection_id,
                    user_id,
                }
            }
            "UserHasJoinedChannel" => {
                let Positional::<(Any, ChannelMember)>((_, member)) = args.read()?;
                PlatformEvent::JoinedChannel {
                    channel_id: member.channel_id,
                    user_id: member.user_id,
                }
            }
            "UserHasLeftChannel" => {
                let Positional::<(Any, ChannelMember)>((_, member)) = args.read()?;
                PlatformEvent::LeftChannel {
                    channel_id: member.channel_id,
                    user_id: member.user_id,
                }
            }
            "UserHasBeenDeactivated" => {
                let Positional::<(Any, User)>((_, user)) = args.read()?;
                PlatformEvent::UserDeactivated { user_id: user.id }
            }
            "MessageHasBeenPosted" => {
                let Positional::<(Any, Post)>((_, post)) = args.read()?;
                if post.kind == CHANNEL_ARCHIVED {
                    self.archived(post.channel_id);
                }
                return Ok(());
            }
            "OnPluginClusterEvent" => {
                let Positional::<(Any, PluginClusterEvent)>((_, event)) = args.read()?;
                // Nodes share the store and the media server, and have nothing else to tell each other. During
                // an upgrade the plugin that was here before may still talk.
                tracing::debug!(id = event.id, "another node's word is ignored");
                return Ok(());
            }
            _ => return Err(no_method(method)),
        };
        let id = TraceId::current_or_random();
        self.lanes.event(id, event).await;
        Ok(())
    }

    /// The server posts that a channel is archived before it is: the event waits for that.
    fn archived(&self, channel_id: String) {
        let (platform, lanes) = (Arc::clone(&self.platform), Arc::clone(&self.lanes));
        let id = TraceId::current_or_random();
        tokio::spawn(async move {
            for _ in 0..limits::ARCHIVED_TRIES {
                let channel = platform.get_channel(&channel_id).await;
                if channel.is_ok_and(|channel| channel.delete_at != 0) {
                    let event = PlatformEvent::ChannelArchived { channel_id };
                    return lanes.event(id, event).await;
                }
                tokio::time::sleep(limits::ARCHIVED_PAUSE).await;
            }
        });
    }

    async fn activate(&self, args: OnActivateArgs) -> Result<(), String> {
        let dial = async |number| {
            let stream = self.broker.dial(number).await;
            stream.map_err(|error| format!("the server's API: {error}"))
        };
        let api = dial(args.api).await?;
        let mut driver = dial(args.driver).await?;
        // The server's database is not ours to ask: the stream stays open and silent.
        tokio::spawn(async move {
            let _ = tokio::io::copy(&mut driver, &mut tokio::io::sink()).await;
        });
        let api = Api::new(Client::start(api));
        let facts = self.platform.activate(api, self.broker.clone()).await?;
        self.activation.activate(&facts).await
    }

    /// Why these settings are refused: the key and the reason.
    async fn check(&self, config: Config) -> Option<String> {
        let id = self.platform.plugin_id();
        let settings = config
            .plugin
            .plugins
            .into_iter()
            .find(|(key, _)| *key == id);
        let settings = settings.map(|(_, settings)| settings).unwrap_or_default();
        let settings = serde_json::Value::Object(json::from_map(settings)).to_string();
        let hooks = self.activation.hooks().await;
        let checked = match self.platform.to_check(&settings) {
            Ok(json) => match hooks.check_settings(&json).await {
                Ok(()) => settings::check_data_dir(&json).map_err(|error| hooks::SettingError {
                    key: error.key,
                    reason: error.reason,
                }),
                refused => refused,
            },
            Err(error) => Err(error),
        };
        let error = checked.err()?;
        Some(match error.key.as_str() {
            "" => error.reason,
            key => format!("{key}: {}", error.reason),
        })
    }

    async fn command(&self, args: CommandArgs) -> Positional<(Option<CommandResponse>,)> {
        // Held until the answer is there.
        let Some(_place) = self.places.command(&args.user_id).await else {
            return Positional((Some(CommandResponse {
                response_type: "ephemeral".to_owned(),
                text: http::TOO_BUSY.to_owned(),
                ..CommandResponse::default()
            }),));
        };
        let hooks = self.activation.hooks().await;
        let answer = hooks
            .command(hooks::CommandArgs {
                command: args.command,
                user_id: args.user_id,
                channel_id: args.channel_id,
                team_id: args.team_id,
                root_id: args.root_id,
            })
            .await;
        Positional((Some(CommandResponse {
            response_type: "ephemeral".to_owned(),
            text: answer.text,
            goto_location: answer.goto_location,
        }),))
    }

    async fn client_message(
        &self,
        connection_id: String,
        user_id: String,
        request: WebSocketRequest,
    ) {
        let prefix = format!("custom_{}_", self.platform.plugin_id());
        let Some(action) = request.action.strip_prefix(&prefix) else {
            return;
        };
        let login = &request.session.id;
        self.logins
            .handle_action(action, login, &user_id, &connection_id);
        let is_mobile = self.is_phone(&connection_id, &request.session).await;
        let message = ClientMessage {
            action: action.to_owned(),
            connection_id,
            user_id,
            login_session_id: request.session.id,
            is_mobile,
            data: request
                .data
                .into_iter()
                .map(|(name, any)| (name, value(any)))
                .collect(),
        };
        let id = TraceId::current_or_random();
        self.lanes.message(id, message);
    }

    /// Newer servers send a login session's id alone; the rest is asked for once per connection.
    async fn is_phone(&self, connection_id: &str, session: &Session) -> bool {
        if let Some(&known) = self.phones().get(connection_id) {
            return known;
        }
        let whole = if session.user_id.is_empty() && !session.id.is_empty() {
            let args = Positional((session.id.clone(),));
            match self.platform.api() {
                Ok(api) => api.find("GetSession", args).await.ok(),
                Err(_) => None,
            }
        } else {
            Some(session.clone())
        };
        let Some(whole) = whole else { return false };
        let says_so = |props: &std::collections::BTreeMap<String, String>| {
            props.get("isMobile").is_some_and(|value| value == "true")
        };
        let is_phone = !whole.device_id.is_empty() || whole.props.as_ref().is_some_and(says_so);
        let mut phones = self.phones();
        if phones.len() >= limits::CONNECTIONS_REMEMBERED {
            phones.clear();
        }
        phones.insert(connection_id.to_owned(), is_phone);
        is_phone
    }

    fn phones(&self) -> MutexGuard<'_, HashMap<String, bool>> {
        self.phones.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn support_data(&self) -> Vec<FileData> {
        let mut data = self.activation.support_data();
        let server = self.platform.server_version().await;
        data["server_version"] = server.unwrap_or_else(|error| error.to_string()).into();
        data["plugin_id"] = self.platform.plugin_id().into();
        data["plugin_version"] = env!("CARGO_PKG_VERSION").into();
        vec![FileData {
            filename: format!("{}.json", self.platform.plugin_id()),
            body: format!("{data:#}").into_bytes(),
        }]
    }
}

fn error_reply(error: Option<String>) -> Reply {
    Reply::new(Positional((error.map(refusal).unwrap_or_default(),)))
}

/// Numbers are floats for clients that speak JSON, and of any kind for those that speak msgpack.
fn value(any: Any) -> Value {
    match any {
        Any::Nil | Any::Registered(_) => Value::Null,
        Any::Bool(value) => Value::Boolean(value),
        Any::Int(value) => Value::Number(value as f64),
        Any::Uint(value) => Value::Number(value as f64),
        Any::Float(value) => Value::Number(value),
        Any::String(text) => Value::Text(text),
        Any::Bytes(bytes) => Value::Bytes(bytes),
        any @ (Any::List(_) | Any::Map(_)) => Value::Json(json::from_any(any).to_string()),
    }
}
