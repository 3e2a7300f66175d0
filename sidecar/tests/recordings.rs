//! Service Recordings over the real media thread and the real recorder.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parley_core::api::{CoreConfig, Limits};
use parley_proto::v1::info_client::InfoClient;
use parley_proto::v1::recordings_client::RecordingsClient;
use parley_proto::v1::rooms_client::RoomsClient;
use parley_proto::v1::{
    EndRoomRequest, GetInfoRequest, GetRoomRequest, ListRecordingsRequest, OpenRoomRequest,
    PinInRecordingRequest, RecordingEndReason, RecordingState, RoomPolicy, RoomRef,
    StartRecordingRequest, StopRecordingRequest,
};
use parley_recorder::vfs::Disk;
use parley_recorder::{Recorder, RecorderConfig, SystemClock as RecorderClock};
use parley_sidecar::clock::{SharedClock, SystemClock};
use parley_sidecar::grpc::{Identity, Local, RecordingDesk, Services};
use parley_sidecar::shard::{self, MediaSockets, RecorderLink, ShardSet};
use tonic::Code;

const ROOM: &str = "room";

struct Node {
    services: Services<ShardSet>,
    connection: Local,
    rooms: RoomsClient<Local>,
    recordings: RecordingsClient<Local>,
    requests: u32,
}

impl Node {
    /// With an open room. Without a directory nothing can be recorded.
    async fn start(data: Option<&Path>) -> Self {
        let (desk, links) = match data {
            None => (RecordingDesk::default(), vec![]),
            Some(dir) => {
                let config = RecorderConfig {
                    recordings_max: 1,
                    ..RecorderConfig::new(dir.to_owned())
                };
                let started = Recorder::start(config, Arc::new(Disk), Arc::new(RecorderClock));
                let (recorder, tap, reports) = started.unwrap();
                let link = RecorderLink { tap, reports };
                (RecordingDesk::new(recorder, true), vec![link])
            }
        };
        let sockets = MediaSockets::bind(&["127.0.0.1".parse().unwrap()], 0, true).unwrap();
        let config = CoreConfig {
            node: 0,
            shard: 0,
            seed: 1,
            media_addresses: vec![],
            limits: Limits::default(),
        };
        let clock: SharedClock = Arc::new(SystemClock);
        let shard = shard::spawn(config, vec![sockets], &clock, links).unwrap();
        let identity = Identity {
            node_id: "n".into(),
            start_id: "s".into(),
            started_at_ms: 0,
        };
        let services =
            Services::with_recordings(shard.set, shard.events, identity, None, clock, desk);
        let connection = services.connect();
        InfoClient::new(connection.clone())
            .get_info(GetInfoRequest {
                protocol_major: 1,
                ..Default::default()
            })
            .await
            .unwrap();
        let mut node = Self {
            rooms: RoomsClient::new(connection.clone()),
            recordings: RecordingsClient::new(connection.clone()),
            services,
            connection,
            requests: 0,
        };
        node.open(ROOM).await;
        node
    }

    async fn open(&mut self, room: &str) {
        let request = OpenRoomRequest {
            request_id: self.request_id(),
            room: Some(room_ref(room)),
            policy: Some(RoomPolicy::default()),
            labels: [("channel".to_owned(), "c".to_owned())].into(),
        };
        self.rooms.open_room(request).await.unwrap();
    }

    fn request_id(&mut self) -> String {
        self.requests += 1;
        format!("request{}", self.requests)
    }

    fn start_of(&mut self, room: &str, recording: &str) -> StartRecordingRequest {
        StartRecordingRequest {
            request_id: self.request_id(),
            room: Some(room_ref(room)),
            recording_id: recording.into(),
            starter_id: "alice".into(),
            labels: [("thread".to_owned(), "t".to_owned())].into(),
            ..Default::default()
        }
    }

    async fn record(&mut self, room: &str, recording: &str) -> Result<(), tonic::Status> {
        let request = self.start_of(room, recording);
        self.recordings.start_recording(request).await.map(drop)
    }

    async fn refused(&mut self, room: &str, recording: &str) -> (Code, String) {
        let status = self.record(room, recording).await.unwrap_err();
        (status.code(), status.message().to_owned())
    }

    async fn list(&mut self) -> Vec<parley_proto::v1::Recording> {
        let list = self.recordings.list_recordings(ListRecordingsRequest {});
        list.await.unwrap().into_inner().recordings
    }

