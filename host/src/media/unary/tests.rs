//! What the guest may call, and what comes back, against a service in the same process.

use std::sync::Arc;
use std::time::Instant;

use parley_proto::trouble::Trouble;
use parley_proto::v1::stats_server::{Stats, StatsServer};
use parley_proto::v1::{
    GetRoomStatsRequest, GetRoomStatsResponse, GetSessionStatsRequest, GetSessionStatsResponse,
    SessionStats,
};
use prost::Message as _;
use tonic::Response;

use super::*;
use crate::media::{Connection, FixedLink};

#[test]
fn rooms_sessions_stats_and_health_are_granted() {
    for path in [
        "/parley.media.v1.Rooms/OpenRoom",
        "/parley.media.v1.Sessions/Join",
        "/parley.media.v1.Stats/GetRoomStats",
        "/parley.media.v1.Node/GetHealth",
        "/parley.media.v1.Info/GetInfo",
        "/parley.media.v1.Recordings/StartRecording",
        "/parley.media.v1.Recordings/StopRecording",
        "/parley.media.v1.Recordings/PinInRecording",
        "/parley.media.v1.Recordings/ListRecordings",
    ] {
        assert!(granted(path).is_ok(), "{path}");
    }
}

#[test]
fn everything_else_is_denied() {
    for path in [
        "",
        "/",
        "/parley.media.v1.Node/Drain",
        "/parley.media.v1.Node/Goodbye",
        "/parley.media.v1.Recordings/",
        "/parley.media.v1.Recordings/ClaimRecording",
        "/parley.media.v1.Recordings/ReadRecordingFile",
        "/parley.media.v1.Recordings/ReportPublishing",
        "/parley.media.v1.Node/GetHealthX",
        "/parley.media.v1.Events/Watch",
        "/parley.media.v1.Info/",
        "/parley.media.v1.Rooms/",
        "/parley.media.v1.Rooms/../Node/Drain",
        "/parley.media.v1.Rooms/OpenRoom?x=1",
        "parley.media.v1.Rooms/OpenRoom",
        "http://elsewhere/parley.media.v1.Rooms/OpenRoom",
    ] {
        let status = granted(path).expect_err(path);
        assert_eq!(status.code(), Code::PermissionDenied, "{path}");
    }
}

#[test]
fn the_guest_cannot_set_what_is_ours() {
    let trace = TraceId::random();
    let asked = ["authorization", "x-trace-id", "grpc-timeout", "X-Own"]
        .map(|name| (name.to_owned(), "guest".to_owned()));
    let metadata = outgoing(&asked, trace);
    assert!(metadata.get("authorization").is_none());
    assert!(metadata.get("grpc-timeout").is_none());
    assert_eq!(
        metadata.get("x-own").map(|v| v.as_bytes()),
        Some(&b"guest"[..])
    );
    assert_eq!(
        metadata.get(TRACE_HEADER).map(|v| v.to_str().ok()),
        Some(Some(&*trace.to_string()))
    );
}

const PATH: &str = "/parley.media.v1.Stats/GetRoomStats";

/// Does what the room's id says.
struct Service;

#[tonic::async_trait]
impl Stats for Service {
    async fn get_session_stats(
        &self,
        _: Request<GetSessionStatsRequest>,
    ) -> Result<Response<GetSessionStatsResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn get_room_stats(
        &self,
        request: Request<GetRoomStatsRequest>,
    ) -> Result<Response<GetRoomStatsResponse>, Status> {
        let trace = request.metadata().get(TRACE_HEADER).cloned();
        let sessions = |count, id: &str| {
            let session = SessionStats {
                session_id: id.to_owned(),
                ..SessionStats::default()
            };
            Ok(Response::new(GetRoomStatsResponse {
                sessions: vec![session; count],
            }))
        };
        match &*request.into_inner().room_id {
            "slow" => std::future::pending().await,
            "missing" => Err(Status::not_found("no such room")),
            "big" => sessions(3, &"x".repeat(1 << 20)),
            "trace" => sessions(1, trace.as_ref().map_or("", |t| t.to_str().unwrap())),
            _ => sessions(0, ""),
        }
    }
}

fn link() -> FixedLink {
    FixedLink::new(Some(Connection::new(StatsServer::new(Service), "start")))
}

