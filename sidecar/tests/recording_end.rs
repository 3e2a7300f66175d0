//! The real process ends in order while it records: nothing of the recording is left open.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::{Sidecar, next_id, room_ref};
use parley_proto::launch::EXIT_OK;
use parley_proto::v1;
use parley_proto::v1::recordings_client::RecordingsClient;
use rustix::process::Signal;

const SOON: Duration = Duration::from_secs(15);

#[tokio::test]
async fn sigterm_closes_the_recording_and_the_next_start_finds_it() {
    let data = tempfile::tempdir().unwrap();
    let args = ["--data-dir", data.path().to_str().unwrap()];
    let mut sidecar = Sidecar::start(&args);
    let host = sidecar.host().await;
    host.open("r").await;
    let start = v1::StartRecordingRequest {
        request_id: next_id(),
        room: Some(room_ref("r")),
        recording_id: "rec".into(),
        starter_id: "alice".into(),
        ..Default::default()
    };
    let mut recordings = RecordingsClient::new(host.0.clone());
    recordings.start_recording(start).await.unwrap();
    assert!(data.path().join("recordings/rec/state.json").exists());
    sidecar.signal(Signal::TERM);
    assert_eq!(sidecar.wait(SOON).code(), Some(EXIT_OK));

    let sidecar = Sidecar::start(&args);
    let mut recordings = RecordingsClient::new(sidecar.host().await.0);
    let list = recordings.list_recordings(v1::ListRecordingsRequest {});
    let found = list.await.unwrap().into_inner().recordings;
    assert_eq!(found.len(), 1);
    assert_ne!(found[0].state(), v1::RecordingState::InProgress);
    let reason = v1::RecordingEndReason::CallEnded;
    assert_eq!(found[0].end_reason(), reason, "it did not crash");
}
