//! The budget of one guest call, and of all of them together. Everything a guest can use up is here.

use std::time::Duration;

/// How often guest code is asked to show its CPU use. A runaway guest is stopped this late at most.
pub(super) const EPOCH_TICK: Duration = Duration::from_millis(5);

/// Largest piece of standard error that is kept for the log, bytes.
pub(super) const STDERR_BYTES_MAX: usize = 4 * 1024;

/// Core instances of one component instance: the guest itself and the adapters around it.
pub(super) const CORE_INSTANCES_MAX: u32 = 16;
/// Tables of one component instance.
pub(super) const TABLES_MAX: u32 = 8;
/// Linear memories of one component instance.
pub(super) const MEMORIES_MAX: u32 = 2;

/// What a guest may use. The defaults hold for production; tests lower them.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Guests alive at the same time; further requests wait. Default 64.
    pub instances_max: u32,
    /// Requests that wait for a free instance; further ones are refused at once. Default 1024.
    pub waiting_max: usize,
    /// Linear memory of one guest, bytes. Default 64 MiB.
    pub memory_bytes_max: usize,
    /// Elements of its function tables. Default 20,000.
    pub table_elements_max: usize,
    /// Processor time of one request; waiting for the host does not count. Default 250 ms.
    pub cpu_max: Duration,
    /// Time of one request by the wall clock, host calls included. Default 15 s.
    pub wall_max: Duration,
    /// Calls of host functions in one request. Default 10,000.
    pub host_calls_max: u32,
    /// Bytes that the guest may hand over in one call or reply, as the host stores them. Default 4 MiB.
    pub transfer_bytes_max: usize,
    /// Log lines in one request; further ones are counted and dropped. Default 200.
    pub log_lines_max: u32,
    /// Bytes of one log line; longer ones are cut. Default 8 KiB.
    pub log_line_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            instances_max: 64,
            waiting_max: 1024,
            memory_bytes_max: 64 << 20,
            table_elements_max: 20_000,
            cpu_max: Duration::from_millis(250),
            wall_max: Duration::from_secs(15),
            host_calls_max: 10_000,
            transfer_bytes_max: 4 << 20,
            log_lines_max: 200,
            log_line_bytes_max: 8 * 1024,
        }
    }
}

/// What the guest may hand to the platform: grants in numbers.
pub(crate) mod grant {
    /// Characters of a key, as the narrowest platform stores it.
    pub(crate) const KV_KEY_CHARS_MAX: usize = 50;
    /// Bytes of a value.
    pub(crate) const KV_VALUE_BYTES_MAX: usize = 64 * 1024;
    /// Keys in one listing.
    pub(crate) const KV_LIST_KEYS_MAX: u32 = 1000;
    /// Longest life of a key: a year, s.
    pub(crate) const KV_EXPIRY_S_MAX: u32 = 366 * 24 * 3600;
    /// Characters of an event's name.
    pub(crate) const EVENT_NAME_CHARS_MAX: usize = 64;
    /// Bytes of an event's data: an SDP of 256 KiB, escaped.
    pub(crate) const EVENT_DATA_BYTES_MAX: usize = 640 * 1024;
    /// Users left out of one event.
    pub(crate) const EVENT_OMITTED_USERS_MAX: usize = 1000;
    /// Bytes of a post's message (16,383 characters of up to four bytes).
    pub(crate) const POST_MESSAGE_BYTES_MAX: usize = 65_532;
    /// Bytes of a post's props.
    pub(crate) const POST_PROPS_BYTES_MAX: usize = 256 * 1024;
    /// Files of a post.
    pub(crate) const POST_FILES_MAX: usize = 10;
    /// Bytes of a thread's messages and props.
    pub(crate) const THREAD_BYTES_MAX: usize = 4 << 20;
    /// Bytes of a file: the longest logs of a client.
    pub(crate) const FILE_BYTES_MAX: usize = 2 << 20;
    /// Bytes of a file's name.
    pub(crate) const FILE_NAME_BYTES_MAX: usize = 128;
    /// Members of a channel in one answer.
    pub(crate) const MEMBERS_MAX: u32 = 100;
    /// Bytes of a name or text on a phone's screen.
    pub(crate) const PUSH_TEXT_BYTES_MAX: usize = 2048;
    /// Bytes of any id.
    pub(crate) const ID_BYTES_MAX: usize = 64;
    /// Random bytes in one call.
    pub(crate) const RANDOM_BYTES_MAX: u32 = 1024;
    /// Bytes of a command's answer.
    pub(crate) const COMMAND_TEXT_BYTES_MAX: usize = 64 * 1024;
    /// Bytes of a reason for a log or an admin; longer ones are cut.
    pub(crate) const REASON_BYTES_MAX: usize = 1024;
    /// Bytes of a location to go to.
    pub(crate) const GOTO_BYTES_MAX: usize = 2048;
    /// Bytes of an HTTP answer's body.
    pub(crate) const HTTP_BODY_BYTES_MAX: usize = 2 << 20;
    /// Headers of an HTTP answer.
    pub(crate) const HTTP_HEADERS_MAX: usize = 64;
    /// Bytes of one header's name and value.
    pub(crate) const HTTP_HEADER_BYTES_MAX: usize = 8 * 1024;
}
