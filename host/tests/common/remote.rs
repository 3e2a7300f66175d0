//! A sidecar as an admin starts it, for hosts on other machines.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use parley_proto::v1::info_client::InfoClient;
use parley_proto::v1::node_client::NodeClient;
use parley_proto::v1::{GetHealthRequest, GetInfoRequest};
use tonic::Request;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Endpoint;

use super::{PATIENCE, launched, sidecar, signal, until};

/// What hosts show.
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A started sidecar; killed when dropped.
pub(crate) struct RemoteSidecar {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl RemoteSidecar {
    /// On a free port of 127.0.0.1, with further arguments.
    pub(crate) fn start(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), format!("{TOKEN}\n")).unwrap();
        let (process, port) = spawn(folder.path(), 0, args);
        Self {
            process,
            port,
            folder,
        }
    }

    /// As [`Self::start`], with a certificate for these names.
    pub(crate) fn with_tls(names: &[&str]) -> (Self, Tls) {
        let tls = Tls::for_names(names);
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let (cert, key) = (file("cert", &tls.chain), file("key", &tls.key));
        let sidecar = Self::start(&["--grpc-tls-cert", &cert, "--grpc-tls-key", &key]);
        (sidecar, tls)
    }

    /// For the setting, with TLS.
    pub(crate) fn tls_address(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Of its end, which must come.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        until("the end", || self.process.try_wait().unwrap()).code()
    }

    /// For the setting.
    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Waits until it has so many rooms. Asked over the wire, without TLS.
    pub(crate) async fn has_rooms(&self, rooms: u32) {
        let channel = Endpoint::try_from(self.address()).unwrap();
        let channel = channel.connect().await.unwrap();
        let info = GetInfoRequest {
            protocol_major: parley_proto::PROTOCOL_MAJOR,
            protocol_minor: parley_proto::PROTOCOL_MINOR,
            host_id: "test".into(),
        };
        let mut client = InfoClient::new(channel.clone());
        client.get_info(with_token(info)).await.unwrap();
        let mut node = NodeClient::new(channel);
        let waiting = async {
            // Its figures are a second old.
            loop {
                let health = node.get_health(with_token(GetHealthRequest {})).await;
                if health.unwrap().into_inner().rooms == rooms {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(waited.is_ok(), "never {rooms} rooms");
    }

    /// After [`Self::kill`], on the same port.
    pub(crate) fn start_again(&mut self, args: &[&str]) {
        (self.process, _) = spawn(self.folder.path(), self.port, args);
    }

    pub(crate) fn kill(&mut self) {
        signal(self.process.id(), "KILL");
        self.process.wait().unwrap();
    }
}

/// A certificate, and the authority that made it.
pub(crate) struct Tls {
    pub(crate) authority: String,
    chain: String,
    key: String,
}

impl Tls {
    pub(crate) fn for_names(names: &[&str]) -> Self {
        use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let leaf = CertificateParams::new(names).unwrap();
        let leaf = leaf.signed_by(&key, &issuer).unwrap();
        Self {
            authority: authority_pem,
            chain: leaf.pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Drop for RemoteSidecar {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn with_token<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let token: AsciiMetadataValue = format!("Bearer {TOKEN}").parse().unwrap();
    request.metadata_mut().insert("authorization", token);
    request
}

fn spawn(folder: &Path, port: u16, args: &[&str]) -> (Child, u16) {
    let runtime = folder.join("run");
    let process = Command::new(sidecar())
        .arg("--runtime-dir")
        .arg(&runtime)
        .args(["--grpc-listen", &format!("127.0.0.1:{port}")])
        .arg("--token-file")
        .arg(folder.join("token"))
        .args(["--media-port", "0", "--media-address", "127.0.0.1"])
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = process.id();
    // The lock file of one that was killed stays.
    let info = until("the remote sidecar serves", || {
        launched(&runtime).filter(|info| info.pid == pid)
    });
    (process, info.grpc.unwrap().port())
}
