//! Why something was refused: a code for clients and a text for people.

use parley_proto::trouble::Trouble;

use crate::call::SESSIONS_PER_USER_MAX;
use crate::env::PlatformError;
use crate::media::MediaError;
use crate::text::{Lang, Text, fill};

/// A refusal. The codes are those of docs/protocol.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum Refusal {
    NotMember,
    NoPermission,
    Archived,
    Deactivated,
    TestMode,
    ChannelOff,
    GroupCallsOff,
    Full,
    TooManySessions,
    AlreadyJoined,
    ThreadInvalid,
    ScreenTaken,
    ScreenDisabled,
    VideoDisabled,
    Unavailable,
    /// As that, and why.
    NoMediaServer(Trouble),
    RateLimited,
    ResumeInvalid,
    /// The field at fault.
    BadRequest(&'static str),
    NoCall,
    NotInCall,
    NotHost,
    /// The platform did not take a file.
    FileRefused,
    RecordingDisabled,
    RecordingRuns,
    NotRecording,
    RecordingImpossible,
    RecordingNoSpace,
    TooManyRecordings,
}

impl Refusal {
    /// The code for clients.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::NotMember => "not_member",
            Self::NoPermission | Self::NotHost => "no_permission",
            Self::Archived => "archived",
            Self::Deactivated => "deactivated",
            Self::TestMode => "test_mode",
            Self::ChannelOff => "channel_off",
            Self::GroupCallsOff => "group_calls_off",
            Self::Full => "full",
            Self::TooManySessions => "too_many_sessions",
            Self::AlreadyJoined => "already_joined",
            Self::ThreadInvalid => "thread_invalid",
            Self::ScreenTaken => "screen_taken",
            Self::ScreenDisabled => "screen_disabled",
            Self::VideoDisabled => "video_disabled",
            Self::Unavailable | Self::NoMediaServer(_) => "unavailable",
            Self::RateLimited => "rate_limited",
            Self::ResumeInvalid => "resume_invalid",
            Self::FileRefused => "file_refused",
            Self::RecordingDisabled => "recording_disabled",
            Self::RecordingRuns => "recording_runs",
            Self::NotRecording => "not_recording",
            Self::RecordingImpossible => "recording_impossible",
            Self::RecordingNoSpace => "recording_no_space",
            Self::TooManyRecordings => "too_many_recordings",
            Self::BadRequest(_) | Self::NoCall | Self::NotInCall => "bad_request",
        }
    }

    /// The text for people.
    pub(crate) fn text(self, lang: Lang) -> String {
        let text = match self {
            Self::NotMember => Text::NotMember,
            Self::NoPermission => Text::NoPermission,
            Self::Archived => Text::Archived,
            Self::Deactivated => Text::Deactivated,
            Self::TestMode => Text::TestMode,
            Self::ChannelOff => Text::ChannelOff,
            Self::GroupCallsOff => Text::GroupCallsOff,
            Self::Full => Text::Full,
            Self::TooManySessions => {
                let max = SESSIONS_PER_USER_MAX.to_string();
                return fill(Text::TooManySessions.get(lang), &[("max", &max)]);
            }
            Self::AlreadyJoined => Text::AlreadyJoined,
            Self::ThreadInvalid => Text::ThreadInvalid,
            Self::ScreenTaken => Text::ScreenTaken,
            Self::ScreenDisabled => Text::ScreenDisabled,
            Self::VideoDisabled => Text::VideoDisabled,
            Self::Unavailable => Text::Unavailable,
            Self::NoMediaServer(trouble) => match trouble {
                Trouble::Cluster => Text::MediaServerOnCluster,
                Trouble::Settings => Text::MediaServerNotSet,
                Trouble::Unreachable => Text::MediaServerUnreachable,
                Trouble::Certificate => Text::MediaServerCertificate,
                Trouble::Token => Text::MediaServerToken,
                Trouble::Protocol => Text::MediaServerVersion,
            },
            Self::RateLimited => Text::RateLimited,
            Self::ResumeInvalid => Text::ResumeInvalid,
            Self::BadRequest(field) => {
                return fill(Text::BadRequest.get(lang), &[("field", field)]);
            }
            Self::NoCall => Text::NoCall,
            Self::NotInCall => Text::NotInCall,
            Self::NotHost => Text::NotHost,
            Self::FileRefused => Text::FileRefused,
            Self::RecordingDisabled => Text::RecordingDisabled,
            Self::RecordingRuns => Text::RecordingRuns,
            Self::NotRecording => Text::NotRecording,
            Self::RecordingImpossible => Text::RecordingImpossible,
            Self::RecordingNoSpace => Text::RecordingNoSpace,
            Self::TooManyRecordings => Text::TooManyRecordings,
        };
        text.get(lang).to_owned()
    }
}

impl From<MediaError> for Refusal {
    fn from(error: MediaError) -> Self {
        match error {
            MediaError::NotFound => Self::NoCall,
            MediaError::Exists => Self::AlreadyJoined,
            MediaError::Forbidden => Self::NoPermission,
            MediaError::Limit(what) if what.ends_with("max_sessions_per_participant") => {
                Self::TooManySessions
            }
            MediaError::Limit(_) => Self::Full,
            MediaError::Invalid(_) => Self::BadRequest("data"),
            MediaError::Stale
            | MediaError::Precondition
            | MediaError::Unavailable(None)
            | MediaError::Other(_) => Self::Unavailable,
            MediaError::Unavailable(Some(trouble)) => Self::NoMediaServer(trouble),
        }
    }
}

impl From<PlatformError> for Refusal {
    fn from(error: PlatformError) -> Self {
        match error {
            PlatformError::NotFound => Self::NotMember,
            PlatformError::Denied(_) => Self::NoPermission,
            PlatformError::Invalid(_) | PlatformError::Unavailable(_) => Self::Unavailable,
        }
    }
}
