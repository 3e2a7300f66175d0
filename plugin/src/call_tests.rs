//! Calls as a whole: starting, joining, the order and scope of events, ending, restarts.

use parley_proto::v1;
use v1::event::Kind;

use crate::env::{Env, PlatformEvent, Value};
use crate::ids::*;
use crate::testing::*;

#[test]
fn call_start_makes_record_room_post_event_and_answer() {
    let world = World::new();
    let answer = world.command("alice", "town", "/call start  Weekly   sync ");
    let link = format!(
        "https://chat.example.com/sub/plugins/app.parley.calls/join/{}",
        id("town")
    );
    assert!(answer.contains(&link), "{answer}");

    let record = world.record("town").unwrap();
    assert_eq!(
        (record.title.as_str(), record.generation),
        ("Weekly sync", 1)
    );
    assert_eq!(record.owner_id, user("alice"));
    let room = world.sidecar.only_room();
    assert_eq!(room.room.room_id, record.call_id.as_str());
    assert_eq!(room.policy.first_session_timeout_ms, 60_000);
    assert!(room.policy.end_when_empty);
    assert_eq!(room.policy.alone_timeout_ms, 15 * 60_000);
    assert_eq!(room.policy.alone_notice_ms, 14 * 60_000);
    assert_eq!(room.policy.media_timeout_ms, 60_000);
    assert_eq!(room.policy.disconnect_timeout_ms, 30_000);
    assert_eq!(room.timers["stats"], 60_000);

    let posts = world.env.posts_in("town");
    assert_eq!(posts.len(), 1);
    assert_eq!(posts[0].kind, "custom_calls");
    assert_eq!(posts[0].user_id, user("alice"));
    assert_eq!(posts[0].message, "ALICE started a call");
    let props = json(posts[0].props_json.as_bytes());
    assert_eq!(props["start_at"], record.start_at);
    assert_eq!(props["title"], "Weekly sync");

    let events = world.events();
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].name.as_str(), events[0].scope().as_str()),
        ("call_start", "channel")
    );
    assert_eq!(events[0].data["post_id"], record.post_id.as_str());
    assert_eq!(events[0].data["thread_id"], record.post_id.as_str());
    assert_eq!(events[0].data["host_id"], id("alice"));
}

#[test]
fn call_start_in_a_running_call_offers_to_join() {
    let world = World::new();
    world.command("alice", "town", "/call start");
    world.events();
    let answer = world.command("bob", "town", "/call start");
    assert!(answer.starts_with("A call is already going on") && answer.contains("/join/"));
    assert!(world.events().is_empty());
    assert_eq!(world.env.posts_in("town").len(), 1);
}

#[test]
fn call_start_in_a_thread_attaches_there() {
    let world = World::new();
    let root = world.env.create_post(crate::Post {
        channel_id: channel("town"),
        user_id: user("bob"),
        ..crate::Post::default()
    });
    let root = root.unwrap().id;
    world.command_in_thread("alice", "town", "/call start", root.as_str());
    let record = world.record("town").unwrap();
    assert_eq!(record.thread_id, root);
    assert_eq!(world.env.post(&record.post_id).unwrap().root_id, root);
    assert_eq!(world.events()[0].data["thread_id"], root.as_str());
    // A thread of another channel, or a reply, is none.
    let answer = world.command_in_thread("alice", "other", "/call start", root.as_str());
    assert_eq!(answer, "A call cannot be attached to this thread.");
}

