//! One recording's way into the platform: upload what is missing, look at it, post, look again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parley_proto::v1::recordings_client::RecordingsClient;
use parley_proto::v1::report_publishing_request::Step;
use parley_proto::v1::{
    FileLost, FileUploaded, Posted, PublishFailed, PublishParked, ReadRecordingFileRequest,
    Recording, RecordingFile, RecordingState, ReportPublishingRequest, UploadBegun, Verified,
};
use tokio::time::{Instant, MissedTickBehavior};
use tonic::{Code, Request, Status};

use super::source::Source;
use super::{NotPosted, PublisherCounters, RecordingHandler, within};
use crate::media::MediaChannel;
use crate::platform::PlatformError;
use crate::platform::files::{Files, NewUpload, Progress};
use crate::trace::{self, TraceId};

/// The label under which the guest keeps where a recording belongs.
const CHANNEL_LABEL: &str = "channel_id";
/// A claim ends 60 s after the last word about it.
const PROLONG_INTERVAL: Duration = Duration::from_secs(15);
/// A platform that takes no byte for so long is given up for now.
const STALLED_MAX: Duration = Duration::from_secs(5 * 60);
/// Uploads that are begun for one file, and rounds over all files, before it is left for later.
const TRIES_MAX: usize = 3;
/// Characters of a reason.
const REASON_CHARS_MAX: usize = 200;

/// How it went.
pub(super) enum Outcome {
    /// Nothing is left to do with this one.
    Done,
    /// It comes again.
    Later,
}

/// Why it went no further.
enum Ending {
    /// The claim is another host's, or the sidecar away: there is nobody to tell.
    Lost(Status),
    Failed(String),
    Parked(String),
}

impl From<Status> for Ending {
    fn from(status: Status) -> Self {
        match status.code() {
            // It does not come about by waiting: told, so that the pauses between the tries grow.
            Code::FailedPrecondition
            | Code::InvalidArgument
            | Code::NotFound
            | Code::OutOfRange
            | Code::Internal => Self::Failed("the media server refuses a step".to_owned()),
            _ => Self::Lost(status),
        }
    }
}

/// In fixed words: what a platform says may name people.
fn failed(doing: &str, error: &PlatformError) -> Ending {
    tracing::debug!(%error, doing, "the platform refuses a recording");
    let why = match error {
        PlatformError::NotFound => "not found",
        PlatformError::Denied(_) => "denied",
        PlatformError::Invalid(_) => "invalid",
        PlatformError::Unavailable(_) => "unavailable",
    };
    Ending::Failed(format!("{doing}: {why}"))
}

fn cut(reason: &str) -> String {
    reason.chars().take(REASON_CHARS_MAX).collect()
}

/// What one recording needs.
pub(super) struct Publishing<'a> {
    pub(super) host_id: &'a str,
    pub(super) client: RecordingsClient<MediaChannel>,
    pub(super) files: &'a dyn Files,
    pub(super) handler: &'a dyn RecordingHandler,
    pub(super) counters: &'a PublisherCounters,
}

