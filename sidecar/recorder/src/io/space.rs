//! How much room all recordings together have left.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::IoConfig;
use crate::vfs::Vfs;

/// The directory is summed up so often; in between, what was written is added.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// Enough.
    Plenty,
    /// For sound alone.
    Short,
    /// For nothing.
    Full,
}

pub(super) struct Space {
    config: IoConfig,
    used: u64,
    looked_at: Option<Instant>,
    /// This file system cannot reserve room: then it must be free.
    free: Option<u64>,
    reserves: bool,
}

impl Space {
    pub(super) fn new(config: IoConfig) -> Self {
        Self {
            config,
            used: 0,
            looked_at: None,
            free: None,
            reserves: true,
        }
    }

    /// Held free per recording, bytes.
    pub(super) fn reserve_bytes(&self) -> u64 {
        self.config.reserve_bytes
    }

    /// Once per sync round.
    pub(super) fn look(&mut self, vfs: &dyn Vfs, now: Instant) {
        let recent = |looked: Instant| now.saturating_duration_since(looked) < LOOK_EVERY;
        if self.config.quota_bytes > 0 && !self.looked_at.is_some_and(recent) {
            self.looked_at = Some(now);
            self.used = used(vfs, &self.config.root).unwrap_or(self.used);
        }
        if !self.reserves {
            self.free = vfs.free_bytes(&self.config.root).ok();
        }
    }

    pub(super) fn wrote(&mut self, bytes: u64) {
        self.used = self.used.saturating_add(bytes);
    }

    /// It turned out that room cannot be reserved here.
    pub(super) fn cannot_reserve(&mut self) {
        self.reserves = false;
    }

    /// By the quota, and by what is free where room cannot be reserved.
    pub(super) fn room(&self) -> Room {
        let quota = self.config.quota_bytes;
        let reserve = self.config.reserve_bytes;
        if quota > 0 && self.used >= quota.saturating_add(reserve) {
            return Room::Full;
        }
        let is_short = quota > 0 && self.used >= quota;
        if is_short || self.free.is_some_and(|free| free < reserve) {
            return Room::Short;
        }
        Room::Plenty
    }
}

/// Bytes of all files in the directories of `root`, and in theirs.
pub(crate) fn used(vfs: &dyn Vfs, root: &Path) -> io::Result<u64> {
    let mut bytes = 0_u64;
    for recording in vfs.list(root)?.into_iter().filter(|found| found.is_dir) {
        let dir = root.join(recording.name);
        // One that is removed meanwhile has nothing.
        for found in vfs.list(&dir).unwrap_or_default() {
            bytes = bytes.saturating_add(found.bytes);
            if found.is_dir {
                let below = vfs.list(&dir.join(found.name)).unwrap_or_default();
                bytes = below
                    .iter()
                    .fold(bytes, |sum, file| sum.saturating_add(file.bytes));
            }
        }
    }
    Ok(bytes)
}