#[test]
fn join_in_an_idle_channel_tells_in_the_protocols_order() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    let events = world.events();
    let told: Vec<_> = events
        .iter()
        .map(|e| format!("{} -> {}", e.name, e.scope()))
        .collect();
    let alice = id("alice");
    assert_eq!(
        told,
        [
            format!("call_host_changed -> user {alice}"),
            "call_start -> channel".to_owned(),
            "join -> connection conn1".to_owned(),
            "user_joined -> channel".to_owned(),
            format!("call_state -> user {alice}"),
        ]
    );
    assert!(
        events
            .iter()
            .all(|event| event.to.channel_id == channel("town"))
    );
    let join = &events[2].data;
    assert_eq!(join["connID"], id("conn1"));
    assert_eq!(join["parley"]["session"], id("conn1"));
    assert_eq!(
        join["parley"]["call_id"],
        world.record("town").unwrap().call_id.as_str()
    );
    let call = json(events[4].data["call"].as_str().unwrap().as_bytes());
    assert_eq!(call["sessions"][0]["session_id"], id("conn1"));
    assert_eq!(call["host_id"], id("alice"));

    world.join_official("bob", "conn2", "town");
    let events = world.events();
    let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["join", "user_joined", "call_state"]);
    assert!(events[0].data.get("parley").is_none());
}

#[test]
fn signals_go_both_ways() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    world.events();
    world.send(
        "alice",
        "conn1",
        "sdp",
        &[("data", Value::Bytes(vec![1, 2]))],
    );
    world.send(
        "alice",
        "conn1",
        "ice",
        &[("data", Value::Text("{}".to_owned()))],
    );
    world.send("alice", "conn1", "ice", &[("data", Value::Null)]);
    world.send("alice", "conn1", "ice", &[]);
    // Another user on that connection, or a connection without a session, says nothing.
    world.send("bob", "conn1", "sdp", &[("data", Value::Bytes(vec![3]))]);
    world.send("bob", "conn9", "sdp", &[("data", Value::Bytes(vec![3]))]);
    let signals = world.sidecar.state().signals.clone();
    assert_eq!(signals.len(), 2);
    assert_eq!(signals[0].connection_id, id("conn1"));
    assert!(world.events().is_empty());
    world.send("alice", "conn1", "sdp", &[("data", Value::Number(1.0))]);
    assert_eq!(world.error_code(), "bad_request");

    let room = world.sidecar.only_room().room.room_id;
    let signal = v1::Signal {
        session_id: id("conn1"),
        participant_id: id("alice"),
        connection_id: id("conn7"),
        json: r#"{"type":"answer"}"#.to_owned(),
    };
    world.sidecar.emit(&room, Kind::Signal(signal));
    world.pump();
    let events = world.events();
    assert_eq!(events[0].scope(), "connection conn7");
    assert_eq!(events[0].data["connID"], id("conn1"));
    assert_eq!(events[0].data["data"], r#"{"type":"answer"}"#);
}

#[test]
fn states_reach_each_participants_user_once() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    world.join("alice", "conn2", "town");
    world.join("bob", "conn3", "town");
    world.events();
    for (action, event) in [
        ("unmute", "user_unmuted"),
        ("mute", "user_muted"),
        ("raise_hand", "user_raise_hand"),
        ("unraise_hand", "user_unraise_hand"),
    ] {
        world.send("alice", "conn1", action, &[]);
        let events = world.events();
        let scopes: Vec<_> = events.iter().map(|event| event.scope()).collect();
        let wanted = [
            format!("user {}", id("alice")),
            format!("user {}", id("bob")),
        ];
        assert_eq!(scopes, wanted, "{action}");
        assert!(
            events
                .iter()
                .all(|e| e.name == event && e.data["userID"] == id("alice"))
        );
        assert_eq!(events[0].data["session_id"], id("conn1"));
    }
    let screen = [(
        "data",
        Value::Text(r#"{"screenStreamID":"abc"}"#.to_owned()),
    )];
    world.send("alice", "conn1", "screen_on", &screen);
    assert_eq!(world.names(), ["user_screen_on"; 2]);
    world.send("bob", "conn3", "screen_on", &screen);
    assert_eq!(world.error_code(), "screen_taken");
    world.send(
        "bob",
        "conn3",
        "screen_on",
        &[("data", Value::Text("{}".to_owned()))],
    );
    assert_eq!(world.error_code(), "bad_request");
    let video = [("data", Value::Text(r#"{"videoStreamID":"v"}"#.to_owned()))];
    world.send("bob", "conn3", "video_on", &video);
    assert_eq!(world.names(), ["user_video_on"; 2]);
    // A sharer who vanishes: its screen goes first.
    world.send("alice", "conn1", "leave", &[]);
    assert_eq!(
        world.names(),
        ["user_screen_off", "user_screen_off", "user_left"]
    );
}

#[test]
fn voices_are_told_to_clients_without_slots_only() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    world.join_official("bob", "conn2", "town");
    world.events();
    let room = world.sidecar.only_room().room.room_id;
    let voice = v1::VoiceChanged {
        session_id: id("conn1"),
        participant_id: id("alice"),
        on: true,
    };
    world.sidecar.emit(&room, Kind::VoiceChanged(voice));
    world.pump();
    let events = world.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].name, "user_voice_on");
    assert_eq!(events[0].scope(), format!("user {}", id("bob")));
}

