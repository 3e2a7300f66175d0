//! What happened in a room, and why something ended.

use std::time::Duration;

use super::{
    ConnectionId, Labels, ParticipantId, RecordingView, RoomRef, RoomView, SessionId, SessionStats,
    SessionView,
};

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
