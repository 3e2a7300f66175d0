//! The platform, the store, the clock and the log: the guest's environment from the host's imports.

use super::translate::{read_channel, read_error, read_post, read_user, write_post};
use super::{t, wit};
use crate::{
    Broadcast, CallPush, Channel, ChannelId, ChannelKind, ChannelPermission, Env, File, Level,
    PlatformError, Post, PostId, Presence, Team, User, UserId,
};

/// The host's imports as the guest's environment.
pub(super) struct HostEnv;

type Answer<T> = Result<T, PlatformError>;

impl Env for HostEnv {
    fn user(&self, id: &UserId) -> Answer<User> {
        wit::platform::get_user(id.as_str())
            .map(read_user)
            .map_err(read_error)
    }

    fn channel(&self, id: &ChannelId) -> Answer<Channel> {
        wit::platform::get_channel(id.as_str())
            .map(read_channel)
            .map_err(read_error)
    }

    fn is_member(&self, channel: &ChannelId, user: &UserId) -> Answer<bool> {
        let member = wit::platform::get_member(channel.as_str(), user.as_str());
        member.map(|member| member.is_some()).map_err(read_error)
    }

    fn is_channel_admin(&self, channel: &ChannelId, user: &UserId) -> Answer<bool> {
        let member = wit::platform::get_member(channel.as_str(), user.as_str());
        let is_admin = |member: t::Member| {
            let mut roles = member.roles.split_whitespace();
            roles.any(|role| role == "channel_admin")
        };
        member
            .map(|member| member.is_some_and(is_admin))
            .map_err(read_error)
    }

    fn has_permission(
        &self,
        user: &UserId,
        channel: &ChannelId,
        permission: ChannelPermission,
    ) -> Answer<bool> {
        let permission = match permission {
            ChannelPermission::ReadChannel => t::ChannelPermission::ReadChannel,
            ChannelPermission::CreatePost => t::ChannelPermission::CreatePost,
        };
        wit::platform::has_channel_permission(user.as_str(), channel.as_str(), permission)
            .map_err(read_error)
    }

    fn members(&self, channel: &ChannelId, limit: u32) -> Answer<Vec<User>> {
        let found = wit::platform::get_members(channel.as_str(), limit).map_err(read_error)?;
        Ok(found.into_iter().map(read_user).collect())
    }

    fn presence(&self, user: &UserId) -> Answer<Presence> {
        let found = wit::platform::get_presence(user.as_str()).map_err(read_error)?;
        Ok(match found {
            t::Presence::Online => Presence::Online,
            t::Presence::Away => Presence::Away,
            t::Presence::DoNotDisturb => Presence::DoNotDisturb,
            t::Presence::OutOfOffice => Presence::OutOfOffice,
            t::Presence::Offline => Presence::Offline,
        })
    }

    fn push_call(&self, push: &CallPush) -> Answer<()> {
        wit::platform::push_call(&t::CallPush {
            user_id: push.user_id.to_string(),
            channel_id: push.channel_id.to_string(),
            channel_kind: match push.channel_kind {
                ChannelKind::Open => t::ChannelKind::Open,
                ChannelKind::Private => t::ChannelKind::Private,
                ChannelKind::Direct => t::ChannelKind::Direct,
                ChannelKind::Group => t::ChannelKind::Group,
            },
            channel_name: push.channel_name.clone(),
            post_id: push.post_id.to_string(),
            root_id: push.root_id.to_string(),
            sender_id: push.sender_id.to_string(),
            sender_name: push.sender_name.clone(),
            message: push.message.clone(),
            discreet_message: push.discreet_message.clone(),
        })
        .map_err(read_error)
    }

    fn team(&self, id: &str) -> Answer<Team> {
        let team = wit::platform::get_team(id).map_err(read_error)?;
        Ok(Team {
            id: team.id,
            name: team.name,
        })
    }

    fn teams_of_user(&self, id: &UserId) -> Answer<Vec<Team>> {
        let teams = wit::platform::get_teams_of_user(id.as_str()).map_err(read_error)?;
        Ok(teams
            .into_iter()
            .map(|team| Team {
                id: team.id,
                name: team.name,
            })
            .collect())
    }

    fn channels_of_user(&self, id: &UserId) -> Answer<Vec<Channel>> {
        let channels = wit::platform::get_channels_of_user(id.as_str()).map_err(read_error)?;
        Ok(channels.into_iter().map(read_channel).collect())
    }

    fn post(&self, id: &PostId) -> Answer<Post> {
        wit::platform::get_post(id.as_str())
            .map(read_post)
            .map_err(read_error)
    }

    fn thread(&self, root: &PostId) -> Answer<Vec<Post>> {
        let posts = wit::platform::get_thread(root.as_str()).map_err(read_error)?;
        Ok(posts.into_iter().map(read_post).collect())
    }

    fn create_post(&self, post: Post) -> Answer<Post> {
        wit::platform::create_post(&write_post(post))
            .map(read_post)
            .map_err(read_error)
    }

    fn update_post(&self, post: Post) -> Answer<Post> {
        wit::platform::update_post(&write_post(post))
            .map(read_post)
            .map_err(read_error)
    }

    fn send_ephemeral(&self, to: &UserId, post: Post) -> Answer<()> {
        wit::platform::send_ephemeral(to.as_str(), &write_post(post)).map_err(read_error)
    }

    fn send_file(&self, to: &UserId, message: &str, file: File) -> Answer<()> {
        let file = t::File {
            name: file.name,
            data: file.data,
        };
        wit::platform::send_file(to.as_str(), message, &file)
            .map(|_| ())
            .map_err(read_error)
    }

    fn publish(&self, name: &str, data_json: &str, to: &Broadcast) -> Answer<()> {
        let to = t::Broadcast {
            connection_id: to.connection_id.to_string(),
            user_id: to.user_id.to_string(),
            channel_id: to.channel_id.to_string(),
            omit_user_ids: to.omit_user_ids.iter().map(ToString::to_string).collect(),
        };
        wit::platform::publish_event(name, data_json, &to).map_err(read_error)
    }

    fn bot_id(&self) -> Answer<UserId> {
        wit::platform::bot_id().map(UserId::new).map_err(read_error)
    }

    fn plugin_id(&self) -> String {
        wit::platform::plugin_id()
    }

    fn plugin_version(&self) -> String {
        wit::platform::plugin_version()
    }

    fn site_url(&self) -> String {
        wit::platform::site_url()
    }

    fn settings_json(&self) -> String {
        wit::platform::settings()
    }

    fn kv_get(&self, key: &str) -> Answer<Option<Vec<u8>>> {
        wit::kv::get(key).map_err(read_error)
    }

    fn kv_compare_and_set(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        expires_in_s: u32,
    ) -> Answer<bool> {
        wit::kv::compare_and_set(key, old, new, expires_in_s).map_err(read_error)
    }

    fn kv_list(&self, prefix: &str, after: &str, limit: u32) -> Answer<Vec<String>> {
        wit::kv::list_keys(prefix, after, limit).map_err(read_error)
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(wit::clock::now_ms()).unwrap_or(i64::MAX)
    }

    fn random(&self, len: u32) -> Vec<u8> {
        wit::random::bytes(len)
    }

    fn log(&self, level: Level, target: &str, message: &str) {
        let level = match level {
            Level::Error => wit::log::Level::Error,
            Level::Warn => wit::log::Level::Warn,
            Level::Info => wit::log::Level::Info,
            Level::Debug => wit::log::Level::Debug,
        };
        wit::log::write(level, target, message);
    }
}
