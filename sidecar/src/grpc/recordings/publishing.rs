//! The host's half of service Recordings: what is on the disk, whose turn it is, files, steps.
//!
//! The shelf waits for the disk, so each call runs where blocking is fine.

use parley_proto::v1;
use parley_proto::v1::report_publishing_request::Step as ProtoStep;
use parley_recorder::publish::{Refused, Step};
use parley_recorder::shelf::{Damaged, FileReader, HostError, Shelf, Stored};
use parley_recorder::store::state::{Stage, StoredFile};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::grpc::convert::Proto;

/// Longest name of a host, bytes.
const HOST_ID_BYTES_MAX: usize = 128;
/// Pieces that wait for a slow host, so that reading and sending overlap.
const PIECES_AHEAD: usize = 2;

/// Of a file, from the host's offset on.
pub(super) type Pieces = ReceiverStream<Result<v1::ReadRecordingFileResponse, Status>>;

/// Everything on the disk, newest first; what makes no sense last, as parked.
pub(super) async fn list(shelf: Shelf) -> Result<v1::ListRecordingsResponse, Status> {
    blocking(move || {
        let known = shelf.list().into_iter().map(|stored| Proto(stored).into());
        let damaged = shelf
            .damaged()
            .into_iter()
            .map(|damaged| Proto(damaged).into());
        Ok(v1::ListRecordingsResponse {
            recordings: known.chain(damaged).collect(),
        })
    })
    .await
}

/// The next recording that waits.
pub(super) async fn claim(
    shelf: Shelf,
    request: v1::ClaimRecordingRequest,
) -> Result<v1::ClaimRecordingResponse, Status> {
    check_host(&request.host_id)?;
    blocking(move || {
        let claimed = shelf.claim(&request.host_id, request.file_bytes_max);
        let claimed = claimed.map_err(|error| status(&error.into()))?;
        Ok(v1::ClaimRecordingResponse {
            recording: claimed.map(|stored| Proto(stored).into()),
        })
    })
    .await
}

/// A file's bytes. Reading goes on only as fast as the host takes them, and ends with its stream.
pub(super) async fn read(
    shelf: Shelf,
    request: v1::ReadRecordingFileRequest,
) -> Result<Pieces, Status> {
    check_host(&request.host_id)?;
    let reader = blocking(move || {
        shelf
            .read_file(
                &request.host_id,
                &request.recording_id,
                request.number,
                request.offset,
            )
            .map_err(|error| status(&error))
    })
    .await?;
    let (to, pieces) = mpsc::channel(PIECES_AHEAD);
    tokio::task::spawn(send(reader, to));
    Ok(ReceiverStream::new(pieces))
}

async fn send(
    mut reader: FileReader,
    to: mpsc::Sender<Result<v1::ReadRecordingFileResponse, Status>>,
) {
    loop {
        // One piece is read only when there is room for it: no thread waits for a slow host.
        let Ok(room) = to.reserve().await else {
            return;
        };
        let read = blocking(move || {
            let piece = reader.piece().map_err(|error| status(&error))?;
            Ok((piece, reader))
        });
        match read.await {
            Ok((Some(data), same)) => {
                reader = same;
                room.send(Ok(v1::ReadRecordingFileResponse { data }));
            }
            Ok((None, _)) => return,
            Err(status) => {
                room.send(Err(status));
                return;
            }
        }
    }
}

/// How far a host has come.
pub(super) async fn report(
    shelf: Shelf,
    request: v1::ReportPublishingRequest,
) -> Result<v1::ReportPublishingResponse, Status> {
    check_host(&request.host_id)?;
    let step = request
        .step
        .ok_or_else(|| Status::invalid_argument("step: must be set"))?;
    let step = step_of(step);
    blocking(move || {
        let taken = shelf.report(&request.host_id, &request.recording_id, &step);
        let stored = taken.map_err(|error| status(&error))?;
        Ok(v1::ReportPublishingResponse {
            recording: Some(Proto(stored).into()),
        })
    })
    .await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Status> + Send + 'static,
) -> Result<T, Status> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Status::internal("the recordings' shelf panicked")))
}

fn check_host(host_id: &str) -> Result<(), Status> {
    if (1..=HOST_ID_BYTES_MAX).contains(&host_id.len()) {
        return Ok(());
    }
    let why = format!("host_id: must have 1 to {HOST_ID_BYTES_MAX} bytes");
    Err(Status::invalid_argument(why))
}

