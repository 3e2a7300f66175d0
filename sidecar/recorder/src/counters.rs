//! What the I/O thread counts over all recordings of this process, for the metrics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// As it is now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IoCounts {
    /// Packets of sound that are in no journal.
    pub dropped_audio: u64,
    /// Packets of pictures that are in no journal.
    pub dropped_video: u64,
    /// Sync rounds.
    pub syncs: u64,
    /// Time that the disk took for them.
    pub sync_time: Duration,
}

/// Shared with the thread.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    dropped_audio: AtomicU64,
    dropped_video: AtomicU64,
    syncs: AtomicU64,
    sync_micros: AtomicU64,
}

impl Counters {
    pub(crate) fn dropped(&self, audio: u32, video: u32) {
        self.dropped_audio.fetch_add(audio.into(), Relaxed);
        self.dropped_video.fetch_add(video.into(), Relaxed);
    }

    pub(crate) fn synced(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.syncs.fetch_add(1, Relaxed);
        self.sync_micros.fetch_add(micros, Relaxed);
    }

    pub(crate) fn counts(&self) -> IoCounts {
        IoCounts {
            dropped_audio: self.dropped_audio.load(Relaxed),
            dropped_video: self.dropped_video.load(Relaxed),
            syncs: self.syncs.load(Relaxed),
            sync_time: Duration::from_micros(self.sync_micros.load(Relaxed)),
        }
    }
}
