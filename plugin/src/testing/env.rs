//! A platform in memory.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::Value as Json;

use super::{channel, id, user};
use crate::env::*;
use crate::ids::*;

/// An event as it went out.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) name: String,
    pub(crate) data: Json,
    pub(crate) to: Broadcast,
}

impl Published {
    /// To whom: `connection …`, `user …` or `channel`.
    pub(crate) fn scope(&self) -> String {
        if !self.to.connection_id.is_empty() {
            format!(
                "connection {}",
                self.to.connection_id.as_str().trim_end_matches('a')
            )
        } else if !self.to.user_id.is_empty() {
            format!("user {}", self.to.user_id)
        } else {
            "channel".to_owned()
        }
    }
}

/// Something done in the middle of another request.
type Interference = Box<dyn FnOnce(&FakeEnv)>;

/// See the module.
pub(crate) struct FakeEnv {
    pub(crate) clock: Arc<AtomicI64>,
    pub(crate) users: RefCell<BTreeMap<UserId, User>>,
    pub(crate) channels: RefCell<BTreeMap<ChannelId, Channel>>,
    pub(crate) members: RefCell<BTreeSet<(ChannelId, UserId)>>,
    pub(crate) channel_admins: RefCell<BTreeSet<(ChannelId, UserId)>>,
    /// Members who may not post.
    pub(crate) muted: RefCell<BTreeSet<(ChannelId, UserId)>>,
    pub(crate) posts: RefCell<BTreeMap<PostId, Post>>,
    /// The next post is refused with this; `NotFound`: because its thread is deleted at that moment.
    pub(crate) post_refusal: RefCell<Option<PlatformError>>,
    /// To whom, with which message.
    pub(crate) files: RefCell<Vec<(UserId, String, File)>>,
    /// The platform takes no files.
    pub(crate) files_off: Cell<bool>,
    /// Shown to one user: to whom, and what.
    pub(crate) ephemeral: RefCell<Vec<(UserId, Post)>>,
    pub(crate) published: RefCell<Vec<Published>>,
    /// Offline, if not said otherwise.
    pub(crate) presences: RefCell<BTreeMap<UserId, Presence>>,
    pub(crate) pushed: RefCell<Vec<CallPush>>,
    /// Whose phones cannot be reached.
    pub(crate) deaf: RefCell<BTreeSet<UserId>>,
    /// What was logged as a warning or worse.
    pub(crate) warned: RefCell<Vec<String>>,
    pub(crate) kv: RefCell<BTreeMap<String, Vec<u8>>>,
    pub(crate) settings: RefCell<String>,
    pub(crate) site: RefCell<String>,
    pub(crate) plugin_id: RefCell<String>,
    /// So many compare-and-sets lose their race from now on.
    pub(crate) cas_losses: Cell<u32>,
    /// Run once, just before the next compare-and-set of a record: somebody else is faster.
    pub(crate) before_cas: RefCell<Option<Interference>>,
    /// The platform answers nothing but this.
    pub(crate) down: Cell<bool>,
    /// Whoever writes this key dies after so many writes: nothing answers any more.
    pub(crate) dies_after_writes_of: RefCell<Option<(String, u32)>>,
    /// After so many posts the platform answers nothing any more.
    pub(crate) posts_until_down: Cell<Option<u32>>,
    next: Cell<u64>,
}

impl FakeEnv {
    pub(crate) fn new() -> Self {
        Self {
            clock: Arc::new(AtomicI64::new(1_700_000_000_000)),
            users: RefCell::default(),
            channels: RefCell::default(),
            members: RefCell::default(),
            channel_admins: RefCell::default(),
            muted: RefCell::default(),
            posts: RefCell::default(),
            post_refusal: RefCell::default(),
            files: RefCell::default(),
            files_off: Cell::new(false),
            ephemeral: RefCell::default(),
            published: RefCell::default(),
            presences: RefCell::default(),
            pushed: RefCell::default(),
            deaf: RefCell::default(),
            warned: RefCell::default(),
            kv: RefCell::default(),
            settings: RefCell::new("{}".to_owned()),
            site: RefCell::new("https://chat.example.com/sub".to_owned()),
            plugin_id: RefCell::new("app.parley.calls".to_owned()),
            cas_losses: Cell::new(0),
            before_cas: RefCell::default(),
            down: Cell::new(false),
            dies_after_writes_of: RefCell::default(),
            posts_until_down: Cell::default(),
            next: Cell::new(0),
        }
    }

