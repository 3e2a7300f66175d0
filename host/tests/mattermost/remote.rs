//! A media server that an admin runs.

use serde_json::{Value, json};

use crate::common::remote::{RemoteSidecar, TOKEN};
use crate::server::{ID, Server, host_executable};

/// The settings of a server whose media server is there.
fn settings(address: &str, token: &str) -> Value {
    json!({ID: {"sidecarmode": "remote", "sidecaraddress": address, "sidecartoken": token}})
}

#[tokio::test]
async fn calls_are_held_by_the_remote_media_server() {
    let remote = RemoteSidecar::start(&[]);
    let settings = settings(&remote.address(), TOKEN);
    let plugins = [(ID, host_executable())];
    let Some(server) = Server::start_with(&plugins, settings).await else {
        return;
    };
    assert_eq!(server.enable(ID).await["activated"], true);
    server.logged("connected to the remote media server").await;
    let started = server.command("/call start").await;
    assert!(started.contains("started a call"), "{started}");
    remote.has_rooms(1).await;
    // None of its own.
    assert!(crate::common::launched(&server.runtime_dir()).is_none());
    assert!(!server.log().contains(TOKEN));
}
