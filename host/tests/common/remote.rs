//! A sidecar as an admin starts it, for hosts on other machines.

use std::path::{Path, PathBuf};
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

    /// Kills it and starts it again on the same port.
    pub(crate) fn crash_and_restart(&mut self, args: &[&str]) {
        self.kill();
        (self.process, _) = spawn(self.folder.path(), self.port, args);
    }

    pub(crate) fn kill(&mut self) {
        signal(self.process.id(), "KILL");
        self.process.wait().unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
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
