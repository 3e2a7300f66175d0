//! A chat platform in memory: users, channels, posts, key-value store; every event is kept for asserting.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use parley_host::platform::{
    Broadcast, CallPush, Channel, ChannelKind, ChannelPermission, File, Member, Platform,
    PlatformError, PlatformFuture, Post, Presence, Team, User,
};
use serde_json::Value;

/// A published WebSocket event.
#[derive(Debug, Clone)]
pub struct Published {
    /// Without prefix.
    pub name: String,
    /// Its data.
    pub data: Value,
    /// To whom.
    pub broadcast: Broadcast,
}

#[derive(Default)]
struct State {
    users: BTreeMap<String, User>,
    channels: BTreeMap<String, Channel>,
    members: BTreeMap<(String, String), Member>,
    posts: BTreeMap<String, Post>,
    ephemeral: Vec<(String, Post)>,
    published: Vec<Published>,
    kv: BTreeMap<String, Vec<u8>>,
    kv_writes: u64,
    settings: Value,
    counter: u64,
    clock_ms: i64,
    fails_until: Option<tokio::time::Instant>,
}

/// Cheap to clone; all clones are one platform.
#[derive(Clone, Default)]
pub struct MemoryPlatform(Arc<Mutex<State>>);

/// An id in the platform's form, recognisable: "alice" becomes "alice000…".
pub fn id(name: &str) -> String {
    format!("{name:0<26}")
}

impl MemoryPlatform {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0
            .lock()
            .expect("no test holds the lock while it panics")
    }

    /// One team `team`, the users, and the open channel `town` with all of them as members.
    pub fn with_users(names: &[&str]) -> Self {
        let platform = Self::default();
        platform.lock().settings = Value::Object(serde_json::Map::new());
        platform.add_channel("town", ChannelKind::Open);
        for name in names {
            platform.add_user(name);
            platform.add_member("town", name);
        }
        platform
    }

    /// Adds a user; its display name is the name.
    pub fn add_user(&self, name: &str) {
        let user = User {
            id: id(name),
            username: name.into(),
            display_name: name.into(),
            roles: "system_user".into(),
            is_bot: false,
            delete_at: 0,
            locale: "en".into(),
        };
        self.lock().users.insert(user.id.clone(), user);
    }

    /// Changes a user.
    pub fn change_user(&self, name: &str, change: impl FnOnce(&mut User)) {
        change(self.lock().users.get_mut(&id(name)).expect("a known user"));
    }

    /// Adds a channel without members.
    pub fn add_channel(&self, name: &str, kind: ChannelKind) {
        let in_team = matches!(kind, ChannelKind::Open | ChannelKind::Private);
        let channel = Channel {
            id: id(name),
            kind,
            team_id: if in_team { id("team") } else { String::new() },
            name: name.into(),
            display_name: name.into(),
            delete_at: 0,
        };
        self.lock().channels.insert(channel.id.clone(), channel);
    }

    /// Changes a channel.
    pub fn change_channel(&self, name: &str, change: impl FnOnce(&mut Channel)) {
        change(
            self.lock()
                .channels
                .get_mut(&id(name))
                .expect("a known channel"),
        );
    }

    /// Makes a user a member.
    pub fn add_member(&self, channel: &str, user: &str) {
        let member = Member {
            user_id: id(user),
            roles: "channel_user".into(),
        };
        self.lock().members.insert((id(channel), id(user)), member);
    }

    /// Ends a membership; the caller tells the plugin (`PlatformEvent::LeftChannel`).
    pub fn remove_member(&self, channel: &str, user: &str) {
        self.lock().members.remove(&(id(channel), id(user)));
    }

    /// Sets one of the admin's settings.
    pub fn set_setting(&self, key: &str, value: impl Into<Value>) {
        self.lock().settings[key] = value.into();
    }

    /// The virtual wall clock for posts, Unix ms.
    pub fn set_clock(&self, now_ms: i64) {
        self.lock().clock_ms = now_ms;
    }

    /// All posts in order of creation.
    pub fn posts(&self) -> Vec<Post> {
        let mut posts: Vec<Post> = self.lock().posts.values().cloned().collect();
        posts.sort_by_key(|p| p.id.clone());
        posts
    }

    /// Everything published so far.
    pub fn published(&self) -> Vec<Published> {
        self.lock().published.clone()
    }

    /// Published events of one name.
    pub fn published_named(&self, name: &str) -> Vec<Published> {
        self.published()
            .into_iter()
            .filter(|p| p.name == name)
            .collect()
    }

    /// How often the key-value store was changed.
    pub fn kv_writes(&self) -> u64 {
        self.lock().kv_writes
    }

    /// The keys in the store.
    pub fn kv_keys(&self) -> BTreeSet<String> {
        self.lock().kv.keys().cloned().collect()
    }

    /// Every call of the plugin fails for a while, as in a database restart.
    pub fn fail_for(&self, time: std::time::Duration) {
        self.lock().fails_until = Some(tokio::time::Instant::now() + time);
    }

    /// Posts shown to one user only.
    pub fn ephemeral_to(&self, user: &str) -> Vec<Post> {
        let user = id(user);
        self.lock()
            .ephemeral
            .iter()
            .filter(|(to, _)| *to == user)
            .map(|(_, p)| p.clone())
            .collect()
    }

    fn answer<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut State) -> Result<T, PlatformError>,
    ) -> PlatformFuture<'_, T> {
        let mut state = self.lock();
        let result = match state.fails_until {
            Some(until) if tokio::time::Instant::now() < until => {
                Err(PlatformError::Unavailable("the scenario says so".into()))
            }
            _ => f(&mut state),
        };
        drop(state);
        Box::pin(async move {
            // As a real platform: an answer never comes in the same instant.
            tokio::task::yield_now().await;
            result
        })
    }
}

