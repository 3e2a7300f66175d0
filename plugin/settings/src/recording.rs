//! How sharp a recording's picture is.

use serde::{Deserialize, Serialize};

/// The highest picture that is recorded. The aliases are what the Calls plugin calls its qualities: the
/// drop-in flavour finds its settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordingQuality {
    /// 480 lines.
    #[serde(rename = "480p", alias = "low")]
    P480,
    /// 720 lines.
    #[default]
    #[serde(rename = "720p", alias = "medium")]
    P720,
    /// 1080 lines.
    #[serde(rename = "1080p", alias = "high")]
    P1080,
}

impl RecordingQuality {
    /// Lines of the picture.
    pub fn height(self) -> u32 {
        match self {
            Self::P480 => 480,
            Self::P720 => 720,
            Self::P1080 => 1080,
        }
    }
}
