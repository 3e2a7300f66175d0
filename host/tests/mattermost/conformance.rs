//! The adapter against the suite that every adapter passes: as a plugin of its own, told what there is by a
//! command (`examples/conformance_plugin.rs`).

use serde_json::json;

use crate::postgres::Postgres;
use crate::server::{CHANNEL, ID, Server, TEAM, conformance_plugin};

#[tokio::test]
async fn the_mattermost_adapter_conforms() {
    let plugins = [(ID, conformance_plugin())];
    // Where there is one, over a database, as a real server.
    let database = Postgres::start();
    let dsn = database.as_ref().map(Postgres::dsn).unwrap_or_default();
    let arguments: &[&str] = if dsn.is_empty() { &[] } else { &["-dsn", &dsn] };
    let Some(server) = Server::start_node(&plugins, json!({}), arguments, true).await else {
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
