//! Recordings: their start, and what rooms and events tell of them.

use std::collections::BTreeMap;
use std::time::Duration;

use parley_core::api::{
    Command, Journal, Labels, ParticipantId, RecordingId, RecordingView, RoomRef, SessionId,
    StartRecording,
};
use parley_media::recording::{EndReason, Trouble};
use parley_proto::v1;
use parley_recorder::{PrepareRequest, Prepared};

use super::request::{optional, room_ref};
use super::response::{millis, unix};
use super::{CommandOf, Malformed, Proto};

/// As the proto says of labels.
const LABELS_MAX: usize = 16;
const LABEL_BYTES_MAX: usize = 256;

/// A start as the core gets it, but for the journal that the recorder has yet to prepare.
#[derive(Debug, Clone)]
pub(in crate::grpc) struct StartOf {
    pub(in crate::grpc) room: RoomRef,
    request: v1::StartRecordingRequest,
}

impl TryFrom<v1::StartRecordingRequest> for StartOf {
    type Error = Malformed;

    fn try_from(request: v1::StartRecordingRequest) -> Result<Self, Malformed> {
        let malformed = |reason| Malformed {
            field: "labels",
            reason,
        };
        if request.labels.len() > LABELS_MAX {
            return Err(malformed("more than 16"));
        }
        let long = |text: &String| text.len() > LABEL_BYTES_MAX;
        if request.labels.iter().any(|(k, v)| long(k) || long(v)) {
            return Err(malformed("longer than 256 bytes"));
        }
        let room = room_ref(request.room.clone())?;
        Ok(Self { room, request })
    }
}

/// What the recorder gets.
pub(in crate::grpc) struct PrepareOf(pub(in crate::grpc) PrepareRequest);

impl StartOf {
    /// With the room's labels under the request's own.
    pub(in crate::grpc) fn prepare(&self, room: &Labels) -> PrepareOf {
        let mut labels: BTreeMap<String, String> = room.clone();
        labels.extend(self.request.labels.clone());
        PrepareOf(PrepareRequest {
            recording_id: self.request.recording_id.clone(),
            room_id: self.room.room.0.clone(),
            generation: self.room.generation,
            labels,
            starter_id: self.request.starter_id.clone(),
        })
    }

    pub(in crate::grpc) fn command(self, prepared: &Prepared) -> Command {
        let request = self.request;
        let timer = |ms: u64| (ms > 0).then(|| Duration::from_millis(ms));
        let height = u16::try_from(request.max_height).unwrap_or(u16::MAX);
        Command::StartRecording(Box::new(StartRecording {
            room: self.room,
            recording: RecordingId(request.recording_id),
            starter: ParticipantId(request.starter_id),
            max_duration: timer(request.max_duration_ms),
            remind_before: timer(request.remind_before_ms),
            max_height: (height > 0).then_some(height),
            journal: Journal {
                key: prepared.key,
                segment: prepared.segment,
                started_at_ms: prepared.started_at_ms,
                elapsed: prepared.elapsed,
            },
        }))
    }
}

impl TryFrom<v1::StopRecordingRequest> for CommandOf {
    type Error = Malformed;

    fn try_from(request: v1::StopRecordingRequest) -> Result<Self, Malformed> {
        Ok(Self(Command::StopRecording {
            room: room_ref(request.room)?,
            recording: optional(request.recording_id).map(RecordingId),
            actor: optional(request.actor_id).map(ParticipantId),
        }))
    }
}

impl TryFrom<v1::PinInRecordingRequest> for CommandOf {
    type Error = Malformed;

    fn try_from(request: v1::PinInRecordingRequest) -> Result<Self, Malformed> {
        Ok(Self(Command::PinInRecording {
            room: room_ref(request.room)?,
            session: optional(request.session_id).map(SessionId),
        }))
    }
}

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
