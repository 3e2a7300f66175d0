//! Bugs on purpose: in one session it costs that session, in the media thread the process, which then
//! ends with a code that makes the host start another one.
#![cfg(feature = "sabotage")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::client::{negotiate, socket};
use common::stun::binding;
use common::{Sidecar, binary, room_ref};
use parley_proto::launch::EXIT_INTERNAL;
use parley_proto::v1::event::Kind;
use parley_proto::v1::{GetRoomRequest, LeaveReason, ListRoomsRequest};

#[tokio::test]
async fn a_panic_of_the_media_thread_ends_the_process() {
    let temp = tempfile::tempdir().unwrap();
    let mut command = binary();
    command.env("PARLEY_SABOTAGE", "shard_panic");
    let dir = temp.path().join("run");
    let mut sidecar = Sidecar::start_by(command, &dir, &[])
        .map_err(|f| f.stderr)
        .unwrap();
    let host = sidecar.host().await;
    let answer = host.rooms().list_rooms(ListRoomsRequest {}).await;
    assert!(answer.is_err());
    assert_eq!(
        sidecar.wait(Duration::from_secs(2)).code(),
        Some(EXIT_INTERNAL)
    );
    assert!(
        !sidecar.files().socket.exists(),
        "a host must not find a dead socket"
    );
    assert!(sidecar.log().contains("panicked"), "{}", sidecar.log());
}

#[tokio::test]
async fn a_panic_inside_one_session_ends_that_session_alone() {
    let temp = tempfile::tempdir().unwrap();
    let mut command = binary();
    command.env("PARLEY_SABOTAGE", "panic_in_session");
    let dir = temp.path().join("run");
    let sidecar = Sidecar::start_by(command, &dir, &[])
        .map_err(|f| f.stderr)
        .unwrap();
    let host = sidecar.host().await;
    host.open("r").await;
    host.join("r", "other").await;
    let known = negotiate(&host, "r", "broken").await;
    let check = binding(&known.ufrag, "clnt", &known.password, 1);
    socket(sidecar.media()).send(&check).unwrap();
    let mut watch = host.watch("h").await;
    let left = loop {
        let event = watch.event().await;
        watch.ack(&event).await;
        if let Some(Kind::SessionLeft(left)) = event.kind {
            break left;
        }
    };
    assert_eq!(left.session.as_ref().unwrap().session_id, "broken");
    assert_eq!(left.reason(), LeaveReason::Internal);
    let request = GetRoomRequest {
        room: Some(room_ref("r")),
    };
    let room = host
        .rooms()
        .get_room(request)
        .await
        .unwrap()
        .into_inner()
        .room
        .unwrap();
    let ids: Vec<_> = room
        .sessions
        .iter()
        .map(|session| session.session_id.as_str())
        .collect();
    assert_eq!(ids, ["other"]);
}
