//! The messages of the data channel `calls-dc` (docs/protocol.md): concatenated msgpack values, a type
//! and then its payload. Decoding allocates no more than four times the input.

mod client;
mod read;
mod server;
mod write;

pub use client::{CameraView, ClientMessage, View};
pub use server::{MediaMapEntry, ServerMessage, Slot, SlotKind, SlotMap};

/// Cameras a client may name in one [`View`]; more is an error.
pub const CAMERAS_MAX: usize = 9;
/// Entries of a MediaMap or SlotMap, names in a Voice message: beyond, decoding fails.
pub const ENTRIES_MAX: usize = 64;
/// How deep values may nest where unknown fields are skipped.
pub const DEPTH_MAX: usize = 32;
/// Longest id, mid or publication, bytes.
pub const TEXT_BYTES_MAX: usize = 128;

/// Why a message was refused: always its sender's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// Ends within a value.
    #[error("message ends too early")]
    Truncated,
    /// Another type than this field has.
    #[error("{0} has the wrong type")]
    WrongType(&'static str),
    /// A field is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A named limit.
    #[error("{0} exceeds its limit")]
    Limit(&'static str),
    /// Text that is no UTF-8.
    #[error("{0} is not UTF-8")]
    NotUtf8(&'static str),
    /// A text frame that is not one of the known words.
    #[error("unknown text message")]
    UnknownText,
}
