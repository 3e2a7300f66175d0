//! Voices: who is in a slot of the room, how the slot's packets are renumbered, who counts as
//! speaking.

mod activity;
mod level;
mod rewriter;
mod selector;

pub use activity::{VoiceActivity, VoiceChange};
pub use rewriter::{AudioIn, AudioOut, SlotRewriter};
pub use selector::{AudioPacket, SourceId, SpeakerSelector};

/// RTP clock of Opus, Hz (RFC 7587 section 4.1).
pub const OPUS_HZ: u32 = 48_000;
/// RTP time of the shortest step between frames we accept at a switch: 20 ms.
pub const FRAME_TICKS: u32 = 960;
