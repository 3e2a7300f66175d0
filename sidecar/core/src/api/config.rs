//! The core's settings, limits, and counters of the whole node.

use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The core's settings and limits. Every limit has a counter of what it refused.
#[derive(Debug, Clone)]
pub struct CoreConfig {
    /// Number of this node, shard and start in ufrags.
    pub node: u16,
    /// See `node`. From 0; all shards of a process have the same `node` and `seed`.
    pub shard: u8,
    /// Random per process start; seeds every random choice, of each shard another one. The key of user
    /// fragments follows from it alone, so that each shard knows those of all.
    pub seed: u64,
    /// Local socket addresses as clients reach them, given as ICE host candidates.
    pub media_addresses: Vec<SocketAddr>,
    /// Named limits.
    pub limits: Limits,
}

/// What a session may make its room say, so that a few hostile ones cannot fill the budget of events
/// that a room has while its host is away. Per session, except for joins.
pub mod event_rates {
    /// Bytes of signals: offers and answers to clients that take them over the platform's socket.
    pub const SIGNAL_BYTES_PER_SECOND: u64 = 64 * 1024;
    /// Twenty of the largest descriptions that we make.
    pub const SIGNAL_BYTES_BURST: u64 = 1024 * 1024;
    /// Descriptions and candidates over the platform's socket: as upstream.
    pub const SIGNALS_PER_SECOND: u64 = 10;
    /// See above.
    pub const SIGNALS_BURST: u64 = 100;
    /// Changes of state: voice, hand, screen, camera.
    pub const CHANGES_PER_SECOND: u64 = 10;
    /// See above.
    pub const CHANGES_BURST: u64 = 30;
    /// Joins of one participant, on however many devices, new or for a new media connection.
    pub const JOINS_PER_SECOND: u64 = 1;
    /// See above.
    pub const JOINS_BURST: u64 = 10;
    /// Events that one join leads to: joined, screen and camera stopped, left.
    pub const EVENTS_PER_JOIN: u64 = 4;
    /// Changes of what it publishes; each may lead to offers to all others. More are told once a second.
    pub const PUBLICATIONS_PER_SECOND: u64 = 2;
    /// See above.
    pub const PUBLICATIONS_BURST: u64 = 10;
}

/// Named limits of a node. Defaults: `Limits::default()`.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Rooms open at a time.
    pub rooms_max: usize,
    /// Sessions per room.
    pub sessions_per_room_max: usize,
    /// m-lines per session.
    pub m_lines_max: usize,
    /// Inflated SDP, bytes.
    pub sdp_bytes_max: usize,
    /// Candidates a session may send before they are dropped unread.
    pub candidates_max: u32,
    /// One data-channel message, bytes.
    pub channel_message_bytes_max: usize,
    /// Data-channel messages per second and session; burst is ten times this.
    pub channel_messages_per_second: u32,
    /// Incoming RTP streams (SSRCs) per session.
    pub streams_per_session_max: usize,
    /// Incoming media per session, bytes per second.
    pub ingress_bytes_per_second: u64,
    /// Timers per room.
    pub timers_per_room_max: usize,
    /// STUN signatures checked per second for one source address, of ports that have proven nothing yet.
    pub stun_failures_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rooms_max: 1_000,
            sessions_per_room_max: 1_000,
            m_lines_max: 64,
            sdp_bytes_max: 256 * 1024,
            candidates_max: 100,
            channel_message_bytes_max: 64 * 1024,
            channel_messages_per_second: 50,
            streams_per_session_max: 16,
            ingress_bytes_per_second: 2_500_000,
            timers_per_room_max: 16,
            stun_failures_per_second: 100,
        }
    }
}

/// Node-wide counters, copied out once a second for metrics. Absolute values.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct NodeCounters {
    pub rooms: u64,
    pub sessions: u64,
    /// Rooms that are being recorded.
    pub recordings: u64,
    pub packets_in: u64,
    pub packets_forwarded: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// Dropped datagrams and messages by cause; causes are fixed names.
    pub drops: BTreeMap<&'static str, u64>,
    /// Caught panics: each ended a session or a room, or lost a datagram.
    pub panics: u64,
    /// Packets that other shards were ordered to encrypt and send; they count them as forwarded.
    pub ordered: u64,
    /// Sessions of other shards' rooms whose voices this one encrypts and sends.
    pub guests: u64,
    /// Sessions whose voices this shard encrypts and sends: guests, and those of its rooms that are not
    /// away.
    pub carried: u64,
    /// Sessions of this shard's rooms, by the shard that encrypts and sends their voices.
    pub egresses: Vec<u32>,
}

impl NodeCounters {
    /// Adds those of another shard.
    pub fn add(&mut self, other: &Self) {
        // All of them, so that none is forgotten.
        let Self {
            rooms,
            sessions,
            recordings,
            packets_in,
            packets_forwarded,
            bytes_in,
            bytes_out,
            drops,
            panics,
            ordered,
            guests,
            carried,
            egresses,
        } = other;
        self.rooms += rooms;
        self.sessions += sessions;
        self.recordings += recordings;
        self.packets_in += packets_in;
        self.packets_forwarded += packets_forwarded;
        self.bytes_in += bytes_in;
        self.bytes_out += bytes_out;
        self.panics += panics;
        self.ordered += ordered;
        self.guests += guests;
        self.carried += carried;
        let shards = self.egresses.len().max(egresses.len());
        self.egresses.resize(shards, 0);
        for (mine, theirs) in self.egresses.iter_mut().zip(egresses) {
            *mine += theirs;
        }
        for (cause, count) in drops {
            *self.drops.entry(cause).or_default() += count;
        }
    }
}