impl Publishing<'_> {
    /// Does what is left, from the state that the sidecar told.
    pub(super) async fn run(&self, recording: Recording) -> Outcome {
        let id = recording.recording_id.clone();
        let (step, outcome) = match self.steps(recording).await {
            Ok(()) => {
                self.counters.verified.fetch_add(1, Ordering::Relaxed);
                tracing::info!(recording = id, "published");
                return Outcome::Done;
            }
            Err(Ending::Lost(status)) => {
                tracing::warn!(recording = id, code = ?status.code(), "publishing is interrupted");
                return Outcome::Later;
            }
            Err(Ending::Failed(reason)) => {
                self.counters.failed.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(recording = id, reason, "not published; it is tried again");
                let reason = cut(&reason);
                (Step::Failed(PublishFailed { reason }), Outcome::Later)
            }
            Err(Ending::Parked(reason)) => {
                self.counters.parked.fetch_add(1, Ordering::Relaxed);
                tracing::error!(recording = id, reason, "not published; an admin must look");
                let reason = cut(&reason);
                (Step::Parked(PublishParked { reason }), Outcome::Done)
            }
        };
        match self.report(&id, step).await {
            Ok(_) => outcome,
            // The claim ends by itself.
            Err(_) => Outcome::Later,
        }
    }

    async fn steps(&self, mut recording: Recording) -> Result<(), Ending> {
        for _ in 0..TRIES_MAX {
            for file in recording.files.clone() {
                if file.file_id.is_empty() {
                    recording = self.upload(recording, file).await?;
                }
            }
            // Before people see it: the platform may have lost what it had, or have something else.
            let (checked, good) = self.check(recording).await?;
            recording = checked;
            if !good {
                continue;
            }
            if recording.state() != RecordingState::Posted {
                recording = self.post(recording).await?;
                let (checked, good) = self.check(recording).await?;
                recording = checked;
                if !good {
                    continue;
                }
            }
            self.report(&recording.recording_id, Step::Verified(Verified {}))
                .await?;
            return Ok(());
        }
        Err(Ending::Failed("files get lost on the platform".to_owned()))
    }

    async fn upload(
        &self,
        mut recording: Recording,
        file: RecordingFile,
    ) -> Result<Recording, Ending> {
        let id = recording.recording_id.clone();
        let mut upload_id = file.upload_id.clone();
        for _ in 0..TRIES_MAX {
            let state = match upload_id.as_str() {
                "" => Err(PlatformError::NotFound),
                known => self.files.upload_state(known).await,
            };
            let mut progress = match state {
                Ok(progress) => progress,
                Err(PlatformError::NotFound) => {
                    upload_id = self.begin(&recording, &file).await?;
                    let (number, upload_id) = (file.number, upload_id.clone());
                    let step = Step::UploadBegun(UploadBegun { number, upload_id });
                    recording = self.report(&id, step).await?;
                    Progress {
                        offset: 0,
                        file_id: None,
                    }
                }
                Err(error) => return Err(failed("asking after an upload", &error)),
            };
            if progress.file_id.is_none() {
                match self.send(&id, &file, &upload_id, progress.offset).await? {
                    Ok(now) => progress = now,
                    Err(PlatformError::NotFound) => continue,
                    Err(error) => return Err(failed("uploading", &error)),
                }
            }
            if let Some(file_id) = progress.file_id {
                let number = file.number;
                let step = Step::FileUploaded(FileUploaded { number, file_id });
                return Ok(self.report(&id, step).await?);
            }
        }
        Err(Ending::Failed("uploads end in the middle".to_owned()))
    }

    async fn begin(&self, recording: &Recording, file: &RecordingFile) -> Result<String, Ending> {
        let Some(channel_id) = recording.labels.get(CHANNEL_LABEL) else {
            return Err(Ending::Parked("it belongs to no channel".to_owned()));
        };
        let new = NewUpload {
            channel_id: channel_id.clone(),
            name: file.name.clone(),
            content_type: file.content_type.clone(),
            bytes: file.bytes,
        };
        self.files
            .create_upload(new)
            .await
            .map_err(|error| failed("beginning an upload", &error))
    }

    /// Streams the rest of a file. The outer error ends the recording's turn.
    async fn send(
        &self,
        recording_id: &str,
        file: &RecordingFile,
        upload_id: &str,
        offset: u64,
    ) -> Result<Result<Progress, PlatformError>, Ending> {
        let request = ReadRecordingFileRequest {
            host_id: self.host_id.to_owned(),
            recording_id: recording_id.to_owned(),
            number: file.number,
            offset,
        };
        let mut client = self.client.clone();
        let stream = within(client.read_recording_file(Request::new(request))).await?;
        let taken = AtomicU64::new(0);
        let mut source = Source::new(stream.into_inner(), &taken);
        let upload = self.files.upload(upload_id, offset, &mut source);
        let outcome = tokio::select! {
            outcome = upload => outcome,
            ending = self.prolong(recording_id, file.number, upload_id, &taken) => {
                return Err(ending);
            }
        };
        self.counters
            .bytes
            .fetch_add(taken.load(Ordering::Relaxed), Ordering::Relaxed);
        Ok(outcome)
    }

    /// Keeps the claim while the platform takes the bytes; ends when it takes none, or the claim is gone.
    async fn prolong(
        &self,
        recording_id: &str,
        number: u32,
        upload_id: &str,
        taken: &AtomicU64,
    ) -> Ending {
        let start = Instant::now() + PROLONG_INTERVAL;
        let mut ticks = tokio::time::interval_at(start, PROLONG_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut seen, mut since) = (0, Instant::now());
        loop {
            ticks.tick().await;
            let now = taken.load(Ordering::Relaxed);
            if now != seen {
                (seen, since) = (now, Instant::now());
            } else if since.elapsed() > STALLED_MAX {
                return Ending::Failed("the platform takes no bytes".to_owned());
            }
            let upload_id = upload_id.to_owned();
            let step = Step::UploadBegun(UploadBegun { number, upload_id });
            if let Err(status) = self.report(recording_id, step).await {
                return status.into();
            }
        }
    }

    /// Looks at all files; those that the platform does not have as they were are to be uploaded again.
    async fn check(&self, mut recording: Recording) -> Result<(Recording, bool), Ending> {
        let mut good = true;
        for file in recording.files.clone() {
            let same = match self.files.file_facts(&file.file_id).await {
                Ok(facts) => {
                    facts.bytes == file.bytes
                        && facts
                            .sha256
                            .is_none_or(|sha256| sha256[..] == file.sha256[..])
                }
                Err(PlatformError::NotFound) => false,
                Err(error) => return Err(failed("reading back", &error)),
            };
            if !same {
                let number = file.number;
                tracing::warn!(
                    recording = recording.recording_id,
                    number,
                    "the platform's copy is lost"
                );
                let step = Step::FileLost(FileLost { number });
                recording = self.report(&recording.recording_id, step).await?;
                good = false;
            }
        }
        Ok((recording, good))
    }

    async fn post(&self, recording: Recording) -> Result<Recording, Ending> {
        let posting = self.handler.post_recording(&recording);
        match trace::scope(TraceId::random(), posting).await {
            Ok(post_id) => {
                let step = Step::Posted(Posted { post_id });
                Ok(self.report(&recording.recording_id, step).await?)
            }
            Err(NotPosted::Later(reason)) => Err(Ending::Failed(reason)),
            Err(NotPosted::Parked(reason)) => Err(Ending::Parked(reason)),
        }
    }

    /// Tells the sidecar of a step; the recording after it.
    async fn report(&self, recording_id: &str, step: Step) -> Result<Recording, Status> {
        let mut request = Request::new(ReportPublishingRequest {
            host_id: self.host_id.to_owned(),
            recording_id: recording_id.to_owned(),
            step: Some(step),
        });
        request.set_timeout(super::CALL_TIME_MAX);
        let mut client = self.client.clone();
        let answer = within(client.report_publishing(request)).await?;
        let recording = answer.into_inner().recording;
        recording.ok_or_else(|| Status::internal("a report without an answer"))
    }
}
