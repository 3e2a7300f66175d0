//! The sandbox's side: [`Platform`] over the server's API.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::json;
use super::positional::Positional;
use super::wire::{self, KvSetOptions, Permission};
use super::{Mattermost, limits};
use crate::platform::{
    Broadcast, CallPush, Channel, ChannelKind, ChannelPermission, File, Member, Platform,
    PlatformError, PlatformFuture, Post, Presence, THREAD_POSTS_MAX, Team, User,
};

/// One argument.
fn one(value: &str) -> Positional<(String,)> {
    Positional((value.to_owned(),))
}

/// Two arguments.
fn two(first: &str, second: &str) -> Positional<(String, String)> {
    Positional((first.to_owned(), second.to_owned()))
}

fn object(text: &str, field: &str) -> Result<Map<String, Value>, PlatformError> {
    match serde_json::from_str(if text.is_empty() { "{}" } else { text }) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(PlatformError::Invalid(format!("{field}: not an object"))),
    }
}

impl From<wire::Channel> for Channel {
    fn from(channel: wire::Channel) -> Self {
        Self {
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
}

impl From<wire::Team> for Team {
    fn from(team: wire::Team) -> Self {
        Self {
            id: team.id,
            name: team.name,
        }
    }
}

impl From<wire::Post> for Post {
    fn from(post: wire::Post) -> Self {
        let props = json::from_map(post.props.unwrap_or_default());
        Self {
            id: post.id,
            user_id: post.user_id,
            channel_id: post.channel_id,
            root_id: post.root_id,
            kind: post.kind,
            message: post.message,
            props_json: Value::Object(props).to_string(),
            file_ids: post.file_ids,
            create_at: post.create_at,
            delete_at: post.delete_at,
        }
    }
}

/// The root first, then the newest replies, oldest first. The server's own order depends on its version.
fn thread(list: wire::PostList) -> Vec<Post> {
    let live = list.posts.into_values().filter(|post| post.delete_at == 0);
    let mut posts: Vec<Post> = live.map(Post::from).collect();
    posts.sort_by(|a, b| {
        let key = |post: &Post| (!post.root_id.is_empty(), post.create_at);
        key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
    });
    let too_many = posts.len().saturating_sub(THREAD_POSTS_MAX);
    let oldest = 1.min(posts.len())..(1 + too_many).min(posts.len());
    posts.drain(oldest);
    posts
}

/// What a new post is made of.
fn new_post(post: Post) -> Result<wire::Post, PlatformError> {
    let props = json::to_map(object(&post.props_json, "props_json")?);
    Ok(wire::Post {
        user_id: post.user_id,
        channel_id: post.channel_id,
        root_id: post.root_id,
        kind: post.kind,
        message: post.message,
        props: Some(props),
        file_ids: post.file_ids,
        ..wire::Post::default()
    })
}

/// As `TeammateNameDisplay` wants it, with the user name where the wanted names are empty.
fn display_name(user: &wire::User, wanted: &str) -> String {
    let full = format!("{} {}", user.first_name, user.last_name);
    let full = full.trim();
    let name = match wanted {
        "nickname_full_name" if !user.nickname.is_empty() => &user.nickname,
        "nickname_full_name" | "full_name" => full,
        _ => "",
    };
    if name.is_empty() {
        user.username.clone()
    } else {
        name.to_owned()
    }
}

/// Roles by name; newer servers say the usual ones as flags only.
fn member_roles(member: &wire::ChannelMember) -> String {
    let mut roles: Vec<&str> = member.roles.split_whitespace().collect();
    for (flag, role) in [
        (member.scheme_guest, "channel_guest"),
        (member.scheme_user, "channel_user"),
        (member.scheme_admin, "channel_admin"),
    ] {
        if flag && !roles.contains(&role) {
            roles.push(role);
        }
    }
    roles.join(" ")
}

impl Mattermost {
    fn user(&self, user: wire::User) -> User {
        let display_name =
            self.config(|config| display_name(&user, &config.team.teammate_name_display));
        User {
            id: user.id,
            username: user.username,
            display_name,
            roles: user.roles,
            is_bot: user.is_bot,
            delete_at: user.delete_at,
            locale: user.locale,
        }
    }
}

impl Platform for Mattermost {
    fn get_user<'a>(&'a self, user_id: &'a str) -> PlatformFuture<'a, User> {
        Box::pin(async move {
            let user: wire::User = self.api()?.find("GetUser", one(user_id)).await?;
            Ok(self.user(user))
        })
    }

    fn get_channel<'a>(&'a self, channel_id: &'a str) -> PlatformFuture<'a, Channel> {
        Box::pin(async move {
            let found: wire::Channel = self.api()?.find("GetChannel", one(channel_id)).await?;
            Ok(found.into())
        })
    }

    fn get_member<'a>(
        &'a self,
        channel_id: &'a str,
        user_id: &'a str,
    ) -> PlatformFuture<'a, Option<Member>> {
        Box::pin(async move {
            let args = two(channel_id, user_id);
            let found = self.api()?.find("GetChannelMember", args).await;
            match found {
                Ok(member) => Ok(Some(Member {
                    roles: member_roles(&member),
                    user_id: member.user_id,
                })),
                Err(PlatformError::NotFound) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    fn has_channel_permission<'a>(
        &'a self,
        user_id: &'a str,
        channel_id: &'a str,
        permission: ChannelPermission,
    ) -> PlatformFuture<'a, bool> {
        let id = match permission {
            ChannelPermission::ReadChannel => "read_channel",
            ChannelPermission::CreatePost => "create_post",
        };
        let permission = Some(Permission { id: id.into() });
        let args = Positional((user_id.to_owned(), channel_id.to_owned(), permission));
        Box::pin(async move { self.api()?.get("HasPermissionToChannel", args).await })
    }

    fn get_members<'a>(&'a self, channel_id: &'a str, limit: u32) -> PlatformFuture<'a, Vec<User>> {
        Box::pin(async move {
            let by_name = "username".to_owned();
            let args = Positional((channel_id.to_owned(), by_name, 0_i64, i64::from(limit)));
            let found: Vec<wire::User> = self.api()?.ask("GetUsersInChannel", args).await?;
            Ok(found.into_iter().map(|user| self.user(user)).collect())
        })
    }

    fn get_presence<'a>(&'a self, user_id: &'a str) -> PlatformFuture<'a, Presence> {
        Box::pin(self.presence(user_id))
    }

    fn push_call(&self, push: CallPush) -> PlatformFuture<'_, ()> {
        Box::pin(self.push(push))
    }

    fn get_team<'a>(&'a self, team_id: &'a str) -> PlatformFuture<'a, Team> {
        Box::pin(async move {
            let found: wire::Team = self.api()?.find("GetTeam", one(team_id)).await?;
            Ok(found.into())
        })
    }

    fn get_teams_of_user<'a>(&'a self, user_id: &'a str) -> PlatformFuture<'a, Vec<Team>> {
        Box::pin(async move {
            let found: Vec<wire::Team> = self.api()?.ask("GetTeamsForUser", one(user_id)).await?;
            let live = found.into_iter().filter(|team| team.delete_at == 0);
            Ok(live.map(Team::from).collect())
        })
    }

    fn get_channels_of_user<'a>(&'a self, user_id: &'a str) -> PlatformFuture<'a, Vec<Channel>> {
        Box::pin(async move {
            let api = self.api()?;
            // The server lists by team, direct channels in each of the lists. Who is in no team has those only.
            let mut teams = self.get_teams_of_user(user_id).await?;
            if teams.is_empty() {
                teams.push(Team {
                    id: String::new(),
                    name: String::new(),
                });
            }
            let mut seen = BTreeSet::new();
            let mut channels = Vec::new();
            for team in teams {
                let args = Positional((team.id, user_id.to_owned(), false));
                let found: Vec<wire::Channel> = api.ask("GetChannelsForTeamForUser", args).await?;
                for channel in found {
                    if channel.delete_at == 0 && seen.insert(channel.id.clone()) {
                        channels.push(channel.into());
                    }
                }
            }
            Ok(channels)
        })
    }

    fn get_post<'a>(&'a self, post_id: &'a str) -> PlatformFuture<'a, Post> {
        Box::pin(async move {
            let found: wire::Post = self.api()?.find("GetPost", one(post_id)).await?;
            Ok(found.into())
        })
    }

    fn get_thread<'a>(&'a self, root_id: &'a str) -> PlatformFuture<'a, Vec<Post>> {
        Box::pin(async move {
            let found: wire::PostList = self.api()?.find("GetPostThread", one(root_id)).await?;
            Ok(thread(found))
        })
    }

    fn create_post(&self, post: Post) -> PlatformFuture<'_, Post> {
        Box::pin(async move {
            let args = Positional((Some(new_post(post)?),));
            let made: wire::Post = self.api()?.find("CreatePost", args).await?;
            Ok(made.into())
        })
    }

