//! The words in which the shell and the core talk: commands in, replies, events and datagrams out.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use parley_media::recording::{Entry, RecordingKey};

pub use recording::*;
pub use shards::*;

mod recording;
mod shards;

/// A point in time on both clocks: `instant` orders and measures, `wall_ms` is only reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Monotonic.
    pub instant: Instant,
    /// Unix milliseconds.
    pub wall_ms: u64,
}

/// Opaque id of a room, 1 to 64 characters of `[A-Za-z0-9_-]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomId(pub String);
/// Opaque id of a session, as [`RoomId`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub String);
/// Opaque id of a participant (a person may have several sessions), as [`RoomId`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParticipantId(pub String);
/// Opaque id of a signalling connection, as [`RoomId`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub String);
/// Opaque pairs kept for the policy.
pub type Labels = BTreeMap<String, String>;

/// Generation of a room: commands with an older one are refused; 0 in a read means "any".
pub type Generation = u64;

/// A room as a caller believes in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomRef {
    /// Which room.
    pub room: RoomId,
    /// Of which generation.
    pub generation: Generation,
}

/// A session as a caller believes in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRef {
    /// Its room.
    pub room: RoomRef,
    /// Which session.
    pub session: SessionId,
}

/// Timers a room keeps by itself; `None` switches a rule off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoomPolicy {
    /// Ends with `NobodyJoined` when no session joined in time.
    pub first_session_timeout: Option<Duration>,
    /// Ends with `Empty` when the last session is gone.
    pub end_when_empty: bool,
    /// Ends with `Alone` after one participant was alone for so long.
    pub alone_timeout: Option<Duration>,
    /// Sends `AloneNotice` after so long alone.
    pub alone_notice: Option<Duration>,
    /// Removes sessions which never connected media.
    pub media_timeout: Option<Duration>,
    /// How long a session outlives its signalling connection, or its media with `slots_v1`.
    pub disconnect_timeout: Option<Duration>,
    /// Most sessions; 0 = the node's limit.
    pub max_sessions: u32,
    /// Most sessions of one participant; 0 = no such limit.
    pub max_sessions_per_participant: u32,
}

/// What a client can do; never who it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// SDP over the data channel once open.
    pub dc_signaling: bool,
    /// Sends and receives AV1.
    pub av1: bool,
    /// Fixed slots and `SlotMap`.
    pub slots_v1: bool,
    /// How video comes down.
    pub video_down: VideoDown,
    /// 1 to 10, more counts as 10; 0 = 10.
    pub max_audio_slots: u8,
    /// Put the audio level on what is sent.
    pub needs_audio_level: bool,
}

/// How a client takes video.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VideoDown {
    /// No cameras.
    #[default]
    None,
    /// m-lines while a publication is live.
    OnDemand,
    /// Fixed slots.
    Slots,
}

/// What the shell asks of the core. Ids and sizes are checked by the core, which names the field.
/// The fields are those of the proto's requests of the same names.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Command {
    /// Opens a room, or finds it open; answers [`Reply::Room`] with `created`.
    OpenRoom {
        room: RoomRef,
        policy: RoomPolicy,
        labels: Labels,
    },
    /// Ends a room for all; an unknown room is success. Answers [`Reply::Done`].
    EndRoom {
        room: RoomRef,
        actor: Option<ParticipantId>,
        reason: RoomEndReason,
    },
    /// Answers [`Reply::Room`].
    GetRoom { room: RoomRef },
    /// Answers [`Reply::Rooms`].
    ListRooms,
    /// Sets or moves a named timer. Answers [`Reply::Done`].
    SetTimer {
        room: RoomRef,
        name: String,
        after: Duration,
        payload: Vec<u8>,
    },
    /// Answers [`Reply::Done`].
    ClearTimer { room: RoomRef, name: String },
    /// Adds a session or replaces its media connection. Answers [`Reply::Session`] with `created`.
    Join(Join),
    /// A client's message. Answers [`Reply::Done`].
    Signal {
        session: SessionRef,
        connection: Option<ConnectionId>,
        message: SignalIn,
    },
    /// Answers [`Reply::Count`].
    Leave {
        room: RoomRef,
        who: Who,
        reason: LeaveReason,
    },
    /// Answers [`Reply::Session`] with `created` = changed.
    SetState {
        session: SessionRef,
        change: StateChange,
    },
    /// Answers [`Reply::Session`].
    Reconnect {
        session: SessionRef,
        participant: ParticipantId,
        previous: ConnectionId,
        connection: ConnectionId,
        /// In place of the session's; none = those stay.
        labels: Labels,
    },
    /// Answers [`Reply::Count`].
    Detach { connection: ConnectionId },
    /// Answers [`Reply::Found`].
    FindSessions { by: FindBy },
    /// Answers [`Reply::Stats`] with one entry.
    SessionStats { room: RoomId, session: SessionId },
    /// Answers [`Reply::Stats`].
    RoomStats { room: RoomId },
    /// Records a room whose journal is ready. Answers [`Reply::Recording`].
    StartRecording(Box<StartRecording>),
    /// Stops the room's recording, if it is the named one; none in progress is success. Answers
    /// [`Reply::Recording`].
    StopRecording {
        room: RoomRef,
        recording: Option<RecordingId>,
        actor: Option<ParticipantId>,
    },
    /// Whose camera is recorded while nobody shares a screen; `None` = who speaks. Answers
    /// [`Reply::Recording`].
    PinInRecording {
        room: RoomRef,
        session: Option<SessionId>,
    },
    /// From the shell's recorder; a recording that is over is success. Answers [`Reply::Done`].
    RecordingNews {
        key: RecordingKey,
        news: RecordingNews,
    },
}