#[test]
fn the_host_passes_on_to_the_earliest_joiner() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    world.advance_ms(5);
    world.join("bob", "conn2", "town");
    world.advance_ms(5);
    world.join("carol", "conn3", "town");
    world.events();
    world.send("alice", "conn1", "leave", &[]);
    let events = world.events();
    assert_eq!(events[0].name, "user_left");
    assert_eq!(events[1].name, "call_host_changed");
    assert_eq!(events[1].data["hostID"], id("bob"));
    // Not the host: no change.
    world.send("carol", "conn3", "leave", &[]);
    assert_eq!(world.names(), ["user_left"]);
}

#[test]
fn the_last_one_ends_the_call_without_call_end() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    world.join("bob", "conn2", "town");
    let post = world.record("town").unwrap().post_id;
    world.send("alice", "conn1", "leave", &[]);
    world.events();
    world.advance_ms(1_000);
    world.send("bob", "conn2", "leave", &[]);
    assert_eq!(world.names(), ["user_left"]);
    assert!(world.record("town").is_none());
    let post = world.env.post(&post).unwrap();
    assert_eq!(post.message, "Call ended");
    let props = json(post.props_json.as_bytes());
    assert_eq!(props["end_at"], world.env.now_ms());
    assert_eq!(
        props["participants"],
        serde_json::json!([id("alice"), id("bob")])
    );
    // The next join is another call.
    world.join("alice", "conn3", "town");
    assert!(world.names().contains(&"call_start".to_owned()));
}

#[test]
fn ends_are_told_with_their_reason() {
    for (reason, told) in [
        (v1::RoomEndReason::NobodyJoined, Some("nobody_joined")),
        (v1::RoomEndReason::Alone, Some("alone")),
        (v1::RoomEndReason::Ended, Some("ended")),
        (v1::RoomEndReason::Shutdown, Some("shutdown")),
        (v1::RoomEndReason::Empty, None),
    ] {
        let world = World::new();
        world.command("alice", "town", "/call start");
        world.events();
        world
            .sidecar
            .end(&world.sidecar.only_room().room.room_id, reason);
        world.pump_twice();
        let events = world.events();
        let reasons: Vec<_> = events
            .iter()
            .map(|e| e.data["parley"]["reason"].as_str().unwrap())
            .collect();
        assert_eq!(reasons, told.into_iter().collect::<Vec<_>>());
        assert!(world.record("town").is_none());
        assert_eq!(world.env.posts_in("town").len(), 1);
    }
}

#[test]
fn of_two_starts_at_once_one_call_remains() {
    let world = World::new();
    // Bob's whole start happens between Alice's room and her record.
    let sidecar = world.sidecar.clone();
    *world.env.before_cas.borrow_mut() = Some(Box::new(move |env| {
        let context = crate::Context::default();
        let guest = crate::Guest::new(env, crate::GrpcService::new(sidecar.clone()), &context);
        run(guest.on_command(crate::CommandArgs {
            command: "/call start".to_owned(),
            user_id: user("bob"),
            channel_id: channel("town"),
            root_id: PostId::default(),
        }));
    }));
    let answer = world.command("alice", "town", "/call start");
    assert!(answer.starts_with("A call is already going on"), "{answer}");
    assert_eq!(world.record("town").unwrap().owner_id, user("bob"));
    assert_eq!(world.env.posts_in("town").len(), 1);
    assert_eq!(world.sidecar.state().rooms.len(), 1);
    assert_eq!(world.names(), ["call_start"]);
}

