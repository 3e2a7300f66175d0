//! The sandbox's side: [`Platform`] over the same store.

use std::sync::PoisonError;

use serde_json::Value;

use super::access::{self, Action};
use super::db::Tx;
use super::error::{ApiError, ApiResult};
use super::event::Target;
use super::store::posts::{self, NewPost};
use super::store::{bot, channels, files, kv, members, people, teams, threads, users};
use super::{Local, ephemeral, ids, model};
use crate::platform::{
    Broadcast, CallPush, Channel, ChannelKind, ChannelPermission, File, Member, Platform,
    PlatformError, PlatformFuture, Post, Presence, Team, User,
};

fn to_user(user: &model::User) -> User {
    User {
        display_name: user.display_name(),
        id: user.id.clone(),
        username: user.username.clone(),
        roles: user.roles.clone(),
        is_bot: user.is_bot,
        delete_at: user.delete_at,
        locale: user.locale.clone(),
    }
}

fn to_channel(channel: model::Channel) -> Channel {
    Channel {
        kind: match channel.kind.as_str() {
            "O" => ChannelKind::Open,
            "D" => ChannelKind::Direct,
            "G" => ChannelKind::Group,
            _ => ChannelKind::Private,
        },
        id: channel.id,
        team_id: channel.team_id,
        name: channel.name,
        display_name: channel.display_name,
        delete_at: channel.delete_at,
    }
}

fn to_post(post: model::Post) -> Post {
    Post {
        id: post.id,
        user_id: post.user_id,
        channel_id: post.channel_id,
        root_id: post.root_id,
        kind: post.kind,
        message: post.message,
        props_json: post.props,
        file_ids: post.file_ids,
        create_at: post.create_at,
        delete_at: post.delete_at,
    }
}

fn to_team(team: model::Team) -> Team {
    Team {
        id: team.id,
        name: team.name,
    }
}

/// Empty props mean `{}`; anything else must be an object.
fn props(text: &str) -> Result<Value, PlatformError> {
    match serde_json::from_str(if text.is_empty() { "{}" } else { text }) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ => Err(PlatformError::Invalid("props_json: not an object".into())),
    }
}

impl Local {
    fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Tx<'_>) -> ApiResult<T> + Send + 'static,
    ) -> PlatformFuture<'_, T> {
        let done = self.db.run(job);
        Box::pin(async move { Ok(done.await?) })
    }
}

impl Platform for Local {
    fn get_user<'a>(&'a self, user_id: &'a str) -> PlatformFuture<'a, User> {
        let id = user_id.to_owned();
        self.ask(move |tx| Ok(to_user(&users::get(tx, &id)?)))
    }

    fn get_channel<'a>(&'a self, channel_id: &'a str) -> PlatformFuture<'a, Channel> {
        let id = channel_id.to_owned();
        self.ask(move |tx| Ok(to_channel(channels::get(tx, &id)?)))
    }

