//! The publishing half of a sidecar: recordings that are made already, with the state machine that the
//! contract describes and leases that the test ends. It also writes down what it was told.

#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};

use parley_proto::v1::recordings_server::Recordings;
use parley_proto::v1::report_publishing_request::Step;
use parley_proto::v1::*;
use sha2::{Digest as _, Sha256};
use tonic::{Request, Response, Status};

/// Bytes of one piece of a stream.
const PIECE_BYTES: u64 = 256 * 1024;

/// A file's bytes, made when they are asked for: a test of large files holds none of them.
pub(crate) fn byte(at: u64) -> u8 {
    (at % 251) as u8 ^ (at >> 14) as u8
}

fn bytes(from: u64, to: u64) -> Vec<u8> {
    (from..to).map(byte).collect()
}

#[derive(Default)]
struct State {
    recordings: BTreeMap<String, Recording>,
    /// Which host has it.
    claims: BTreeMap<String, String>,
    /// What was reported, in order, but for what only prolongs a claim.
    told: Vec<String>,
    /// The next reports of this kind are answered, but their answer is lost.
    lose: Option<&'static str>,
    /// Streams end after this many bytes.
    stream_max: Option<u64>,
    largest: u64,
    /// So many reports of a post are out of order.
    refusals: u32,
}

/// Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub(crate) struct Sidecar(Arc<Mutex<State>>);

impl Sidecar {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// A recording that waits, with files of these lengths.
    pub(crate) fn add(&self, id: &str, labels: &[(&str, &str)], lengths: &[u64]) {
        let file = |(index, &length): (usize, &u64)| {
            let mut digest = Sha256::new();
            let mut at = 0;
            while at < length {
                let to = (at + PIECE_BYTES).min(length);
                digest.update(bytes(at, to));
                at = to;
            }
            RecordingFile {
                number: index as u32 + 1,
                name: format!("recording-{}.webm", index + 1),
                content_type: "video/webm".into(),
                bytes: length,
                sha256: digest.finalize().to_vec(),
                ..RecordingFile::default()
            }
        };
        let labels = labels.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        let recording = Recording {
            recording_id: id.into(),
            labels: labels.collect(),
            state: RecordingState::Ready.into(),
            files: lengths.iter().enumerate().map(file).collect(),
            ..Recording::default()
        };
        self.state().recordings.insert(id.into(), recording);
    }

    pub(crate) fn get(&self, id: &str) -> Recording {
        self.state().recordings[id].clone()
    }

    pub(crate) fn change(&self, id: &str, change: impl FnOnce(&mut Recording)) {
        change(self.state().recordings.get_mut(id).unwrap());
    }

    pub(crate) fn told(&self) -> Vec<String> {
        self.state().told.clone()
    }

    /// All leases are over.
    pub(crate) fn expire(&self) {
        self.state().claims.clear();
    }

    /// The claim is over, and whoever had it does not know.
    pub(crate) fn steal(&self, id: &str) {
        let mut state = self.state();
        state.told.push("stolen".into());
        state.claims.remove(id);
    }

    /// The next report of this kind is kept, but its answer does not come.
    pub(crate) fn lose_answer_to(&self, kind: &'static str) {
        self.state().lose = Some(kind);
    }

    /// The next reports of a post are out of order.
    pub(crate) fn refuse_posted(&self, times: u32) {
        self.state().refusals = times;
    }

    /// Streams break after this many bytes.
    pub(crate) fn break_streams_after(&self, bytes: Option<u64>) {
        self.state().stream_max = bytes;
    }

    /// The limit that the last claim named.
    pub(crate) fn largest(&self) -> u64 {
        self.state().largest
    }

