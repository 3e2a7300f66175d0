//! What the shell asks of the core, and what it is answered.

use std::time::Duration;

use parley_media::recording::RecordingKey;

use super::{
    ConnectionId, FoundSession, Labels, LeaveReason, ParticipantId, RecordingId, RecordingNews,
    RecordingView, RoomEndReason, RoomId, RoomRef, RoomView, SessionId, SessionRef, SessionStats,
    SessionView, StartRecording,
};

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
