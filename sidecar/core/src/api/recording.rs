//! Recordings, as the shell and the core talk of them. What is recorded leaves as
//! [`Output::Record`](super::Output::Record).

use std::time::Duration;

use parley_media::recording::{EndReason, RecordingKey, Trouble};

use super::{ParticipantId, RoomRef, SessionId};

/// Opaque id of a recording, as [`RoomId`](super::RoomId).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordingId(pub String);

/// See [`Command::StartRecording`](super::Command::StartRecording).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartRecording {
    /// Which room.
    pub room: RoomRef,
    /// Chosen by the caller.
    pub recording: RecordingId,
    /// Who starts it.
    pub starter: ParticipantId,
    /// Stops by itself after this, counted from the recording's first start; `None` = never.
    pub max_duration: Option<Duration>,
    /// The reminder comes so long before; `None` = none.
    pub remind_before: Option<Duration>,
    /// Highest picture that is recorded where there is a choice, pixels; `None` = any.
    pub max_height: Option<u16>,
    /// Where it is written.
    pub journal: Journal,
}

/// What the shell's recorder prepared for a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Journal {
    /// What is recorded bears it.
    pub key: RecordingKey,
    /// The segment that is begun, from 1; see [`TrackId::new`](parley_media::recording::TrackId::new).
    pub segment: u32,
    /// Unix milliseconds of the recording's first start.
    pub started_at_ms: u64,
    /// Since then; zero if this is it.
    pub elapsed: Duration,
}

/// What the shell knows of a recording in progress that the room does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordingNews {
    /// The worst that is wrong with it now; `None`: nothing any more.
    Trouble(Option<Trouble>),
    /// Pictures were left out: what follows is of no use until a key frame comes.
    VideoLost,
    /// The recorder ended it, and takes nothing more of it.
    Ended(EndReason),
}

/// A room's recording as its participants know it: the one in progress, or the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RecordingView {
    pub recording: RecordingId,
    pub started_at_ms: u64,
    pub starter: ParticipantId,
    pub max_duration: Option<Duration>,
    /// The worst that holds.
    pub trouble: Option<Trouble>,
    pub pinned: Option<SessionId>,
    /// `None` = in progress.
    pub ended: Option<RecordingEnd>,
}

/// How a recording ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingEnd {
    /// Unix milliseconds.
    pub at_ms: u64,
    /// Why.
    pub reason: EndReason,
    /// Who stopped it; `None` = nobody.
    pub stopper: Option<ParticipantId>,
}
