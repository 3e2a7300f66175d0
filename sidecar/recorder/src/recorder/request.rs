//! What a recorder and a recording are made with, and why not.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::shelf::{BeginError, GRACE};
use crate::tap::RecordingKey;

/// What a recorder is made with.
#[derive(Debug, Clone)]
pub struct RecorderConfig {
    /// Of all recordings; made if it is not there.
    pub dir: PathBuf,
    /// A new recording begins only if at least so much is free, bytes. Default: 256 MiB.
    pub floor_bytes: u64,
    /// What all recordings together may have, bytes; 0: any number. Beyond, none begins, and those in
    /// progress go on with sound alone. Default: 0.
    pub quota_bytes: u64,
    /// Held free per recording, so that sound goes on for 2 min when the disk is full. Default: 4 MiB,
    /// which is five voices at 48 kbit/s.
    pub reserve_bytes: u64,
    /// At a time. Default: 32.
    pub recordings_max: usize,
    /// How long a copy stays here after it was read back from the platform. Default: 24 h.
    pub grace: Duration,
    /// Keep other processes away by a lock in `dir`. Off only where `dir` is no real directory.
    pub exclusive: bool,
}

impl RecorderConfig {
    /// The defaults, in `dir`.
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            floor_bytes: 256 << 20,
            quota_bytes: 0,
            reserve_bytes: 4 << 20,
            recordings_max: 32,
            grace: GRACE,
            exclusive: true,
        }
    }
}

/// What a recording begins with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrepareRequest {
    /// 1 to 64 characters of `[A-Za-z0-9_-]`. One that an earlier start left in progress goes on.
    pub recording_id: String,
    /// Opaque.
    pub room_id: String,
    /// Of the room.
    pub generation: u64,
    /// Opaque, kept with the recording.
    pub labels: BTreeMap<String, String>,
    /// Participant who starts it.
    pub starter_id: String,
}

/// A recording that may be announced: what it needs is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prepared {
    /// Its key at the tap.
    pub key: RecordingKey,
    /// The number of its segment, for the ids of its tracks.
    pub segment: u32,
    /// Of its first start, Unix milliseconds.
    pub started_at_ms: u64,
    /// Where it stands on its timeline now: what is pushed next is not before that.
    pub elapsed: Duration,
    /// An earlier start's recording goes on.
    pub resumed: bool,
}

/// Why a recording cannot begin.
#[derive(Debug, Error)]
pub enum PrepareError {
    /// See [`BeginError`].
    #[error(transparent)]
    Begin(#[from] BeginError),
    /// As many as may be are in progress.
    #[error("{0} recordings are in progress, and no more may be")]
    TooMany(usize),
    /// Not enough is free.
    #[error("the disk has only {} MiB free", .free_bytes >> 20)]
    LowSpace {
        /// Bytes.
        free_bytes: u64,
    },
    /// All recordings together have what they may.
    #[error("recordings have used up their {} MiB", .quota_bytes >> 20)]
    OverQuota {
        /// Bytes.
        quota_bytes: u64,
    },
    /// The disk does not do it.
    #[error("the disk refuses: {0}")]
    Io(#[from] io::Error),
    /// The recorder has ended.
    #[error("the recorder is closed")]
    Closed,
}
