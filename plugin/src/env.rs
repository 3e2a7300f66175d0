//! What the guest may ask of the world: the words of `wit/world.wit` as a trait, so that all logic runs
//! in native tests against a fake. Calls are synchronous: the sandbox's imports are.

use crate::ids::{ChannelId, ConnectionId, PostId, UserId};

/// Who asks, under which trace.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// 32 hex digits, one for the whole way of a request.
    pub trace_id: String,
}

/// Kind of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ChannelKind {
    Open,
    Private,
    Direct,
    Group,
}

/// A person or bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Its unique name, without `@`.
    pub username: String,
    /// As the platform would show it.
    pub display_name: String,
    /// Space-separated roles of the whole system.
    pub roles: String,
    /// No person.
    pub is_bot: bool,
    /// Unix ms; 0 = active.
    pub delete_at: i64,
    /// E.g. "en", "de".
    pub locale: String,
}

impl User {
    /// What to call it.
    pub fn shown_name(&self) -> &str {
        if self.display_name.is_empty() {
            &self.username
        } else {
            &self.display_name
        }
    }

    /// Administers the whole system.
    pub fn is_admin(&self) -> bool {
        self.roles
            .split_whitespace()
            .any(|role| role == "system_admin")
    }
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its id.
    pub id: ChannelId,
    /// Its kind.
    pub kind: ChannelKind,
    /// Empty for direct and group channels.
    pub team_id: String,
    /// Its name in links.
    pub name: String,
    /// Its name for people.
    pub display_name: String,
    /// Unix ms; 0 = not archived.
    pub delete_at: i64,
}

/// A team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// Its id.
    pub id: String,
    /// Its name in links.
    pub name: String,
}

/// What the guest may ask of a user in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ChannelPermission {
    ReadChannel,
    CreatePost,
}

/// A post.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Post {
    /// Empty when created.
    pub id: PostId,
    /// Its author.
    pub user_id: UserId,
    /// Where.
    pub channel_id: ChannelId,
    /// The thread's root; empty = none.
    pub root_id: PostId,
    /// The platform's `type`, e.g. `custom_calls`; empty = an ordinary post.
    pub kind: String,
    /// Markdown.
    pub message: String,
    /// A JSON object.
    pub props_json: String,
    /// Of the author's uploads into this channel; fixed when created.
    pub file_ids: Vec<String>,
    /// Unix ms.
    pub create_at: i64,
    /// Unix ms; 0 = not deleted.
    pub delete_at: i64,
}

/// A file to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name, without a path.
    pub name: String,
    /// What is in it.
    pub data: Vec<u8>,
}

/// How reachable a person says to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Presence {
    Online,
    Away,
    DoNotDisturb,
    OutOfOffice,
    Offline,
}

/// What a user's phones show of a call that began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallPush {
    /// Whose phones.
    pub user_id: UserId,
    /// Where the call is.
    pub channel_id: ChannelId,
    /// Direct or group.
    pub channel_kind: ChannelKind,
    /// As the user knows it.
    pub channel_name: String,
    /// The call's post.
    pub post_id: PostId,
    /// The thread's root; empty = none.
    pub root_id: PostId,
    /// Who calls.
    pub sender_id: UserId,
    /// Their name.
    pub sender_name: String,
    /// Names the caller.
    pub message: String,
    /// Names nobody.
    pub discreet_message: String,
}

/// To whom an event goes: connection, else user, else channel; minus omissions. Empty = unset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Broadcast {
    pub connection_id: ConnectionId,
    pub user_id: UserId,
    pub channel_id: ChannelId,
    pub omit_user_ids: Vec<UserId>,
}

/// Why a call to the platform failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// Nothing of that id.
    #[error("not found")]
    NotFound,
    /// The platform refused; for logs.
    #[error("denied: {0}")]
    Denied(String),
    /// A mistake of ours: field and reason.
    #[error("invalid: {0}")]
    Invalid(String),
    /// Try again later.
    #[error("unavailable: {0}")]
    Unavailable(String),
}

/// Why a recording has no post. The texts: at most 200 characters, without names or secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// Try again later.
    #[error("later: {0}")]
    Later(String),
    /// It never will: an admin must look.
    #[error("parked: {0}")]
    Parked(String),
}

/// How important a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

/// A slash command.
#[derive(Debug, Clone, Default)]
pub struct CommandArgs {
    /// The whole text, e.g. "/call start Weekly".
    pub command: String,
    /// Who typed it.
    pub user_id: UserId,
    /// Where.
    pub channel_id: ChannelId,
    /// The thread it was typed in; empty = none.
    pub root_id: PostId,
}

/// Its answer, for the asking user only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandResponse {
    /// Markdown; empty = silent.
    pub text: String,
    /// Navigate there; empty = stay.
    pub goto_location: String,
}

/// One value of a client's message.
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
pub struct ClientMessage {
    /// What it wants.
    pub action: String,
    /// On which connection.
    pub connection_id: ConnectionId,
    /// Who, as authenticated by the platform.
    pub user_id: UserId,
    /// The login session; empty = unknown.
    pub login_session_id: String,
    /// A phone.
    pub is_mobile: bool,
    /// Its data, unchecked.
    pub data: Vec<(String, Value)>,
}

