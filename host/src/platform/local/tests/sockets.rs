//! WebSockets: authentication, sequence numbers, filters, the way to the plugin.

use serde_json::json;

use super::*;
use crate::hooks::Value as Given;
use crate::platform::{Broadcast, Platform};

#[tokio::test]
async fn hello_comes_first_with_sequence_zero_and_pings_are_answered() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let port = world.listen().await;
    let bearer = format!("Bearer {}", carol.token);
    let mut socket = Socket::open(port, "", &[("authorization", &bearer)])
        .await
        .unwrap();
    let hello = socket.next().await.unwrap();
    assert_eq!(
        (hello["event"].as_str(), hello["seq"].as_i64()),
        (Some("hello"), Some(0))
    );
    assert!(hello["broadcast"].is_object());
    assert_eq!(hello["data"]["connection_id"].as_str().unwrap().len(), 26);
    socket.send(json!({"action": "ping", "seq": 7})).await;
    let pong = socket.reply(7).await;
    assert_eq!(
        (pong["status"].as_str(), pong["data"]["text"].as_str()),
        (Some("OK"), Some("pong"))
    );
    socket.send(json!({"action": "nonsense", "seq": 8})).await;
    assert_eq!(socket.reply(8).await["status"], "FAIL");
    socket.send(json!({"action": "ping"})).await;
    assert_eq!(
        socket.reply(0).await["error"]["id"],
        "api.web_socket_router.bad_seq.app_error"
    );
}

#[tokio::test]
async fn cookies_work_from_our_own_origin_only() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let port = world.listen().await;
    let cookie = format!("MMAUTHTOKEN={}", carol.token);
    let own = format!("http://127.0.0.1:{port}");
    let mut socket = Socket::open(port, "", &[("cookie", &cookie), ("origin", &own)])
        .await
        .unwrap();
    socket.event("hello").await;
    // The site's address, behind a proxy.
    let site = "http://localhost:8065";
    let mut socket = Socket::open(port, "", &[("cookie", &cookie), ("origin", site)])
        .await
        .unwrap();
    socket.event("hello").await;
    for foreign in ["http://evil.example", "null", "http://127.0.0.1:1"] {
        assert!(
            Socket::open(port, "", &[("cookie", &cookie), ("origin", foreign)])
                .await
                .is_err()
        );
    }
}

#[tokio::test]
async fn a_challenge_authenticates_and_nothing_else_does() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let port = world.listen().await;
    let mut socket = Socket::open(port, "", &[]).await.unwrap();
    socket.send(json!({"action": "ping", "seq": 1})).await;
    assert_eq!(socket.reply(1).await["status"], "FAIL");
    let data = json!({"token": carol.token});
    socket
        .send(json!({"action": "authentication_challenge", "seq": 2, "data": data}))
        .await;
    socket.event("hello").await;
    assert_eq!(socket.reply(2).await["status"], "OK");
    let mut wrong = Socket::open(port, "", &[]).await.unwrap();
    let data = json!({"token": "x".repeat(26)});
    wrong
        .send(json!({"action": "authentication_challenge", "seq": 1, "data": data}))
        .await;
    assert!(wrong.closed().await);
}

