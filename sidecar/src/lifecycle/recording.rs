//! The recorder's life: from the start of the process until what was recorded is on the disk.

use std::sync::Arc;
use std::time::Duration;

use parley_recorder::vfs::Disk;
use parley_recorder::{Recorder, RecorderConfig, SystemClock};
use tokio::time::timeout;

use super::process::{Failure, system};
use crate::config::Config;
use crate::grpc::RecordingDesk;
use crate::shard::RecorderLink;

/// Where recordings lie in the data directory.
const FOLDER: &str = "recordings";
/// How long an orderly end waits for the disk; what is not written then is lost as if by a crash.
const DISK_PATIENCE: Duration = Duration::from_secs(10);

/// Starts the recorder, if there is a directory for it. Recordings that are there are published even where
/// no new ones are made.
pub(super) fn start(config: &Config) -> Result<(RecordingDesk, Option<RecorderLink>), Failure> {
    let Some(data_dir) = &config.data_dir else {
        tracing::info!("no data directory: nothing is recorded");
        return Ok((RecordingDesk::default(), None));
    };
    let rules = &config.recording;
    let settings = RecorderConfig {
        floor_bytes: rules.floor_bytes,
        quota_bytes: rules.quota_bytes.unwrap_or(0),
        recordings_max: rules.recordings_max,
        grace: rules.grace,
        ..RecorderConfig::new(data_dir.join(FOLDER))
    };
    let (recorder, tap, reports) = Recorder::start(settings, Arc::new(Disk), Arc::new(SystemClock))
        .map_err(system("recorder"))?;
    let link = RecorderLink { tap, reports };
    Ok((RecordingDesk::new(recorder, rules.enabled), Some(link)))
}

/// Waits until everything that was recorded is on the disk. To be called when the rooms have ended.
pub(super) async fn close(desk: &RecordingDesk) {
    let Some(recorder) = desk.recorder().cloned() else {
        return;
    };
    let closing = tokio::task::spawn_blocking(move || recorder.close());
    if timeout(DISK_PATIENCE, closing).await.is_err() {
        tracing::error!("the disk did not take the end of the recordings in time");
    }
}
