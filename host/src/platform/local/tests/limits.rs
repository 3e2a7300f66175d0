//! What is over a limit is refused or dropped, and counted.

use std::sync::atomic::Ordering;
use std::time::Instant;

use serde_json::json;

use super::*;
use crate::platform::local::limits;

#[tokio::test]
async fn l17_a_flood_of_messages_is_dropped_and_counted() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let port = world.listen().await;
    let mut socket = world.connect(port, &carol).await;
    for n in 1..=150 {
        socket
            .send(json!({"action": format!("custom_{PLUGIN}_x"), "seq": n}))
            .await;
    }
    for _ in 0..100 {
        let dropped = world.local.drops().rate_limited.load(Ordering::Relaxed);
        let arrived = world.hooks.messages.lock().unwrap().len() as u64;
        if dropped + arrived == 150 {
            assert!((100..110).contains(&arrived), "{arrived}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("some messages are neither counted nor delivered");
}

async fn within(ms: u64, socket: &mut Socket) -> Option<Value> {
    let next = tokio::time::timeout(Duration::from_millis(ms), socket.next());
    next.await.ok().flatten()
}

#[tokio::test]
async fn a_dropped_message_is_answered_once_a_second() {
    let (answers, dropped) = flood("user_typing").await;
    assert!(dropped > 100, "{dropped}");
    let refused: Vec<_> = answers
        .iter()
        .filter(|answer| answer["error"]["status_code"] == 429)
        .collect();
    // At once, and after one and two seconds.
    assert!((2..=4).contains(&refused.len()), "{refused:?}");
    for answer in refused {
        assert_eq!(answer["status"], "FAIL");
        assert!(answer["seq_reply"].as_i64().unwrap() > 100);
    }
}

/// No server answers a plugin's action, and a client of the published protocol ends at a frame that is no
/// event: who sent too much hears of it by an event, in its order.
#[tokio::test]
async fn l17_a_dropped_action_of_the_plugin_is_told_by_an_event_and_never_answered() {
    let action = format!("custom_{PLUGIN}_mute");
    let (heard, dropped) = flood(&action).await;
    assert!(dropped > 100, "{dropped}");
    assert!((2..=4).contains(&heard.len()), "{heard:?}");
    for (place, event) in heard.iter().enumerate() {
        assert_eq!(event["event"], format!("custom_{PLUGIN}_parley_dropped"));
        assert_eq!(event["data"]["action"], "mute");
        let connection = &event["broadcast"]["connection_id"];
        assert_eq!(&event["data"]["connID"], connection);
        assert_eq!(
            event["seq"],
            heard[0]["seq"].as_u64().unwrap() + place as u64
        );
    }
    let (heard, dropped) = flood("custom_another.plugin_x").await;
    assert!(dropped > 100 && heard.is_empty(), "{heard:?}");
}

/// Stays over the limit for two seconds and a half; what the platform says to that, and how many messages it
/// dropped.
async fn flood(action: &str) -> (Vec<Value>, u64) {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let port = world.listen().await;
    let mut socket = world.connect(port, &carol).await;
    let mut heard = Vec::new();
    let started = Instant::now();
    let mut seq = 0;
    while started.elapsed() < Duration::from_millis(2_500) {
        for _ in 0..20 {
            seq += 1;
            socket.send(json!({"action": action, "seq": seq})).await;
        }
        while let Some(message) = within(20, &mut socket).await {
            let other = message["event"] == "status_change" || message["event"] == "hello";
            if !other {
                heard.push(message);
            }
        }
    }
    let dropped = world.local.drops().rate_limited.load(Ordering::Relaxed);
    (heard, dropped)
}

#[tokio::test]
async fn a_dropped_message_without_a_number_is_not_answered() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let port = world.listen().await;
    let mut socket = world.connect(port, &carol).await;
    for _ in 0..150 {
        socket.send(json!({"action": "user_typing"})).await;
    }
    while let Some(message) = within(300, &mut socket).await {
        assert_ne!(message["error"]["status_code"], 429, "{message}");
    }
    assert!(world.local.drops().rate_limited.load(Ordering::Relaxed) > 0);
}

#[tokio::test]
async fn more_connections_are_no_way_around_the_limit() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let port = world.listen().await;
    // Kept open: what is not read yet is lost with its connection.
    let mut sockets = Vec::new();
    for _ in 0..6 {
        let mut socket = world.connect(port, &carol).await;
        for n in 1..=90 {
            socket
                .send(json!({"action": format!("custom_{PLUGIN}_x"), "seq": n}))
                .await;
        }
        sockets.push(socket);
    }
    let told = || {
        let dropped = world.local.drops().rate_limited.load(Ordering::Relaxed);
        let arrived = world.hooks.messages.lock().unwrap().len();
        (dropped, arrived)
    };
    let all_told = async {
        while told().0 + (told().1 as u64) < 6 * 90 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), all_told)
        .await
        .expect("each message is counted or delivered");
    let arrived = told().1;
    assert!((250..400).contains(&arrived), "{arrived}");
    assert!(world.local.drops().rate_limited.load(Ordering::Relaxed) > 100);
}