    fn get_member<'a>(
        &'a self,
        channel_id: &'a str,
        user_id: &'a str,
    ) -> PlatformFuture<'a, Option<Member>> {
        let (channel, user) = (channel_id.to_owned(), user_id.to_owned());
        self.ask(move |tx| {
            let member = members::member(tx, &channel, &user)?;
            Ok(member.map(|m| Member {
                user_id: m.user_id,
                roles: m.roles,
            }))
        })
    }

    fn has_channel_permission<'a>(
        &'a self,
        user_id: &'a str,
        channel_id: &'a str,
        permission: ChannelPermission,
    ) -> PlatformFuture<'a, bool> {
        let (user, channel) = (user_id.to_owned(), channel_id.to_owned());
        let action = match permission {
            ChannelPermission::ReadChannel => Action::Read,
            ChannelPermission::CreatePost => Action::Post,
        };
        self.ask(move |tx| {
            let known = users::get(tx, &user)
                .and_then(|user| access::may(tx, &user, &channels::get(tx, &channel)?, action));
            match known {
                Err(error) if error.status == http::StatusCode::NOT_FOUND => Ok(false),
                other => other,
            }
        })
    }

    fn get_members<'a>(&'a self, channel_id: &'a str, limit: u32) -> PlatformFuture<'a, Vec<User>> {
        let id = channel_id.to_owned();
        self.ask(move |tx| {
            let channel = channels::get(tx, &id)?;
            let found = users::list(tx, &channel.id, "", 0, limit)?;
            Ok(found.iter().map(to_user).collect())
        })
    }

    fn get_presence<'a>(&'a self, user_id: &'a str) -> PlatformFuture<'a, Presence> {
        let id = user_id.to_owned();
        let connected = self.hub.is_connected(&id);
        self.ask(move |tx| {
            users::get(tx, &id)?;
            Ok(match people::status(tx, &id, connected)?.status.as_str() {
                "online" => Presence::Online,
                "away" => Presence::Away,
                "dnd" => Presence::DoNotDisturb,
                _ => Presence::Offline,
            })
        })
    }

    /// This platform has pages, and no app that a push service could reach.
    fn push_call(&self, _: CallPush) -> PlatformFuture<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn get_team<'a>(&'a self, team_id: &'a str) -> PlatformFuture<'a, Team> {
        let id = team_id.to_owned();
        self.ask(move |tx| Ok(to_team(teams::get(tx, &id)?)))
    }

    fn get_teams_of_user<'a>(&'a self, user_id: &'a str) -> PlatformFuture<'a, Vec<Team>> {
        let id = user_id.to_owned();
        self.ask(move |tx| Ok(teams::of_user(tx, &id)?.into_iter().map(to_team).collect()))
    }

    fn get_channels_of_user<'a>(&'a self, user_id: &'a str) -> PlatformFuture<'a, Vec<Channel>> {
        let id = user_id.to_owned();
        self.ask(move |tx| {
            let found = channels::of_user(tx, &id, None, false)?;
            Ok(found.into_iter().map(to_channel).collect())
        })
    }

    fn get_post<'a>(&'a self, post_id: &'a str) -> PlatformFuture<'a, Post> {
        let id = post_id.to_owned();
        self.ask(move |tx| Ok(to_post(posts::get(tx, &id)?)))
    }

    fn get_thread<'a>(&'a self, root_id: &'a str) -> PlatformFuture<'a, Vec<Post>> {
        let id = root_id.to_owned();
        self.ask(move |tx| Ok(threads::posts(tx, &id)?.into_iter().map(to_post).collect()))
    }

    fn create_post(&self, post: Post) -> PlatformFuture<'_, Post> {
        Box::pin(async move {
            let props = props(&post.props_json)?.to_string();
            let new = NewPost {
                user_id: post.user_id,
                channel_id: post.channel_id,
                root_id: post.root_id,
                message: post.message,
                kind: post.kind,
                props,
                file_ids: post.file_ids,
                ..NewPost::default()
            };
            Ok(self
                .db
                .run(move |tx| Ok(to_post(posts::insert(tx, &new)?)))
                .await?)
        })
    }

    fn update_post(&self, post: Post) -> PlatformFuture<'_, Post> {
        Box::pin(async move {
            let props = props(&post.props_json)?.to_string();
            let done = self.db.run(move |tx| {
                let old = posts::get_live(tx, &post.id)?;
                let now = posts::update(tx, &old, Some(&post.message), Some(&props), false)?;
                Ok(to_post(now))
            });
            Ok(done.await?)
        })
    }

    fn send_ephemeral<'a>(&'a self, user_id: &'a str, post: Post) -> PlatformFuture<'a, ()> {
        Box::pin(async move {
            let props = props(&post.props_json)?;
            let author = if post.user_id.is_empty() {
                user_id
            } else {
                &post.user_id
            };
            let json = ephemeral::post(
                self.clock.now_ms(),
                author,
                &post.channel_id,
                &post.root_id,
                &post.message,
                &props,
            );
            Ok(ephemeral::send(self, user_id, &post.channel_id, &json).await?)
        })
    }

    fn send_file<'a>(
        &'a self,
        user_id: &'a str,
        message: &'a str,
        file: File,
    ) -> PlatformFuture<'a, Post> {
        let (user, message) = (user_id.to_owned(), message.to_owned());
        self.ask(move |tx| {
            let bot = bot::ensure(tx)?.id;
            let channel = channels::direct(tx, &bot, &user)?.id;
            // The user's file, who asked for it: it counts as theirs, not all as the bot's.
            let info = files::insert(tx, &user, &channel, &file.name, "text/plain", &file.data)?;
            let new = NewPost {
                user_id: bot,
                channel_id: channel,
                message,
                props: "{}".to_owned(),
                file_ids: vec![info.id],
                files_of: user,
                ..NewPost::default()
            };
            Ok(to_post(posts::insert(tx, &new)?))
        })
    }

    fn publish_event<'a>(
        &'a self,
        name: &'a str,
        data_json: &'a str,
        broadcast: Broadcast,
    ) -> PlatformFuture<'a, ()> {
        let event = format!("custom_{}_{name}", self.plugin_id);
        let data = serde_json::from_str::<Value>(data_json)
            .ok()
            .filter(Value::is_object);
        let to = Target {
            connection_id: broadcast.connection_id,
            user_id: broadcast.user_id,
            channel_id: broadcast.channel_id,
            omit_users: broadcast.omit_user_ids,
            ..Target::default()
        };
        Box::pin(async move {
            let data =
                data.ok_or_else(|| PlatformError::Invalid("data_json: not an object".into()))?;
            Ok(self
                .db
                .run(move |tx| {
                    tx.event(&event, data, to);
                    Ok(())
                })
                .await?)
        })
    }

    fn kv_get<'a>(&'a self, key: &'a str) -> PlatformFuture<'a, Option<Vec<u8>>> {
        let key = key.to_owned();
        self.ask(move |tx| kv::get(tx, &key))
    }

    fn kv_compare_and_set<'a>(
        &'a self,
        key: &'a str,
        old: Option<Vec<u8>>,
        new: Option<Vec<u8>>,
        expires_in_s: u32,
    ) -> PlatformFuture<'a, bool> {
        let key = key.to_owned();
        self.ask(move |tx| {
            kv::compare_and_set(tx, &key, old.as_deref(), new.as_deref(), expires_in_s)
        })
    }

    fn kv_list_keys<'a>(
        &'a self,
        prefix: &'a str,
        after: &'a str,
        limit: u32,
    ) -> PlatformFuture<'a, Vec<String>> {
        let (prefix, after) = (prefix.to_owned(), after.to_owned());
        self.ask(move |tx| kv::list(tx, &prefix, &after, limit))
    }

    fn bot_id(&self) -> PlatformFuture<'_, String> {
        self.ask(|tx| Ok(bot::ensure(tx)?.id))
    }

    fn plugin_id(&self) -> String {
        self.plugin_id.clone()
    }

    fn site_url(&self) -> String {
        self.site.url.clone()
    }

    fn settings_json(&self) -> String {
        let stored = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        self.overrides.over(&stored)
    }
}

/// Ids that a caller from outside made up.
pub(super) fn check_id(text: &str, field: &str) -> ApiResult<()> {
    if ids::is_id(text) {
        Ok(())
    } else {
        Err(ApiError::body(field))
    }
}