#[tokio::test]
async fn sequence_counts_what_this_connection_got() {
    let world = World::new().await;
    let (carol, dave) = (world.member("carol").await, world.member("dave").await);
    let port = world.listen().await;
    let mut first = world.connect(port, &carol).await;
    let mut second = world.connect(port, &dave).await;
    let publish = |name: &'static str, to: Broadcast| {
        let local = &world.local;
        async move { local.publish_event(name, r#"{"n":1}"#, to).await.unwrap() }
    };
    let channel = Broadcast {
        channel_id: world.open.clone(),
        ..Broadcast::default()
    };
    let user = Broadcast {
        user_id: carol.id.clone(),
        ..channel.clone()
    };
    let connection = Broadcast {
        connection_id: second.connection_id.clone(),
        ..channel.clone()
    };
    let omit = Broadcast {
        omit_user_ids: vec![dave.id.clone()],
        ..channel.clone()
    };
    publish("to_channel", channel.clone()).await;
    publish("to_user", user).await;
    publish("to_connection", connection).await;
    publish("omit", omit).await;
    publish("last", channel).await;
    for (socket, expected) in [
        (
            &mut first,
            ["to_channel", "to_user", "omit", "last"].as_slice(),
        ),
        (
            &mut second,
            ["to_channel", "to_connection", "last"].as_slice(),
        ),
    ] {
        let all = socket.drain().await;
        // Its own `status_change` came first.
        let seqs: Vec<i64> = all.iter().map(|e| e["seq"].as_i64().unwrap()).collect();
        assert_eq!(seqs, (1..=seqs.len() as i64).collect::<Vec<_>>());
        let prefix = format!("custom_{PLUGIN}_");
        let names: Vec<&str> = all
            .iter()
            .filter_map(|e| e["event"].as_str().unwrap().strip_prefix(&prefix))
            .collect();
        assert_eq!(names, expected);
        let custom = all
            .iter()
            .find(|e| e["event"] == format!("{prefix}last"))
            .unwrap();
        assert_eq!(custom["data"], json!({"n": 1}));
        assert_eq!(custom["broadcast"]["channel_id"], world.open);
    }
}

#[tokio::test]
async fn client_messages_reach_the_plugin_in_order_without_reply() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let port = world.listen().await;
    let mut socket = world.connect(port, &carol).await;
    let connection = socket.connection_id.clone();
    *world.hooks.message_takes.lock().unwrap() = Duration::from_millis(10);
    for n in 0..20 {
        let action = format!("custom_{PLUGIN}_step");
        socket
            .send(json!({"action": action, "seq": n + 1, "data": {"n": n}}))
            .await;
    }
    let bytes = rmpv::Value::Map(vec![
        ("action".into(), format!("custom_{PLUGIN}_sdp").into()),
        ("seq".into(), 21.into()),
        (
            "data".into(),
            rmpv::Value::Map(vec![("data".into(), rmpv::Value::Binary(vec![1, 2]))]),
        ),
    ]);
    let mut frame = Vec::new();
    rmpv::encode::write_value(&mut frame, &bytes).unwrap();
    socket.send_bytes(frame).await;
    socket
        .send(json!({"action": "custom_other_thing", "seq": 22}))
        .await;
    socket.send(json!({"action": "ping", "seq": 23})).await;
    let mut frames = Vec::new();
    loop {
        let frame = socket.next().await.expect("the ping is answered");
        if frame["seq_reply"] == 23 {
            break;
        }
        frames.push(frame);
    }
    assert!(
        frames.iter().all(|f| f.get("seq_reply").is_none()),
        "{frames:?}"
    );
    for _ in 0..100 {
        if world.hooks.messages.lock().unwrap().len() == 21 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let messages = world.hooks.messages.lock().unwrap().clone();
    let numbers: Vec<Given> = messages[..20].iter().map(|m| m.data[0].1.clone()).collect();
    assert_eq!(
        numbers,
        (0..20)
            .map(|n| Given::Number(f64::from(n)))
            .collect::<Vec<_>>()
    );
    let last = &messages[20];
    assert_eq!(
        (last.action.as_str(), &last.data[0].1),
        ("sdp", &Given::Bytes(vec![1, 2]))
    );
    assert_eq!(
        (last.user_id.as_str(), &last.connection_id),
        (carol.id.as_str(), &connection)
    );
    assert_eq!(last.login_session_id.len(), 26);
    assert!(!last.is_mobile);
    assert_eq!(messages.len(), 21);
}

#[tokio::test]
async fn the_plugin_hears_connect_messages_and_disconnect_in_order() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let port = world.listen().await;
    let mut socket = world.connect(port, &carol).await;
    let (connection_id, user_id) = (socket.connection_id.clone(), carol.id.clone());
    socket
        .send(json!({"action": format!("custom_{PLUGIN}_leave"), "seq": 1}))
        .await;
    socket.close().await;
    let gone = PlatformEvent::Disconnected {
        connection_id: connection_id.clone(),
        user_id: user_id.clone(),
    };
    world.heard(|e| *e == gone).await;
    assert_eq!(world.hooks.messages.lock().unwrap()[0].action, "leave");
    let events = world.hooks.events.lock().unwrap().clone();
    let there = PlatformEvent::Connected {
        connection_id,
        user_id,
    };
    let at = |event: &PlatformEvent| events.iter().position(|e| e == event).unwrap();
    assert!(at(&there) < at(&gone));
}

#[tokio::test]
async fn a_reconnect_gets_a_new_connection_and_hello() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let port = world.listen().await;
    let first = world.connect(port, &carol).await;
    let id = first.connection_id.clone();
    first.close().await;
    let second = world.connect(port, &carol).await;
    assert_ne!(second.connection_id, id);
}

#[tokio::test]
async fn logging_out_closes_the_sockets_of_that_session_only() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let other = Person {
        token: world.local.create_session(&carol.id).await.unwrap(),
        ..carol.clone()
    };
    let port = world.listen().await;
    let (mut gone, mut stays) = (
        world.connect(port, &carol).await,
        world.connect(port, &other).await,
    );
    world
        .post(&carol, "/users/logout", json!({}))
        .await
        .expect(200);
    assert!(gone.closed().await);
    stays.send(json!({"action": "ping", "seq": 1})).await;
    assert_eq!(stays.reply(1).await["status"], "OK");
    for _ in 0..100 {
        if world.local.connections() == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the connection is still counted");
}

#[tokio::test]
async fn typing_reaches_the_others_of_the_channel() {
    let world = World::new().await;
    let (carol, dave) = (world.member("carol").await, world.member("dave").await);
    let erin = world.stranger("erin").await;
    let port = world.listen().await;
    let (mut a, mut b) = (
        world.connect(port, &carol).await,
        world.connect(port, &dave).await,
    );
    let data = json!({"channel_id": world.open, "parent_id": ""});
    a.send(json!({"action": "user_typing", "seq": 1, "data": data}))
        .await;
    assert_eq!(b.event("typing").await["data"]["user_id"], carol.id);
    assert!(a.drain().await.iter().all(|f| f["event"] != "typing"));
    let mut e = world.connect(port, &erin).await;
    e.send(json!({"action": "user_typing", "seq": 1, "data": data}))
        .await;
    assert_eq!(e.reply(1).await["status"], "FAIL");
}

#[tokio::test]
async fn the_end_of_the_server_closes_every_socket() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let port = world.listen().await;
    let mut socket = world.connect(port, &carol).await;
    world.local.close_connections();
    assert!(socket.closed().await);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off_and_counted() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let attached = world
        .local
        .hub
        .attach(&carol.id, "session", "11.0.0")
        .unwrap();
    for n in 0..300 {
        let to = Broadcast {
            user_id: carol.id.clone(),
            ..Broadcast::default()
        };
        world
            .local
            .publish_event("x", &json!({"n": n}).to_string(), to)
            .await
            .unwrap();
    }
    assert!(attached.closed.is_cancelled());
    let counted = world
        .local
        .drops()
        .slow_clients
        .load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(counted, 1);
}
