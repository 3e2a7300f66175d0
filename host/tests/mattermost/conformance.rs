//! The adapter against the suite that every adapter passes: as a plugin of its own, told what there is by a
//! command (`examples/conformance_plugin.rs`).

use serde_json::json;

use crate::server::{CHANNEL, ID, Server, TEAM, conformance_plugin};

#[tokio::test]
async fn the_mattermost_adapter_conforms() {
    let Some(server) = Server::start(&[(ID, conformance_plugin())]).await else {
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