impl Command {
    /// The one room that it is about; `None`: all of them.
    #[must_use]
    pub fn room(&self) -> Option<&RoomId> {
        crate::commands::room_of(self)
    }
}

/// See [`Command::Join`].
#[derive(Debug, Clone)]
pub struct Join {
    /// The room and the session's id.
    pub session: SessionRef,
    /// Who.
    pub participant: ParticipantId,
    /// Where its signals go.
    pub connection: ConnectionId,
    /// Kept with the session.
    pub labels: Labels,
    /// What the client can do.
    pub capabilities: Capabilities,
    /// Give the existing session a new media connection; make it when the room does not know it.
    pub replaces_session: bool,
    /// Initial state of a session that is made.
    pub unmuted: bool,
}

/// Whom to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// One session.
    Session(SessionId),
    /// All of a participant.
    Participant(ParticipantId),
}

/// How to look for sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FindBy {
    /// Of one participant.
    Participant(ParticipantId),
    /// Of one signalling connection.
    Connection(ConnectionId),
}

/// A client's signalling message.
#[derive(Debug, Clone)]
pub enum SignalIn {
    /// JSON text `{type, sdp}`.
    SdpJson(String),
    /// The same, zlib-deflated.
    SdpZlib(Vec<u8>),
    /// JSON text of an `RTCIceCandidateInit`: checked and counted, never used.
    Candidate(String),
}

/// What a session changes of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateChange {
    /// Opens or closes the gate of its voice.
    Unmuted(bool),
    /// Raises or lowers its hand.
    HandRaised(bool),
    /// Starts (with the msid stream id) or stops sharing its screen.
    Screen(Option<String>),
    /// Starts (with the msid stream id) or stops its camera.
    Video(Option<String>),
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum LeaveReason {
    Left,
    Removed,
    Forbidden,
    SignallingLost,
    MediaLost,
    NoMedia,
    RoomEnded,
    Protocol,
    Internal,
}

/// Why a room ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum RoomEndReason {
    Ended,
    Empty,
    NobodyJoined,
    Alone,
    Replaced,
    Shutdown,
    Internal,
}

/// The answer to a [`Command`].
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Reply {
    Done,
    Count(u32),
    Room {
        room: RoomView,
        created: bool,
    },
    Rooms(Vec<RoomView>),
    Session {
        session: SessionView,
        created: bool,
    },
    Found(Vec<FoundSession>),
    Stats(Vec<SessionStats>),
    /// `None`: there is none.
    Recording(Option<RecordingView>),
}

/// Why a command was refused; the session or room survives unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The caller's mistake: which field and why.
    #[error("{field}: {reason}")]
    Invalid {
        /// The field at fault, as in the proto.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// No such room.
    #[error("no such room")]
    NoRoom,
    /// No such session in the room.
    #[error("no such session")]
    NoSession,
    /// The room has a newer generation, or the connection is not the session's current one.
    #[error("{0} is out of date")]
    Stale(&'static str),
    /// Taken.
    #[error("{0} already exists")]
    Exists(&'static str),
    /// The session belongs to another participant.
    #[error("the session belongs to another participant")]
    NotYours,
    /// Another session shares its screen.
    #[error("somebody else shares the screen")]
    ScreenTaken,
    /// The room is not being recorded.
    #[error("the room is not being recorded")]
    NotRecording,
    /// A named limit.
    #[error("limit reached: {0}")]
    Limit(&'static str),
    /// The node drains.
    #[error("the node takes no new rooms")]
    Draining,
    /// A bug of ours: the room of the command has ended with [`RoomEndReason::Internal`].
    #[error("internal error")]
    Internal,
}

/// A room as seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RoomView {
    pub room: RoomRef,
    pub labels: Labels,
    pub opened_at_ms: u64,
    /// Earliest joiner first.
    pub sessions: Vec<SessionView>,
    pub screen: Option<SessionId>,
    pub participants_ever: Vec<ParticipantId>,
    /// The one in progress, or the last one.
    pub recording: Option<RecordingView>,
}

/// A session as seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SessionView {
    pub session: SessionId,
    pub participant: ParticipantId,
    pub connection: ConnectionId,
    pub labels: Labels,
    pub capabilities: Capabilities,
    pub joined_at_ms: u64,
    pub unmuted: bool,
    /// 0 = down.
    pub hand_raised_at_ms: u64,
    pub screen: bool,
    pub video: bool,
    pub voice: bool,
    pub media: MediaState,
    /// 0 = attached.
    pub detached_at_ms: u64,
}

/// Of a session's media connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum MediaState {
    Connecting,
    Connected,
    Reconnecting,
}

