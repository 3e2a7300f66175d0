//! Start, adoption, refusal and end of the real process, as the launch contract says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::Duration;

use common::{Sidecar, TOKEN, WithToken, binary, get_info, next_id, room_ref};
use parley_proto::launch::{EXIT_CONFIG, EXIT_LOCKED, EXIT_OK, LaunchInfo};
use parley_proto::v1::event::Kind;
use parley_proto::v1::info_client::InfoClient;
use parley_proto::v1::rooms_client::RoomsClient;
use parley_proto::v1::{
    DrainRequest, GetHealthRequest, GetInfoRequest, GoodbyeRequest, ListRoomsRequest,
    OpenRoomRequest, RoomEndReason,
};
use rustix::process::Signal;
use tonic::Code;
use tonic::service::interceptor::InterceptedService;

const SOON: Duration = Duration::from_secs(5);

fn short_lease(dir: &tempfile::TempDir) -> String {
    let path = dir.path().join("config.toml");
    let text = "[lease]\ngoodbye_ms = 500\nidle_ms = 2000\nsessions_ms = 600000\n";
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_a_start_leaves_in_the_directory() {
    let sidecar = Sidecar::start(&[]);
    let files = sidecar.files();
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&files.socket), 0o600);
    assert_eq!(mode(&files.token), 0o600);
    assert_eq!(mode(&sidecar.dir), 0o700);
    assert_eq!(std::fs::read_to_string(&files.token).unwrap(), TOKEN);
    let lock: LaunchInfo =
        serde_json::from_str(&std::fs::read_to_string(&files.lock).unwrap()).unwrap();
    assert_eq!(lock, sidecar.info);
    assert_eq!(lock.pid, sidecar.child.id());
}

#[tokio::test]
async fn it_keeps_no_descriptor_of_the_host_and_has_a_session_of_its_own() {
    let sidecar = Sidecar::start(&[]);
    let of = |fd: &str| std::fs::read_link(format!("/proc/{}/fd/{fd}", sidecar.info.pid)).unwrap();
    assert_eq!(of("0").to_str().unwrap(), "/dev/null");
    assert_eq!(&of("1"), sidecar.info.log.as_ref().unwrap());
    assert_eq!(&of("2"), sidecar.info.log.as_ref().unwrap());
    let pid = rustix::process::Pid::from_child(&sidecar.child);
    assert_eq!(rustix::process::getsid(Some(pid)).unwrap(), pid);
    for place in ["cmdline", "environ"] {
        let text = std::fs::read(format!("/proc/{}/{place}", sidecar.info.pid)).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains(TOKEN), "{place}");
    }
}

#[tokio::test]
async fn an_inherited_descriptor_is_closed() {
    // A pipe that the host forgot to protect: its other end must see the end of file.
    let temp = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    rustix::io::fcntl_setfd(&writer, rustix::io::FdFlags::empty()).unwrap();
    let sidecar = Sidecar::start_in(&temp.path().join("run"), &[])
        .map_err(|f| f.stderr)
        .unwrap();
    drop(writer);
    let read = tokio::task::spawn_blocking(move || {
        use std::io::Read as _;
        let mut reader = reader;
        reader.read(&mut [0]).unwrap()
    });
    assert_eq!(tokio::time::timeout(SOON, read).await.unwrap().unwrap(), 0);
    drop(sidecar);
}

#[tokio::test]
async fn a_wrong_or_missing_token_is_refused() {
    let sidecar = Sidecar::start(&[]);
    let bare = InfoClient::new(sidecar.channel().await)
        .get_info(get_info())
        .await;
    assert_eq!(bare.unwrap_err().code(), Code::Unauthenticated);
    let wrong: &'static str = "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    for shown in [wrong, &TOKEN[..63], ""] {
        let service = InterceptedService::new(sidecar.channel().await, WithToken(shown));
        let refused = InfoClient::new(service.clone()).get_info(get_info()).await;
        assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
        let refused = RoomsClient::new(service)
            .list_rooms(ListRoomsRequest {})
            .await;
        assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
    }
    assert!(!sidecar.log().contains(TOKEN));
}

