//! Service Recordings, as far as the guest asks; nothing is recorded.

use std::collections::BTreeMap;

use parley_proto::v1::{self, event::Kind};
use tonic::{Code, Request, Response, Status};

use super::{Answer, FakeSidecar, State};

/// What outlasts a restart.
#[derive(Default)]
pub(crate) struct Disk {
    /// By id: each as it was first asked for, with its start.
    pub(crate) begun: BTreeMap<String, (v1::StartRecordingRequest, i64)>,
    /// Closed ones: nobody goes on with them.
    pub(crate) closed: Vec<String>,
    /// Starting is refused with this.
    pub(crate) refusal: Option<(Code, &'static str)>,
}

impl FakeSidecar {
    /// The only room's recording, as the room knows it.
    pub(crate) fn recording(&self) -> v1::RoomRecording {
        self.only_room().room.recording.expect("a recording")
    }

    /// Changes the only room's recording, and tells.
    pub(crate) fn change_recording(&self, change: impl FnOnce(&mut v1::RoomRecording)) {
        let room_id = self.only_room().room.room_id;
        let now_ms = self.now_ms();
        let mut state = self.state();
        let room = state.rooms.get_mut(&room_id).unwrap();
        change(room.room.recording.as_mut().unwrap());
        state.tell_recording(&room_id, now_ms);
    }

    /// The only room's recording ends by itself.
    pub(crate) fn end_recording(&self, reason: v1::RecordingEndReason) {
        let room_id = self.only_room().room.room_id;
        let now_ms = self.now_ms();
        self.state().end_recording(&room_id, now_ms, reason, "");
    }

    /// The reminder of the only room's recording is due.
    pub(crate) fn remind(&self, ends_in_ms: u64) {
        let room = self.only_room().room;
        let reminder = v1::RecordingReminder {
            recording: room.recording,
            ends_in_ms,
        };
        self.emit(&room.room_id, Kind::RecordingReminder(reminder));
    }
}

impl State {
    fn tell_recording(&mut self, room_id: &str, now_ms: i64) {
        let recording = self.rooms[room_id].room.recording.clone();
        let kind = Kind::RecordingChanged(v1::RecordingChanged { recording });
        self.emit(room_id, now_ms, kind);
    }

    /// Closes the one in progress; false = there is none.
    pub(super) fn end_recording(
        &mut self,
        room_id: &str,
        now_ms: i64,
        reason: v1::RecordingEndReason,
        actor: &str,
    ) -> bool {
        let room = self.rooms.get_mut(room_id);
        let recording = room.and_then(|room| room.room.recording.as_mut());
        let Some(recording) = recording.filter(|one| in_progress(one)) else {
            return false;
        };
        recording.set_state(v1::RecordingState::Closed);
        recording.set_end_reason(reason);
        recording.ended_at_ms = now_ms;
        recording.stopper_id = actor.to_owned();
        let id = recording.recording_id.clone();
        self.disk.closed.push(id);
        self.tell_recording(room_id, now_ms);
        true
    }
}

fn in_progress(recording: &v1::RoomRecording) -> bool {
    recording.state() == v1::RecordingState::InProgress
}

#[tonic::async_trait]
impl v1::recordings_server::Recordings for FakeSidecar {
    async fn start_recording(
        &self,
        r: Request<v1::StartRecordingRequest>,
    ) -> Answer<v1::StartRecordingResponse> {
        let r = r.into_inner();
        let wanted = r.room.clone().unwrap();
        assert!(r.labels.len() <= 16, "{:?}", r.labels);
        assert!(r.labels.values().all(|value| value.len() <= 256));
        let now_ms = self.now_ms();
        let mut state = self.state();
        if let Some((code, message)) = state.disk.refusal {
            return Err(Status::new(code, message));
        }
        let room = state.room(&wanted.room_id, wanted.generation)?;
        if room.room.recording.as_ref().is_some_and(in_progress) {
            return Err(Status::already_exists("recording"));
        }
        if state.disk.closed.contains(&r.recording_id) {
            return Err(Status::failed_precondition("closed"));
        }
        let id = r.recording_id.clone();
        let resumed = state.disk.begun.contains_key(&id);
        let (first, started_at_ms) = state
            .disk
            .begun
            .entry(id.clone())
            .or_insert_with(|| (r.clone(), now_ms))
            .clone();
        let recording = v1::RoomRecording {
            recording_id: id,
            state: v1::RecordingState::InProgress.into(),
            started_at_ms,
            starter_id: first.starter_id,
            max_duration_ms: r.max_duration_ms,
            ..v1::RoomRecording::default()
        };
        let room = state.rooms.get_mut(&wanted.room_id).unwrap();
        room.room.recording = Some(recording.clone());
        state.tell_recording(&wanted.room_id, now_ms);
        Ok(Response::new(v1::StartRecordingResponse {
            recording: Some(recording),
            resumed,
        }))
    }

    async fn stop_recording(
        &self,
        r: Request<v1::StopRecordingRequest>,
    ) -> Answer<v1::StopRecordingResponse> {
        let r = r.into_inner();
        let wanted = r.room.clone().unwrap();
        let mut state = self.state();
        state.room(&wanted.room_id, wanted.generation)?;
        let reason = v1::RecordingEndReason::Stopped;
        let ended = state.end_recording(&wanted.room_id, self.now_ms(), reason, &r.actor_id);
        let recording = state.rooms[&wanted.room_id].room.recording.clone();
        Ok(Response::new(v1::StopRecordingResponse {
            recording: recording.filter(|_| ended),
        }))
    }

    async fn pin_in_recording(
        &self,
        r: Request<v1::PinInRecordingRequest>,
    ) -> Answer<v1::PinInRecordingResponse> {
        let r = r.into_inner();
        let wanted = r.room.clone().unwrap();
        let now_ms = self.now_ms();
        let mut state = self.state();
        let room = state.room(&wanted.room_id, wanted.generation)?;
        let recording = room.room.recording.as_mut();
        let recording = recording
            .filter(|one| in_progress(one))
            .ok_or_else(|| Status::failed_precondition("no recording"))?;
        recording.pinned_session_id = r.session_id;
        let recording = recording.clone();
        state.tell_recording(&wanted.room_id, now_ms);
        Ok(Response::new(v1::PinInRecordingResponse {
            recording: Some(recording),
        }))
    }

    async fn list_recordings(
        &self,
        _: Request<v1::ListRecordingsRequest>,
    ) -> Answer<v1::ListRecordingsResponse> {
        Err(Status::permission_denied("not the guest's"))
    }

    async fn claim_recording(
        &self,
        _: Request<v1::ClaimRecordingRequest>,
    ) -> Answer<v1::ClaimRecordingResponse> {
        Err(Status::permission_denied("not the guest's"))
    }

    type ReadRecordingFileStream =
        futures::stream::Empty<Result<v1::ReadRecordingFileResponse, Status>>;

    async fn read_recording_file(
        &self,
        _: Request<v1::ReadRecordingFileRequest>,
    ) -> Answer<Self::ReadRecordingFileStream> {
        Err(Status::permission_denied("not the guest's"))
    }

    async fn report_publishing(
        &self,
        _: Request<v1::ReportPublishingRequest>,
    ) -> Answer<v1::ReportPublishingResponse> {
        Err(Status::permission_denied("not the guest's"))
    }
}
