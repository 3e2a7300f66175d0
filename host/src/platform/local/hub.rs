//! Live WebSocket connections: who is connected, and delivery in order with `seq` per connection.
//!
//! The lock is held for the length of a delivery only; writing happens in each connection's task.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::error::{ApiError, ApiResult};
use super::event::Event;
use super::ids::new_id;
use super::limits;

/// Counters of dropped things. Never reset.
#[derive(Debug, Default)]
pub struct Drops {
    /// Clients cut off because their send queue was full.
    pub slow_clients: AtomicU64,
    /// API requests over the rate limit, answered with 429.
    pub requests: AtomicU64,
    /// Client messages over the rate limit.
    pub rate_limited: AtomicU64,
    /// Client messages that found the plugin's queue full.
    pub plugin_queue: AtomicU64,
    /// Frames that were no message.
    pub malformed: AtomicU64,
    /// Platform events that found their lane full.
    pub hook_events: AtomicU64,
}

impl Drops {
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// A registered connection, as its task sees it.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) connection_id: String,
    /// JSON texts in order.
    pub(crate) outgoing: mpsc::Receiver<String>,
    /// Cancelled when the connection must end.
    pub(crate) closed: CancellationToken,
}

#[derive(Debug)]
struct Connection {
    user_id: String,
    session_id: String,
    seq: u64,
    sender: mpsc::Sender<String>,
    close: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    connections: BTreeMap<String, Connection>,
    by_user: HashMap<String, HashSet<String>>,
}

/// All connections of this process.
#[derive(Debug)]
pub(crate) struct Hub {
    state: Mutex<State>,
    /// Places for sockets that have not said yet who they are.
    pub(crate) unauthenticated: Semaphore,
    pub(crate) drops: Drops,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            unauthenticated: Semaphore::new(limits::SOCKETS_UNAUTHENTICATED_MAX),
            drops: Drops::default(),
        }
    }
}

/// Receivers of an event, resolved.
pub(crate) enum Audience {
    Connection(String),
    Users(HashSet<String>),
    All,
}

impl Hub {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics with the lock held; a poisoned map is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a connection; its first message is `hello`.
    pub(crate) fn attach(
        &self,
        user_id: &str,
        session_id: &str,
        server_version: &str,
    ) -> ApiResult<Attached> {
        let (sender, outgoing) = mpsc::channel(limits::SOCKET_SEND_QUEUE);
        let close = CancellationToken::new();
        let closed = close.clone();
        let connection_id = new_id();
        let mut state = self.lock();
        let of_user = state.by_user.get(user_id).map_or(0, HashSet::len);
        if of_user >= limits::SOCKETS_PER_USER_MAX || state.connections.len() >= limits::SOCKETS_MAX
        {
            return Err(ApiError::too_many(
                "api.web_socket.connect.too_many.app_error",
                "Too many connections.",
            ));
        }
        let hello = json!({
            "event": "hello",
            "data": {
                "connection_id": connection_id,
                "server_version": server_version,
                "server_hostname": "local",
            },
            "broadcast": super::event::Target::user(user_id).to_json(),
            "seq": 0,
        });
        // The queue is new and empty: it cannot refuse.
        let _ = sender.try_send(hello.to_string());
        state.connections.insert(
            connection_id.clone(),
            Connection {
                user_id: user_id.to_owned(),
                session_id: session_id.to_owned(),
                seq: 1,
                sender,
                close,
            },
        );
        state
            .by_user
            .entry(user_id.to_owned())
            .or_default()
            .insert(connection_id.clone());
        Ok(Attached {
            connection_id,
            outgoing,
            closed,
        })
    }

    /// Forgets a connection. True = it was the user's last one.
    pub(crate) fn detach(&self, connection_id: &str) -> bool {
        let mut state = self.lock();
        let Some(connection) = state.connections.remove(connection_id) else {
            return false;
        };
        let Some(others) = state.by_user.get_mut(&connection.user_id) else {
            return true;
        };
        others.remove(connection_id);
        let last = others.is_empty();
        if last {
            state.by_user.remove(&connection.user_id);
        }
        last
    }

    /// Has this user a connection?
    pub(crate) fn is_connected(&self, user_id: &str) -> bool {
        self.lock().by_user.contains_key(user_id)
    }

    /// Number of connections.
    pub(crate) fn len(&self) -> usize {
        self.lock().connections.len()
    }

    /// Closes every connection of a session.
    pub(crate) fn close_session(&self, session_id: &str) {
        for connection in self.lock().connections.values() {
            if connection.session_id == session_id {
                connection.close.cancel();
            }
        }
    }

    /// Closes every connection: the server ends.
    pub(crate) fn close_all(&self) {
        for connection in self.lock().connections.values() {
            connection.close.cancel();
        }
    }

    /// Queues a reply (no `seq`) for one connection, in order with its events.
    pub(crate) fn reply(&self, connection_id: &str, text: String) {
        let state = self.lock();
        if let Some(connection) = state.connections.get(connection_id) {
            self.push(connection, text);
        }
    }

    /// Queues an event for its audience.
    pub(crate) fn deliver(&self, event: &Event, audience: &Audience) {
        let head = {
            let text = json!({
                "event": event.name,
                "data": event.data,
                "broadcast": event.to.to_json(),
            })
            .to_string();
            text.strip_suffix('}').unwrap_or(&text).to_owned()
        };
        let mut state = self.lock();
        let State {
            connections,
            by_user,
        } = &mut *state;
        let mut send = |id: &str| {
            let Some(connection) = connections.get_mut(id) else {
                return;
            };
            let omitted = id == event.to.omit_connection_id
                || event.to.omit_users.contains(&connection.user_id);
            if omitted {
                return;
            }
            let text = format!("{head},\"seq\":{}}}", connection.seq);
            connection.seq += 1;
            self.push(connection, text);
        };
        match audience {
            Audience::Connection(id) => send(id),
            Audience::Users(users) => {
                for user in users {
                    for id in by_user.get(user).into_iter().flatten() {
                        send(id);
                    }
                }
            }
            Audience::All => {
                let ids: Vec<&String> = by_user.values().flatten().collect();
                ids.into_iter().for_each(|id| send(id));
            }
        }
    }

    fn push(&self, connection: &Connection, text: String) {
        if let Err(mpsc::error::TrySendError::Full(_)) = connection.sender.try_send(text) {
            // A gap would go unnoticed until the next event: end it, the client reconnects.
            if !connection.close.is_cancelled() {
                Drops::count(&self.drops.slow_clients);
            }
            connection.close.cancel();
        }
    }
}
