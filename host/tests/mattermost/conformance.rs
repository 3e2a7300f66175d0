//! The adapter against the suite that every adapter passes: as a plugin of its own, told what there is by a
//! command (`examples/conformance_plugin.rs`).

use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use crate::server::{CHANNEL, ID, Server, TEAM, host_executable};

/// The suite as a plugin, built if need be.
fn suite() -> PathBuf {
    let executable = host_executable()
        .with_file_name("examples")
        .join("conformance_plugin");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "parley-host"])
        .args(["--example", "conformance_plugin"])
        .status()
        .unwrap();
    assert!(built.success(), "the suite does not build");
    executable
}

#[tokio::test]
async fn the_mattermost_adapter_conforms() {
    let Some(server) = Server::start(&[(ID, suite())]).await else {
        return;
    };
    let answer = server.enable(ID).await;
    assert_eq!(answer["activated"], true, "{answer}");
    let (member, token) = server.user("member").await;
    server.join(&token, CHANNEL).await;
    let (stranger, _) = server.user("stranger").await;
    let world = json!({
        "plugin_id": ID,
        "team": TEAM,
        "channel": CHANNEL,
        "member": member,
        "member_name": "member",
        "stranger": stranger,
    });
    let report = server.command(&format!("/call {world}")).await;
    assert_eq!(report, "conforms", "{report}");
}
