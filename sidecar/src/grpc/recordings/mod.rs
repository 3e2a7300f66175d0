//! Service Recordings: start, stop and pin here, in the room and at the recorder; what hosts do to publish
//! is in [`publishing`].

mod publishing;

use std::fmt;

use parley_core::api::{Command, Labels, RecordingView, Reply, RoomRef};
use parley_proto::v1::recordings_server::Recordings;
use parley_proto::v1::{
    ClaimRecordingRequest, ClaimRecordingResponse, ListRecordingsRequest, ListRecordingsResponse,
    PinInRecordingRequest, PinInRecordingResponse, ReadRecordingFileRequest,
    ReportPublishingRequest, ReportPublishingResponse, RoomRecording, StartRecordingRequest,
    StartRecordingResponse, StopRecordingRequest, StopRecordingResponse,
};
use parley_recorder::shelf::{BeginError, Shelf};
use parley_recorder::{PrepareError, PrepareRequest, Prepared, Recorder};
use tonic::{Code, Request, Response, Status, async_trait};

use super::convert::{PrepareOf, Proto, StartOf};
use super::{Services, errors};
use crate::core_client::CoreClient;

/// The recorder as the services see it; the default has none.
#[derive(Clone, Default)]
pub struct RecordingDesk {
    recorder: Option<Recorder>,
    takes_new: bool,
    /// Why there is no recorder although there should be one.
    broken: Option<String>,
}

impl fmt::Debug for RecordingDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingDesk")
            .field("recorder", &self.recorder.is_some())
            .field("takes_new", &self.takes_new)
            .finish()
    }
}

impl RecordingDesk {
    /// Unless it `takes_new` recordings, those on the disk are published and no more are started.
    #[must_use]
    pub fn new(recorder: Recorder, takes_new: bool) -> Self {
        Self {
            recorder: Some(recorder),
            takes_new,
            broken: None,
        }
    }

    /// There should be a recorder, but this came in between. Calls go on without.
    #[must_use]
    pub fn broken(why: String) -> Self {
        Self {
            broken: Some(why),
            ..Self::default()
        }
    }

    /// What is on the disk, if there is one for recordings.
    #[must_use]
    pub fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    pub(super) fn host_attached(&self) {
        if let Some(recorder) = &self.recorder {
            recorder.shelf().host_attached();
        }
    }

    fn none(&self) -> Status {
        Status::failed_precondition(match &self.broken {
            Some(why) => format!("this media server cannot use its folder of recordings: {why}"),
            None => "this media server has no data directory, so it records nothing (`data_dir`)"
                .to_owned(),
        })
    }

    fn taking_new(&self) -> Result<Recorder, Status> {
        let recorder = self.recorder.clone().ok_or_else(|| self.none())?;
        if self.takes_new {
            Ok(recorder)
        } else {
            Err(Status::failed_precondition(
                "recordings are switched off on this media server (`recording.enabled`)",
            ))
        }
    }
}

impl<C: CoreClient> Services<C> {
    async fn start(&self, start: StartOf) -> Result<StartRecordingResponse, Status> {
        let recorder = self.shared.recordings.taking_new()?;
        let room_labels = self.may_be_recorded(&start.room).await?;
        let PrepareOf(request) = start.prepare(&room_labels);
        let prepared = prepare(recorder.clone(), request).await?;
        match self.shared.core.command(start.command(&prepared)).await {
            Ok(Reply::Recording(Some(view))) => Ok(StartRecordingResponse {
                recording: Some(Proto(view).into()),
                resumed: prepared.resumed,
            }),
            Ok(_) => {
                discard(recorder, prepared).await;
                Err(errors::unexpected())
            }
            Err(error) => {
                discard(recorder, prepared).await;
                Err(error.into())
            }
        }
    }

    /// Asked before the disk is: most refusals need none of it. The room's labels.
    async fn may_be_recorded(&self, room: &RoomRef) -> Result<Labels, Status> {
        let get = Command::GetRoom { room: room.clone() };
        let Reply::Room { room, .. } = self.shared.core.command(get).await? else {
            return Err(errors::unexpected());
        };
        match room.recording {
            Some(RecordingView { ended: None, .. }) => {
                Err(Status::already_exists("the room is being recorded"))
            }
            _ => Ok(room.labels),
        }
    }

    fn shelf(&self) -> Result<Shelf, Status> {
        let desk = &self.shared.recordings;
        let recorder = desk.recorder().ok_or_else(|| desk.none())?;
        Ok(recorder.shelf().clone())
    }
}

