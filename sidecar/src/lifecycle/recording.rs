//! The recorder's life: from the start of the process until what was recorded is on the disk.

use std::io::ErrorKind::WouldBlock;
use std::sync::Arc;
use std::time::Duration;

use parley_recorder::vfs::Disk;
use parley_recorder::{Recorder, RecorderConfig, SystemClock};
use tokio::time::{Instant, sleep, timeout};

use crate::config::Config;
use crate::grpc::RecordingDesk;
use crate::shard::RecorderLink;

/// Where recordings lie in the data directory.
const FOLDER: &str = "recordings";
/// So long another process may still have the folder when this one starts.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
/// It is tried again so often.
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// How long an orderly end waits for the disk; what is not written then is lost as if by a crash.
const DISK_PATIENCE: Duration = Duration::from_secs(10);

/// Starts the recorder, if there is a directory for it. Recordings that are there are published even where
/// no new ones are made. A disk that does not do it costs the recordings, not the calls.
/// A link for each shard.
pub(super) async fn start(config: &Config) -> (RecordingDesk, Vec<RecorderLink>) {
    let Some(data_dir) = &config.data_dir else {
        tracing::info!("no data directory: nothing is recorded");
        return (RecordingDesk::default(), Vec::new());
    };
    let rules = &config.recording;
    let settings = RecorderConfig {
        floor_bytes: rules.floor_bytes,
        quota_bytes: rules.quota_bytes.unwrap_or(0),
        recordings_max: rules.recordings_max,
        grace: rules.grace,
        ..RecorderConfig::new(data_dir.join(FOLDER))
    };
    let until = Instant::now() + LOCK_PATIENCE;
    loop {
        let (disk, clock) = (Arc::new(Disk), Arc::new(SystemClock));
        let started = Recorder::start_for(settings.clone(), disk, clock, config.shards);
        match started {
            Ok((recorder, taps)) => {
                let link = |(tap, reports)| RecorderLink { tap, reports };
                let links = taps.into_iter().map(link).collect();
                return (RecordingDesk::new(recorder, rules.enabled), links);
            }
            // The one before us ends.
            Err(error) if error.kind() == WouldBlock && Instant::now() < until => {
                sleep(LOCK_PAUSE).await;
            }
            Err(error) => {
                tracing::error!(%error, "nothing is recorded or published: the folder cannot be used");
                return (RecordingDesk::broken(error.to_string()), Vec::new());
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use parley_recorder::store::RootLock;

    use super::*;
    use crate::config::Raw;

    fn config(data_dir: &std::path::Path) -> Config {
        let raw = Raw {
            runtime_dir: Some("/run/x".into()),
            data_dir: Some(data_dir.to_owned()),
            ..Raw::default()
        };
        Config::check(raw, true).unwrap()
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_used_costs_no_call() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FOLDER), "a file").unwrap();
        let (desk, link) = start(&config(dir.path())).await;
        assert!(desk.recorder().is_none() && link.is_empty());
    }

    #[tokio::test]
    async fn the_one_before_us_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(FOLDER)).unwrap();
        let lock = RootLock::take(&dir.path().join(FOLDER)).unwrap();
        let config = config(dir.path());
        let starting = start(&config);
        let ending = async {
            sleep(LOCK_PAUSE).await;
            drop(lock);
        };
        let ((desk, link), ()) = tokio::join!(starting, ending);
        assert!(desk.recorder().is_some() && link.len() == config.shards);
        close(&desk).await;
    }
}
