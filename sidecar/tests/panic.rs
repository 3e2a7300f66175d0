//! A bug in the media thread ends the process with a code that makes the host start another one.
#![cfg(feature = "sabotage")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::{Sidecar, binary};
use parley_proto::launch::EXIT_INTERNAL;
use parley_proto::v1::ListRoomsRequest;
use tonic::Code;

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
    assert_eq!(answer.unwrap_err().code(), Code::Unavailable);
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