    pub(crate) fn add_user(&self, name: &str, roles: &str) {
        let person = User {
            id: user(name),
            username: name.to_owned(),
            display_name: name.to_uppercase(),
            roles: roles.to_owned(),
            is_bot: false,
            delete_at: 0,
            locale: "en".to_owned(),
        };
        self.users.borrow_mut().insert(user(name), person);
    }

    pub(crate) fn add_channel(&self, name: &str, kind: ChannelKind, members: &[&str]) {
        let team = matches!(kind, ChannelKind::Open | ChannelKind::Private);
        let name_in_links = match kind {
            ChannelKind::Direct => format!("{}__{}", id(members[0]), id(members[1])),
            _ => name.to_owned(),
        };
        let place = Channel {
            id: channel(name),
            kind,
            team_id: if team { id("team") } else { String::new() },
            name: name_in_links,
            display_name: name.to_owned(),
            delete_at: 0,
        };
        self.channels.borrow_mut().insert(channel(name), place);
        for member in members {
            self.members
                .borrow_mut()
                .insert((channel(name), user(member)));
        }
    }

    pub(crate) fn edit_user(&self, name: &str, edit: impl FnOnce(&mut User)) {
        edit(self.users.borrow_mut().get_mut(&user(name)).unwrap());
    }

    pub(crate) fn archive(&self, name: &str) {
        self.channels
            .borrow_mut()
            .get_mut(&channel(name))
            .unwrap()
            .delete_at = 1;
    }

    pub(crate) fn remove_member(&self, at: &str, name: &str) {
        self.members.borrow_mut().remove(&(channel(at), user(name)));
    }

    pub(crate) fn posts_in(&self, at: &str) -> Vec<Post> {
        self.posts
            .borrow()
            .values()
            .filter(|p| p.channel_id == channel(at))
            .cloned()
            .collect()
    }

    fn number(&self) -> u64 {
        self.next.set(self.next.get() + 1);
        self.next.get()
    }

    fn up(&self) -> Result<(), PlatformError> {
        let dead = self.dies_after_writes_of.borrow();
        let dead = dead.as_ref().is_some_and(|(_, left)| *left == 0);
        if self.down.get() || dead || self.posts_until_down.get() == Some(0) {
            return Err(PlatformError::Unavailable("down".to_owned()));
        }
        Ok(())
    }
}

type Answer<T> = Result<T, PlatformError>;

impl Env for FakeEnv {
    fn user(&self, id: &UserId) -> Answer<User> {
        self.up()?;
        self.users
            .borrow()
            .get(id)
            .cloned()
            .ok_or(PlatformError::NotFound)
    }

    fn channel(&self, id: &ChannelId) -> Answer<Channel> {
        self.up()?;
        self.channels
            .borrow()
            .get(id)
            .cloned()
            .ok_or(PlatformError::NotFound)
    }

    fn is_member(&self, channel: &ChannelId, user: &UserId) -> Answer<bool> {
        self.up()?;
        Ok(self
            .members
            .borrow()
            .contains(&(channel.clone(), user.clone())))
    }

    fn is_channel_admin(&self, channel: &ChannelId, user: &UserId) -> Answer<bool> {
        self.up()?;
        Ok(self
            .channel_admins
            .borrow()
            .contains(&(channel.clone(), user.clone())))
    }

    fn has_permission(
        &self,
        user: &UserId,
        channel: &ChannelId,
        permission: ChannelPermission,
    ) -> Answer<bool> {
        self.up()?;
        let key = (channel.clone(), user.clone());
        let member = self.members.borrow().contains(&key);
        let admin = self.users.borrow().get(user).is_some_and(User::is_admin);
        Ok(match permission {
            ChannelPermission::ReadChannel => member || admin,
            ChannelPermission::CreatePost => member && !self.muted.borrow().contains(&key),
        })
    }