/// A request under `/plugins/<id>`.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct HttpRequest {
    pub method: String,
    /// With a leading slash, without query.
    pub path: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// As authenticated by the platform; empty = signed out.
    pub user_id: UserId,
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
        connection_id: ConnectionId,
        user_id: UserId,
    },
    Disconnected {
        connection_id: ConnectionId,
        user_id: UserId,
    },
    JoinedChannel {
        channel_id: ChannelId,
        user_id: UserId,
    },
    LeftChannel {
        channel_id: ChannelId,
        user_id: UserId,
    },
    UserDeactivated {
        user_id: UserId,
    },
    ChannelArchived {
        channel_id: ChannelId,
    },
    /// Signed out or revoked.
    LoginRevoked {
        login_session_id: String,
        user_id: UserId,
    },
}

/// Platform, key-value store, clock, randomness and log of one request.
pub trait Env {
    /// A user, deactivated ones too.
    fn user(&self, id: &UserId) -> Result<User, PlatformError>;
    /// A channel, archived ones too.
    fn channel(&self, id: &ChannelId) -> Result<Channel, PlatformError>;
    /// Whether the user is a member of the channel.
    fn is_member(&self, channel: &ChannelId, user: &UserId) -> Result<bool, PlatformError>;
    /// Whether the member administers the channel.
    fn is_channel_admin(&self, channel: &ChannelId, user: &UserId) -> Result<bool, PlatformError>;
    /// False for unknown users and channels too.
    fn has_permission(
        &self,
        user: &UserId,
        channel: &ChannelId,
        permission: ChannelPermission,
    ) -> Result<bool, PlatformError>;
    /// Members of a channel by name, at most `limit` (<= 100), deactivated ones too.
    fn members(&self, channel: &ChannelId, limit: u32) -> Result<Vec<User>, PlatformError>;
    /// How reachable a user says to be.
    fn presence(&self, user: &UserId) -> Result<Presence, PlatformError>;
    /// Rings a user's phones, unless that user switched such notifications off. Returns before they ring.
    fn push_call(&self, push: &CallPush) -> Result<(), PlatformError>;
    /// A team.
    fn team(&self, id: &str) -> Result<Team, PlatformError>;
    /// Teams of a user.
    fn teams_of_user(&self, id: &UserId) -> Result<Vec<Team>, PlatformError>;
    /// Channels the user is a member of, archived ones left out.
    fn channels_of_user(&self, id: &UserId) -> Result<Vec<Channel>, PlatformError>;
    /// A post.
    fn post(&self, id: &PostId) -> Result<Post, PlatformError>;
    /// A thread's live posts: the root first, then the replies, oldest first. At most 1000 posts and 4 MiB of
    /// their texts: of longer ones the root and the newest replies.
    fn thread(&self, root: &PostId) -> Result<Vec<Post>, PlatformError>;
    /// Creates a post, as a person or as [`Env::bot_id`]; returns it with its id.
    fn create_post(&self, post: Post) -> Result<Post, PlatformError>;
    /// Updates message and props.
    fn update_post(&self, post: Post) -> Result<Post, PlatformError>;
    /// Shows a post to this user alone; nothing is kept of it.
    fn send_ephemeral(&self, to: &UserId, post: Post) -> Result<(), PlatformError>;
    /// A message with a file, from the plugin's own bot to this user alone.
    fn send_file(&self, to: &UserId, message: &str, file: File) -> Result<(), PlatformError>;
    /// `name` without the platform's prefix; `data_json` a JSON object.
    fn publish(&self, name: &str, data_json: &str, to: &Broadcast) -> Result<(), PlatformError>;
    /// The plugin's own bot.
    fn bot_id(&self) -> Result<UserId, PlatformError>;
    /// The id under which the platform runs this plugin.
    fn plugin_id(&self) -> String;
    /// This plugin's version.
    fn plugin_version(&self) -> String;
    /// Without a trailing slash, with sub-path if any.
    fn site_url(&self) -> String;
    /// The admin's settings as a JSON object.
    fn settings_json(&self) -> String;

    /// Reads a key of the store shared by all nodes.
    fn kv_get(&self, key: &str) -> Result<Option<Vec<u8>>, PlatformError>;
    /// Sets `new` (`None` = delete) only if the present value is `old` (`None` = absent); false = it was
    /// not. `expires_in_s`: 0 = never.
    fn kv_compare_and_set(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        expires_in_s: u32,
    ) -> Result<bool, PlatformError>;
    /// Keys with this prefix in order, after `after`, at most `limit` (<= 1000).
    fn kv_list(&self, prefix: &str, after: &str, limit: u32) -> Result<Vec<String>, PlatformError>;

    /// Unix milliseconds.
    fn now_ms(&self) -> i64;
    /// Random bytes fit for secrets, at most 1024.
    fn random(&self, len: u32) -> Vec<u8>;
    /// Writes a log line. No IP addresses, message texts or secrets.
    fn log(&self, level: Level, target: &str, message: &str);
}
