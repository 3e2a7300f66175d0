//! Over a real shelf: codes, pieces, and what a host sees.

use std::path::Path;
use std::sync::Arc;

use parley_recorder::shelf::{GRACE, ShelfConfig};
use parley_recorder::store::state::{About, State};
use parley_recorder::{SystemClock, store, vfs};
use tokio_stream::StreamExt as _;
use tonic::Code;

use super::*;

const BYTES: usize = 600 * 1024;

fn content() -> Vec<u8> {
    (0..BYTES).map(|n| (n / 1000) as u8).collect()
}

/// A shelf with one recording that waits.
fn shelf(root: &Path) -> Shelf {
    let mut state = State::new(About {
        recording_id: "r".to_owned(),
        room_id: "room".to_owned(),
        generation: 2,
        labels: [("channel".to_owned(), "c".to_owned())].into(),
        starter_id: "p".to_owned(),
        started_at_ms: 1000,
    });
    store::create(&vfs::Disk, root, &state).unwrap();
    state.stage = Stage::Ready;
    state.ended_at_ms = Some(2000);
    state.files.push(StoredFile {
        name: "recording.webm".to_owned(),
        content_type: "video/webm".to_owned(),
        bytes: BYTES as u64,
        sha256: [5; 32],
        duration_ms: 1000,
        starts_at_ms: 0,
        upload_id: None,
        file_id: None,
    });
    let out = store::out_of(root, "r");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("recording.webm"), content()).unwrap();
    store::save(&vfs::Disk, root, &state).unwrap();
    std::fs::create_dir(root.join("strange")).unwrap();
    std::fs::write(root.join("strange/state.json"), "?").unwrap();
    let config = ShelfConfig {
        root: root.to_owned(),
        grace: GRACE,
        exclusive: true,
    };
    Shelf::open(config, Arc::new(vfs::Disk), Arc::new(SystemClock)).unwrap()
}

fn claim_of(host_id: &str, file_bytes_max: u64) -> v1::ClaimRecordingRequest {
    v1::ClaimRecordingRequest {
        host_id: host_id.to_owned(),
        file_bytes_max,
    }
}

fn read_of(host_id: &str, number: u32, offset: u64) -> v1::ReadRecordingFileRequest {
    v1::ReadRecordingFileRequest {
        host_id: host_id.to_owned(),
        recording_id: "r".to_owned(),
        number,
        offset,
    }
}

fn report_of(host_id: &str, step: Option<ProtoStep>) -> v1::ReportPublishingRequest {
    v1::ReportPublishingRequest {
        host_id: host_id.to_owned(),
        recording_id: "r".to_owned(),
        step,
    }
}

#[tokio::test]
async fn a_host_reads_a_claimed_file_from_any_offset_in_bounded_pieces() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(dir.path());
    let claimed = claim(shelf.clone(), claim_of("h", u64::MAX)).await.unwrap();
    let recording = claimed.recording.unwrap();
    assert_eq!(recording.state(), v1::RecordingState::Ready);
    assert_eq!(
        (recording.files[0].number, recording.files[0].sha256.len()),
        (1, 32)
    );
    assert!(recording.disk_bytes > BYTES as u64);
    for offset in [0, 1, 262_144, BYTES as u64 - 1, BYTES as u64] {
        let mut pieces = read(shelf.clone(), read_of("h", 1, offset)).await.unwrap();
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.next().await {
            let data = piece.unwrap().data;
            assert!((1..=256 * 1024).contains(&data.len()));
            bytes.extend(data);
        }
        assert_eq!(bytes, content()[usize::try_from(offset).unwrap()..]);
    }
}

#[tokio::test]
async fn a_stream_that_the_host_leaves_is_read_no_further() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(dir.path());
    let mut pieces = read(shelf.clone(), read_of("h", 1, 0)).await.unwrap();
    pieces.next().await.unwrap().unwrap();
    drop(pieces);
    let other = claim(shelf, claim_of("i", u64::MAX)).await.unwrap();
    assert_eq!(other.recording, None, "the lease goes on for its time");
}

#[tokio::test]
async fn refusals_have_the_codes_of_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(dir.path());
    let code = |answer: Result<(), Status>| answer.unwrap_err().code();
    let claim = |host| claim(shelf.clone(), claim_of(host, u64::MAX));
    let read = |host, number, offset| {
        let shelf = shelf.clone();
        async move { read(shelf, read_of(host, number, offset)).await.map(|_| ()) }
    };
    let report = |host, step| {
        let shelf = shelf.clone();
        async move { report(shelf, report_of(host, step)).await.map(|_| ()) }
    };
    assert_eq!(code(claim("").await.map(|_| ())), Code::InvalidArgument);
    assert!(claim("h").await.unwrap().recording.is_some());
    assert_eq!(code(read("h", 2, 0).await), Code::NotFound);
    assert_eq!(code(read("h", 1, BYTES as u64 + 1).await), Code::OutOfRange);
    assert_eq!(code(read("i", 1, 0).await), Code::Aborted);
    let posted = ProtoStep::Posted(v1::Posted {
        post_id: "p".to_owned(),
    });
    assert_eq!(
        code(report("h", Some(posted.clone())).await),
        Code::FailedPrecondition
    );
    assert_eq!(code(report("i", Some(posted)).await), Code::Aborted);
    assert_eq!(code(report("h", None).await), Code::InvalidArgument);
    let nameless = ProtoStep::UploadBegun(v1::UploadBegun {
        number: 1,
        upload_id: String::new(),
    });
    assert_eq!(
        code(report("h", Some(nameless)).await),
        Code::InvalidArgument
    );
    let lost = ProtoStep::UploadBegun(v1::UploadBegun {
        number: 3,
        upload_id: "u".to_owned(),
    });
    assert_eq!(code(report("h", Some(lost)).await), Code::NotFound);
}

#[tokio::test]
async fn steps_go_through_and_the_list_shows_them() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = shelf(dir.path());
    let steps = [
        ProtoStep::UploadBegun(v1::UploadBegun {
            number: 1,
            upload_id: "u".to_owned(),
        }),
        ProtoStep::Failed(v1::PublishFailed {
            reason: "away".to_owned(),
        }),
        ProtoStep::FileUploaded(v1::FileUploaded {
            number: 1,
            file_id: "f".to_owned(),
        }),
        ProtoStep::Posted(v1::Posted {
            post_id: "p".to_owned(),
        }),
        ProtoStep::FileLost(v1::FileLost { number: 1 }),
        ProtoStep::Parked(v1::PublishParked {
            reason: "archived".to_owned(),
        }),
    ];
    for step in steps {
        report(shelf.clone(), report_of("h", Some(step)))
            .await
            .unwrap();
    }
    let list = list(shelf).await.unwrap().recordings;
    assert_eq!(list.len(), 2);
    let (ours, strange) = (&list[0], &list[1]);
    assert_eq!(ours.state(), v1::RecordingState::Parked);
    assert_eq!((ours.failure.as_str(), ours.failures), ("archived", 1));
    assert_eq!(
        (ours.post_id.as_str(), ours.files[0].file_id.as_str()),
        ("p", "")
    );
    assert_eq!((ours.started_at_ms, ours.ended_at_ms), (1000, 2000));
    assert_eq!(strange.recording_id, "strange");
    assert_eq!(strange.state(), v1::RecordingState::Parked);
    assert!(!strange.failure.is_empty());
}