    fn members(&self, channel: &ChannelId, limit: u32) -> Answer<Vec<User>> {
        self.up()?;
        let (members, users) = (self.members.borrow(), self.users.borrow());
        let here = members.iter().filter(|(at, _)| at == channel);
        let found = here.filter_map(|(_, id)| users.get(id).cloned());
        Ok(found.take(limit as usize).collect())
    }

    fn presence(&self, user: &UserId) -> Answer<Presence> {
        self.up()?;
        let said = self.presences.borrow().get(user).copied();
        Ok(said.unwrap_or(Presence::Offline))
    }

    fn push_call(&self, push: &CallPush) -> Answer<()> {
        self.up()?;
        if self.deaf.borrow().contains(&push.user_id) {
            return Err(PlatformError::Unavailable("no push service".to_owned()));
        }
        self.pushed.borrow_mut().push(push.clone());
        Ok(())
    }

    fn team(&self, team: &str) -> Answer<Team> {
        if team == id("team") {
            Ok(Team {
                id: id("team"),
                name: "team".to_owned(),
            })
        } else {
            Err(PlatformError::NotFound)
        }
    }

    fn teams_of_user(&self, _: &UserId) -> Answer<Vec<Team>> {
        Ok(vec![Team {
            id: id("team"),
            name: "team".to_owned(),
        }])
    }

    fn channels_of_user(&self, id: &UserId) -> Answer<Vec<Channel>> {
        let members = self.members.borrow();
        let channels = self.channels.borrow();
        let mine = channels
            .values()
            .filter(|c| members.contains(&(c.id.clone(), id.clone())));
        Ok(mine.filter(|c| c.delete_at == 0).cloned().collect())
    }

    fn post(&self, id: &PostId) -> Answer<Post> {
        self.up()?;
        self.posts
            .borrow()
            .get(id)
            .cloned()
            .ok_or(PlatformError::NotFound)
    }

    fn thread(&self, root: &PostId) -> Answer<Vec<Post>> {
        self.up()?;
        let posts = self.posts.borrow();
        let first = posts.get(root).ok_or(PlatformError::NotFound)?;
        let mut replies: Vec<Post> = posts
            .values()
            .filter(|post| post.root_id == *root && post.delete_at == 0)
            .cloned()
            .collect();
        // Ids end in a number that counts up, but are not as long as each other.
        replies.sort_by_key(|post| (post.create_at, post.id.as_str().len(), post.id.clone()));
        let skipped = replies.len().saturating_sub(999);
        let newest = replies.into_iter().skip(skipped);
        Ok(std::iter::once(first.clone()).chain(newest).collect())
    }

    fn create_post(&self, mut post: Post) -> Answer<Post> {
        self.up()?;
        if let Some(error) = self.post_refusal.take() {
            if error == PlatformError::NotFound {
                // Somebody deletes the thread at this moment.
                let mut posts = self.posts.borrow_mut();
                if let Some(root) = posts.get_mut(&post.root_id) {
                    root.delete_at = 1;
                }
                return Err(PlatformError::Invalid("root_id".to_owned()));
            }
            return Err(error);
        }
        let root = self.posts.borrow().get(&post.root_id).cloned();
        if !post.root_id.is_empty() && root.is_none_or(|root| root.delete_at != 0) {
            return Err(PlatformError::Invalid("root_id".to_owned()));
        }
        if post.file_ids.len() > 10 {
            return Err(PlatformError::Invalid("file_ids".to_owned()));
        }
        if let Some(left) = self.posts_until_down.get() {
            self.posts_until_down.set(Some(left.saturating_sub(1)));
        }
        post.id = PostId::new(id(&format!("post{}", self.number())));
        post.create_at = self.now_ms();
        self.posts
            .borrow_mut()
            .insert(post.id.clone(), post.clone());
        Ok(post)
    }

