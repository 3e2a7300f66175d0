//! People, teams and channels made from inside the process: the first administrator, the demo, tests,
//! and the command line. No access checks: whoever holds the [`Local`] is the operator.

use super::db::Tx;
use super::error::{ApiError, ApiResult};
use super::ids::new_id;
use super::limits;
use super::store::users::{self, NewUser};
use super::store::{channels, members, sessions, teams};
use super::{DemoLinks, FirstAdmin, Local, passwords};
use crate::platform::{ChannelKind, PlatformError};

/// The team that the first administrator starts in, and that new people join. May be absent.
pub(super) const HOME_TEAM: &str = "home";

/// An account to make.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// Name to sign in with.
    pub username: String,
    /// First name, as shown.
    pub first_name: String,
    /// Last name, as shown.
    pub last_name: String,
    /// Empty = signs in by one-time links only.
    pub password: String,
    /// Part of the system as a guest.
    pub guest: bool,
    /// Administrator of the system.
    pub admin: bool,
    /// e.g. `en`, `de`; empty = `en`.
    pub locale: String,
}

impl Account {
    fn checked(self, password_hash: String) -> NewUser {
        let roles = match (self.guest, self.admin) {
            (true, _) => "system_guest",
            (false, true) => "system_user system_admin",
            (false, false) => "system_user",
        };
        NewUser {
            email: format!("{}@localhost", self.username),
            username: self.username,
            password_hash,
            first_name: self.first_name,
            last_name: self.last_name,
            nickname: String::new(),
            roles: roles.to_owned(),
            locale: if self.locale.is_empty() {
                "en".into()
            } else {
                self.locale
            },
        }
    }
}

impl Local {
    /// In a database without accounts: makes the administrator.
    pub(super) fn make_first_admin(&self) -> ApiResult<Option<FirstAdmin>> {
        self.db.run_blocking(|tx| {
            if tx.number("SELECT count(*) FROM users", [])? > 0 {
                return Ok(None);
            }
            let admin = FirstAdmin {
                username: "admin".to_owned(),
                password: new_id(),
            };
            let account = Account {
                username: admin.username.clone(),
                admin: true,
                ..Account::default()
            };
            let user = users::insert(tx, &account.checked(passwords::hash(&admin.password)?))?;
            teams::insert(tx, HOME_TEAM, "Home", "O", Some(&user))?;
            Ok(Some(admin))
        })
    }

    /// Makes an account; its id.
    pub async fn create_user(&self, account: Account) -> Result<String, PlatformError> {
        let hash = if account.password.is_empty() {
            String::new()
        } else {
            users::check_password(&account.password)?;
            self.passwords.hash(account.password.clone()).await?
        };
        let new = account.checked(hash);
        Ok(self
            .db
            .run(move |tx| Ok(users::insert(tx, &new)?.id))
            .await?)
    }

    /// Makes an open team; its id.
    pub async fn create_team(
        &self,
        name: &str,
        display_name: &str,
    ) -> Result<String, PlatformError> {
        let (name, shown) = (name.to_owned(), display_name.to_owned());
        Ok(self
            .db
            .run(move |tx| Ok(teams::insert(tx, &name, &shown, "O", None)?.id))
            .await?)
    }

    /// Makes an open or private channel of a team; its id.
    pub async fn create_channel(
        &self,
        team_id: &str,
        name: &str,
        display_name: &str,
        kind: ChannelKind,
    ) -> Result<String, PlatformError> {
        let kind = match kind {
            ChannelKind::Open => "O",
            ChannelKind::Private => "P",
            ChannelKind::Direct | ChannelKind::Group => {
                return Err(PlatformError::Invalid("kind: use create_direct".into()));
            }
        };
        let (team, name, shown) = (team_id.to_owned(), name.to_owned(), display_name.to_owned());
        Ok(self
            .db
            .run(move |tx| Ok(channels::insert(tx, &team, &name, &shown, kind, "")?.id))
            .await?)
    }

    /// The direct channel of two people, or the group channel of 3 to 8; its id.
    pub async fn create_direct(&self, user_ids: &[String]) -> Result<String, PlatformError> {
        let ids = user_ids.to_vec();
        let made = self.db.run(move |tx| {
            for id in &ids {
                super::adapter::check_id(id, "user_ids")?;
            }
            let channel = match ids.as_slice() {
                [a, b] => channels::direct(tx, a, b)?,
                [a, ..] => channels::group(tx, a, &ids)?,
                [] => return Err(ApiError::body("user_ids")),
            };
            Ok(channel.id)
        });
        Ok(made.await?)
    }

    /// Adds somebody to a channel, and to its team where needed.
    pub async fn add_to_channel(
        &self,
        channel_id: &str,
        user_id: &str,
    ) -> Result<(), PlatformError> {
        let (channel, user) = (channel_id.to_owned(), user_id.to_owned());
        let done = self.db.run(move |tx| {
            let found = channels::get(tx, &channel)?;
            if !found.team_id.is_empty() {
                teams::add_member(tx, &found.team_id, &user, false)?;
            }
            members::add_member(tx, &channel, &user, false)?;
            Ok(())
        });
        Ok(done.await?)
    }

