//! A sidecar for hosts on other machines: who gets in, and what strangers cost.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use common::{TOKEN, WithToken, binary, get_info, http_get, until};
use hyper_util::rt::TokioIo;
use parley_proto::launch::{LaunchInfo, RuntimeFiles};
use parley_proto::v1::GetHealthRequest;
use parley_proto::v1::info_client::InfoClient;
use parley_proto::v1::node_client::NodeClient;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tonic::Code;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

/// A sidecar as an admin starts it; killed when dropped.
struct Remote {
    child: Child,
    address: SocketAddr,
    http: SocketAddr,
    folder: tempfile::TempDir,
}

impl Drop for Remote {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Remote {
    async fn start(tls: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("token"), format!("{TOKEN}\n")).unwrap();
        let mut config = format!(
            "runtime_dir = \"{}\"\ngrpc_listen = \"127.0.0.1:0\"\ntoken_file = \"{}\"\n\
             http_listen = \"127.0.0.1:0\"\nmedia_port = 0\nmedia_addresses = [\"127.0.0.1\"]\n",
            path("run"),
            path("token"),
        );
        if tls {
            certify(folder.path());
            config += &format!(
                "grpc_tls_cert = \"{}\"\ngrpc_tls_key = \"{}\"\n",
                path("cert"),
                path("key")
            );
        }
        std::fs::write(path("config"), config).unwrap();
        let child = binary()
            .args(["--config", &path("config")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(path("log")).unwrap())
            .spawn()
            .unwrap();
        let lock = RuntimeFiles::of(&folder.path().join("run")).lock;
        let info = until("it serves", || {
            let text = std::fs::read_to_string(&lock).ok()?;
            serde_json::from_str::<LaunchInfo>(&text).ok()
        });
        let info = info.await;
        Self {
            address: info.grpc.unwrap(),
            http: info.http.unwrap(),
            child,
            folder,
        }
    }

    /// Connections that it counts as refused.
    fn refused(&self) -> u32 {
        let (_, metrics) = http_get(self.http, "/metrics");
        let line = metrics
            .lines()
            .find(|line| line.contains("strangers_refused_total "));
        let line = line.unwrap_or_else(|| panic!("{metrics}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// A TCP connection from an address of this machine.
    async fn tcp(&self, from: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket
            .bind(SocketAddr::new(from.parse().unwrap(), 0))
            .unwrap();
        socket.connect(self.address).await.unwrap()
    }

    async fn channel(&self, from: &str) -> Channel {
        let mut stream = Some(self.tcp(from).await);
        Endpoint::from_static("http://sidecar")
            .connect_with_connector(tower::service_fn(move |_| {
                let stream = stream
                    .take()
                    .ok_or_else(|| std::io::Error::other("one connection"));
                async move { stream.map(TokioIo::new) }
            }))
            .await
            .unwrap()
    }

    /// A host that introduced itself.
    async fn host(&self, from: &str) -> NodeClient<InterceptedService<Channel, WithToken>> {
        let service = InterceptedService::new(self.channel(from).await, WithToken(TOKEN));
        let mut info = InfoClient::new(service.clone());
        info.get_info(get_info()).await.unwrap();
        NodeClient::new(service)
    }

    /// The certificate that it shows.
    async fn certificate(&self) -> CertificateDer<'static> {
        let mut roots = RootCertStore::empty();
        let authority = std::fs::read(self.folder.path().join("cert.der")).unwrap();
        roots.add(authority.into()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let stream = self.tcp("127.0.0.1").await;
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0]
            .clone()
            .into_owned()
    }
}

/// Writes a new self-signed certificate.
fn certify(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.der"), made.cert.der()).unwrap();
    std::fs::write(folder.join("cert"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key"), made.signing_key.serialize_pem()).unwrap();
}

#[tokio::test]
async fn who_does_not_show_the_token_is_refused_and_soon_cut_off() {
    let remote = Remote::start(false).await;
    let wrong = "1".repeat(TOKEN.len());
    let channel = remote.channel("127.0.0.1").await;
    for n in 0..20 {
        let mut request = tonic::Request::new(get_info());
        let token = format!("Bearer {wrong}").parse().unwrap();
        request.metadata_mut().insert("authorization", token);
        let refused = InfoClient::new(channel.clone())
            .get_info(request)
            .await
            .unwrap_err();
        if refused.code() != Code::Unauthenticated {
            assert!((8..=9).contains(&n), "cut off after {n}");
            return;
        }
    }
    panic!("never cut off");
}

#[tokio::test]
async fn a_flood_of_strangers_keeps_no_host_out() {
    let remote = Remote::start(false).await;
    let mut host = remote.host("127.0.0.1").await;
    let mut strangers = Vec::new();
    for _ in 0..100 {
        strangers.push(remote.tcp("127.0.0.3").await);
    }
    // All but a few are closed without a word; who is kept gets the first frame of HTTP/2.
    let mut kept = 0;
    for stranger in &mut strangers {
        let first = tokio::time::timeout(Duration::from_secs(5), stranger.read_u8());
        kept += usize::from(!matches!(first.await, Ok(Err(_))));
    }
    assert!((1..=8).contains(&kept), "{kept} strangers were kept");
    host.get_health(GetHealthRequest {}).await.unwrap();
    let refused = remote.refused();
    // The last of them when who was kept said nothing for 10 s.
    assert!((92..=100).contains(&refused), "{refused} were counted");
    let mut other = remote.host("127.0.0.2").await;
    other.get_health(GetHealthRequest {}).await.unwrap();
}

#[tokio::test]
async fn a_new_certificate_is_taken_without_a_restart() {
    let remote = Remote::start(true).await;
    let first = remote.certificate().await;
    certify(remote.folder.path());
    let pid = rustix::process::Pid::from_child(&remote.child);
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    let log = remote.folder.path().join("log");
    until("it is read", || {
        let log = std::fs::read_to_string(&log).unwrap();
        log.contains("read anew").then_some(())
    })
    .await;
    assert_ne!(remote.certificate().await, first);
}

#[test]
fn the_arguments_are_explained_and_refused_by_name() {
    let said = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_parley-sidecar"))
            .args(args)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        (output.status.code(), text)
    };
    let (code, help) = said(&["--help"]);
    assert_eq!(code, Some(0));
    for name in [
        "--grpc-listen",
        "--grpc-tls-cert",
        "--grpc-tls-key",
        "--token-file",
    ] {
        assert!(help.contains(name), "{help}");
    }
    let (code, text) = said(&["--check-config", "--grpc-listen", "0.0.0.0:8444"]);
    assert_eq!(code, Some(78));
    assert!(
        text.contains("grpc_listen: 0.0.0.0:8444 is reached from other machines"),
        "{text}"
    );
}