#[tokio::test]
async fn get_info_comes_first_on_each_connection() {
    let sidecar = Sidecar::start(&[]);
    let first = sidecar.host().await;
    first.rooms().list_rooms(ListRoomsRequest {}).await.unwrap();
    let second = InterceptedService::new(sidecar.channel().await, WithToken(TOKEN));
    let refused = RoomsClient::new(second.clone())
        .list_rooms(ListRoomsRequest {})
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::FailedPrecondition);
    let other_major = GetInfoRequest {
        protocol_major: 99,
        ..get_info()
    };
    let refused = InfoClient::new(second.clone())
        .get_info(other_major)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("99"));
    let refused = RoomsClient::new(second.clone())
        .list_rooms(ListRoomsRequest {})
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::FailedPrecondition);
    InfoClient::new(second.clone())
        .get_info(get_info())
        .await
        .unwrap();
    RoomsClient::new(second)
        .list_rooms(ListRoomsRequest {})
        .await
        .unwrap();
}

#[tokio::test]
async fn a_second_one_in_the_same_directory_says_so() {
    let first = Sidecar::start(&[]);
    let second = Sidecar::start_in(&first.dir, &[]).err().unwrap();
    assert_eq!(second.status.code(), Some(EXIT_LOCKED));
    assert!(
        second.stderr.contains("lives here already"),
        "{}",
        second.stderr
    );
    first
        .host()
        .await
        .rooms()
        .list_rooms(ListRoomsRequest {})
        .await
        .unwrap();
}

#[tokio::test]
async fn after_a_kill_the_next_one_takes_the_stale_lock() {
    let mut first = Sidecar::start(&[]);
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    assert!(
        first.files().socket.exists(),
        "a killed one cannot clean up"
    );
    let second = Sidecar::start_in(&first.dir, &[])
        .map_err(|f| f.stderr)
        .unwrap();
    assert_ne!(second.info.start_id, first.info.start_id);
    second.host().await;
    assert!(second.log().contains("took over the lock"));
}

#[tokio::test]
async fn a_taken_media_port_is_replaced_when_embedded() {
    let first = Sidecar::start(&[]);
    let temp = tempfile::tempdir().unwrap();
    let port = first.info.media_port.to_string();
    let start = |args: &[&str]| Sidecar::start_in(&temp.path().join("run"), args);
    // The last argument wins over the helper's `--media-port 0`.
    let config = temp.path().join("c.toml");
    std::fs::write(&config, format!("media_port = {port}")).unwrap();
    let mut command = binary();
    command
        .args(["--runtime-dir", temp.path().join("other").to_str().unwrap()])
        .args([
            "--config",
            config.to_str().unwrap(),
            "--media-address",
            "127.0.0.1",
        ]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(parley_proto::launch::EXIT_SYSTEM)
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains(&port));
    let other = start(&[]).map_err(|f| f.stderr).unwrap();
    assert_ne!(other.info.media_port, first.info.media_port);
}

#[tokio::test]
async fn sigterm_ends_rooms_with_a_reason_and_leaves_a_clean_directory() {
    let mut sidecar = Sidecar::start(&[]);
    let host = sidecar.host().await;
    let mut watch = host.watch("h").await;
    host.open("r").await;
    let opened = watch.event().await;
    watch.ack(&opened).await;
    sidecar.signal(Signal::TERM);
    let ended = watch.event().await;
    let Some(Kind::RoomEnded(end)) = &ended.kind else {
        panic!("{ended:?}");
    };
    assert_eq!(end.reason(), RoomEndReason::Shutdown);
    watch.ack(&ended).await;
    assert_eq!(sidecar.wait(SOON).code(), Some(EXIT_OK));
    assert!(!sidecar.files().socket.exists() && !sidecar.files().token.exists());
}

#[tokio::test]
async fn a_silent_host_does_not_hold_up_sigterm() {
    let mut sidecar = Sidecar::start(&[]);
    let host = sidecar.host().await;
    let _watch = host.watch("h").await;
    host.open("r").await;
    sidecar.signal(Signal::TERM);
    assert_eq!(sidecar.wait(SOON).code(), Some(EXIT_OK));
}

#[tokio::test]
async fn nobody_comes_and_it_ends() {
    let temp = tempfile::tempdir().unwrap();
    let config = short_lease(&temp);
    let mut sidecar = Sidecar::start(&["--config", &config]);
    assert_eq!(sidecar.wait(SOON).code(), Some(EXIT_OK));
}