async fn prepare(recorder: Recorder, request: PrepareRequest) -> Result<Prepared, Status> {
    let prepared = tokio::task::spawn_blocking(move || recorder.prepare(request)).await;
    match prepared {
        Ok(Ok(prepared)) => Ok(prepared),
        Ok(Err(error)) => {
            tracing::warn!(%error, "a recording was refused");
            Err(Status::new(code_of(&error), error.to_string()))
        }
        Err(_) => Err(Status::internal("preparing the recording failed")),
    }
}

async fn discard(recorder: Recorder, prepared: Prepared) {
    // What cannot be discarded now is found and closed later.
    let _ = tokio::task::spawn_blocking(move || recorder.discard(prepared.key)).await;
}

fn code_of(error: &PrepareError) -> Code {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    let of_disk = |error: &std::io::Error| match error.kind() {
        StorageFull | QuotaExceeded => Code::ResourceExhausted,
        _ => Code::FailedPrecondition,
    };
    match error {
        PrepareError::Begin(BeginError::BadId) => Code::InvalidArgument,
        PrepareError::Begin(BeginError::InProgress) => Code::AlreadyExists,
        PrepareError::Begin(BeginError::Over(_) | BeginError::Damaged) => Code::FailedPrecondition,
        PrepareError::Begin(BeginError::Io(error)) | PrepareError::Io(error) => of_disk(error),
        PrepareError::TooMany(_)
        | PrepareError::LowSpace { .. }
        | PrepareError::OverQuota { .. } => Code::ResourceExhausted,
        PrepareError::Closed => Code::Unavailable,
    }
}

fn recording(reply: Reply) -> Option<Option<RoomRecording>> {
    match reply {
        Reply::Recording(view) => Some(view.map(|view| Proto(view).into())),
        _ => None,
    }
}

#[async_trait]
impl<C: CoreClient> Recordings for Services<C> {
    async fn start_recording(
        &self,
        request: Request<StartRecordingRequest>,
    ) -> Result<Response<StartRecordingResponse>, Status> {
        let request = request.into_inner();
        let id = request.request_id.clone();
        let start = StartOf::try_from(request)?;
        let services = self.clone();
        let call = async move { services.start(start).await };
        let answer = self.shared.dedup.run("StartRecording", &id, call).await?;
        Ok(Response::new(answer))
    }

    async fn stop_recording(
        &self,
        request: Request<StopRecordingRequest>,
    ) -> Result<Response<StopRecordingResponse>, Status> {
        let request = request.into_inner();
        let id = request.request_id.clone();
        self.once("StopRecording", &id, request, |reply| {
            recording(reply).map(|recording| StopRecordingResponse { recording })
        })
        .await
    }

    async fn pin_in_recording(
        &self,
        request: Request<PinInRecordingRequest>,
    ) -> Result<Response<PinInRecordingResponse>, Status> {
        let request = request.into_inner();
        let id = request.request_id.clone();
        self.once("PinInRecording", &id, request, |reply| {
            recording(reply).map(|recording| PinInRecordingResponse { recording })
        })
        .await
    }

    async fn list_recordings(
        &self,
        _request: Request<ListRecordingsRequest>,
    ) -> Result<Response<ListRecordingsResponse>, Status> {
        // Without a directory there are none, which is an answer.
        let Some(recorder) = self.shared.recordings.recorder() else {
            return Ok(Response::new(ListRecordingsResponse::default()));
        };
        publishing::list(recorder.shelf().clone())
            .await
            .map(Response::new)
    }

    async fn claim_recording(
        &self,
        request: Request<ClaimRecordingRequest>,
    ) -> Result<Response<ClaimRecordingResponse>, Status> {
        let Some(recorder) = self.shared.recordings.recorder() else {
            return Ok(Response::new(ClaimRecordingResponse::default()));
        };
        publishing::claim(recorder.shelf().clone(), request.into_inner())
            .await
            .map(Response::new)
    }

    type ReadRecordingFileStream = publishing::Pieces;

    async fn read_recording_file(
        &self,
        request: Request<ReadRecordingFileRequest>,
    ) -> Result<Response<Self::ReadRecordingFileStream>, Status> {
        publishing::read(self.shelf()?, request.into_inner())
            .await
            .map(Response::new)
    }

    async fn report_publishing(
        &self,
        request: Request<ReportPublishingRequest>,
    ) -> Result<Response<ReportPublishingResponse>, Status> {
        publishing::report(self.shelf()?, request.into_inner())
            .await
            .map(Response::new)
    }
}
