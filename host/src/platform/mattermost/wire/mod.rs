//! Mattermost's structs, as far as calls need them. The other side may have more fields, or fewer.

mod autocomplete;
mod http;
mod post;
mod push;
mod server;
mod socket;

pub(crate) use self::autocomplete::{AutocompleteArg, AutocompleteData, Command, TextArg};
pub(crate) use self::http::{Header, HttpRequest, OnActivateArgs, ServeHttpArgs};
pub(crate) use self::post::{Post, PostList};
pub(crate) use self::push::PushNotification;
pub(crate) use self::server::{
    Bot, Channel, ChannelMember, Config, ErrorString, FileData, FileInfo, KvSetOptions, Permission,
    PluginClusterEvent, PluginStatus, Props, Session, Status, Team, UploadDataArgs, UploadSession,
    User,
};
pub(crate) use self::socket::{Broadcast, CommandArgs, CommandResponse, WebSocketRequest};
