//! Recordings: whether and within which bounds this node makes them.

use std::time::Duration;

use super::ConfigError;
use super::checked::wrong;
use super::raw::RawRecording;

const HOUR: Duration = Duration::from_secs(60 * 60);
/// The longest grace: a year.
const GRACE_HOURS_MAX: u64 = 366 * 24;
/// More would be another design: the disk and one thread serve them all.
const RECORDINGS_MAX: u64 = 100;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingRules {
    /// Off: a start is refused. What is on the disk is still published.
    pub enabled: bool,
    /// No recording starts with less free space on the data directory's disk, bytes.
    pub floor_bytes: u64,
    /// Nor while all recordings there hold more, bytes; `None` = no such bound.
    pub quota_bytes: Option<u64>,
    /// Recordings in progress at a time.
    pub recordings_max: usize,
    /// How long a recording stays on the disk after the platform has it.
    pub grace: Duration,
}

impl Default for RecordingRules {
    fn default() -> Self {
        Self {
            enabled: true,
            floor_bytes: 256 << 20,
            quota_bytes: None,
            recordings_max: 32,
            grace: HOUR * 24,
        }
    }
}

impl RecordingRules {
    pub(super) fn check(raw: &RawRecording) -> Result<Self, ConfigError> {
        let d = Self::default();
        let recordings_max = match raw.recordings_max {
            None => d.recordings_max,
            Some(most @ 1..=RECORDINGS_MAX) => most as usize,
            Some(_) => {
                return wrong(
                    "recording.recordings_max",
                    format!("must be 1 to {RECORDINGS_MAX}"),
                );
            }
        };
        let grace = match raw.grace_hours {
            None => d.grace,
            Some(hours) if hours <= GRACE_HOURS_MAX => HOUR * hours as u32,
            Some(_) => {
                return wrong(
                    "recording.grace_hours",
                    format!("must be 0 to {GRACE_HOURS_MAX}"),
                );
            }
        };
        if raw.quota_bytes == Some(0) {
            return wrong(
                "recording.quota_bytes",
                "must be positive; `enabled = false` switches recordings off",
            );
        }
        Ok(Self {
            enabled: raw.enabled.unwrap_or(d.enabled),
            floor_bytes: raw.floor_bytes.unwrap_or(d.floor_bytes),
            quota_bytes: raw.quota_bytes,
            recordings_max,
            grace,
        })
    }
}
