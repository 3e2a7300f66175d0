//! Phones that ring for a call in a direct or group message.

use serde_json::{Value, json};

use crate::server::{ADMIN, CHANNEL, Server};

/// A message of these people; with two of them a direct one.
async fn message(server: &Server, members: &[&str]) -> String {
    let kind = if members.len() == 2 { "D" } else { "G" };
    let body = json!({"channel": {"type": kind}, "members": members});
    let channel = server.control("/host/channels", body).await;
    channel["id"].as_str().unwrap().to_owned()
}

/// The admin starts a call there.
async fn call(server: &Server, channel: &str) {
    let body = json!({"command": "/call start", "channel_id": channel});
    let answer = server.control("/host/execute", body).await;
    assert!(answer["text"].to_string().contains("/join/"), "{answer}");
}

/// Whose phones got something, by whom, and what; `refused` = of what the server sent not.
async fn pushed(server: &Server, method: &str) -> Vec<(String, String, Value)> {
    let pushes = server.effects(method).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    pushes
        .into_iter()
        .map(|push| {
            let (user, by) = (text(&push["user"]), text(&push["by"]));
            (user, by, push["notification"].clone())
        })
        .collect()
}

#[tokio::test]
async fn l47_a_call_rings_once_and_the_servers_own_notification_is_left_out() {
    let Some(server) = Server::with_plugin().await else {
        return;
    };
    let (bob, _) = server.user("bob").await;
    let (carol, _) = server.user("carol").await;
    let (dave, _) = server.user("dave").await;
    let (eve, _) = server.user("eve").await;
    let patch = async |user: &str, patch: Value| {
        server.control(&format!("/host/users/{user}"), patch).await;
    };
    patch(ADMIN, json!({"first_name": "Ada", "last_name": "Admin"})).await;
    patch(&carol, json!({"locale": "de"})).await;
    patch(&eve, json!({"notify_props": {"push": "none"}})).await;
    let dnd = json!({"status": "dnd"});
    server
        .control(&format!("/host/users/{dave}/status"), dnd)
        .await;
    let group = message(&server, &[ADMIN, &bob, &carol, &dave, &eve]).await;
    call(&server, &group).await;
    // The server would have told those two as well.
    server.until_effects("PushRefused", 2).await;
    server.until_effects("Push", 2).await;
    let mut all = pushed(&server, "Push").await;
    all.sort_by_key(|(user, ..)| *user == carol);
    let [(first, by, english), (second, _, german)] = &all[..] else {
        panic!("{all:?}");
    };
    assert_eq!((first, second, by.as_str()), (&bob, &carol, "plugin"));
    let post = &server.effects("CreatePost").await[0]["id"];
    for (field, wanted) in [
        ("type", "message"),
        ("sub_type", "calls"),
        ("transport", "voip"),
        ("version", "v2"),
        ("channel_id", &*group),
        ("sender_id", ADMIN),
        ("sender_name", "sysadmin"),
        ("channel_name", "carol, dave, eve, sysadmin"),
        ("message", "\u{200b}sysadmin is inviting you to a call"),
    ] {
        assert_eq!(english[field], wanted, "{english}");
    }
    assert_eq!(&english["post_id"], post);
    let text = german["message"].as_str().unwrap();
    assert!(text.contains("lädt dich"), "{text}");

    // The next one without names: the admin wants it so.
    let contents = json!({"EmailSettings": {"PushNotificationContents": "id_loaded"}});
    server.control("/host/config", contents).await;
    server.set(json!({})).await;
    let direct = message(&server, &[ADMIN, &bob]).await;
    call(&server, &direct).await;
    server.until_effects("Push", 3).await;
    let last = pushed(&server, "Push").await.pop().unwrap().2;
    assert_eq!(last["message"], "You've been invited to a call");
    assert_eq!(last["is_id_loaded"], true);
    assert_eq!(
        (last.get("sender_name"), last.get("channel_name")),
        (None, None)
    );

    // In a channel nobody's phone rings, and other notifications pass.
    call(&server, CHANNEL).await;
    let other = json!({
        "user": bob, "push_post_type": "", "push_channel_type": "D",
        "push": {"type": "message", "message": "hello"},
    });
    let answer = server.hook("NotificationWillBePushed", other).await;
    assert_eq!(answer, json!({"notification": null, "reason": ""}));
    assert_eq!(pushed(&server, "Push").await.len(), 3);
    server.assert_healthy();
}
