//! Pictures, passed through as they were sent.
//!
//! | module | idea |
//! |---|---|
//! | [`depack`] | a track's packets to whole frames that can be decoded |
//! | [`still`] | what is shown where nothing is |
//! | [`stage`] | which track's frames are shown when |

pub(crate) mod depack;
pub(crate) mod stage;
pub(crate) mod still;

/// A whole VP8 frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// On the track's clock (see [`crate::clock::TrackClock`]).
    pub(crate) ticks: i64,
    /// Of a key frame: width and height, pixels.
    pub(crate) key: Option<(u16, u16)>,
    /// The bitstream (RFC 6386).
    pub(crate) data: Vec<u8>,
}