    /// Waits until the only recording is out of IN_PROGRESS.
    async fn closed(&mut self) -> parley_proto::v1::Recording {
        for _ in 0..1_000 {
            let recording = self.list().await.remove(0);
            if recording.state() != RecordingState::InProgress {
                return recording;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the recording does not end");
    }

    fn close(&self) {
        self.services.recordings().recorder().unwrap().close();
    }
}

fn room_ref(room: &str) -> RoomRef {
    RoomRef {
        room_id: room.into(),
        generation: 1,
    }
}

#[tokio::test]
async fn a_recording_starts_once_and_is_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = Node::start(Some(dir.path())).await;
    let request = node.start_of(ROOM, "rec");
    let first = node.recordings.start_recording(request.clone()).await;
    let first = first.unwrap().into_inner();
    let again = node.recordings.start_recording(request).await.unwrap();
    assert_eq!(again.into_inner(), first, "the first answer again");
    assert!(!first.resumed);
    let told = first.recording.unwrap();
    assert_eq!(told.state(), RecordingState::InProgress);
    let room = GetRoomRequest {
        room: Some(room_ref(ROOM)),
    };
    let room = node.rooms.get_room(room).await.unwrap().into_inner().room;
    assert_eq!(room.unwrap().recording, Some(told));
    assert!(dir.path().join("rec").is_dir());
    let listed = node.list().await.remove(0);
    // The room's labels, and the request's.
    assert_eq!(
        (
            listed.labels["channel"].as_str(),
            listed.labels["thread"].as_str()
        ),
        ("c", "t")
    );

    assert_eq!(node.refused(ROOM, "other").await.0, Code::AlreadyExists);
    let stop = StopRecordingRequest {
        request_id: node.request_id(),
        room: Some(room_ref(ROOM)),
        actor_id: "bob".into(),
        ..Default::default()
    };
    let stopped = node.recordings.stop_recording(stop.clone()).await.unwrap();
    let stopped = stopped.into_inner().recording.unwrap();
    assert_eq!(stopped.end_reason(), RecordingEndReason::Stopped);
    assert_eq!(stopped.stopper_id, "bob");
    let stop = StopRecordingRequest {
        request_id: node.request_id(),
        ..stop
    };
    let again = node.recordings.stop_recording(stop).await.unwrap();
    assert_eq!(again.into_inner().recording, None);
    let closed = node.closed().await;
    assert_eq!(closed.end_reason(), RecordingEndReason::Stopped);
    assert_eq!(
        node.refused(ROOM, "rec").await.0,
        Code::FailedPrecondition,
        "it is over"
    );
    node.record(ROOM, "rec2").await.unwrap();
    node.close();
}

#[tokio::test]
async fn what_is_refused_leaves_nothing_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = Node::start(Some(dir.path())).await;
    assert_eq!(node.refused("nowhere", "rec").await.0, Code::NotFound);
    assert_eq!(node.refused(ROOM, "../rec").await.0, Code::InvalidArgument);
    let mut request = node.start_of(ROOM, "rec");
    // Only the room checks it, when the recorder is ready: it is discarded.
    request.starter_id = "no good".into();
    let status = node.recordings.start_recording(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(node.list().await, []);
    assert!(!dir.path().join("rec").exists());

    node.record(ROOM, "rec").await.unwrap();
    node.open("second").await;
    let (code, why) = node.refused("second", "rec2").await;
    assert_eq!(code, Code::ResourceExhausted, "{why}");
    node.close();
}

#[tokio::test]
async fn the_end_of_the_room_closes_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = Node::start(Some(dir.path())).await;
    node.record(ROOM, "rec").await.unwrap();
    let pin = PinInRecordingRequest {
        request_id: node.request_id(),
        room: Some(room_ref(ROOM)),
        session_id: "stranger".into(),
    };
    let status = node.recordings.pin_in_recording(pin).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    let end = EndRoomRequest {
        request_id: node.request_id(),
        room: Some(room_ref(ROOM)),
        ..Default::default()
    };
    node.rooms.end_room(end).await.unwrap();
    assert_eq!(
        node.closed().await.end_reason(),
        RecordingEndReason::CallEnded
    );
    node.close();
}

#[tokio::test]
async fn without_a_directory_nothing_is_recorded_and_the_reason_is_told() {
    let mut node = Node::start(None).await;
    let (code, why) = node.refused(ROOM, "rec").await;
    assert_eq!(code, Code::FailedPrecondition);
    assert!(why.contains("data directory"), "{why}");
    assert_eq!(node.list().await, []);
    let info = InfoClient::new(node.connection.clone())
        .get_info(GetInfoRequest {
            protocol_major: 1,
            ..Default::default()
        })
        .await
        .unwrap();
    // The node could, if it had one.
    assert!(
        info.into_inner()
            .features
            .contains(&"recording_v1".to_owned())
    );
}