    fn update_post(&self, post: Post) -> PlatformFuture<'_, Post> {
        Box::pin(async move {
            let props = json::to_map(object(&post.props_json, "props_json")?);
            let api = self.api()?;
            // The server replaces the whole post: what is not ours has to stay.
            let old: wire::Post = api.find("GetPost", one(&post.id)).await?;
            if old.delete_at != 0 {
                return Err(PlatformError::NotFound);
            }
            let new = wire::Post {
                message: post.message,
                props: Some(props),
                ..old
            };
            let args = Positional((Some(new),));
            let made: wire::Post = api.find("UpdatePost", args).await?;
            Ok(made.into())
        })
    }

    fn send_ephemeral<'a>(&'a self, user_id: &'a str, post: Post) -> PlatformFuture<'a, ()> {
        Box::pin(async move {
            let mut post = new_post(post)?;
            if post.user_id.is_empty() {
                post.user_id = self.bot_id();
            }
            let args = Positional((user_id.to_owned(), Some(post)));
            let _: Option<wire::Post> = self.api()?.get("SendEphemeralPost", args).await?;
            Ok(())
        })
    }

    fn send_file<'a>(
        &'a self,
        user_id: &'a str,
        message: &'a str,
        file: File,
    ) -> PlatformFuture<'a, Post> {
        Box::pin(async move {
            let (api, bot) = (self.api()?, self.bot_id());
            let channel: wire::Channel = api.find("GetDirectChannel", two(user_id, &bot)).await?;
            let args = Positional((file.data, channel.id.clone(), file.name));
            let info: wire::FileInfo = api.find("UploadFile", args).await?;
            let post = wire::Post {
                user_id: bot,
                channel_id: channel.id,
                message: message.to_owned(),
                file_ids: vec![info.id],
                ..wire::Post::default()
            };
            let made: wire::Post = api.find("CreatePost", Positional((Some(post),))).await?;
            Ok(made.into())
        })
    }

    fn publish_event<'a>(
        &'a self,
        name: &'a str,
        data_json: &'a str,
        broadcast: Broadcast,
    ) -> PlatformFuture<'a, ()> {
        Box::pin(async move {
            let data = json::to_map(object(data_json, "data_json")?);
            let omit: BTreeMap<_, _> = broadcast
                .omit_user_ids
                .into_iter()
                .map(|user| (user, true))
                .collect();
            let to = wire::Broadcast {
                omit_users: (!omit.is_empty()).then_some(omit),
                user_id: broadcast.user_id,
                channel_id: broadcast.channel_id,
                connection_id: broadcast.connection_id,
                // A lost answer to an SDP would leave somebody without media.
                reliable_cluster_send: true,
            };
            // Neither data nor broadcast may be nil.
            let args = Positional((name.to_owned(), data, Some(to)));
            self.api()?.say("PublishWebSocketEvent", args).await
        })
    }

    fn kv_get<'a>(&'a self, key: &'a str) -> PlatformFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            // Absent and empty are the same on this wire.
            let value: Vec<u8> = self.api()?.ask("KVGet", one(key)).await?;
            Ok((!value.is_empty()).then_some(value))
        })
    }

    fn kv_compare_and_set<'a>(
        &'a self,
        key: &'a str,
        old: Option<Vec<u8>>,
        new: Option<Vec<u8>>,
        expires_in_s: u32,
    ) -> PlatformFuture<'a, bool> {
        Box::pin(async move {
            let empty = |value: &Option<Vec<u8>>| value.as_ref().is_some_and(Vec::is_empty);
            if empty(&old) || empty(&new) {
                let reason = "an empty value cannot be told from none";
                return Err(PlatformError::Invalid(reason.into()));
            }
            let options = KvSetOptions {
                atomic: true,
                old_value: old.unwrap_or_default(),
                expire_in_seconds: expires_in_s.into(),
            };
            let args = Positional((key.to_owned(), new.unwrap_or_default(), options));
            self.api()?.ask("KVSetWithOptions", args).await
        })
    }

    fn kv_list_keys<'a>(
        &'a self,
        prefix: &'a str,
        after: &'a str,
        limit: u32,
    ) -> PlatformFuture<'a, Vec<String>> {
        Box::pin(async move {
            let api = self.api()?;
            let mut found = BTreeSet::new();
            // The server's order is its database's, and it knows no prefix.
            for page in 0..limits::KEY_PAGES_MAX {
                let (page, size) = (page as i64, limits::KEYS_PER_PAGE as i64);
                let keys: Vec<String> = api.ask("KVList", Positional((page, size))).await?;
                let last = keys.len() < limits::KEYS_PER_PAGE;
                let wanted = |key: &String| key.starts_with(prefix) && key.as_str() > after;
                found.extend(keys.into_iter().filter(wanted));
                if last {
                    break;
                }
            }
            Ok(found.into_iter().take(limit as usize).collect())
        })
    }

    fn bot_id(&self) -> PlatformFuture<'_, String> {
        Box::pin(async move {
            self.api()?;
            Ok(Mattermost::bot_id(self))
        })
    }

    fn plugin_id(&self) -> String {
        self.flavour().id().to_owned()
    }

    fn site_url(&self) -> String {
        self.config(|config| config.service.site_url.trim_end_matches('/').to_owned())
    }

    fn settings_json(&self) -> String {
        self.stored_settings()
    }
}