fn ask(room_id: &str, timeout: Duration) -> UnaryCall {
    let message = GetRoomStatsRequest {
        room_id: room_id.to_owned(),
    };
    UnaryCall {
        path: PATH.to_owned(),
        metadata: Vec::new(),
        message: message.encode_to_vec().into(),
        timeout,
        trace: TraceId::random(),
    }
}

async fn code(room_id: &str) -> Code {
    call(&link(), ask(room_id, Duration::from_secs(5)))
        .await
        .unwrap_err()
        .code()
}

#[tokio::test]
async fn the_trace_id_goes_along() {
    let question = ask("trace", Duration::ZERO);
    let trace = question.trace.to_string();
    let reply = call(&link(), question).await.unwrap();
    let reply = GetRoomStatsResponse::decode(reply.message).unwrap();
    assert_eq!(reply.sessions[0].session_id, trace);
}

#[tokio::test]
async fn the_sidecars_status_comes_back() {
    assert_eq!(code("missing").await, Code::NotFound);
}

#[tokio::test]
async fn the_deadline_is_the_hosts_to_keep() {
    let start = Instant::now();
    let outcome = call(&link(), ask("slow", Duration::from_millis(100))).await;
    assert_eq!(outcome.unwrap_err().code(), Code::DeadlineExceeded);
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn too_large_messages_are_refused_in_either_direction() {
    let mut question = ask("", Duration::from_secs(5));
    question.message = vec![0; REQUEST_BYTES_MAX + 1].into();
    let outcome = call(&link(), question).await;
    assert_eq!(outcome.unwrap_err().code(), Code::ResourceExhausted);
    assert_eq!(code("big").await, Code::OutOfRange);
}

#[tokio::test]
async fn a_call_waits_for_a_sidecar_that_is_just_being_restarted() {
    let link = Arc::new(FixedLink::new(None));
    let waiting = {
        let link = Arc::clone(&link);
        tokio::spawn(async move { call(&*link, ask("", Duration::from_secs(5))).await })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished());
    link.set(Some(Connection::new(StatsServer::new(Service), "next")));
    assert!(waiting.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_sidecar_that_is_known_to_be_away() {
    let link = FixedLink::new(None);
    let waited = async || {
        let start = tokio::time::Instant::now();
        let refused = call(&link, ask("room", Duration::ZERO)).await.unwrap_err();
        (start.elapsed(), Trouble::of_message(refused.message()))
    };
    link.set_trouble(Some(Trouble::Unreachable));
    assert_eq!(waited().await, (LINK_WAIT_MAX, Some(Trouble::Unreachable)));
    // Said again, it is no new one.
    link.set_trouble(Some(Trouble::Unreachable));
    for trouble in [Trouble::Unreachable, Trouble::Cluster, Trouble::Token] {
        link.set_trouble(Some(trouble));
        assert_eq!(waited().await, (Duration::ZERO, Some(trouble)));
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_sidecar_a_call_is_unavailable() {
    let outcome = call(&FixedLink::new(None), ask("", Duration::from_secs(5))).await;
    assert_eq!(outcome.unwrap_err().code(), Code::Unavailable);
}

proptest::proptest! {
    /// Whatever is put together of granted and other pieces: only whole granted names pass.
    #[test]
    fn only_whole_granted_names_pass(pieces in proptest::collection::vec(
        proptest::sample::select(vec![
            "/", "parley.media.v1.", "Rooms", "Sessions", "Stats", "Node", "Events", "Info",
            "Recordings", "StartRecording", "ClaimRecording", "OpenRoom", "GetHealth", "Drain", "Watch", "..", "?", "%2e", " ", "\0", "http://x",
        ]),
        0..6,
    )) {
        let path = pieces.concat();
        let named = path.strip_prefix("/parley.media.v1.").and_then(|rest| rest.split_once('/'));
        let expected = named.is_some_and(|(service, method)| {
            let plain = !method.is_empty() && method.bytes().all(|b| b.is_ascii_alphanumeric());
            match service {
                "Rooms" | "Sessions" | "Stats" => plain,
                "Node" => method == "GetHealth",
                "Info" => method == "GetInfo",
                "Recordings" => method == "StartRecording",
                _ => false,
            }
        });
        proptest::prop_assert_eq!(granted(&path).is_ok(), expected, "{}", path);
    }
}
