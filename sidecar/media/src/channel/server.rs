//! What we say on `calls-dc`.

use super::ChannelError;
use std::collections::BTreeMap;

/// A message to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerMessage {
    /// 2: answers `Ping`.
    Pong,
    /// The text frame `pong`.
    TextPong,
    /// 3: zlib of JSON `{type, sdp}`, see [`crate::sdp::Description::to_zlib`].
    Sdp(Vec<u8>),
    /// 7: the lock was given (true) or not.
    Lock(bool),
    /// 9: every m-line that sends to this client now, by mid. Official profile.
    MediaMap(BTreeMap<String, MediaMapEntry>),
    /// 64: who is in which slot. `slots_v1`.
    SlotMap(SlotMap),
    /// 66: ids of the sessions that speak now. `slots_v1`.
    Voice(Vec<String>),
    /// A type we do not know (only decoded, by test clients; encodes to the bare type).
    Unknown(u64),
}

/// An entry of `MediaMap`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaMapEntry {
    /// What it carries; `type` on the wire.
    pub kind: SlotKind,
    /// Whose it is; `sender_id` on the wire.
    pub session: String,
}

/// The complete group of slots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SlotMap {
    /// Counts the maps sent to this session.
    pub epoch: u64,
    /// A mid that is absent is silent.
    pub slots: Vec<Slot>,
}

/// Who is in one slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The m-line.
    pub mid: String,
    /// What it carries.
    pub kind: SlotKind,
    /// Whose it is.
    pub session: String,
    /// Opaque.
    pub publication: String,
    /// CSRC on the slot's packets.
    pub csrc: u32,
}

/// What a slot carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SlotKind {
    /// A microphone.
    Voice,
    /// A shared screen's picture.
    Screen,
    /// A shared screen's sound.
    ScreenAudio,
    /// A camera.
    Video,
}

impl SlotKind {
    /// As on the wire and in track ids.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Screen => "screen",
            Self::ScreenAudio => "screen-audio",
            Self::Video => "video",
        }
    }

    /// The inverse of [`Self::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Voice, Self::Screen, Self::ScreenAudio, Self::Video]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

impl ServerMessage {
    /// Reads one message, for test clients; `binary` is the data channel's frame kind.
    pub fn decode(binary: bool, data: &[u8]) -> Result<Self, ChannelError> {
        let _ = (binary, data);
        todo!()
    }

    /// The message's bytes and whether they go as a binary frame.
    pub fn encode(&self) -> (bool, Vec<u8>) {
        todo!()
    }
}
