//! What rooms, sessions and points in time are named by.

use std::collections::BTreeMap;
use std::time::Instant;

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
