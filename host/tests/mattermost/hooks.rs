//! What the server tells the plugin, and what comes of it.

use std::time::{Duration, Instant};

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::common::PATIENCE;
use crate::people::Person;
use crate::server::{ADMIN, CHANNEL, ID, Server};

#[tokio::test]
async fn settings_are_checked_before_they_are_saved() {
    // No variable holds over the console's data folder.
    let variables = [("PARLEY_DATA_DIR", "")];
    let Some(server) = Server::with_environment(json!({}), &variables).await else {
        return;
    };
    let save = async |settings: Value| {
        let answer = server
            .hook("ConfigurationWillBeSaved", json!({"settings": settings}))
            .await;
        answer["error"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(
        save(json!({"mediaport": 8444, "defaultenabled": false})).await,
        ""
    );
    // Servers keep keys in lower case.
    let refused = save(json!({"disconnecttimeoutseconds": 1})).await;
    assert!(
        refused.starts_with("DisconnectTimeoutSeconds: "),
        "{refused}"
    );
    let refused = save(json!({"mediaport": "many"})).await;
    assert!(refused.starts_with("MediaPort: "), "{refused}");
    // An absolute path, but no folder: the plugin's next start would fail.
    let refused = save(json!({"datadir": "/proc/nowhere"})).await;
    assert!(refused.starts_with("DataDir: /proc/nowhere: "), "{refused}");
}

#[tokio::test]
async fn changed_settings_are_used() {
    let Some(server) = Server::with_plugin().await else {
        return;
    };
    let (_, token) = server.user("somebody").await;
    server.join(&token, CHANNEL).await;
    let config = format!("/plugins/{ID}/config");
    let video = async || {
        let (_, answer) = server.http("GET", &config, &token, b"").await;
        serde_json::from_slice::<Value>(&answer).unwrap()["EnableVideo"].clone()
    };
    assert_eq!(video().await, true);
    server.set(json!({"enablevideo": false})).await;
    assert_eq!(video().await, false);
}

#[tokio::test]
async fn a_clients_message_is_answered_on_its_connection() {
    let Some(server) = Server::with_plugin().await else {
        return;
    };
    let (_, token) = server.user("somebody").await;
    let mut socket = server.socket(&token).await;
    let ask = json!({
        "seq": 1,
        "action": format!("custom_{ID}_call_state"),
        "data": {"channelID": CHANNEL},
    });
    socket.send(Message::text(ask.to_string())).await.unwrap();
    // Not a member: refused, by an event for this connection alone.
    let answer = tokio::time::timeout(PATIENCE, async {
        loop {
            let message = socket.next().await.unwrap().unwrap();
            let Ok(text) = message.to_text() else {
                continue;
            };
            let event: Value = serde_json::from_str(text).unwrap();
            if event["event"] == format!("custom_{ID}_error") {
                return event;
            }
        }
    });
    let answer = answer.await.unwrap();
    assert_eq!(answer["data"]["code"], "no_permission", "{answer}");
}

#[tokio::test]
async fn an_archived_channel_ends_its_call() {
    let Some(server) = Server::with_plugin().await else {
        return;
    };
    server.command("/call start").await;
    let body = json!({"user": ADMIN, "channel": CHANNEL, "post_type": "system_channel_deleted"});
    server.hook("MessageHasBeenPosted", body).await;
    let ended = async || {
        let (_, status) = server.http("GET", "/host/status", "", b"").await;
        let status: Value = serde_json::from_slice(&status).unwrap();
        let name = format!("custom_{ID}_call_end");
        status["event_counts"][name].as_u64() == Some(1)
    };
    let wait = async {
        while !ended().await {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .expect("the call ends");
}

#[tokio::test]
async fn membership_and_deactivation_are_taken() {
    let Some(server) = Server::with_plugin().await else {
        return;
    };
    for hook in [
        "UserHasJoinedChannel",
        "UserHasLeftChannel",
        "UserHasBeenDeactivated",
    ] {
        let answer = server
            .hook(hook, json!({"user": ADMIN, "channel": CHANNEL}))
            .await;
        assert_eq!(answer, json!({}), "{hook}");
    }
    // A reply that Go cannot read would have ended its client for good.
    assert!(server.command("/call help").await.contains("/call"));
    server.assert_healthy();
}

/// The server says nothing of it, and leaves the socket open.
#[tokio::test]
async fn l43_who_is_signed_out_is_out_of_the_call_within_10_s() {
    let Some(server) = Server::with_plugin().await else {
        return;
    };
    let alice = Person::new(&server, "alice").await;
    let bob = Person::new(&server, "bob").await;
    for person in [&alice, &bob] {
        server.join(&person.token, CHANNEL).await;
    }
    let (mut a, mut b) = (alice.connect(&server).await, bob.connect(&server).await);
    a.join(CHANNEL).await;
    b.join(CHANNEL).await;
    a.about("user_joined", &b.id).await;
    let start = Instant::now();
    let path = "/api/v4/users/logout";
    let (status, _) = server.http("POST", path, &bob.token, b"").await;
    assert_eq!(status, 200);
    a.about("user_left", &b.id).await;
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(a.count("user_left"), 1, "alice stays");
}

#[tokio::test]
async fn another_nodes_word_does_no_harm() {
    let Some(server) = Server::with_plugin().await else {
        return;
    };
    // As from the plugin that this one replaces, on a node that is upgraded later. Bytes go as base64.
    let event = json!({"plugin": ID, "id": "some_event", "data": "aGn/"});
    assert_eq!(server.control("/host/cluster", event).await, json!({}));
    server.logged("some_event").await;
    assert!(server.command("/call help").await.contains("/call"));
    server.assert_healthy();
}

#[tokio::test]
async fn support_gets_what_it_asks_for_first() {
    let Some(server) = Server::with_plugin().await else {
        return;
    };
    let files = server.hook("GenerateSupportData", json!({})).await;
    assert_eq!(files[0]["name"], format!("{ID}.json"));
    let body: Value = serde_json::from_str(files[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["plugin_version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(body["media_server_connected"], true, "{body}");
}
