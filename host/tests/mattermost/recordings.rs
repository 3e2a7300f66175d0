//! Recordings on their way into a server that refuses, and that dies in the middle: the adapter's publisher
//! against a sidecar of the test's.

#[path = "../recordings/sidecar.rs"]
mod sidecar;

use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use parley_proto::v1::RecordingState;
use parley_proto::v1::recordings_server::RecordingsServer;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

use self::sidecar::Sidecar;
use crate::common::{PATIENCE, free_udp_port};
use crate::server::{CHANNEL, ID, Server, conformance_plugin};

const MIB: u64 = 1 << 20;

/// The sidecar on a socket, so that it outlives the plugin.
async fn serve(listener: TcpListener, sidecar: Sidecar) {
    let service = TowerToHyperService::new(RecordingsServer::new(sidecar));
    while let Ok((stream, _)) = listener.accept().await {
        let service = service.clone();
        tokio::spawn(async move {
            let io = TokioIo::new(stream);
            let builder = Builder::new(TokioExecutor::new()).http2_only();
            let _ = builder.serve_connection(io, service).await;
        });
    }
}

struct World {
    server: Server,
    sidecar: Sidecar,
    /// Where the plugin finds it.
    address: String,
    member: String,
    stranger: String,
    root: String,
}

impl World {
    async fn new() -> Option<Self> {
        let plugins = [(ID, conformance_plugin())];
        let arguments = ["-state", "state", "-files", "files"];
        let server = Server::start_node(&plugins, json!({}), &arguments, true).await?;
        let answer = server.enable(ID).await;
        assert_eq!(answer["activated"], true, "{answer}");
        let (_, member) = server.user("member").await;
        server.join(&member, CHANNEL).await;
        let (_, stranger) = server.user("stranger").await;
        let root = json!({"channel_id": CHANNEL, "message": "A call"}).to_string();
        let (status, root) = server
            .http("POST", "/api/v4/posts", &member, root.as_bytes())
            .await;
        assert_eq!(status, 201);
        let root: Value = serde_json::from_slice(&root).unwrap();
        let sidecar = Sidecar::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, sidecar.clone()));
        let world = Self {
            server,
            sidecar,
            address,
            member,
            stranger,
            root: root["id"].as_str().unwrap().to_owned(),
        };
        world.publish().await;
        Some(world)
    }

    /// From now on, as long as the plugin lives.
    async fn publish(&self) {
        let command = format!("/call publish {}", self.address);
        assert_eq!(self.server.command(&command).await, "publishes");
    }

    fn add(&self, id: &str, lengths: &[u64]) {
        let labels = [("channel_id", CHANNEL), ("root_id", &*self.root)];
        self.sidecar.add(id, &labels, lengths);
    }

    async fn uploads(&self, how: Value) -> u64 {
        let answer = self.server.control("/host/uploads", how).await;
        answer["stalled"].as_u64().unwrap()
    }

    async fn die(self) -> Self {
        let server = self.server.crash_and_restart(free_udp_port());
        self.sidecar.expire();
        let world = Self { server, ..self };
        world.publish().await;
        world
    }

    /// It is posted once, and members get its files as the sidecar has them.
    async fn is_published(&self, id: &str) {
        self.sidecar.reaches(id, RecordingState::Verified).await;
        let path = format!("/api/v4/posts/{}/thread", self.root);
        let (_, thread) = self.server.http("GET", &path, &self.member, b"").await;
        let thread: Value = serde_json::from_slice(&thread).unwrap();
        let posts = thread["posts"].as_object().unwrap().values();
        let posts: Vec<_> = posts
            .filter(|post| post["props"]["recording_id"] == id)
            .collect();
        assert_eq!(posts.len(), 1, "{thread}");
        let recording = self.sidecar.get(id);
        assert_eq!(recording.post_id, posts[0]["id"]);
        let shown = posts[0]["metadata"]["files"].as_array().unwrap();
        assert_eq!(shown.len(), recording.files.len());
        for file in &recording.files {
            let path = format!("/api/v4/files/{}", file.file_id);
            let (status, bytes) = self.server.http("GET", &path, &self.member, b"").await;
            assert_eq!(status, 200);
            assert_eq!(bytes.len() as u64, file.bytes);
            assert_eq!(Sha256::digest(&bytes)[..], file.sha256[..]);
        }
    }
}

#[tokio::test]
async fn a_recording_is_posted_and_played_in_parts_by_members_alone() {
    let Some(world) = World::new().await else {
        return;
    };
    world.add("it", &[6 * MIB + 3, 500]);
    world.is_published("it").await;
    let recording = world.sidecar.get("it");
    let path = format!("/api/v4/files/{}", recording.files[0].file_id);
    let headers = format!(
        "authorization: Bearer {}\r\nrange: bytes=5-14\r\n",
        world.member
    );
    let (status, lines, bytes) = world
        .server
        .request("GET", &path, headers.as_bytes(), b"")
        .await;
    assert_eq!(status, 206, "{lines:?}");
    let wanted: Vec<u8> = (5..15).map(sidecar::byte).collect();
    assert_eq!(bytes, wanted);
    let kind = "Content-Type: video/webm";
    assert!(lines.iter().any(|line| line == kind), "{lines:?}");
    let (status, _) = world.server.http("GET", &path, &world.stranger, b"").await;
    assert_eq!(status, 403);
    world.server.assert_healthy();
}

#[tokio::test]
async fn a_server_that_refuses_files_for_a_while_gets_them_later() {
    let Some(world) = World::new().await else {
        return;
    };
    world.uploads(json!({"refused": true})).await;
    world.add("it", &[MIB]);
    let start = std::time::Instant::now();
    while world.sidecar.get("it").failures == 0 {
        assert!(start.elapsed() < PATIENCE, "{:?}", world.sidecar.told());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(
        world.sidecar.get("it").failure,
        "beginning an upload: unavailable"
    );
    world.uploads(json!({})).await;
    world.is_published("it").await;
}

/// In its first piece, and in its second, of which the dead server has written more than it counted.
#[tokio::test]
async fn a_server_that_dies_in_the_middle_of_a_file_has_it_right_in_the_end() {
    for appends in [false, true] {
        let Some(world) = World::new().await else {
            return;
        };
        let how = json!({"stall_after": 3 * MIB, "stall_appends": appends});
        world.uploads(how.clone()).await;
        world.add("it", &[70 * MIB]);
        let start = std::time::Instant::now();
        while world.uploads(how.clone()).await == 0 {
            assert!(start.elapsed() < PATIENCE, "{:?}", world.sidecar.told());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let world = world.die().await;
        world.is_published("it").await;
    }
}
