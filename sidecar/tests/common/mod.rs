//! Starts the real binary and talks to it as a host does.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used
)]

pub mod client;
pub mod stun;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hyper_util::rt::TokioIo;
use parley_proto::launch::{LaunchInfo, RuntimeFiles};
use parley_proto::v1;
use parley_proto::v1::info_client::InfoClient;
use tokio::net::UnixStream;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

pub const TOKEN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A started sidecar; killed when dropped.
pub struct Sidecar {
    pub child: Child,
    pub info: LaunchInfo,
    pub dir: PathBuf,
    _temp: Option<tempfile::TempDir>,
}

/// How a start went.
pub struct Failed {
    pub status: ExitStatus,
    pub stderr: String,
}

pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parley-sidecar"));
    command.env_clear().env("RUST_BACKTRACE", "1");
    command
}

impl Sidecar {
    pub fn start(args: &[&str]) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("run");
        let mut sidecar = Self::start_in(&dir, args).map_err(|f| f.stderr).unwrap();
        sidecar._temp = Some(temp);
        sidecar
    }

    /// Starts as a host does: token on stdin, ready line on stdout.
    pub fn start_in(dir: &Path, args: &[&str]) -> Result<Self, Failed> {
        Self::start_by(binary(), dir, args)
    }

    pub fn start_by(mut command: Command, dir: &Path, args: &[&str]) -> Result<Self, Failed> {
        let mut child = command
            .args(["--embedded", "--runtime-dir", dir.to_str().unwrap()])
            .args(["--token-fd", "0", "--ready-fd", "1", "--media-port", "0"])
            .args(["--media-address", "127.0.0.1,::1"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(TOKEN.as_bytes())
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        if line.is_empty() {
            let mut stderr = String::new();
            child
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut stderr)
                .unwrap();
            let status = child.wait().unwrap();
            return Err(Failed { status, stderr });
        }
        // The end of file shows that the process kept neither pipe.
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut rest)
            .unwrap();
        assert_eq!(rest, "");
        Ok(Self {
            child,
            info: serde_json::from_str(&line).unwrap(),
            dir: dir.to_owned(),
            _temp: None,
        })
    }

    pub fn files(&self) -> RuntimeFiles {
        RuntimeFiles::of(&self.dir)
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.info.log.as_ref().unwrap()).unwrap()
    }

    /// A connection without a word said.
    pub async fn channel(&self) -> Channel {
        let socket = self.info.socket.clone();
        Endpoint::from_static("http://sidecar")
            .connect_with_connector(tower::service_fn(move |_| {
                let socket = socket.clone();
                async move { UnixStream::connect(socket).await.map(TokioIo::new) }
            }))
            .await
            .unwrap()
    }

    /// A connection that said GetInfo.
    pub async fn host(&self) -> Host {
        let host = Host(InterceptedService::new(
            self.channel().await,
            WithToken(TOKEN),
        ));
        InfoClient::new(host.0.clone())
            .get_info(get_info())
            .await
            .unwrap();
        host
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for the end; panics when it takes longer than `most`.
    pub fn wait(&mut self, most: Duration) -> ExitStatus {
        let until = Instant::now() + most;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "still lives");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn media(&self) -> SocketAddr {
        SocketAddr::new([127, 0, 0, 1].into(), self.info.media_port)
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Clone)]
pub struct WithToken(pub &'static str);

impl Interceptor for WithToken {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let value = format!("Bearer {}", self.0).parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        Ok(request)
    }
}

pub type Service = InterceptedService<Channel, WithToken>;

/// An attached host.
#[derive(Clone)]
pub struct Host(pub Service);

impl Host {
    pub fn rooms(&self) -> v1::rooms_client::RoomsClient<Service> {
        v1::rooms_client::RoomsClient::new(self.0.clone())
    }

    pub fn sessions(&self) -> v1::sessions_client::SessionsClient<Service> {
        v1::sessions_client::SessionsClient::new(self.0.clone())
    }