#[tokio::test]
async fn signed_out_people_do_not_keep_the_plugin_from_the_others() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let path = format!("/plugins/{PLUGIN}/version");
    let bearer = format!("Bearer {}", carol.token);
    *world.hooks.answer_takes.lock().unwrap() = Duration::from_millis(700);
    let anonymous =
        (0..limits::PLUGIN_ANONYMOUS_AT_ONCE + 4).map(|_| world.raw("GET", &path, &[], ""));
    let headers = [("authorization", bearer.as_str())];
    let signed_in = world.raw("GET", &path, &headers, "");
    let look = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        let asked = world.hooks.requests.lock().unwrap();
        asked.iter().map(|r| r.user_id.clone()).collect::<Vec<_>>()
    };
    let (answers, _, asked) = tokio::join!(futures::future::join_all(anonymous), signed_in, look);
    assert!(asked.contains(&carol.id));
    assert_eq!(asked.len(), limits::PLUGIN_ANONYMOUS_AT_ONCE + 1);
    // The others had to wait for their turn only.
    assert!(answers.iter().all(|answer| answer.status == 202));
}

#[tokio::test]
async fn a_slow_plugin_fills_its_queue_and_no_more() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let port = world.listen().await;
    *world.hooks.message_takes.lock().unwrap() = Duration::from_secs(3_600);
    let mut sockets = Vec::new();
    for _ in 0..2 {
        sockets.push(world.connect(port, &carol).await);
    }
    // One connection's slowness is not the other's: each has its own queue.
    for socket in &mut sockets {
        for n in 1..=90 {
            socket
                .send(json!({"action": format!("custom_{PLUGIN}_x"), "seq": n}))
                .await;
        }
        socket.send(json!({"action": "ping", "seq": 99})).await;
        assert_eq!(socket.reply(99).await["status"], "OK");
    }
    assert_eq!(world.local.drops().plugin_queue.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn frames_over_the_limit_end_the_connection() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let port = world.listen().await;
    let mut socket = world.connect(port, &carol).await;
    let data = "x".repeat(limits::SOCKET_FRAME_BYTES_MAX);
    socket
        .send(json!({"action": "ping", "seq": 1, "data": {"x": data}}))
        .await;
    assert!(socket.closed().await);
}

#[tokio::test]
async fn garbage_is_counted_and_harmless() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let port = world.listen().await;
    let mut socket = world.connect(port, &carol).await;
    socket.send_bytes(vec![0xc1, 0xff]).await;
    socket.send(json!("no object")).await;
    socket.send(json!({"action": "ping", "seq": 1})).await;
    assert_eq!(socket.reply(1).await["status"], "OK");
    assert_eq!(world.local.drops().malformed.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn sockets_per_user_are_limited() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let port = world.listen().await;
    let mut sockets = Vec::new();
    for _ in 0..limits::SOCKETS_PER_USER_MAX {
        sockets.push(world.connect(port, &carol).await);
    }
    let bearer = format!("Bearer {}", carol.token);
    let mut more = Socket::open(port, "", &[("authorization", &bearer)])
        .await
        .unwrap();
    assert!(more.closed().await);
    sockets.pop().unwrap().close().await;
    let gone = async {
        while world.local.hub.len() >= limits::SOCKETS_PER_USER_MAX {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone)
        .await
        .expect("the closed one is gone");
    world.connect(port, &carol).await;
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let message = "x".repeat(limits::BODY_BYTES_MAX);
    let body = json!({"channel_id": world.open, "message": message});
    world.post(&carol, "/posts", body).await.error(413);
    let bearer = format!("Bearer {}", carol.token);
    let headers = [("authorization", bearer.as_str())];
    world
        .raw("POST", "/api/v4/posts", &headers, "{not json")
        .await
        .error(400);
}

#[tokio::test(start_paused = true)]
async fn one_users_flood_of_requests_is_refused_and_others_are_not() {
    let world = World::new().await;
    let (carol, dave) = (world.member("carol").await, world.member("dave").await);
    let mut refused = 0;
    for _ in 0..520 {
        refused += u64::from(world.get(&carol, "/users/me").await.status == 429);
    }
    assert_eq!(refused, 20);
    assert_eq!(
        world.local.drops().requests.load(Ordering::Relaxed),
        refused
    );
    world.get(&dave, "/users/me").await.expect(200);
    tokio::time::advance(Duration::from_secs(1)).await;
    world.get(&carol, "/users/me").await.expect(200);
}