/// A hit of [`Command::FindSessions`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct FoundSession {
    pub room: RoomRef,
    pub room_labels: Labels,
    pub session: SessionView,
}

/// Something that happened in a room. `seq` counts from 1 per room and generation, without gaps.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct RoomEvent {
    pub room: RoomRef,
    pub room_labels: Labels,
    pub seq: u64,
    pub at_ms: u64,
    pub kind: EventKind,
}

/// See the messages of the same names in `event.proto`.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum EventKind {
    RoomOpened(RoomView),
    RoomEnded {
        reason: RoomEndReason,
        actor: Option<ParticipantId>,
        opened_at_ms: u64,
        participants_ever: Vec<ParticipantId>,
    },
    SessionJoined {
        session: SessionView,
        first: bool,
        replaced: bool,
    },
    SessionLeft {
        session: SessionView,
        reason: LeaveReason,
        stats: SessionStats,
        remaining: u32,
    },
    SessionChanged {
        session: SessionView,
        field: SessionField,
    },
    MediaChanged {
        session: SessionView,
    },
    VoiceChanged {
        session: SessionId,
        participant: ParticipantId,
        on: bool,
    },
    Signal {
        session: SessionId,
        participant: ParticipantId,
        connection: ConnectionId,
        json: String,
    },
    TimerFired {
        name: String,
        payload: Vec<u8>,
    },
    AloneNotice {
        session: SessionView,
        ends_in: Duration,
    },
    RecordingChanged(RecordingView),
    RecordingReminder {
        recording: RecordingView,
        ends_in: Duration,
    },
}

/// Which part of a session changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SessionField {
    Unmuted,
    Hand,
    Screen,
    Video,
}

/// Counters of one session.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs)]
pub struct SessionStats {
    pub session: String,
    pub participant: String,
    pub at_ms: u64,
    pub duration_ms: u64,
    pub rtt_ms: Option<f64>,
    pub estimate_bps: u64,
    pub tracks: Vec<TrackStats>,
    pub drops: BTreeMap<&'static str, u64>,
    pub client_loss: Option<f64>,
    pub client_jitter_s: Option<f64>,
    pub client_rtt_s: Option<f64>,
}

/// Counters of one track.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs)]
pub struct TrackStats {
    /// `voice`, `screen`, `screen-audio`, `video` or `slot`.
    pub kind: &'static str,
    /// From the client.
    pub up: bool,
    pub mid: String,
    pub rid: String,
    pub ssrc: u32,
    pub packets: u64,
    pub bytes: u64,
    pub packets_lost: u64,
    pub jitter_ms: f64,
    pub nacks: u64,
    pub plis: u64,
    pub retransmitted: u64,
    pub bitrate_bps: u64,
    pub source_session: String,
}

/// What the core wants done. Drain until [`Output::Timeout`].
#[derive(Debug)]
pub enum Output<'a> {
    /// Send a datagram. The bytes are only valid until the next call.
    Transmit {
        /// The local address to send from (one of [`CoreConfig::media_addresses`]'s sockets).
        source: SocketAddr,
        /// To whom.
        destination: SocketAddr,
        /// What.
        payload: &'a [u8],
    },
    /// Hand to the event stream.
    Event(Box<RoomEvent>),
    /// Hand to the recorder, in order.
    Record {
        /// Of which recording.
        key: RecordingKey,
        /// What happened in it.
        entry: Entry<'a>,
    },
    /// Hand to another shard's [`crate::Core::handle_orders`], in order, or say
    /// [`crate::Core::refuse_orders`] at once. The bytes are only valid until the next call.
    Orders {
        /// To which.
        shard: u8,
        /// What.
        batch: Orders<'a>,
    },
    /// Nothing more now: call [`crate::Core::handle_timeout`] at this time at the latest.
    Timeout(Instant),
}

/// What the cores of two shards tell each other. Keys stand in it: it is not printed.
#[derive(Clone, Copy)]
pub struct Orders<'a>(pub(crate) &'a [u8]);

impl std::ops::Deref for Orders<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0
    }
}

impl std::fmt::Debug for Orders<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

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
