//! Fixtures that several modules' tests share.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;

use crate::platform::{
    Broadcast, CallPush, Channel, ChannelKind, ChannelPermission, File, Member, Platform,
    PlatformError, PlatformFuture, Post, Presence, Team, User,
};

/// A platform in memory: every id exists, every permission is given.
#[derive(Debug, Default)]
pub(crate) struct FakePlatform {
    kv: Mutex<BTreeMap<String, Vec<u8>>>,
    events: Mutex<Vec<String>>,
    user_delay: Mutex<Duration>,
    /// `get_user` so far.
    users_asked: watch::Sender<usize>,
}

impl FakePlatform {
    /// Names of the events published so far.
    pub(crate) fn events(&self) -> Vec<String> {
        self.events.lock().unwrap().clone()
    }

    /// Makes `get_user` slow.
    pub(crate) fn delay_users(&self, delay: Duration) {
        *self.user_delay.lock().unwrap() = delay;
    }

    /// Waits until `get_user` was called so often.
    pub(crate) async fn users_asked(&self, times: usize) {
        let mut asked = self.users_asked.subscribe();
        let enough = asked.wait_for(|asked| *asked >= times);
        let waited = tokio::time::timeout(Duration::from_secs(10), enough).await;
        assert!(waited.is_ok(), "get_user was not called {times} times");
    }

    /// Sets a key.
    pub(crate) fn put(&self, key: &str, value: &str) {
        self.kv
            .lock()
            .unwrap()
            .insert(key.to_owned(), value.as_bytes().to_vec());
    }
}

impl Platform for FakePlatform {
    fn get_user<'a>(&'a self, user_id: &'a str) -> PlatformFuture<'a, User> {
        let delay = *self.user_delay.lock().unwrap();
        self.users_asked.send_modify(|asked| *asked += 1);
        Box::pin(async move {
            tokio::time::sleep(delay).await;
            Ok(User {
                id: user_id.to_owned(),
                username: user_id.to_owned(),
                display_name: user_id.to_owned(),
                roles: "system_user".to_owned(),
                is_bot: false,
                delete_at: 0,
                locale: "en".to_owned(),
            })
        })
    }

    fn get_channel<'a>(&'a self, channel_id: &'a str) -> PlatformFuture<'a, Channel> {
        Box::pin(async move {
            Ok(Channel {
                id: channel_id.to_owned(),
                kind: ChannelKind::Open,
                team_id: "team".to_owned(),
                name: channel_id.to_owned(),
                display_name: channel_id.to_owned(),
                delete_at: 0,
            })
        })
    }

    fn get_member<'a>(
        &'a self,
        _: &'a str,
        user_id: &'a str,
    ) -> PlatformFuture<'a, Option<Member>> {
        let roles = "channel_user".to_owned();
        Box::pin(async move {
            Ok(Some(Member {
                user_id: user_id.to_owned(),
                roles,
            }))
        })
    }

    fn has_channel_permission<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: ChannelPermission,
    ) -> PlatformFuture<'a, bool> {
        Box::pin(async { Ok(true) })
    }

    fn get_members<'a>(&'a self, _: &'a str, _: u32) -> PlatformFuture<'a, Vec<User>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn get_presence<'a>(&'a self, _: &'a str) -> PlatformFuture<'a, Presence> {
        Box::pin(async { Ok(Presence::Online) })
    }

    fn push_call(&self, _: CallPush) -> PlatformFuture<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn get_team<'a>(&'a self, team_id: &'a str) -> PlatformFuture<'a, Team> {
        Box::pin(async move {
            Ok(Team {
                id: team_id.to_owned(),
                name: "team".to_owned(),
            })
        })
    }

    fn get_teams_of_user<'a>(&'a self, _: &'a str) -> PlatformFuture<'a, Vec<Team>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn get_channels_of_user<'a>(&'a self, _: &'a str) -> PlatformFuture<'a, Vec<Channel>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn get_post<'a>(&'a self, _: &'a str) -> PlatformFuture<'a, Post> {
        Box::pin(async { Err(PlatformError::NotFound) })
    }

    fn get_thread<'a>(&'a self, _: &'a str) -> PlatformFuture<'a, Vec<Post>> {
        Box::pin(async { Err(PlatformError::NotFound) })
    }

    fn create_post(&self, post: Post) -> PlatformFuture<'_, Post> {
        Box::pin(async { Ok(post) })
    }

    fn update_post(&self, post: Post) -> PlatformFuture<'_, Post> {
        Box::pin(async { Ok(post) })
    }

    fn send_ephemeral<'a>(&'a self, _: &'a str, _: Post) -> PlatformFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn send_file<'a>(
        &'a self,
        user_id: &'a str,
        message: &'a str,
        _: File,
    ) -> PlatformFuture<'a, Post> {
        self.create_post(Post {
            user_id: "bot".to_owned(),
            channel_id: format!("dm-{user_id}"),
            message: message.to_owned(),
            ..Post::default()
        })
    }

    fn publish_event<'a>(
        &'a self,
        name: &'a str,
        _: &'a str,
        _: Broadcast,
    ) -> PlatformFuture<'a, ()> {
        self.events.lock().unwrap().push(name.to_owned());
        Box::pin(async { Ok(()) })
    }

    fn kv_get<'a>(&'a self, key: &'a str) -> PlatformFuture<'a, Option<Vec<u8>>> {
        let value = self.kv.lock().unwrap().get(key).cloned();
        Box::pin(async { Ok(value) })
    }

    fn kv_compare_and_set<'a>(
        &'a self,
        key: &'a str,
        old: Option<Vec<u8>>,
        new: Option<Vec<u8>>,
        _: u32,
    ) -> PlatformFuture<'a, bool> {
        let mut kv = self.kv.lock().unwrap();
        let won = kv.get(key) == old.as_ref();
        if won {
            match new {
                Some(value) => kv.insert(key.to_owned(), value),
                None => kv.remove(key),
            };
        }
        Box::pin(async move { Ok(won) })
    }

    fn kv_list_keys<'a>(
        &'a self,
        prefix: &'a str,
        after: &'a str,
        limit: u32,
    ) -> PlatformFuture<'a, Vec<String>> {
        let kv = self.kv.lock().unwrap();
        let found = kv
            .keys()
            .filter(|key| key.starts_with(prefix) && key.as_str() > after);
        let keys = found.take(limit as usize).cloned().collect();
        Box::pin(async { Ok(keys) })
    }

    fn bot_id(&self) -> PlatformFuture<'_, String> {
        Box::pin(async { Ok("bot".to_owned()) })
    }

    fn plugin_id(&self) -> String {
        "app.parley.calls".to_owned()
    }

    fn site_url(&self) -> String {
        "http://localhost".to_owned()
    }

    fn settings_json(&self) -> String {
        "{}".to_owned()
    }
}

/// Writes log lines into a buffer.
#[derive(Clone)]
pub(crate) struct LogBuffer(Arc<Mutex<Vec<u8>>>);

impl io::Write for LogBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A subscriber that writes plain text into `log`.
pub(crate) fn log_to(log: &Arc<Mutex<Vec<u8>>>) -> impl tracing::Subscriber + Send + Sync {
    let buffer = LogBuffer(Arc::clone(log));
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || buffer.clone())
        .finish()
}