fn status(error: &HostError) -> Status {
    let text = error.to_string();
    match error {
        HostError::NoSuchRecording
        | HostError::NoSuchFile(_)
        | HostError::Refused(Refused::NoSuchFile(_)) => Status::not_found(text),
        HostError::Anothers => Status::aborted(text),
        HostError::BehindTheEnd { .. } => Status::out_of_range(text),
        HostError::Refused(Refused::BadId(_)) => Status::invalid_argument(text),
        HostError::Refused(Refused::OutOfOrder { .. }) | HostError::NotReady(_) => {
            Status::failed_precondition(text)
        }
        HostError::Io(_) => Status::unavailable(text),
    }
}

fn step_of(step: ProtoStep) -> Step {
    match step {
        ProtoStep::UploadBegun(v1::UploadBegun { number, upload_id }) => {
            Step::UploadBegun { number, upload_id }
        }
        ProtoStep::FileUploaded(v1::FileUploaded { number, file_id }) => {
            Step::FileUploaded { number, file_id }
        }
        ProtoStep::Posted(v1::Posted { post_id }) => Step::Posted { post_id },
        ProtoStep::Verified(v1::Verified {}) => Step::Verified,
        ProtoStep::FileLost(v1::FileLost { number }) => Step::FileLost { number },
        ProtoStep::Failed(v1::PublishFailed { reason }) => Step::Failed { reason },
        ProtoStep::Parked(v1::PublishParked { reason }) => Step::Parked { reason },
    }
}

fn stage_of(stage: Stage) -> v1::RecordingState {
    match stage {
        Stage::InProgress => v1::RecordingState::InProgress,
        Stage::Closed => v1::RecordingState::Closed,
        Stage::Ready => v1::RecordingState::Ready,
        Stage::Uploading => v1::RecordingState::Uploading,
        Stage::Posted => v1::RecordingState::Posted,
        Stage::Verified => v1::RecordingState::Verified,
        Stage::Parked => v1::RecordingState::Parked,
    }
}

fn file_of((at, file): (usize, StoredFile)) -> v1::RecordingFile {
    v1::RecordingFile {
        number: u32::try_from(at + 1).unwrap_or(u32::MAX),
        name: file.name,
        content_type: file.content_type,
        bytes: file.bytes,
        duration_ms: file.duration_ms,
        starts_at_ms: file.starts_at_ms,
        sha256: file.sha256.to_vec(),
        upload_id: file.upload_id.unwrap_or_default(),
        file_id: file.file_id.unwrap_or_default(),
    }
}

impl From<Proto<Stored>> for v1::Recording {
    fn from(Proto(stored): Proto<Stored>) -> Self {
        let Stored { state, disk_bytes } = stored;
        let end_reason = state
            .end_reason
            .map_or(v1::RecordingEndReason::Unspecified, |reason| {
                Proto(reason).into()
            });
        let trouble = state
            .trouble
            .map_or(v1::RecordingTrouble::Unspecified, |trouble| {
                Proto(trouble).into()
            });
        Self {
            recording_id: state.about.recording_id,
            room_id: state.about.room_id,
            generation: state.about.generation,
            labels: state.about.labels.into_iter().collect(),
            state: stage_of(state.stage).into(),
            started_at_ms: i64::try_from(state.about.started_at_ms).unwrap_or(i64::MAX),
            ended_at_ms: i64::try_from(state.ended_at_ms.unwrap_or(0)).unwrap_or(i64::MAX),
            starter_id: state.about.starter_id,
            end_reason: end_reason.into(),
            trouble: trouble.into(),
            participants: state.participants,
            files: state.files.into_iter().enumerate().map(file_of).collect(),
            post_id: state.post_id.unwrap_or_default(),
            gaps: state.gaps,
            failure: state.failure,
            disk_bytes,
            failures: state.failures,
        }
    }
}

impl From<Proto<Damaged>> for v1::Recording {
    fn from(Proto(damaged): Proto<Damaged>) -> Self {
        Self {
            recording_id: damaged.name,
            state: v1::RecordingState::Parked.into(),
            failure: damaged.reason,
            disk_bytes: damaged.disk_bytes,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests;