    /// Takes somebody out of a channel.
    pub async fn remove_from_channel(
        &self,
        channel_id: &str,
        user_id: &str,
    ) -> Result<(), PlatformError> {
        let (channel, user) = (channel_id.to_owned(), user_id.to_owned());
        let done = self.db.run(move |tx| {
            let found = channels::get(tx, &channel)?;
            members::remove_member(tx, &found, &user, "")
        });
        Ok(done.await?)
    }

    /// Archives or restores a channel.
    pub async fn set_archived(
        &self,
        channel_id: &str,
        archived: bool,
    ) -> Result<(), PlatformError> {
        let channel = channel_id.to_owned();
        let done = self
            .db
            .run(move |tx| channels::set_archived(tx, &channel, archived));
        done.await?;
        Ok(())
    }

    /// Deactivates or reactivates an account.
    pub async fn set_active(&self, user_id: &str, active: bool) -> Result<(), PlatformError> {
        let user = user_id.to_owned();
        Ok(self
            .db
            .run(move |tx| users::set_active(tx, &user, active))
            .await?)
    }

    /// Ends all sign-ins of a user.
    pub async fn revoke_sessions(&self, user_id: &str) -> Result<(), PlatformError> {
        let user = user_id.to_owned();
        Ok(self
            .db
            .run(move |tx| sessions::revoke_all(tx, &user))
            .await?)
    }

    /// Signs in without a password; the session's token, for `Authorization: Bearer`.
    pub async fn create_session(&self, user_id: &str) -> Result<String, PlatformError> {
        let user = user_id.to_owned();
        let made = self.db.run(move |tx| {
            users::get(tx, &user)?;
            Ok(sessions::create(tx, &user, "")?.1)
        });
        Ok(made.await?)
    }

    /// A link that signs a user in once and goes to `redirect` (a path below the site's); lives
    /// [`limits::ONE_TIME_LINK_MS`]. A path from the origin, sub-path included.
    pub async fn create_sign_in_link(
        &self,
        user_id: &str,
        redirect: &str,
    ) -> Result<String, PlatformError> {
        let (user, to) = (user_id.to_owned(), redirect.to_owned());
        let life = Some(limits::ONE_TIME_LINK_MS);
        let subpath = self.site.subpath.clone();
        Ok(self
            .db
            .run(move |tx| link(tx, &subpath, &user, &to, life))
            .await?)
    }

    /// The demo: a team, a channel, Alice and Bob, and a sign-in link for each, which lives until it
    /// is used. Repeated calls find what is there and make new links, in place of unused ones.
    pub async fn seed_demo(&self) -> Result<DemoLinks, PlatformError> {
        let subpath = self.site.subpath.clone();
        let made = self.db.run(move |tx| {
            let team = match teams::by_name(tx, "demo") {
                Ok(team) => team,
                Err(_) => teams::insert(tx, "demo", "Demo", "O", None)?,
            };
            let channel = match channels::by_name(tx, &team.id, "lounge") {
                Ok(channel) => channel,
                Err(_) => channels::insert(tx, &team.id, "lounge", "Lounge", "O", "")?,
            };
            let person = |name: &str, shown: (&str, &str)| -> ApiResult<String> {
                let id = match users::by_username(tx, name) {
                    Ok(user) => user.id,
                    Err(_) => {
                        let account = Account {
                            username: name.to_owned(),
                            first_name: shown.0.to_owned(),
                            last_name: shown.1.to_owned(),
                            ..Account::default()
                        };
                        users::insert(tx, &account.checked(String::new()))?.id
                    }
                };
                teams::add_member(tx, &team.id, &id, false)?;
                members::add_member(tx, &channel.id, &id, false)?;
                // Links of earlier starts, never used, must not lie about as keys for ever.
                sessions::drop_links(tx, &id)?;
                Ok(id)
            };
            let alice_id = person("alice", ("Alice", "Adler"))?;
            let bob_id = person("bob", ("Bob", "Berg"))?;
            let to = format!("/{}/channels/{}", team.name, channel.name);
            Ok(DemoLinks {
                alice: link(tx, &subpath, &alice_id, &to, None)?,
                bob: link(tx, &subpath, &bob_id, &to, None)?,
                alice_id,
                bob_id,
                team_id: team.id,
                channel_id: channel.id,
            })
        });
        Ok(made.await?)
    }
}

fn link(
    tx: &Tx<'_>,
    subpath: &str,
    user_id: &str,
    redirect: &str,
    life_ms: Option<i64>,
) -> ApiResult<String> {
    // Only ever to a page of this server: `//host` would lead elsewhere.
    if !redirect.starts_with('/') || redirect.starts_with("//") || redirect.contains('\\') {
        return Err(ApiError::body("redirect"));
    }
    let token = sessions::create_link(tx, user_id, redirect, life_ms)?;
    Ok(format!("{subpath}/login/one-time?token={token}"))
}
