//! Recordings as the call policy uses them: started, stopped, told of, and handed over when they are made.

use std::collections::HashMap;

use parley_proto::v1;
use prost::Message as _;
use serde::{Deserialize, Serialize};
use v1::recordings_client::RecordingsClient;

use super::convert::{cut, users};
use super::{GrpcService, Media, MediaError, Result, RoomRef};
use crate::ids::{CallId, ChannelId, PostId, RecordingId, SessionId, UserId};

/// What is wrong with a recording; the greater, the worse.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub(crate) enum RecordingTrouble {
    #[default]
    None,
    VideoDropped,
    AudioDropped,
    AudioOnly,
    Stopped,
}

/// Why a recording ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum RecordingEnd {
    #[default]
    Stopped,
    Limit,
    CallEnded,
    Disk,
    Crash,
    Internal,
}

/// A room's recording: the one in progress, or the last one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Recording {
    /// Its id.
    pub id: RecordingId,
    /// Unix ms.
    pub started_at: i64,
    /// Unix ms; 0 = in progress.
    pub ended_at: i64,
    /// Who started it.
    pub starter_id: UserId,
    /// Why it ended, if it did.
    pub end: RecordingEnd,
    /// The worst that holds.
    pub trouble: RecordingTrouble,
    /// Longest time, ms; 0 = without limit.
    pub max_duration_ms: u64,
    /// Whose camera is recorded; empty = who speaks.
    pub pinned: SessionId,
}

impl Recording {
    /// Media is being written.
    pub(crate) fn in_progress(&self) -> bool {
        self.ended_at == 0
    }
}

/// What the policy keeps with a recording: all that its post needs when call and record are gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) struct RecordingLabels {
    pub channel_id: ChannelId,
    pub call_id: CallId,
    /// Root of the thread the call was started in; empty = it has its own.
    pub thread_id: PostId,
    /// The call's post.
    pub post_id: PostId,
    pub owner_id: UserId,
    /// The host when it was started.
    pub host_id: UserId,
    pub title: String,
    /// The language of its post, as a locale.
    pub lang: String,
}

/// A recording to be started, or gone on with.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub(crate) struct StartRecording {
    pub id: RecordingId,
    pub starter_id: UserId,
    /// From its first start, ms; 0 = without limit.
    pub max_duration_ms: u64,
    /// 0 = no reminder.
    pub remind_before_ms: u64,
    /// Of pictures, pixels.
    pub max_height: u32,
    pub labels: RecordingLabels,
}

/// A recording that is made, to be posted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) struct MadeRecording {
    pub id: RecordingId,
    pub labels: RecordingLabels,
    pub started_at: i64,
    pub ended_at: i64,
    pub starter_id: UserId,
    pub end: RecordingEnd,
    pub trouble: RecordingTrouble,
    /// Who is heard or seen in it, in order of their first.
    pub participants: Vec<UserId>,
    /// In the order in which they are shown.
    pub files: Vec<RecordingFile>,
    /// Stretches that are missing because the media server was away.
    pub gaps: u32,
}

/// One of its files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) struct RecordingFile {
    /// A text with who speaks when, not media.
    pub is_text: bool,
    /// The platform's; empty = not uploaded.
    pub file_id: String,
    pub duration_ms: u64,
    pub starts_at_ms: u64,
}

impl Media<'_> {
    fn recordings(&self) -> RecordingsClient<GrpcService> {
        RecordingsClient::new(self.service.clone())
    }

    /// Starts a recording of a room, or goes on with the one of this id. Done = on the disk.
    pub(crate) async fn start_recording(
        &self,
        room: &RoomRef,
        start: StartRecording,
    ) -> Result<Recording> {
        let request = self.request(v1::StartRecordingRequest {
            request_id: self.request_id(),
            room: Some(room.proto()),
            recording_id: start.id.to_string(),
            starter_id: start.starter_id.to_string(),
            max_duration_ms: start.max_duration_ms,
            remind_before_ms: start.remind_before_ms,
            max_height: start.max_height,
            labels: write_labels(&start.labels),
        });
        let answer = self.recordings().start_recording(request).await?;
        let recording = answer.into_inner().recording;
        recording.map(recording_of).ok_or(MediaError::NotFound)
    }

    /// Stops the room's recording; `None` = there was none.
    pub(crate) async fn stop_recording(
        &self,
        room: &RoomRef,
        actor: &UserId,
    ) -> Result<Option<Recording>> {
        let request = self.request(v1::StopRecordingRequest {
            request_id: self.request_id(),
            room: Some(room.proto()),
            recording_id: String::new(),
            actor_id: actor.to_string(),
        });
        let answer = self.recordings().stop_recording(request).await?;
        Ok(answer.into_inner().recording.map(recording_of))
    }

    /// Whose camera is recorded while nobody shares a screen; empty = who speaks.
    pub(crate) async fn pin_in_recording(
        &self,
        room: &RoomRef,
        session: &SessionId,
    ) -> Result<Option<Recording>> {
        let request = self.request(v1::PinInRecordingRequest {
            request_id: self.request_id(),
            room: Some(room.proto()),
            session_id: session.to_string(),
        });
        let answer = self.recordings().pin_in_recording(request).await?;
        Ok(answer.into_inner().recording.map(recording_of))
    }
}