#[tokio::test]
async fn a_lost_host_is_awaited_while_sessions_live_and_goodbye_is_final() {
    let temp = tempfile::tempdir().unwrap();
    let config = short_lease(&temp);
    let mut sidecar = Sidecar::start(&["--config", &config]);
    let host = sidecar.host().await;
    host.open("r").await;
    host.join("r", "s").await;
    // Counters come once a second.
    let mut node = host.node();
    let counted = async {
        let mut sessions = 0;
        while sessions == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let health = node.get_health(GetHealthRequest {}).await.unwrap();
            sessions = health.into_inner().sessions;
        }
    };
    tokio::time::timeout(SOON, counted)
        .await
        .expect("the session is counted");
    drop((host, node));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(
        sidecar.child.try_wait().unwrap().is_none(),
        "sessions keep it"
    );

    // Adoption: the token from the file, the room still there, everything unacked comes.
    let adopted = sidecar.host().await;
    let mut watch = adopted.watch("other").await;
    assert!(matches!(
        watch.event().await.kind,
        Some(Kind::RoomOpened(_))
    ));
    let goodbye = GoodbyeRequest {
        host_id: "other".into(),
    };
    adopted.node().goodbye(goodbye).await.unwrap();
    assert_eq!(sidecar.wait(SOON).code(), Some(EXIT_OK), "20 s, here 0.5 s");
}

#[tokio::test]
async fn an_attached_host_keeps_it_after_anothers_goodbye() {
    let temp = tempfile::tempdir().unwrap();
    let config = short_lease(&temp);
    let mut sidecar = Sidecar::start(&["--config", &config]);
    let (one, two) = (sidecar.host().await, sidecar.host().await);
    one.node().goodbye(GoodbyeRequest::default()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(sidecar.child.try_wait().unwrap().is_none());
    two.rooms().list_rooms(ListRoomsRequest {}).await.unwrap();
}

#[tokio::test]
async fn draining_takes_no_new_rooms_and_ends_with_the_last() {
    let mut sidecar = Sidecar::start(&[]);
    let host = sidecar.host().await;
    host.open("r").await;
    let drain = DrainRequest {
        request_id: next_id(),
        deadline_ms: 0,
    };
    assert_eq!(
        host.node().drain(drain).await.unwrap().into_inner().rooms,
        1
    );
    let open = |room: &str| OpenRoomRequest {
        request_id: next_id(),
        room: Some(room_ref(room)),
        ..Default::default()
    };
    let refused = host.rooms().open_room(open("new")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(
        !host
            .rooms()
            .open_room(open("r"))
            .await
            .unwrap()
            .into_inner()
            .created
    );
    let health = host
        .node()
        .get_health(GetHealthRequest {})
        .await
        .unwrap()
        .into_inner();
    assert!(health.draining && !health.ready);
    assert!(sidecar.child.try_wait().unwrap().is_none());
    let end = parley_proto::v1::EndRoomRequest {
        request_id: next_id(),
        room: Some(room_ref("r")),
        ..Default::default()
    };
    host.rooms().end_room(end).await.unwrap();
    assert_eq!(sidecar.wait(SOON).code(), Some(EXIT_OK));
}

#[tokio::test]
async fn sigusr1_drains_an_empty_one_away() {
    let mut sidecar = Sidecar::start(&[]);
    sidecar.signal(Signal::USR1);
    assert_eq!(sidecar.wait(SOON).code(), Some(EXIT_OK));
}

#[test]
fn a_bad_configuration_has_its_own_code_and_names_the_field() {
    let temp = tempfile::tempdir().unwrap();
    let config = temp.path().join("c.toml");
    std::fs::write(&config, "[limits]\nrooms_max = 0").unwrap();
    let config = config.to_str().unwrap();
    for args in [
        vec!["--config", config],
        vec!["--config", config, "--check-config"],
    ] {
        let output = binary().args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(EXIT_CONFIG));
        assert!(String::from_utf8_lossy(&output.stderr).contains("limits.rooms_max"));
    }
    let output = binary().args(["--media-port", "70000"]).output().unwrap();
    assert_eq!(output.status.code(), Some(EXIT_CONFIG));
    let output = binary()
        .args(["--media-address", "127.0.0.1", "--check-config"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(EXIT_OK));
    let output = binary()
        .env("PARLEY_SIDECAR_NODE_ID", "a b")
        .arg("--check-config")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(EXIT_CONFIG));
    assert!(String::from_utf8_lossy(&output.stderr).contains("node_id"));
    let output = binary().arg("--help").output().unwrap();
    assert_eq!(output.status.code(), Some(EXIT_OK));
}
