//! Pictures: headers of VP8 and AV1, key-frame requests, which layer each viewer gets, and renumbering.

mod av1;
mod keyframes;
mod layers;
mod rewriter;
mod vp8;

pub use av1::av1_starts_sequence;
pub use keyframes::{KEYFRAME_WINDOW, KeyframeMerger};
pub use layers::{Allocation, LayerAllocator, Priority, Want};
pub use rewriter::{VideoIn, VideoOut, VideoRewriter, Vp8Numbers};
pub use vp8::{CounterPlaces, PictureId, Vp8Header};

/// RTP clock of video, Hz.
pub const VIDEO_HZ: u32 = 90_000;