    /// Waits until the recording is in this state.
    pub(crate) async fn reaches(&self, id: &str, state: RecordingState) {
        let start = std::time::Instant::now();
        while self.get(id).state() != state {
            let now = self.get(id);
            let patience = std::time::Duration::from_secs(60);
            assert!(start.elapsed() < patience, "{now:?}\n{:?}", self.told());
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

impl State {
    fn claimed(&mut self, id: &str, host: &str) -> Result<&mut Recording, Status> {
        let recording = self.recordings.get_mut(id);
        let recording = recording.ok_or_else(|| Status::not_found("no such recording"))?;
        match self.claims.get(id) {
            Some(holder) if holder == host => Ok(recording),
            _ => Err(Status::aborted("another's")),
        }
    }

    fn step(recording: &mut Recording, step: Step) -> Result<String, Status> {
        use RecordingState as S;
        let number = match &step {
            Step::UploadBegun(UploadBegun { number, .. })
            | Step::FileUploaded(FileUploaded { number, .. })
            | Step::FileLost(FileLost { number }) => *number,
            _ => 1,
        };
        let state = recording.state();
        let complete = recording.files.iter().all(|file| !file.file_id.is_empty());
        let wrong = || Status::failed_precondition("a step that cannot follow");
        let file = recording
            .files
            .iter_mut()
            .find(|file| file.number == number);
        let file = file.ok_or_else(wrong)?;
        let mut now = state;
        let told = match step {
            Step::UploadBegun(UploadBegun { upload_id, .. }) => {
                if file.upload_id == upload_id {
                    return Ok(String::new());
                }
                if !file.file_id.is_empty() {
                    return Err(wrong());
                }
                file.upload_id = upload_id;
                now = S::Uploading;
                format!("begun {number}")
            }
            Step::FileUploaded(FileUploaded { file_id, .. }) => {
                file.file_id = file_id;
                now = S::Uploading;
                format!("uploaded {number}")
            }
            Step::FileLost(_) => {
                file.file_id.clear();
                file.upload_id.clear();
                now = S::Uploading;
                format!("lost {number}")
            }
            Step::Posted(Posted { post_id }) => {
                if !complete {
                    return Err(wrong());
                }
                recording.post_id = post_id;
                now = S::Posted;
                "posted".into()
            }
            Step::Verified(_) => {
                if state != S::Posted {
                    return Err(wrong());
                }
                now = S::Verified;
                "verified".into()
            }
            Step::Failed(PublishFailed { reason }) => {
                recording.failures += 1;
                recording.failure.clone_from(&reason);
                format!("failed: {reason}")
            }
            Step::Parked(PublishParked { reason }) => {
                now = S::Parked;
                format!("parked: {reason}")
            }
        };
        recording.set_state(now);
        Ok(told)
    }
}

type Stream<T> = Pin<Box<dyn futures::Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl Recordings for Sidecar {
    type ReadRecordingFileStream = Stream<ReadRecordingFileResponse>;

    async fn claim_recording(
        &self,
        request: Request<ClaimRecordingRequest>,
    ) -> Result<Response<ClaimRecordingResponse>, Status> {
        let request = request.into_inner();
        let mut state = self.state();
        state.largest = request.file_bytes_max;
        let waits = |recording: &&Recording| {
            use RecordingState as S;
            matches!(recording.state(), S::Ready | S::Uploading | S::Posted)
                && state
                    .claims
                    .get(&recording.recording_id)
                    .is_none_or(|holder| *holder == request.host_id)
        };
        let found = state.recordings.values().find(waits).cloned();
        let recording = found.filter(|_| request.file_bytes_max > 0);
        if let Some(recording) = &recording {
            let id = recording.recording_id.clone();
            state.claims.insert(id, request.host_id);
        }
        Ok(Response::new(ClaimRecordingResponse { recording }))
    }

    async fn read_recording_file(
        &self,
        request: Request<ReadRecordingFileRequest>,
    ) -> Result<Response<Self::ReadRecordingFileStream>, Status> {
        let request = request.into_inner();
        let mut state = self.state();
        let broken_after = state.stream_max;
        let recording = state.claimed(&request.recording_id, &request.host_id)?;
        let mut files = recording.files.iter();
        let file = files.find(|file| file.number == request.number);
        let length = file.ok_or_else(|| Status::not_found("no such file"))?.bytes;
        if request.offset > length {
            return Err(Status::out_of_range("offset"));
        }
        state
            .told
            .push(format!("read {} from {}", request.number, request.offset));
        let end = broken_after.map_or(length, |max| length.min(request.offset + max));
        let pieces = futures::stream::unfold(request.offset, move |at| async move {
            if at >= length {
                return None;
            }
            if at >= end {
                return Some((Err(Status::unavailable("broken")), length));
            }
            let to = (at + PIECE_BYTES).min(end);
            let data = bytes(at, to);
            Some((Ok(ReadRecordingFileResponse { data }), to))
        });
        Ok(Response::new(Box::pin(pieces)))
    }

    async fn report_publishing(
        &self,
        request: Request<ReportPublishingRequest>,
    ) -> Result<Response<ReportPublishingResponse>, Status> {
        let request = request.into_inner();
        let mut state = self.state();
        if state.refusals > 0 && matches!(request.step, Some(Step::Posted(_))) {
            state.refusals -= 1;
            return Err(Status::failed_precondition("a step that cannot follow"));
        }
        let recording = state.claimed(&request.recording_id, &request.host_id)?;
        let step = request
            .step
            .ok_or_else(|| Status::invalid_argument("step"))?;
        let ends = matches!(step, Step::Failed(_) | Step::Parked(_) | Step::Verified(_));
        let told = State::step(recording, step)?;
        let recording = Some(recording.clone());
        if ends {
            state.claims.remove(&request.recording_id);
        }
        let lost = state.lose.is_some_and(|kind| told.starts_with(kind));
        if !told.is_empty() {
            state.told.push(told);
        }
        if lost {
            state.lose = None;
            // As if the host had died with it.
            state.claims.clear();
            return Err(Status::unavailable("the answer is lost"));
        }
        Ok(Response::new(ReportPublishingResponse { recording }))
    }

    async fn start_recording(
        &self,
        _: Request<StartRecordingRequest>,
    ) -> Result<Response<StartRecordingResponse>, Status> {
        Err(Status::unimplemented("publishing only"))
    }

    async fn stop_recording(
        &self,
        _: Request<StopRecordingRequest>,
    ) -> Result<Response<StopRecordingResponse>, Status> {
        Err(Status::unimplemented("publishing only"))
    }

    async fn pin_in_recording(
        &self,
        _: Request<PinInRecordingRequest>,
    ) -> Result<Response<PinInRecordingResponse>, Status> {
        Err(Status::unimplemented("publishing only"))
    }

    async fn list_recordings(
        &self,
        _: Request<ListRecordingsRequest>,
    ) -> Result<Response<ListRecordingsResponse>, Status> {
        Err(Status::unimplemented("publishing only"))
    }
}