#[test]
fn a_new_media_server_gets_the_calls_back_and_clients_resume() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    world.join("bob", "conn2", "town");
    let token = world.events()[2].data["parley"]["resume"]
        .as_str()
        .unwrap()
        .to_owned();
    let call = world.record("town").unwrap().call_id;
    world.sidecar.restart("start2");
    for _ in 0..2 {
        let done = run(world.guest().on_media_restart("start2"));
        done.unwrap();
    }
    world.pump();
    assert_eq!(world.names(), ["parley_media_moved"]);
    let record = world.record("town").unwrap();
    assert_eq!((&record.call_id, record.generation), (&call, 2));
    let room = world.sidecar.only_room();
    assert_eq!(
        (room.room.generation, room.policy.first_session_timeout_ms),
        (2, 30_000)
    );

    // Alice comes back on another connection as the session she was.
    let resume = |who: &str, connection: &str, token: &str| {
        let parley = serde_json::json!({"v": 1, "unmuted": true,
            "resume": {"session": id("conn1"), "token": token}});
        let data = [
            ("channelID", Value::Text(id("town"))),
            ("parley", Value::Json(parley.to_string())),
        ];
        world.send(who, connection, "join", &data);
    };
    resume("alice", "conn5", &token);
    let events = world.events();
    let joined = events
        .iter()
        .find(|event| event.name == "user_joined")
        .unwrap();
    assert_eq!(joined.data["session_id"], id("conn1"));
    assert_eq!(joined.data["parley"]["resumed"], true);
    assert!(!events.iter().any(|event| event.name == "call_start"));
    // Once more, after a reload: the session is there, so nobody hears of it.
    resume("alice", "conn6", &token);
    assert_eq!(world.names(), ["join", "call_state"]);
    assert!(world.sidecar.only_room().room.sessions[0].unmuted);
    // The token is Alice's, for this session.
    resume("bob", "conn7", &token);
    assert_eq!(world.error_code(), "resume_invalid");
    resume("alice", "conn8", "forged");
    assert_eq!(world.error_code(), "resume_invalid");
}

#[test]
fn the_next_reader_restores_or_ends_a_call_without_a_room() {
    // The media server is new, and nobody was told yet.
    let world = World::new();
    world.command("alice", "town", "/call start");
    world.sidecar.restart("start2");
    let answer = world.command("bob", "town", "/call join");
    assert!(answer.contains("/join/"), "{answer}");
    assert_eq!(world.record("town").unwrap().generation, 2);

    // The same one does not know the room: the call is over.
    world.sidecar.state().rooms.clear();
    world.events();
    assert!(
        world
            .command("bob", "town", "/call join")
            .starts_with("There is no call")
    );
    assert!(world.record("town").is_none());
    assert_eq!(world.names(), ["call_end"]);
    assert_eq!(world.env.posts_in("town")[0].message, "Call ended");
}

#[test]
fn a_reader_who_is_faster_than_the_end_event_loses_nothing() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    let old_post = world.record("town").unwrap().post_id;
    // The room is gone; its events are still on the way.
    world.send_only("alice", "conn1", "leave", &[]);
    let data = [("channelID", Value::Text(id("town")))];
    world.send_only("alice", "conn2", "join", &data);
    world.events();
    world.pump();
    let names = world.names();
    assert!(
        !names.contains(&"call_end".to_owned()),
        "the new call must live on: {names:?}"
    );
    assert_ne!(world.record("town").unwrap().post_id, old_post);
    let props = json(world.env.post(&old_post).unwrap().props_json.as_bytes());
    assert_eq!(props["participants"], serde_json::json!([id("alice")]));
}

