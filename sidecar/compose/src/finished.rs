//! What came out of a recording.

/// A finished recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finished {
    /// The WebM parts in their order, then the captions.
    pub files: Vec<FinishedFile>,
    /// Ids of those who had a session, in order of their first one.
    pub participants: Vec<String>,
    /// How often nothing was recorded for a while (a crash, a full disk).
    pub gaps: u32,
    /// Of the whole recording, gaps included.
    pub duration_ms: u64,
    /// What is not in the files although it was sent.
    pub lost: Lost,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedFile {
    /// As given to [`crate::Parts::create`].
    pub name: String,
    /// `video/webm`, `audio/webm` or `text/vtt`.
    pub content_type: &'static str,
    /// How long it plays; 0 for captions.
    pub duration_ms: u64,
    /// Where on the recording's timeline its zero is.
    pub starts_at_ms: u64,
}

/// Counts of what could not be composed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lost {
    /// Packets of sound that never came, or too late.
    pub audio_packets: u64,
    /// Pictures that were incomplete, or built on an incomplete one.
    pub video_frames: u64,
    /// Payloads that are no valid Opus or VP8, and entries that make no sense.
    pub malformed: u64,
    /// Packets that the tap dropped because the disk was too slow: sound.
    pub dropped_audio: u64,
    /// The same: pictures.
    pub dropped_video: u64,
}
