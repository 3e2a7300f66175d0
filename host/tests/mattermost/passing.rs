//! Requests and messages pass whole, in order, and as who sent them.

use futures::future::join_all;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::common::PATIENCE;
use crate::server::{ID, Server, conformance_plugin};

/// With the plugin that sends everything back.
async fn echoing() -> Option<Server> {
    let server = Server::start(&[(ID, conformance_plugin())]).await?;
    let answer = server.enable(ID).await;
    assert_eq!(answer["activated"], true, "{answer}");
    Some(server)
}

fn header<'a>(lines: &'a [String], name: &str) -> Vec<&'a str> {
    let prefix = format!("{name}: ");
    lines
        .iter()
        .filter_map(|line| line.strip_prefix(&prefix))
        .collect()
}

#[tokio::test]
async fn a_request_arrives_as_it_was_sent() {
    let Some(server) = echoing().await else {
        return;
    };
    let (user, token) = server.user("somebody").await;
    let path = format!("/plugins/{ID}/calls/a%20b/%C3%A4?x=1&y=a%26b");
    // One header twice, one of bytes that are no text, one that is the server's alone.
    let mut lines = format!(
        "authorization: Bearer {token}\r\nX-Back-Two: one\r\nX-Back-Two: two\r\n\
         Mattermost-User-Id: forged\r\nX-Back-Odd: "
    )
    .into_bytes();
    lines.extend(b"\xff\xfe\r\n");
    let (status, answer, body) = server.request("PUT", &path, &lines, b"hello").await;
    assert_eq!((status, &*body), (203, &b"hello"[..]), "{answer:?}");
    assert_eq!(
        header(&answer, "X-Seen"),
        ["PUT /calls/a%20b/%C3%A4?x=1&y=a%26b"]
    );
    assert_eq!(header(&answer, "X-User"), [user]);
    assert_eq!(header(&answer, "X-Back-Two"), ["one", "two"]);
    assert_eq!(header(&answer, "X-Back-Odd").len(), 1, "{answer:?}");
}

#[tokio::test]
async fn who_is_signed_out_is_nobody() {
    let Some(server) = echoing().await else {
        return;
    };
    let path = format!("/plugins/{ID}/x");
    let forged = b"Mattermost-User-Id: forged\r\n";
    let (status, answer, body) = server.request("GET", &path, forged, b"").await;
    assert_eq!((status, body.len()), (203, 0));
    assert_eq!(header(&answer, "X-Seen"), ["GET /x?"]);
    assert!(
        header(&answer, "X-User").iter().all(|user| user.is_empty()),
        "{answer:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_pass_whole_in_both_directions_and_to_the_right_one() {
    let Some(server) = echoing().await else {
        return;
    };
    let (_, token) = server.user("somebody").await;
    let path = format!("/plugins/{ID}/x");
    // Around the sizes of pieces, windows and the limit.
    let sizes = [
        0, 1, 32_768, 32_769, 262_143, 262_144, 262_145, 900_000, 1_048_576,
    ];
    let requests = (0..90usize).map(|n| {
        let size = sizes[n % sizes.len()];
        let body: Vec<u8> = (0..size).map(|at| (at * 31 + n * 7) as u8).collect();
        let (server, path, token) = (&server, &path, &token);
        async move {
            let (status, back) = server.http("POST", path, token, &body).await;
            assert_eq!((n, status, back.len()), (n, 203, size));
            assert!(back == body, "{n}: another body");
        }
    });
    join_all(requests).await;
    server.assert_healthy();
}

#[tokio::test]
async fn messages_of_a_connection_stay_in_order() {
    let Some(server) = echoing().await else {
        return;
    };
    let (user, token) = server.user("somebody").await;
    let mut socket = server.socket(&token).await;
    let message = |n: usize| {
        let data = json!({"n": n, "text": "t", "yes": true, "nothing": null, "list": [1, "a"]});
        let action = format!("custom_{ID}_step{n}");
        json!({"seq": n + 1, "action": action, "data": data}).to_string()
    };
    // For another plugin: not ours to see.
    let other = json!({"seq": 1, "action": "custom_com.example_step0", "data": {}});
    socket.send(Message::text(other.to_string())).await.unwrap();
    for n in 0..60 {
        socket.send(Message::text(message(n))).await.unwrap();
    }
    let mut echoes = Vec::new();
    let reading = async {
        while echoes.len() < 60 {
            let message = socket.next().await.unwrap().unwrap();
            let Ok(text) = message.to_text() else {
                continue;
            };
            let event: Value = serde_json::from_str(text).unwrap();
            if event["event"] == format!("custom_{ID}_echo") {
                echoes.push(event["data"].clone());
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("all messages");
    for (n, echo) in echoes.iter().enumerate() {
        assert_eq!(echo["action"], format!("step{n}"));
        assert_eq!(
            (&echo["user"], &echo["phone"]),
            (&Value::from(&*user), &false.into())
        );
        let data = echo["data"].as_str().unwrap();
        for part in [
            format!("(\"n\", Number({n}.0))"),
            "(\"text\", Text(\"t\"))".into(),
            "(\"yes\", Boolean(true))".into(),
            "(\"nothing\", Null)".into(),
            "(\"list\", Json(".into(),
        ] {
            assert!(data.contains(&part), "{part}: {data}");
        }
    }
}
