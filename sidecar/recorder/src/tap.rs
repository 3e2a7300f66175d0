//! The hand-over from a shard's thread to the I/O thread: one bounded ring of bytes for all recordings of a
//! shard.
//!
//! The shard never waits for a disk: what does not fit is left out, pictures first (below a quarter of
//! free room), then sound, and what says what the packets are (sessions, tracks, the end) last of all.
//! Whatever is left out is counted, and told in the journal where it is missing. There is no wake-up: the
//! reader looks by itself a few dozen times a second, so a packet costs one copy and no system call.

mod ring;
mod writer;

pub(crate) use ring::{Class, RING_BYTES, Ring, ring};
pub use writer::{Pushed, TapWriter};

pub use parley_media::recording::RecordingKey;
use parley_media::recording::{At, EndReason, Trouble};

/// What the recorder tells the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// The worst that holds has changed; `None`: all is well again.
    Trouble {
        /// Of which recording.
        key: RecordingKey,
        /// What holds now.
        trouble: Option<Trouble>,
    },
    /// Pictures were left out behind the tap; those that are recorded again need a key frame.
    VideoLost {
        /// Of which recording.
        key: RecordingKey,
    },
    /// The recording's last entry is on the disk, or never will be.
    Ended {
        /// Which.
        key: RecordingKey,
        /// As its last entry said.
        reason: EndReason,
        /// When, on the recording's timeline.
        at: At,
    },
}
