//! The connection to a sidecar that an admin runs: real processes, TLS with an authority of our own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use common::remote::{RemoteSidecar, TOKEN, Tls};
use common::{PATIENCE, lives, signal};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use parley_host::media::{Connection, FixedLink, MediaLink as _};
use parley_host::sidecar::{Remote, RemoteConfig};
use parley_proto::trouble::Trouble;
use parley_proto::v1::info_server::{Info, InfoServer};
use parley_proto::v1::rooms_client::RoomsClient;
use parley_proto::v1::{GetInfoRequest, GetInfoResponse, ListRoomsRequest};
use tonic::{Request, Response, Status};

/// A host's end, connecting.
struct Host {
    link: FixedLink,
    remote: Remote,
}

impl Host {
    fn start(address: &str, token: &str, ca: &str) -> Self {
        let link = FixedLink::new(None);
        let config = RemoteConfig {
            address: address.parse().unwrap(),
            token: token.into(),
            ca: ca.to_owned(),
            host_id: "test-host".to_owned(),
        };
        Self {
            remote: Remote::start(config, link.clone()),
            link,
        }
    }

    async fn connected(&self) -> Connection {
        let mut link = self.link.connection();
        let found = tokio::time::timeout(PATIENCE, link.wait_for(Option::is_some));
        let found = found
            .await
            .unwrap_or_else(|_| panic!("{:?}", self.link.trouble()));
        found.unwrap().clone().unwrap()
    }

    async fn disconnected(&self) {
        let mut link = self.link.connection();
        let gone = tokio::time::timeout(PATIENCE, link.wait_for(Option::is_none));
        gone.await.expect("still connected").unwrap();
    }

    /// What it says when it does not get in.
    async fn trouble(&self) -> Trouble {
        let waiting = async {
            loop {
                if let Some(trouble) = self.link.trouble() {
                    return trouble;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        let trouble = tokio::time::timeout(PATIENCE, waiting)
            .await
            .expect("no trouble");
        assert!(self.link.connection().borrow().is_none());
        trouble
    }
}

async fn rooms(connection: &Connection) -> usize {
    let mut rooms = RoomsClient::new(connection.channel.clone());
    let answer = rooms.list_rooms(ListRoomsRequest {}).await;
    answer.unwrap().into_inner().rooms.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_with_an_authority_of_ones_own_calls_are_answered() {
    let (sidecar, tls) = RemoteSidecar::with_tls(&["calls.example.com", "127.0.0.1"]);
    let host = Host::start(&sidecar.tls_address(), TOKEN, &tls.authority);
    let connection = host.connected().await;
    assert_eq!(rooms(&connection).await, 0);
    assert_eq!(host.link.trouble(), None);
    host.remote.stop().await;
    assert!(host.link.connection().borrow().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_vouched_for_is_not_spoken_to() {
    let (sidecar, tls) = RemoteSidecar::with_tls(&["127.0.0.1"]);
    let other = Tls::for_names(&["127.0.0.1"]);
    // Another authority; the system's; the right one for another name.
    for authority in [&*other.authority, ""] {
        let host = Host::start(&sidecar.tls_address(), TOKEN, authority);
        assert_eq!(host.trouble().await, Trouble::Certificate);
    }
    let by_name = sidecar.tls_address().replace("127.0.0.1", "localhost");
    let host = Host::start(&by_name, TOKEN, &tls.authority);
    assert_eq!(host.trouble().await, Trouble::Certificate);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_is_told_from_a_wrong_way() {
    let (sidecar, tls) = RemoteSidecar::with_tls(&["127.0.0.1"]);
    let wrong = TOKEN.replace('0', "1");
    let host = Host::start(&sidecar.tls_address(), &wrong, &tls.authority);
    assert_eq!(host.trouble().await, Trouble::Token);
    // Without TLS to a port that speaks it.
    let plain = sidecar.tls_address().replace("https", "http");
    let host = Host::start(&plain, TOKEN, "");
    assert_eq!(host.trouble().await, Trouble::Unreachable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_sidecar_is_connected_to_again() {
    let mut sidecar = RemoteSidecar::start(&[]);
    let host = Host::start(&sidecar.address(), TOKEN, "");
    let first = host.connected().await;
    sidecar.kill();
    host.disconnected().await;
    assert_eq!(host.trouble().await, Trouble::Unreachable);
    sidecar.start_again(&[]);
    let second = host.connected().await;
    assert_ne!(first.start_id, second.start_id);
    assert_eq!(rooms(&second).await, 0);
    assert_eq!(host.link.trouble(), None);
}

/// Of a protocol that is no more, or not yet.
struct Old(u32);

#[tonic::async_trait]
impl Info for Old {
    async fn get_info(
        &self,
        request: Request<GetInfoRequest>,
    ) -> Result<Response<GetInfoResponse>, Status> {
        match self.0 {
            // As one of ours refuses a host of another version.
            0 => Err(Status::failed_precondition(format!(
                "protocol major {} is not ours, 0",
                request.get_ref().protocol_major
            ))),
            protocol_major => Ok(Response::new(GetInfoResponse {
                protocol_major,
                ..Default::default()
            })),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_protocol_is_refused_by_either_side() {
    for version in [0, 2] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(InfoServer::new(Old(version)));
            let _ = Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        let host = Host::start(&address, TOKEN, "");
        assert_eq!(host.trouble().await, Trouble::Protocol);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_serves_one_host_after_another_and_ends_in_order() {
    let mut sidecar = RemoteSidecar::start(&[]);
    let host = Host::start(&sidecar.address(), TOKEN, "");
    host.connected().await;
    host.remote.stop().await;
    let next = Host::start(&sidecar.address(), TOKEN, "");
    next.connected().await;
    assert!(lives(sidecar.pid()));
    signal(sidecar.pid(), "TERM");
    assert_eq!(sidecar.exit_code(), Some(0));
}
