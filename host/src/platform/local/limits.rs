//! Every limit of the local platform, by name.

use std::time::Duration;

/// Body of an ordinary API request, bytes.
pub const BODY_BYTES_MAX: usize = 512 * 1024;
/// Body of a request under `/plugins/<id>`, bytes (as the guest's contract says).
pub const PLUGIN_BODY_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Commands, requests and messages of one user that the plugin works on at the same time; further ones wait.
pub const PLUGIN_TURNS_PER_USER: usize = 4;
/// Requests of signed-out people that the plugin works on at the same time: they must not keep it from
/// those who are in calls.
pub const PLUGIN_ANONYMOUS_AT_ONCE: usize = 16;
/// How long a further one waits for its turn before it is refused.
pub const PLUGIN_ANONYMOUS_WAIT: Duration = Duration::from_secs(5);
/// One uploaded file, bytes.
pub const FILE_BYTES_MAX: usize = 10 * 1024 * 1024;
/// All files of one user, bytes.
pub const FILES_PER_USER_BYTES_MAX: i64 = 500 * 1024 * 1024;
/// A file in pieces (recordings), bytes, unless the configuration says otherwise: 24 h of a screen at 350 kbit/s.
pub const UPLOAD_BYTES_MAX: u64 = 4 << 30;
/// Files in pieces that are not whole yet.
pub const UPLOADS_MAX: i64 = 100;
/// How many bytes of one may get lost by a crash.
pub const UPLOAD_SYNC_BYTES: u64 = 8 << 20;
/// How long an upload may wait for its post.
pub const FILE_UNUSED_MS: i64 = 24 * 3_600 * 1_000;
/// Files of one upload or post.
pub const FILES_PER_POST_MAX: usize = 10;
/// A profile picture, bytes.
pub const IMAGE_BYTES_MAX: usize = 1024 * 1024;

/// API requests of one user at once, and per second.
pub const REQUESTS_BURST: f64 = 500.0;
/// API requests of one user per second, sustained; more get 429.
pub const REQUESTS_PER_S: f64 = 50.0;
/// How long a refusal takes: who asks again at once after each is slowed down.
pub const REQUESTS_REFUSED_AFTER: Duration = Duration::from_millis(10);
/// How long a session over the limit is refused without looking.
pub const REQUESTS_PAUSE: Duration = Duration::from_millis(200);
/// Users whose requests are counted at the same time.
pub const REQUESTS_USERS_MAX: usize = 20_000;

/// Accounts altogether.
pub const USERS_MAX: i64 = 20_000;
/// Teams altogether.
pub const TEAMS_MAX: i64 = 500;
/// Channels of one team.
pub const CHANNELS_PER_TEAM_MAX: i64 = 5_000;

/// Characters of a post.
pub const MESSAGE_CHARS_MAX: usize = 16_383;
/// Bytes of a post's props as JSON.
pub const PROPS_BYTES_MAX: usize = 64 * 1024;
/// Posts of one page.
pub const POSTS_PER_PAGE_MAX: u32 = 200;
/// Posts that `?since=` returns.
pub const POSTS_SINCE_MAX: u32 = 1_000;
/// Posts of a thread that are returned.
pub const THREAD_POSTS_MAX: u32 = 1_000;
/// Users, channels or members of one page.
pub const ITEMS_PER_PAGE_MAX: u32 = 200;
/// Ids in one request for many.
pub const IDS_MAX: usize = 200;
/// Channels that one user's list may hold.
pub const CHANNELS_PER_USER_MAX: u32 = 2_000;
/// People in a group channel, oneself included.
pub const GROUP_MEMBERS: std::ops::RangeInclusive<usize> = 3..=8;