#[test]
fn an_event_comes_again_while_the_platform_is_down() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    world.send_only("alice", "conn1", "leave", &[]);
    let event = world.sidecar.next_event().unwrap();
    world.env.down.set(true);
    let handle = || run(world.guest().on_media_event(&event));
    assert!(handle().is_err());
    world.env.down.set(false);
    assert!(handle().is_ok());
    // Garbage is never worth a second try.
    assert!(run(world.guest().on_media_event(&[255, 255])).is_ok());
}

#[test]
fn without_a_media_server_everything_says_so() {
    let world = World::new();
    world.sidecar.state().unreachable = true;
    for command in ["start", "stats"] {
        let answer = world.command("alice", "town", &format!("/call {command}"));
        if command == "start" {
            assert!(answer.starts_with("Calls are not available"), "{answer}");
        }
    }
    world.join("alice", "conn1", "town");
    assert_eq!(world.error_code(), "unavailable");
    assert!(world.record("town").is_none());
}

#[test]
fn reconnect_moves_the_session_of_its_user_only() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    world.events();
    let reconnect = |who: &str, connection: &str, previous: &str| {
        let data = [
            ("channelID", Value::Text(id("town"))),
            ("originalConnID", Value::Text(id("conn1"))),
            ("prevConnID", Value::Text(id(previous))),
        ];
        world.send(who, connection, "reconnect", &data);
    };
    let now = || {
        world.sidecar.only_room().room.sessions[0]
            .connection_id
            .clone()
    };
    reconnect("bob", "conn2", "conn1");
    assert_eq!(now(), id("conn1"));
    reconnect("alice", "conn3", "conn1");
    assert_eq!(now(), id("conn3"));
    // A lost race.
    reconnect("alice", "conn4", "conn1");
    assert_eq!(now(), id("conn3"));
    assert!(world.events().is_empty());
    let gone = PlatformEvent::Disconnected {
        connection_id: ConnectionId::new(id("conn3")),
        user_id: user("alice"),
    };
    world.platform(gone);
    assert_eq!(world.sidecar.state().detached, [id("conn3")]);
}

#[test]
fn one_connection_joins_once_and_a_full_call_refuses() {
    let world = World::with_settings(r#"{"MaxCallParticipants": 1}"#);
    world.join("alice", "conn1", "town");
    world.events();
    world.join("alice", "conn1", "town");
    assert_eq!(world.error_code(), "already_joined");
    world.join("alice", "conn1", "other");
    assert_eq!(world.error_code(), "already_joined");
    world.join("bob", "conn2", "town");
    assert_eq!(world.error_code(), "full");
}

#[test]
fn a_post_whose_maker_died_is_made_once() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    let call = world.record("town").unwrap().call_id;
    crate::record::update(&world.env, &channel("town"), &call, |record| {
        record.post_id = PostId::default();
        true
    })
    .unwrap();
    world.env.posts.borrow_mut().clear();
    world.advance_ms(60_000);
    let timer = v1::TimerFired {
        name: "stats".to_owned(),
        payload: Vec::new(),
    };
    world.sidecar.emit(call.as_str(), Kind::TimerFired(timer));
    world.pump_twice();
    assert_eq!(world.env.posts_in("town").len(), 1);
    assert_eq!(
        world.record("town").unwrap().post_id,
        world.env.posts_in("town")[0].id
    );
}

#[test]
fn a_snapshot_tells_everybody_the_state() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    world.join("bob", "conn2", "town");
    world.events();
    let room = world.sidecar.only_room().room;
    let id = room.room_id.clone();
    world
        .sidecar
        .emit(&id, Kind::Snapshot(v1::Snapshot { room: Some(room) }));
    world.pump();
    let names = world.names();
    let wanted = [
        "join",
        "join",
        "call_state",
        "call_host_changed",
        "call_host_changed",
    ];
    assert_eq!(names, wanted);
}
