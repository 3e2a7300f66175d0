//! What is known of one recording: the content of its `state.json`.

use std::collections::BTreeMap;

use parley_media::recording::{EndReason, Trouble};
use serde::{Deserialize, Serialize};

/// Of the file's format. A file of a later one is left alone.
pub const VERSION: u32 = 1;
/// Longest reason that is kept, characters.
pub const REASON_CHARS_MAX: usize = 200;
/// Longest id of a recording, bytes.
pub const ID_BYTES_MAX: usize = 64;

/// How far a recording has come (R5). Its steps are in [`crate::publish`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Media is written.
    InProgress,
    /// Stopped; its files are being made.
    Closed,
    /// Its files are complete and wait for a host.
    Ready,
    /// A host copies them into the platform.
    Uploading,
    /// The platform has all files, and the post stands.
    Posted,
    /// Read back; the copy here goes when its grace is over.
    Verified,
    /// Goes no further by itself: an admin must look.
    Parked,
}

/// What never changes about a recording, also kept apart from the state (`about.json`), so that a broken
/// state can be made anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Chosen by who started it, see [`is_id`].
    pub recording_id: String,
    /// Opaque.
    pub room_id: String,
    /// Of the room when the recording began.
    pub generation: u64,
    /// Opaque, for whoever publishes it.
    pub labels: BTreeMap<String, String>,
    /// Participant.
    pub starter_id: String,
    /// Unix milliseconds.
    pub started_at_ms: u64,
}

/// One of the files that are published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// Without a path.
    pub name: String,
    /// Media type.
    pub content_type: String,
    /// Length.
    pub bytes: u64,
    /// In hexadecimal digits.
    #[serde(with = "super::hex")]
    pub sha256: [u8; 32],
    /// Of media, ms; 0 for texts.
    pub duration_ms: u64,
    /// From the recording's start, ms.
    pub starts_at_ms: u64,
    /// The platform's upload session, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload_id: Option<String>,
    /// The platform's file, once it has all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_id: Option<String>,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// [`VERSION`].
    pub version: u32,
    /// What never changes.
    pub about: About,
    /// How far it is.
    pub stage: Stage,
    /// Unix milliseconds; `None` while in progress, or when nobody saw the end.
    #[serde(default)]
    pub ended_at_ms: Option<u64>,
    /// Why it ended; `None` while in progress.
    #[serde(default, with = "super::words::end_reason")]
    pub end_reason: Option<EndReason>,
    /// The worst that ever held.
    #[serde(default, with = "super::words::trouble")]
    pub trouble: Option<Trouble>,
    /// Whose voice or picture is in it, in order of their first. Known when it is composed.
    #[serde(default)]
    pub participants: Vec<String>,
    /// Stretches of which nothing was recorded because the sidecar was away. Known when it is composed.
    #[serde(default)]
    pub gaps: u32,
    /// Complete from [`Stage::Ready`] on; the file's number is its place, from 1.
    #[serde(default)]
    pub files: Vec<StoredFile>,
    /// The largest file they may be, bytes; 0 = any.
    #[serde(default)]
    pub file_bytes_max: u64,
    /// The platform's post. Kept when a file is uploaded again, so that the post is not made again.
    #[serde(default)]
    pub post_id: Option<String>,
    /// Times that publishing failed.
    #[serde(default)]
    pub failures: u32,
    /// Why publishing failed last, or why it is parked; empty = it did not.
    #[serde(default)]
    pub failure: String,
    /// When it became [`Stage::Verified`], Unix milliseconds.
    #[serde(default)]
    pub verified_at_ms: Option<u64>,
}

impl State {
    /// Of a recording that begins.
    #[must_use]
    pub fn new(about: About) -> Self {
        Self {
            version: VERSION,
            about,
            stage: Stage::InProgress,
            ended_at_ms: None,
            end_reason: None,
            trouble: None,
            participants: Vec::new(),
            gaps: 0,
            files: Vec::new(),
            file_bytes_max: 0,
            post_id: None,
            failures: 0,
            failure: String::new(),
            verified_at_ms: None,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.about.recording_id
    }

    /// The file of that number, from 1.
    #[must_use]
    pub fn file(&self, number: u32) -> Option<&StoredFile> {
        self.files
            .get(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    /// Every file is the platform's.
    #[must_use]
    pub fn is_uploaded(&self) -> bool {
        self.files.iter().all(|file| file.file_id.is_some())
    }

    /// Keeps the worse of both.
    pub fn note_trouble(&mut self, trouble: Trouble) {
        self.trouble = self.trouble.max(Some(trouble));
    }

    /// Bytes of all files that are published.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// 1 to 64 characters of `[A-Za-z0-9_-]`: also a good name for a directory.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
    (1..=ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

/// A reason as it is kept: no control characters, not too long.
#[must_use]
pub fn reason(text: &str) -> String {
    let printable = text.chars().filter(|c| !c.is_control());
    printable.take(REASON_CHARS_MAX).collect()
}
