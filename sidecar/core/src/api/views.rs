//! A room and its sessions as seen from outside, with their counters.

use std::collections::BTreeMap;

use super::{Capabilities, ConnectionId, Labels, ParticipantId, RecordingView, RoomRef, SessionId};

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

/// A hit of [`Command::FindSessions`](super::Command::FindSessions).
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct FoundSession {
    pub room: RoomRef,
    pub room_labels: Labels,
    pub session: SessionView,
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