/// A room's recording of the proto.
pub(super) fn recording_of(recording: v1::RoomRecording) -> Recording {
    let in_progress = recording.state() == v1::RecordingState::InProgress;
    Recording {
        started_at: recording.started_at_ms,
        // The state decides: an end is never 0, whatever the clock said.
        ended_at: match in_progress {
            true => 0,
            false => recording.ended_at_ms.max(1),
        },
        end: end_of(recording.end_reason()),
        trouble: trouble_of(recording.trouble()),
        max_duration_ms: recording.max_duration_ms,
        id: RecordingId::new(recording.recording_id),
        starter_id: UserId::new(recording.starter_id),
        pinned: SessionId::new(recording.pinned_session_id),
    }
}

/// An encoded `parley.media.v1.Recording`.
pub(crate) fn made_recording(
    bytes: &[u8],
) -> std::result::Result<MadeRecording, prost::DecodeError> {
    let recording = v1::Recording::decode(bytes)?;
    let (end, trouble) = (recording.end_reason(), recording.trouble());
    let mut files = recording.files;
    files.sort_by_key(|file| file.number);
    Ok(MadeRecording {
        id: RecordingId::new(recording.recording_id),
        labels: read_labels(&recording.labels),
        started_at: recording.started_at_ms,
        ended_at: recording.ended_at_ms,
        starter_id: UserId::new(recording.starter_id),
        end: end_of(end),
        trouble: trouble_of(trouble),
        participants: users(recording.participants),
        files: files
            .into_iter()
            .map(|file| RecordingFile {
                is_text: file.content_type.starts_with("text/"),
                file_id: file.file_id,
                duration_ms: file.duration_ms,
                starts_at_ms: file.starts_at_ms,
            })
            .collect(),
        gaps: recording.gaps,
    })
}

fn write_labels(labels: &RecordingLabels) -> HashMap<String, String> {
    let all = [
        ("channel_id", labels.channel_id.as_str()),
        ("call_id", labels.call_id.as_str()),
        ("thread_id", labels.thread_id.as_str()),
        ("post_id", labels.post_id.as_str()),
        ("owner_id", labels.owner_id.as_str()),
        ("host_id", labels.host_id.as_str()),
        ("title", cut(&labels.title)),
        ("lang", &labels.lang),
    ];
    let given = all.into_iter().filter(|(_, value)| !value.is_empty());
    given
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn read_labels(labels: &HashMap<String, String>) -> RecordingLabels {
    let text = |key: &str| labels.get(key).cloned().unwrap_or_default();
    RecordingLabels {
        channel_id: ChannelId::new(text("channel_id")),
        call_id: CallId::new(text("call_id")),
        thread_id: PostId::new(text("thread_id")),
        post_id: PostId::new(text("post_id")),
        owner_id: UserId::new(text("owner_id")),
        host_id: UserId::new(text("host_id")),
        title: text("title"),
        lang: text("lang"),
    }
}

fn end_of(reason: v1::RecordingEndReason) -> RecordingEnd {
    use v1::RecordingEndReason as Reason;
    match reason {
        Reason::Stopped | Reason::Unspecified => RecordingEnd::Stopped,
        Reason::Limit => RecordingEnd::Limit,
        Reason::CallEnded => RecordingEnd::CallEnded,
        Reason::Disk => RecordingEnd::Disk,
        Reason::Crash => RecordingEnd::Crash,
        Reason::Internal => RecordingEnd::Internal,
    }
}

fn trouble_of(trouble: v1::RecordingTrouble) -> RecordingTrouble {
    match trouble {
        v1::RecordingTrouble::Unspecified => RecordingTrouble::None,
        v1::RecordingTrouble::VideoDropped => RecordingTrouble::VideoDropped,
        v1::RecordingTrouble::AudioDropped => RecordingTrouble::AudioDropped,
        v1::RecordingTrouble::AudioOnly => RecordingTrouble::AudioOnly,
        v1::RecordingTrouble::Stopped => RecordingTrouble::Stopped,
    }
}
