//! Recordings as rooms and events tell them.

use parley_core::api::RecordingView;
use parley_media::recording::{EndReason, Trouble};
use parley_proto::v1;

use super::Proto;
use super::response::{millis, unix};

impl From<Proto<RecordingView>> for v1::RoomRecording {
    fn from(Proto(view): Proto<RecordingView>) -> Self {
        let ended = view.ended.as_ref();
        let state = match ended {
            None => v1::RecordingState::InProgress,
            Some(_) => v1::RecordingState::Closed,
        };
        let reason = ended.map_or(v1::RecordingEndReason::Unspecified, |end| {
            Proto(end.reason).into()
        });
        let trouble = view
            .trouble
            .map_or(v1::RecordingTrouble::Unspecified, |trouble| {
                Proto(trouble).into()
            });
        Self {
            recording_id: view.recording.0,
            state: state.into(),
            started_at_ms: unix(view.started_at_ms),
            ended_at_ms: ended.map_or(0, |end| unix(end.at_ms)),
            starter_id: view.starter.0,
            end_reason: reason.into(),
            trouble: trouble.into(),
            max_duration_ms: view.max_duration.map_or(0, millis),
            pinned_session_id: view.pinned.map(|id| id.0).unwrap_or_default(),
            stopper_id: view
                .ended
                .and_then(|end| end.stopper)
                .map(|id| id.0)
                .unwrap_or_default(),
        }
    }
}

impl From<Proto<EndReason>> for v1::RecordingEndReason {
    fn from(Proto(reason): Proto<EndReason>) -> Self {
        match reason {
            EndReason::Stopped => Self::Stopped,
            EndReason::Limit => Self::Limit,
            EndReason::CallEnded => Self::CallEnded,
            EndReason::Disk => Self::Disk,
            EndReason::Crash => Self::Crash,
            EndReason::Internal => Self::Internal,
        }
    }
}

impl From<Proto<Trouble>> for v1::RecordingTrouble {
    fn from(Proto(trouble): Proto<Trouble>) -> Self {
        match trouble {
            Trouble::VideoDropped => Self::VideoDropped,
            Trouble::AudioDropped => Self::AudioDropped,
            Trouble::AudioOnly => Self::AudioOnly,
            Trouble::Stopped => Self::Stopped,
        }
    }
}