    pub fn events(&self) -> v1::events_client::EventsClient<Service> {
        v1::events_client::EventsClient::new(self.0.clone())
    }

    pub fn node(&self) -> v1::node_client::NodeClient<Service> {
        v1::node_client::NodeClient::new(self.0.clone())
    }

    pub async fn open(&self, room: &str) {
        let request = v1::OpenRoomRequest {
            request_id: next_id(),
            room: Some(room_ref(room)),
            ..Default::default()
        };
        self.rooms().open_room(request).await.unwrap();
    }

    pub async fn join(&self, room: &str, session: &str) {
        let request = v1::JoinRequest {
            request_id: next_id(),
            session: Some(session_ref(room, session)),
            participant_id: format!("p-{session}"),
            connection_id: format!("c-{session}"),
            capabilities: Some(v1::Capabilities {
                dc_signaling: true,
                slots_v1: true,
                ..Default::default()
            }),
            ..Default::default()
        };
        self.sessions().join(request).await.unwrap();
    }

    /// Opens an event stream; requests go through the sender.
    pub async fn watch(&self, id: &str) -> Watch {
        let (requests, outgoing) = tokio::sync::mpsc::channel(64);
        let hello = v1::watch_request::Message::Hello(v1::Hello { host_id: id.into() });
        requests
            .send(v1::WatchRequest {
                message: Some(hello),
            })
            .await
            .unwrap();
        let stream = tokio_stream::wrappers::ReceiverStream::new(outgoing);
        let responses = self.events().watch(stream).await.unwrap().into_inner();
        Watch {
            requests,
            responses,
        }
    }
}

pub struct Watch {
    pub requests: tokio::sync::mpsc::Sender<v1::WatchRequest>,
    pub responses: tonic::Streaming<v1::WatchResponse>,
}

impl Watch {
    /// The next event; pings are answered, Ready is skipped.
    pub async fn event(&mut self) -> v1::Event {
        use v1::watch_response::Message;
        loop {
            let next = tokio::time::timeout(Duration::from_secs(5), self.responses.message());
            match next
                .await
                .expect("no event")
                .unwrap()
                .unwrap()
                .message
                .unwrap()
            {
                Message::Event(event) => return event,
                Message::Ping(ping) => {
                    let pong = v1::watch_request::Message::Pong(v1::Pong { nonce: ping.nonce });
                    self.requests
                        .send(v1::WatchRequest {
                            message: Some(pong),
                        })
                        .await
                        .unwrap();
                }
                Message::Ready(_) => {}
            }
        }
    }

    pub async fn ack(&self, event: &v1::Event) {
        let ack = v1::watch_request::Message::Ack(v1::Ack {
            room_id: event.room_id.clone(),
            generation: event.generation,
            seq: event.seq,
        });
        self.requests
            .send(v1::WatchRequest { message: Some(ack) })
            .await
            .unwrap();
    }
}

pub fn get_info() -> v1::GetInfoRequest {
    v1::GetInfoRequest {
        protocol_major: parley_proto::PROTOCOL_MAJOR,
        protocol_minor: parley_proto::PROTOCOL_MINOR,
        host_id: "test".into(),
    }
}

pub fn next_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("request-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub fn room_ref(room: &str) -> v1::RoomRef {
    v1::RoomRef {
        room_id: room.into(),
        generation: 1,
    }
}

pub fn session_ref(room: &str, session: &str) -> v1::SessionRef {
    v1::SessionRef {
        room_id: room.into(),
        generation: 1,
        session_id: session.into(),
    }
}

/// Status and body.
pub fn http_get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    (status, text.split_once("\r\n\r\n").unwrap().1.to_owned())
}

/// Waits until it is so; panics when it is not within 10 s.
pub async fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = found() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let Ok(found) = tokio::time::timeout(Duration::from_secs(10), looking).await else {
        panic!("never: {what}");
    };
    found
}
