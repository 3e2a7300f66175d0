//! Every limit of this adapter, by name.

use std::time::Duration;

/// Body of a request under `/plugins/<id>`, bytes (as the guest's contract says).
pub(crate) const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;
/// One piece of an answer's body, bytes.
pub(crate) const BODY_CHUNK_BYTES: usize = 32 * 1024;
/// Requests under `/plugins/<id>` whose bodies are held at the same time.
pub(crate) const REQUESTS_AT_ONCE: usize = 128;
/// Of these, requests of one user: the others must not stand behind many of one.
pub(crate) const TURNS_PER_USER: usize = 8;
/// Of these, requests of signed-out people: they must not keep the plugin from those who are in calls.
pub(crate) const ANONYMOUS_AT_ONCE: usize = 16;
/// Requests and commands of one user, or of all signed-out people, that are served or wait; more are refused at
/// once. A server has 4,096 calls at work in all, and messages and events are among them.
pub(crate) const HERE_PER_USER: usize = 512;
/// How long a further one waits for its turn before it is refused.
pub(crate) const TURN_WAIT: Duration = Duration::from_secs(20);
/// How long a body may take to come.
pub(crate) const BODY_WAIT: Duration = Duration::from_secs(30);

/// Queues of messages and events on their way to the plugin. One connection always uses the same.
pub(crate) const LANES: usize = 64;
/// Messages and events that may wait in one of them.
pub(crate) const LANE_QUEUE: usize = 256;

/// Messages of one connection in one burst, and per second, sustained; more are dropped, and the client is told.
pub(crate) const MESSAGES_BURST: f64 = 100.0;
pub(crate) const MESSAGES_PER_S: f64 = 10.0;
/// The same of one user over all connections.
pub(crate) const MESSAGES_PER_USER_BURST: f64 = 300.0;
pub(crate) const MESSAGES_PER_USER_PER_S: f64 = 30.0;

/// Connections of which it is remembered whether they are a phone's.
pub(crate) const CONNECTIONS_REMEMBERED: usize = 20_000;

/// Notifications that are on their way to a push service.
pub(crate) const PUSHES_AT_ONCE: usize = 64;

/// Keys of one page of the server's list.
pub(crate) const KEYS_PER_PAGE: usize = 1_000;
/// Pages that a listing reads at most.
pub(crate) const KEY_PAGES_MAX: usize = 100;

/// How often it is looked whether a channel is archived, after the server said so.
pub(crate) const ARCHIVED_TRIES: u32 = 40;
/// Between two of these.
pub(crate) const ARCHIVED_PAUSE: Duration = Duration::from_millis(250);

/// Logins of people in calls are looked after this often: a revoked one is out within 10 s.
pub(crate) const LOGIN_CHECK: Duration = Duration::from_secs(5);
/// So long is a login asked after that has no connection any more: the longest disconnect timeout.
pub(crate) const LOGIN_REMEMBERED: Duration = Duration::from_secs(300);