/// Characters of a user name.
pub const USERNAME_CHARS: std::ops::RangeInclusive<usize> = 3..=64;
/// Characters of a display name, nickname, position, header or purpose.
pub const TEXT_FIELD_CHARS_MAX: usize = 1_024;
/// Bytes of a password.
pub const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 8..=72;
/// Password hashes computed at the same time: each takes 19 MiB and a core.
pub const PASSWORD_HASHES_AT_ONCE: usize = 2;
/// Sign-ins that may wait for their hash.
pub const PASSWORD_HASHES_WAITING_MAX: usize = 64;
/// Failed sign-ins per name before the bucket is empty.
pub const LOGIN_FAILURES_BURST: f64 = 10.0;
/// Failed sign-ins per name that come back, per second.
pub const LOGIN_FAILURES_PER_S: f64 = 1.0 / 30.0;
/// Names whose failures are remembered.
pub const LOGIN_NAMES_MAX: usize = 10_000;
/// Sessions of one user; the oldest is revoked for a new one.
pub const SESSIONS_PER_USER_MAX: u32 = 50;
/// A session's life without use.
pub const SESSION_IDLE_MS: i64 = 30 * 24 * 3_600 * 1_000;
/// How often a session's last use is written down.
pub const SESSION_TOUCH_MS: i64 = 10 * 60 * 1_000;
/// A one-time link's life.
pub const ONE_TIME_LINK_MS: i64 = 10 * 60 * 1_000;

/// Preferences of one request.
pub const PREFERENCES_PER_REQUEST_MAX: usize = 100;
/// Preferences of one user.
pub const PREFERENCES_PER_USER_MAX: u32 = 2_000;
/// Bytes of a preference's value.
pub const PREFERENCE_BYTES_MAX: usize = 20_000;

/// Bytes of a key in the plugin's store.
pub const KV_KEY_BYTES_MAX: usize = 50;
/// Bytes of a value in the plugin's store.
pub const KV_VALUE_BYTES_MAX: usize = 64 * 1024;
/// Keys of one listing.
pub const KV_LIST_MAX: u32 = 1_000;
/// Keys of the plugin altogether.
pub const KV_KEYS_MAX: i64 = 100_000;

/// WebSockets of one user.
pub const SOCKETS_PER_USER_MAX: usize = 32;
/// WebSockets altogether.
pub const SOCKETS_MAX: usize = 10_000;
/// One frame from a client, bytes. Mattermost allows 8 KiB; clients must not rely on more there.
pub const SOCKET_FRAME_BYTES_MAX: usize = 64 * 1024;
/// Messages that may wait for a client; a slower client is cut off.
pub const SOCKET_SEND_QUEUE: usize = 256;
/// Messages of one client that may wait for the plugin; more are dropped and counted.
pub const SOCKET_PLUGIN_QUEUE: usize = 128;
/// Messages of a client per second, sustained, pings among them; more are dropped and counted.
pub const SOCKET_MESSAGES_PER_S: f64 = 10.0;
/// Messages of a client in one burst.
pub const SOCKET_MESSAGES_BURST: f64 = 100.0;
/// Dropped messages of a client that are answered per second; the others are dropped in silence.
pub const SOCKET_REFUSALS_PER_S: f64 = 1.0;
/// How long a client is not read after a dropped message: a flood waits in the client, not in us.
pub const SOCKET_DROPPED_PAUSE: Duration = Duration::from_millis(10);
/// Bytes read from a client at once; each WebSocket keeps a buffer of this size.
pub const SOCKET_READ_BUFFER_BYTES: usize = 8 * 1024;
/// Messages of one user over all WebSockets per second, sustained; more are dropped and counted.
pub const SOCKET_MESSAGES_PER_USER_PER_S: f64 = 30.0;
/// Messages of one user in one burst.
pub const SOCKET_MESSAGES_PER_USER_BURST: f64 = 300.0;
/// WebSockets that are not authenticated yet.
pub const SOCKETS_UNAUTHENTICATED_MAX: usize = 256;
/// How long a socket may stay unauthenticated.
pub const SOCKET_AUTH_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the server pings.
pub const SOCKET_PING_EVERY: Duration = Duration::from_secs(60);
/// Silence after which a client counts as gone.
pub const SOCKET_READ_TIMEOUT: Duration = Duration::from_secs(100);
/// How long a closing handshake or a single write may take.
pub const SOCKET_WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a socket checks that its session still holds.
pub const SOCKET_SESSION_CHECK: Duration = Duration::from_secs(60);

/// Jobs that may wait for the database.
pub const DB_QUEUE: usize = 4_096;
/// Lanes of platform events: events of one user stay in order.
pub const HOOK_LANES: usize = 8;
/// Platform events that may wait per lane; more are dropped and counted.
pub const HOOK_LANE_QUEUE: usize = 4_096;

/// Bytes of a slash command.
pub const COMMAND_BYTES_MAX: usize = 4_096;
/// Autocomplete suggestions returned.
pub const SUGGESTIONS_MAX: usize = 50;
