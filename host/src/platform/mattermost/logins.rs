//! Logins of those who are in calls. The server says nothing when one is revoked or runs out, and leaves its
//! sockets open for a while: it is asked.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::lanes::Lanes;
use super::positional::Positional;
use super::wire::Session;
use super::{Mattermost, limits};
use crate::hooks::PlatformEvent;
use crate::platform::{Platform as _, PlatformError};
use crate::trace::TraceId;

/// Actions that bring a session into a call, or back to it.
const ENTERING: [&str; 2] = ["join", "reconnect"];

/// A key that need not be there.
const PROBE: &str = "probe";

struct Login {
    user_id: String,
    connections: HashSet<String>,
    /// Without a connection since: its media may go on for a while.
    alone_since: Option<Instant>,
}

/// By the id of the login's session.
#[derive(Default)]
pub(super) struct Logins(Mutex<HashMap<String, Login>>);

/// A login that is no more: its id, and whose it was.
pub(super) type Gone = (String, String);

impl Logins {
    /// Somebody does something over a connection.
    pub(super) fn handle_action(&self, action: &str, login: &str, user: &str, connection: &str) {
        if !ENTERING.contains(&action) || login.is_empty() {
            return;
        }
        let mut logins = self.lock();
        if logins.len() >= limits::CONNECTIONS_REMEMBERED && !logins.contains_key(login) {
            tracing::warn!("too many logins in calls: one is not looked after");
            return;
        }
        let known = logins.entry(login.to_owned()).or_insert_with(|| Login {
            user_id: user.to_owned(),
            connections: HashSet::new(),
            alone_since: None,
        });
        known.connections.insert(connection.to_owned());
        known.alone_since = None;
    }

    /// A connection is gone.
    pub(super) fn handle_disconnect(&self, connection: &str, now: Instant) {
        for login in self.lock().values_mut() {
            if login.connections.remove(connection) && login.connections.is_empty() {
                login.alone_since = Some(now);
            }
        }
    }

    /// Asks after each of them, and forgets those that are no more, or that nobody used for long.
    /// `lives`: whether a login is good; `None` = not known.
    pub(super) async fn check<F>(&self, now: Instant, lives: impl Fn(String) -> F) -> Vec<Gone>
    where
        F: Future<Output = Option<bool>>,
    {
        let asked: Vec<String> = {
            let mut logins = self.lock();
            logins.retain(|_, login| {
                let alone = login.alone_since.map(|since| now.duration_since(since));
                alone.is_none_or(|alone| alone < limits::LOGIN_REMEMBERED)
            });
            logins.keys().cloned().collect()
        };
        let mut gone = Vec::new();
        for login in asked {
            if lives(login.clone()).await == Some(false)
                && let Some(Login { user_id, .. }) = self.lock().remove(&login)
            {
                gone.push((login, user_id));
            }
        }
        gone
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Login>> {
        // No code panics with the lock held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks after the logins for as long as the hooks are served. Must run inside the runtime.
pub(super) fn watch(logins: &Arc<Logins>, platform: &Arc<Mattermost>, lanes: &Arc<Lanes>) {
    let logins = Arc::downgrade(logins);
    let (platform, lanes) = (Arc::clone(platform), Arc::downgrade(lanes));
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(limits::LOGIN_CHECK).await;
            let (Some(logins), Some(lanes)) = (Weak::upgrade(&logins), Weak::upgrade(&lanes))
            else {
                return;
            };
            let lives = |login: String| {
                let platform = Arc::clone(&platform);
                async move {
                    let api = platform.api().ok()?;
                    let good = is_good(&api.find("GetSession", Positional((login,))).await)?;
                    // The server says the same when its database does not answer.
                    (good || platform.kv_get(PROBE).await.is_ok()).then_some(good)
                }
            };
            for (login_session_id, user_id) in logins.check(Instant::now(), lives).await {
                let event = PlatformEvent::LoginRevoked {
                    login_session_id,
                    user_id,
                };
                lanes.event(TraceId::random(), event).await;
            }
        }
    });
}

/// A server that has trouble says nothing about a login.
fn is_good(answer: &Result<Session, PlatformError>) -> Option<bool> {
    match answer {
        Ok(session) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let expires = Duration::from_millis(u64::try_from(session.expires_at).unwrap_or(0));
            Some(expires.is_zero() || now.is_ok_and(|now| now < expires))
        }
        // The latter is what servers say of a session that they do not have.
        Err(PlatformError::NotFound | PlatformError::Invalid(_)) => Some(false),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn l43_a_login_that_is_no_more_is_told_once_and_trouble_is_none() {
        let logins = Logins::default();
        let start = Instant::now();
        logins.handle_action("join", "login1", "alice", "conn1");
        logins.handle_action("join", "login2", "bob", "conn2");
        logins.handle_action("call_state", "login3", "carol", "conn3");
        let unknown = logins.check(start, async |_| None).await;
        assert_eq!(unknown, []);
        let second = |login: String| async move { Some(login != "login2") };
        let gone = logins.check(start, second).await;
        assert_eq!(gone, [("login2".to_owned(), "bob".to_owned())]);
        assert_eq!(logins.check(start, second).await, []);
        // Its media goes on for a while without a connection.
        logins.handle_disconnect("conn1", start);
        let later = start + Duration::from_secs(60);
        assert_eq!(logins.check(later, async |_| Some(false)).await.len(), 1);
    }

    #[tokio::test]
    async fn a_login_that_nobody_uses_is_forgotten() {
        let logins = Logins::default();
        let start = Instant::now();
        logins.handle_action("join", "login1", "alice", "conn1");
        logins.handle_action("reconnect", "login1", "alice", "conn2");
        logins.handle_disconnect("conn1", start);
        let later = start + limits::LOGIN_REMEMBERED;
        assert_eq!(logins.check(later, async |_| Some(true)).await, []);
        logins.handle_disconnect("conn2", later);
        let last = later + limits::LOGIN_REMEMBERED;
        assert_eq!(logins.check(last, async |_| Some(false)).await, []);
    }

    #[test]
    fn what_the_server_says_of_a_login() {
        let until = |expires_at| {
            Ok(Session {
                expires_at,
                ..Session::default()
            })
        };
        assert_eq!(is_good(&until(0)), Some(true));
        assert_eq!(is_good(&until(1)), Some(false));
        assert_eq!(is_good(&until(i64::MAX)), Some(true));
        assert_eq!(is_good(&Err(PlatformError::NotFound)), Some(false));
        let trouble = PlatformError::Unavailable("database".to_owned());
        assert_eq!(is_good(&Err(trouble)), None);
    }
}
