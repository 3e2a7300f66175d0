//! Pictures: VP8 headers, key-frame requests, which layer each viewer gets, and renumbering.

mod keyframes;
mod layers;
mod rewriter;
mod vp8;

pub use keyframes::{KEYFRAME_WINDOW, KeyframeMerger};
pub use layers::{Allocation, LayerAllocator, Priority, Want};
pub use rewriter::{VideoIn, VideoOut, VideoRewriter, Vp8Numbers};
pub use vp8::{PictureId, Vp8Header};

/// RTP clock of video, Hz.
pub const VIDEO_HZ: u32 = 90_000;
