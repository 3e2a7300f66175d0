//! Rooms and events through the real process: open, join, hear of it, ack it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::{Sidecar, next_id, room_ref};
use parley_proto::v1::event::Kind;
use parley_proto::v1::{EndRoomRequest, GetRoomRequest, OpenRoomRequest};

#[tokio::test]
async fn a_room_opens_a_session_joins_and_acked_events_do_not_come_again() {
    let sidecar = Sidecar::start(&[]);
    let host = sidecar.host().await;
    let mut watch = host.watch("h").await;
    host.open("r").await;
    host.join("r", "s").await;

    let opened = watch.event().await;
    assert!(
        matches!(opened.kind, Some(Kind::RoomOpened(_))),
        "{opened:?}"
    );
    assert_eq!(
        (opened.room_id.as_str(), opened.generation, opened.seq),
        ("r", 1, 1)
    );
    let joined = watch.event().await;
    let Some(Kind::SessionJoined(session)) = &joined.kind else {
        panic!("{joined:?}");
    };
    assert!(session.first);
    assert_eq!(session.session.as_ref().unwrap().session_id, "s");
    watch.ack(&opened).await;
    // The second is not acked before the stream ends: it comes again, the first does not.
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(watch);
    let mut watch = host.watch("h").await;
    let again = watch.event().await;
    assert_eq!(again.seq, joined.seq);
    watch.ack(&again).await;

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
    assert_eq!(room.sessions.len(), 1);

    let end = EndRoomRequest {
        request_id: next_id(),
        room: Some(room_ref("r")),
        ..Default::default()
    };
    host.rooms().end_room(end).await.unwrap();
    let left = watch.event().await;
    assert!(matches!(left.kind, Some(Kind::SessionLeft(_))), "{left:?}");
    let ended = watch.event().await;
    assert!(matches!(ended.kind, Some(Kind::RoomEnded(_))), "{ended:?}");
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer() {
    let sidecar = Sidecar::start(&[]);
    let host = sidecar.host().await;
    let request = OpenRoomRequest {
        request_id: "once".into(),
        room: Some(room_ref("r")),
        ..Default::default()
    };
    let mut rooms = host.rooms();
    assert!(
        rooms
            .open_room(request.clone())
            .await
            .unwrap()
            .into_inner()
            .created
    );
    assert!(
        rooms.open_room(request).await.unwrap().into_inner().created,
        "the first answer"
    );
    let other = OpenRoomRequest {
        request_id: "twice".into(),
        room: Some(room_ref("r")),
        ..Default::default()
    };
    assert!(!rooms.open_room(other).await.unwrap().into_inner().created);
}

#[tokio::test]
async fn a_bad_field_is_named() {
    let sidecar = Sidecar::start(&[]);
    let host = sidecar.host().await;
    let request = OpenRoomRequest {
        request_id: next_id(),
        room: None,
        ..Default::default()
    };
    let refused = host.rooms().open_room(request).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    assert!(refused.message().starts_with("room: "), "{refused}");
}