fn found<T: Clone>(item: Option<&T>) -> Result<T, PlatformError> {
    item.cloned().ok_or(PlatformError::NotFound)
}

impl Platform for MemoryPlatform {
    fn get_user<'a>(&'a self, user_id: &'a str) -> PlatformFuture<'a, User> {
        self.answer(|s| found(s.users.get(user_id)))
    }

    fn get_channel<'a>(&'a self, channel_id: &'a str) -> PlatformFuture<'a, Channel> {
        self.answer(|s| found(s.channels.get(channel_id)))
    }

    fn get_member<'a>(
        &'a self,
        channel_id: &'a str,
        user_id: &'a str,
    ) -> PlatformFuture<'a, Option<Member>> {
        self.answer(|s| Ok(s.members.get(&(channel_id.into(), user_id.into())).cloned()))
    }

    fn has_channel_permission<'a>(
        &'a self,
        user_id: &'a str,
        channel_id: &'a str,
        permission: ChannelPermission,
    ) -> PlatformFuture<'a, bool> {
        self.answer(|s| {
            let key = (channel_id.to_owned(), user_id.to_owned());
            let (Some(user), Some(channel)) = (s.users.get(user_id), s.channels.get(channel_id))
            else {
                return Ok(false);
            };
            let may_post = permission == ChannelPermission::ReadChannel || channel.delete_at == 0;
            Ok(user.delete_at == 0 && s.members.contains_key(&key) && may_post)
        })
    }

    fn get_members<'a>(&'a self, channel_id: &'a str, limit: u32) -> PlatformFuture<'a, Vec<User>> {
        self.answer(|s| {
            let here = s.members.keys().filter(|(at, _)| at == channel_id);
            let found = here.filter_map(|(_, user)| s.users.get(user).cloned());
            Ok(found.take(limit as usize).collect())
        })
    }

    fn get_presence<'a>(&'a self, _: &'a str) -> PlatformFuture<'a, Presence> {
        self.answer(|_| Ok(Presence::Online))
    }

    fn push_call(&self, _: CallPush) -> PlatformFuture<'_, ()> {
        self.answer(|_| Ok(()))
    }

    fn get_team<'a>(&'a self, team_id: &'a str) -> PlatformFuture<'a, Team> {
        self.answer(|_| {
            Ok(Team {
                id: team_id.into(),
                name: "team".into(),
            })
        })
    }

    fn get_teams_of_user<'a>(&'a self, _user_id: &'a str) -> PlatformFuture<'a, Vec<Team>> {
        self.answer(|_| {
            Ok(vec![Team {
                id: id("team"),
                name: "team".into(),
            }])
        })
    }

    fn get_channels_of_user<'a>(&'a self, user_id: &'a str) -> PlatformFuture<'a, Vec<Channel>> {
        self.answer(|s| {
            let mine = s.members.keys().filter(|(_, user)| user == user_id);
            Ok(mine
                .filter_map(|(channel, _)| s.channels.get(channel))
                .filter(|c| c.delete_at == 0)
                .cloned()
                .collect())
        })
    }

    fn get_post<'a>(&'a self, post_id: &'a str) -> PlatformFuture<'a, Post> {
        self.answer(|s| found(s.posts.get(post_id)))
    }

    fn get_thread<'a>(&'a self, root_id: &'a str) -> PlatformFuture<'a, Vec<Post>> {
        self.answer(|s| {
            let root = found(s.posts.get(root_id))?;
            let replies = s.posts.values().filter(|post| post.root_id == root_id);
            Ok(std::iter::once(root).chain(replies.cloned()).collect())
        })
    }

    fn create_post(&self, mut post: Post) -> PlatformFuture<'_, Post> {
        self.answer(|s| {
            s.counter += 1;
            post.id = format!("post{:022}", s.counter);
            post.create_at = s.clock_ms;
            s.posts.insert(post.id.clone(), post.clone());
            Ok(post)
        })
    }

    fn update_post(&self, post: Post) -> PlatformFuture<'_, Post> {
        self.answer(|s| {
            let old = s.posts.get_mut(&post.id).ok_or(PlatformError::NotFound)?;
            old.message = post.message;
            old.props_json = post.props_json;
            Ok(old.clone())
        })
    }

    fn send_ephemeral<'a>(&'a self, user_id: &'a str, post: Post) -> PlatformFuture<'a, ()> {
        self.answer(|s| {
            s.ephemeral.push((user_id.into(), post));
            Ok(())
        })
    }

    fn send_file<'a>(
        &'a self,
        user_id: &'a str,
        message: &'a str,
        _: File,
    ) -> PlatformFuture<'a, Post> {
        self.create_post(Post {
            user_id: id("bot"),
            channel_id: format!("dm-{user_id}"),
            message: message.to_owned(),
            ..Post::default()
        })
    }

    fn publish_event<'a>(
        &'a self,
        name: &'a str,
        data_json: &'a str,
        broadcast: Broadcast,
    ) -> PlatformFuture<'a, ()> {
        self.answer(|s| {
            let data = serde_json::from_str(data_json)
                .map_err(|e| PlatformError::Invalid(format!("data_json: {e}")))?;
            s.published.push(Published {
                name: name.into(),
                data,
                broadcast,
            });
            Ok(())
        })
    }

    fn kv_get<'a>(&'a self, key: &'a str) -> PlatformFuture<'a, Option<Vec<u8>>> {
        self.answer(|s| Ok(s.kv.get(key).cloned()))
    }

    fn kv_compare_and_set<'a>(
        &'a self,
        key: &'a str,
        old: Option<Vec<u8>>,
        new: Option<Vec<u8>>,
        _expires_in_s: u32,
    ) -> PlatformFuture<'a, bool> {
        self.answer(|s| {
            if s.kv.get(key) != old.as_ref() {
                return Ok(false);
            }
            s.kv_writes += 1;
            match new {
                Some(value) => s.kv.insert(key.into(), value),
                None => s.kv.remove(key),
            };
            Ok(true)
        })
    }

    fn kv_list_keys<'a>(
        &'a self,
        prefix: &'a str,
        after: &'a str,
        limit: u32,
    ) -> PlatformFuture<'a, Vec<String>> {
        self.answer(|s| {
            let hits =
                s.kv.keys()
                    .filter(|k| k.starts_with(prefix) && k.as_str() > after);
            Ok(hits.take(limit as usize).cloned().collect())
        })
    }

    fn bot_id(&self) -> PlatformFuture<'_, String> {
        self.answer(|_| Ok(id("bot")))
    }

    fn plugin_id(&self) -> String {
        "app.parley.calls".into()
    }

    fn site_url(&self) -> String {
        "http://chat.example/sub".into()
    }

    fn settings_json(&self) -> String {
        self.lock().settings.to_string()
    }
}
