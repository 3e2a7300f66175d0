//! The media server's words as the call policy uses them: typed ids, decoded labels, no proto.

use serde::Serialize;

use super::recordings::Recording;
use crate::ids::{CallId, ChannelId, ConnectionId, SessionId, UserId};

/// How long rooms and sessions live without care; see `RoomPolicy` in room.proto. 0 = off, ms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) struct RoomPolicy {
    pub first_session_timeout_ms: u32,
    pub alone_timeout_ms: u32,
    pub alone_notice_ms: u32,
    pub media_timeout_ms: u32,
    pub disconnect_timeout_ms: u32,
    pub max_sessions: u32,
    pub max_sessions_per_participant: u32,
}

/// What the policy keeps with a room and gets back with each of its events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RoomLabels {
    /// The call's channel.
    pub channel_id: ChannelId,
    /// `call_start` was not published when the call was made: the first join does it.
    pub announce_at_first_join: bool,
}

/// What the policy keeps with a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SessionLabels {
    /// No person: never the host, never listed.
    pub bot: bool,
    /// What its user is called, for who speaks in a recording.
    pub name: String,
    /// The login session it came with; empty = unknown.
    pub login_session_id: String,
    /// It came back with a resume token: the others saw no leaving.
    pub resumed: bool,
    /// Unix ms: it took part since then, in a room that is gone. 0 = it did not.
    pub since_ms: i64,
}

/// A session as the policy sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) struct Session {
    pub id: SessionId,
    pub user_id: UserId,
    /// Where its signals go.
    pub connection_id: ConnectionId,
    pub labels: SessionLabels,
    /// When it came into this room.
    pub joined_at_ms: i64,
    pub unmuted: bool,
    /// 0 = down.
    pub hand_raised_at_ms: i64,
    pub screen: bool,
    pub video: bool,
    /// Media is up.
    pub connected: bool,
    /// Its signalling connection is lost, and it waits for another one.
    pub away: bool,
    /// Knows fixed slots: our bridge.
    pub slots: bool,
}

impl Session {
    /// Unix ms of its first join of the call, in whichever of the call's rooms.
    pub(crate) fn since_ms(&self) -> i64 {
        match self.labels.since_ms {
            0 => self.joined_at_ms,
            since_ms => since_ms,
        }
    }
}

/// A room as the policy sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) struct Room {
    pub call_id: CallId,
    pub generation: u64,
    pub labels: RoomLabels,
    /// In the order in which they came into this room.
    pub sessions: Vec<Session>,
    pub screen_session_id: SessionId,
    /// In order of their first join.
    pub participants_ever: Vec<UserId>,
    /// The one in progress, or the last one; `None` = there was none in this room.
    pub recording: Option<Recording>,
}

/// A session found over all rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) struct FoundSession {
    pub call_id: CallId,
    pub generation: u64,
    pub channel_id: ChannelId,
    pub session: Session,
}

/// How a client takes part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) struct Capabilities {
    pub dc_signaling: bool,
    pub av1: bool,
    pub slots: bool,
    pub cameras: bool,
    /// 0 = the media server's default.
    pub max_audio_slots: u32,
}

/// A session to be added, or to be given a new media connection.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub(crate) struct Join {
    pub session_id: SessionId,
    pub user_id: UserId,
    pub connection_id: ConnectionId,
    pub labels: SessionLabels,
    pub capabilities: Capabilities,
    pub replaces_session: bool,
    pub unmuted: bool,
}

/// A client's message to its session.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub(crate) enum ClientSignal {
    SdpJson(String),
    SdpZlib(Vec<u8>),
    Candidate(String),
}

/// What a session changes of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum StateChange {
    Unmuted(bool),
    HandRaised(bool),
    /// With the msid stream id, or off.
    Screen(Option<String>),
    Video(Option<String>),
}

/// Whom to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum Who {
    Session(SessionId),
    User(UserId),
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum LeaveReason {
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
pub(crate) enum EndReason {
    Ended,
    Empty,
    NobodyJoined,
    Alone,
    Replaced,
    Shutdown,
    Internal,
}

/// Something that happened in a room.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub(crate) struct Event {
    pub call_id: CallId,
    pub generation: u64,
    pub seq: u64,
    pub at_ms: i64,
    pub labels: RoomLabels,
    pub kind: EventKind,
}

/// See the messages of the same names in event.proto.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub(crate) enum EventKind {
    Opened,
    Ended {
        reason: EndReason,
        participants: Vec<UserId>,
    },
    Joined {
        session: Session,
        first: bool,
        replaced: bool,
    },
    Left {
        session: Session,
        reason: LeaveReason,
        stats: Option<SessionStats>,
    },
    Changed {
        session: Session,
        field: Field,
    },
    Voice {
        session_id: SessionId,
        user_id: UserId,
        on: bool,
    },
    Signal {
        session_id: SessionId,
        connection_id: ConnectionId,
        json: String,
    },
    Timer {
        name: String,
    },
    Alone {
        session: Session,
        ends_in_ms: u64,
    },
    Snapshot {
        room: Room,
    },
    RecordingChanged {
        recording: Recording,
    },
    RecordingReminder {
        recording: Recording,
        ends_in_ms: u64,
    },
    /// Of no interest here, or from a newer media server.
    Other,
}

/// Which part of a session changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum Field {
    Unmuted,
    Hand,
    Screen,
    Video,
}

/// Counters of a session, as shown by `/call stats`. Units as in stats.proto.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[allow(missing_docs)]
pub(crate) struct SessionStats {
    pub session_id: SessionId,
    #[serde(skip)]
    pub user_id: UserId,
    pub at_ms: i64,
    pub duration_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_ms: Option<f64>,
    pub estimate_bps: u64,
    pub drops: std::collections::BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_loss: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_jitter_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_rtt_s: Option<f64>,
    #[serde(skip)]
    pub tracks: Vec<TrackStats>,
}

/// Counters of a track.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[allow(missing_docs)]
pub(crate) struct TrackStats {
    pub kind: String,
    /// `up` = from the client, `down` = to it.
    pub direction: &'static str,
    pub mid: String,
    #[serde(rename = "layer", skip_serializing_if = "String::is_empty")]
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
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source_session_id: String,
}
