//! What a platform adapter asks of the plugin: the guest's exports, in the host's words.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// Every hook call. None of them fails: a trap is answered with a text, a status or a log line.
pub type HookFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A slash command as the platform got it.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct CommandArgs {
    pub command: String,
    pub user_id: String,
    pub channel_id: String,
    pub team_id: String,
    pub root_id: String,
}

/// Its answer, for the asking user only. Empty text = silent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CommandResponse {
    pub text: String,
    pub goto_location: String,
}

/// One value of a client message.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Value {
    Null,
    Boolean(bool),
    Number(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// JSON text of an array or object.
    Json(String),
}

/// A client's WebSocket message, the plugin's prefix taken off the action.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct ClientMessage {
    pub action: String,
    pub connection_id: String,
    pub user_id: String,
    pub login_session_id: String,
    pub is_mobile: bool,
    pub data: Vec<(String, Value)>,
}

/// The plugin's event that tells a connection that a message of it went no further: there were too many. Not
/// an answer: the server of the published clients never answers a plugin's action, and one of them ends at a
/// frame that is no event. They pass over events that they do not know.
pub const DROPPED_EVENT: &str = "parley_dropped";
/// A connection is told this often at most.
pub const DROPPED_EVERY: Duration = Duration::from_secs(1);

/// The data of [`DROPPED_EVENT`].
#[must_use]
pub fn dropped_data(connection_id: &str, action: &str) -> serde_json::Value {
    serde_json::json!({"connID": connection_id, "action": action})
}

/// A request under `/plugins/<id>`.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct HttpRequest {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub user_id: String,
}

/// Its answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct HttpResponse {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Something happened on the platform that calls may care about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum PlatformEvent {
    Connected {
        connection_id: String,
        user_id: String,
    },
    Disconnected {
        connection_id: String,
        user_id: String,
    },
    JoinedChannel {
        channel_id: String,
        user_id: String,
    },
    LeftChannel {
        channel_id: String,
        user_id: String,
    },
    UserDeactivated {
        user_id: String,
    },
    ChannelArchived {
        channel_id: String,
    },
    LoginRevoked {
        login_session_id: String,
        user_id: String,
    },
}

/// A setting refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SettingError {
    pub key: String,
    pub reason: String,
}

/// The plugin as adapters see it. Messages of one connection are to be delivered one after the other.
pub trait Hooks: Send + Sync + 'static {
    /// Runs a slash command.
    fn command(&self, args: CommandArgs) -> HookFuture<'_, CommandResponse>;
    /// Handles a client's message.
    fn client_message(&self, message: ClientMessage) -> HookFuture<'_, ()>;
    /// Answers a request.
    fn http(&self, request: HttpRequest) -> HookFuture<'_, HttpResponse>;
    /// Handles an event of the platform.
    fn platform_event(&self, event: PlatformEvent) -> HookFuture<'_, ()>;
    /// Checks settings before they are stored.
    fn check_settings<'a>(
        &'a self,
        settings_json: &'a str,
    ) -> HookFuture<'a, Result<(), SettingError>>;
}
