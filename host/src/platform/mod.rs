//! What the host needs of a chat platform, and its two implementations.
//!
//! The trait's words are the guest's (`plugin/wit/world.wit`, interfaces `platform` and `kv`): the sandbox
//! passes calls through after checking grants. An adapter is mechanism: who may do what in a call is the
//! guest's business; what a user may do on the platform is the adapter's.

pub mod files;
pub mod local;
pub mod mattermost;
mod rate;
mod turns;

use std::future::Future;
use std::pin::Pin;

/// Headers of one connection, not of the request (RFC 9110 section 7.6.1), and of addresses: neither the
/// plugin's to see nor its to set.
pub(crate) const HEADERS_NOT_FORWARDED: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "x-forwarded-for",
    "x-real-ip",
    "forwarded",
];

/// Posts of a thread in one answer.
pub const THREAD_POSTS_MAX: usize = 1000;

/// Every adapter call: boxed so that the sandbox can hold `dyn Platform`.
pub type PlatformFuture<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, PlatformError>> + Send + 'a>>;

/// Why a platform call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// Nothing of that id.
    #[error("not found")]
    NotFound,
    /// The platform refused.
    #[error("denied: {0}")]
    Denied(String),
    /// A mistake of the caller: field and reason.
    #[error("invalid: {0}")]
    Invalid(String),
    /// Try again later.
    #[error("unavailable: {0}")]
    Unavailable(String),
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
#[allow(missing_docs)]
pub struct User {
    pub id: String,
    pub username: String,
    pub display_name: String,
    pub roles: String,
    pub is_bot: bool,
    pub delete_at: i64,
    pub locale: String,
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Channel {
    pub id: String,
    pub kind: ChannelKind,
    pub team_id: String,
    pub name: String,
    pub display_name: String,
    pub delete_at: i64,
}

/// A team.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Team {
    pub id: String,
    pub name: String,
}

/// A user's membership of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Member {
    pub user_id: String,
    pub roles: String,
}

/// What the guest may ask of a user in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ChannelPermission {
    ReadChannel,
    CreatePost,
}

/// A post; `kind` is the platform's `type`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Post {
    pub id: String,
    pub user_id: String,
    pub channel_id: String,
    pub root_id: String,
    pub kind: String,
    pub message: String,
    /// JSON object.
    pub props_json: String,
    /// Fixed when created.
    pub file_ids: Vec<String>,
    pub create_at: i64,
    pub delete_at: i64,
}

/// A file to send; the name is without a path.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct File {
    pub name: String,
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
#[allow(missing_docs)]
pub struct CallPush {
    pub user_id: String,
    pub channel_id: String,
    pub channel_kind: ChannelKind,
    pub channel_name: String,
    pub post_id: String,
    pub root_id: String,
    pub sender_id: String,
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
    pub connection_id: String,
    pub user_id: String,
    pub channel_id: String,
    pub omit_user_ids: Vec<String>,
}

/// A chat platform. Implementations are cheap to clone behind an `Arc` and safe to call concurrently.
pub trait Platform: Send + Sync + 'static {
    /// A user, deactivated ones too.
    fn get_user<'a>(&'a self, user_id: &'a str) -> PlatformFuture<'a, User>;
    /// A channel, archived ones too.
    fn get_channel<'a>(&'a self, channel_id: &'a str) -> PlatformFuture<'a, Channel>;
    /// `None` = no member.
    fn get_member<'a>(
        &'a self,
        channel_id: &'a str,
        user_id: &'a str,
    ) -> PlatformFuture<'a, Option<Member>>;
    /// False for unknown users and channels too.
    fn has_channel_permission<'a>(
        &'a self,
        user_id: &'a str,
        channel_id: &'a str,
        permission: ChannelPermission,
    ) -> PlatformFuture<'a, bool>;
    /// Members of a channel by name, at most `limit`, deactivated ones too.
    fn get_members<'a>(&'a self, channel_id: &'a str, limit: u32) -> PlatformFuture<'a, Vec<User>>;
    /// How reachable a user says to be.
    fn get_presence<'a>(&'a self, user_id: &'a str) -> PlatformFuture<'a, Presence>;
    /// Rings a user's phones, if the platform does that and the user did not switch it off. Done before they
    /// ring.
    fn push_call(&self, push: CallPush) -> PlatformFuture<'_, ()>;
    /// A team.
    fn get_team<'a>(&'a self, team_id: &'a str) -> PlatformFuture<'a, Team>;
    /// Teams that the user is a member of.
    fn get_teams_of_user<'a>(&'a self, user_id: &'a str) -> PlatformFuture<'a, Vec<Team>>;
    /// Channels that the user is a member of, archived ones left out.
    fn get_channels_of_user<'a>(&'a self, user_id: &'a str) -> PlatformFuture<'a, Vec<Channel>>;
    /// A post.
    fn get_post<'a>(&'a self, post_id: &'a str) -> PlatformFuture<'a, Post>;
    /// A thread's live posts: the root first, then the replies, oldest first; of more than [`THREAD_POSTS_MAX`]
    /// the root and the newest replies.
    fn get_thread<'a>(&'a self, root_id: &'a str) -> PlatformFuture<'a, Vec<Post>>;
    /// Creates a post as `post.user_id`; returns it with id and times. Clients see `posted`.
    fn create_post(&self, post: Post) -> PlatformFuture<'_, Post>;
    /// Updates message and props. Clients see `post_edited`.
    fn update_post(&self, post: Post) -> PlatformFuture<'_, Post>;
    /// A post for one user, not stored.
    fn send_ephemeral<'a>(&'a self, user_id: &'a str, post: Post) -> PlatformFuture<'a, ()>;
    /// A message with a file, from the plugin's own bot, in its direct channel with the user.
    fn send_file<'a>(
        &'a self,
        user_id: &'a str,
        message: &'a str,
        file: File,
    ) -> PlatformFuture<'a, Post>;
    /// `name` without prefix: the adapter puts `custom_<plugin id>_` before it.
    fn publish_event<'a>(
        &'a self,
        name: &'a str,
        data_json: &'a str,
        broadcast: Broadcast,
    ) -> PlatformFuture<'a, ()>;
    /// Reads a key.
    fn kv_get<'a>(&'a self, key: &'a str) -> PlatformFuture<'a, Option<Vec<u8>>>;
    /// Atomic compare-and-set; `None` = absent. False = the present value is not `old`.
    fn kv_compare_and_set<'a>(
        &'a self,
        key: &'a str,
        old: Option<Vec<u8>>,
        new: Option<Vec<u8>>,
        expires_in_s: u32,
    ) -> PlatformFuture<'a, bool>;
    /// Keys with this prefix in order, after `after`, at most `limit`.
    fn kv_list_keys<'a>(
        &'a self,
        prefix: &'a str,
        after: &'a str,
        limit: u32,
    ) -> PlatformFuture<'a, Vec<String>>;
    /// The user id of the plugin's own bot.
    fn bot_id(&self) -> PlatformFuture<'_, String>;
    /// The id under which the platform runs this plugin.
    fn plugin_id(&self) -> String;
    /// SiteURL without a trailing slash, sub-path included.
    fn site_url(&self) -> String;
    /// The admin's settings, a JSON object as stored (defaults not applied).
    fn settings_json(&self) -> String;
}