    fn update_post(&self, post: Post) -> Answer<Post> {
        self.up()?;
        self.posts
            .borrow_mut()
            .insert(post.id.clone(), post.clone());
        Ok(post)
    }

    fn send_ephemeral(&self, to: &UserId, post: Post) -> Answer<()> {
        self.up()?;
        self.ephemeral.borrow_mut().push((to.clone(), post));
        Ok(())
    }

    fn send_file(&self, to: &UserId, message: &str, file: File) -> Answer<()> {
        self.up()?;
        if self.files_off.get() {
            return Err(PlatformError::Unavailable("no files".to_owned()));
        }
        let sent = (to.clone(), message.to_owned(), file);
        self.files.borrow_mut().push(sent);
        Ok(())
    }

    fn publish(&self, name: &str, data_json: &str, to: &Broadcast) -> Answer<()> {
        self.up()?;
        let data: Json = serde_json::from_str(data_json).expect("JSON");
        assert!(data.is_object(), "{name}: {data}");
        // Rule 2 of the clients' protocol; an `error` may be about no channel at all.
        assert!(
            name == "error" || !to.channel_id.is_empty(),
            "{name} without a channel"
        );
        let event = Published {
            name: name.to_owned(),
            data,
            to: to.clone(),
        };
        self.published.borrow_mut().push(event);
        Ok(())
    }

    fn bot_id(&self) -> Answer<UserId> {
        self.up()?;
        Ok(user("callsbot"))
    }

    fn plugin_id(&self) -> String {
        self.plugin_id.borrow().clone()
    }

    fn plugin_version(&self) -> String {
        "0.1.0".to_owned()
    }

    fn site_url(&self) -> String {
        self.site.borrow().clone()
    }

    fn settings_json(&self) -> String {
        self.settings.borrow().clone()
    }

    fn kv_get(&self, key: &str) -> Answer<Option<Vec<u8>>> {
        self.up()?;
        assert!(key.len() <= 50, "{key}");
        Ok(self.kv.borrow().get(key).cloned())
    }

    fn kv_compare_and_set(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        _expires_in_s: u32,
    ) -> Answer<bool> {
        self.up()?;
        assert!(key.len() <= 50, "{key}");
        assert!(
            new.is_none_or(|new| new.len() <= 64 * 1024),
            "{key} is too long"
        );
        if key.starts_with("c_") {
            let before = self.before_cas.take();
            if let Some(before) = before {
                before(self);
            }
            if self.cas_losses.get() > 0 {
                self.cas_losses.set(self.cas_losses.get() - 1);
                return Ok(false);
            }
        }
        let mut kv = self.kv.borrow_mut();
        if kv.get(key).map(Vec::as_slice) != old {
            return Ok(false);
        }
        match new {
            Some(new) => kv.insert(key.to_owned(), new.to_vec()),
            None => kv.remove(key),
        };
        if let Some((watched, left)) = &mut *self.dies_after_writes_of.borrow_mut()
            && watched == key
        {
            *left = left.saturating_sub(1);
        }
        Ok(true)
    }

    fn kv_list(&self, prefix: &str, after: &str, limit: u32) -> Answer<Vec<String>> {
        self.up()?;
        let kv = self.kv.borrow();
        let keys = kv
            .keys()
            .filter(|key| key.starts_with(prefix) && key.as_str() > after);
        Ok(keys.take(limit as usize).cloned().collect())
    }

    fn now_ms(&self) -> i64 {
        self.clock.load(Ordering::Relaxed)
    }

    fn random(&self, len: u32) -> Vec<u8> {
        let seed = self.number();
        (0..u64::from(len))
            .map(|i| ((seed.rotate_left((i as u32 % 8) * 5) >> 3) ^ (seed * (i + 7))) as u8)
            .collect()
    }

    fn log(&self, level: Level, target: &str, message: &str) {
        if matches!(level, Level::Warn | Level::Error) {
            self.warned.borrow_mut().push(message.to_owned());
        }
        if std::env::var_os("PARLEY_TEST_LOG").is_some() {
            eprintln!("{level:?} {target}: {message}");
        }
    }
}
