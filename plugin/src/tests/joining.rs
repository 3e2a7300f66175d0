//! Joining and signalling: who is told what, in which order.

use parley_proto::v1;
use v1::event::Kind;

use crate::env::{PlatformEvent, Value};
use crate::ids::ConnectionId;
use crate::testing::*;

#[test]
fn l09_l12_join_in_an_idle_channel_tells_in_the_protocols_order() {
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
fn l11_one_connection_joins_once_and_a_full_call_refuses() {
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
fn one_user_has_a_few_sessions_in_a_call() {
    let world = World::new();
    for n in 0..8 {
        world.join("alice", &format!("conn{n}"), "town");
    }
    assert_eq!(world.sidecar.sessions().len(), 8);
    world.events();
    world.join("alice", "conn8", "town");
    assert_eq!(world.error_code(), "too_many_sessions");
    world.join("bob", "conn9", "town");
    assert_eq!(world.sidecar.sessions().len(), 9, "others still join");
}

#[test]
fn a_reconnected_session_belongs_to_its_new_login() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    let data = [
        ("channelID", Value::Text(id("town"))),
        ("originalConnID", Value::Text(id("conn1"))),
        ("prevConnID", Value::Text(id("conn1"))),
    ];
    world.send_as("alice", "conn2", "login-later", "reconnect", &data);
    let revoked = |login: &str| PlatformEvent::LoginRevoked {
        login_session_id: login.to_owned(),
        user_id: user("alice"),
    };
    world.platform(revoked("login-alice"));
    assert_eq!(
        world.sidecar.sessions(),
        [id("conn1")],
        "the old one is past"
    );
    world.platform(revoked("login-later"));
    assert!(world.sidecar.sessions().is_empty());
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
fn l16_call_state_is_answered_to_the_asking_connection() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    world.events();
    let ask = |who: &str, at: &str| {
        world.send(
            who,
            "conn5",
            "call_state",
            &[("channelID", Value::Text(id(at)))],
        );
    };
    ask("bob", "town");
    let events = world.events();
    assert_eq!(
        (events.len(), events[0].scope().as_str()),
        (1, "connection conn5")
    );
    assert!(
        events[0].data["call"]
            .as_str()
            .unwrap()
            .contains(&id("conn1"))
    );
    ask("alice", "dm");
    assert_eq!(world.events()[0].data["call"], "null");
    ask("eve", "town");
    assert_eq!(world.error_code(), "no_permission");
}

#[test]
fn a_lost_connection_is_told_until_the_session_is_back() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    world.join("bob", "conn2", "town");
    let token = world
        .events()
        .iter()
        .filter(|event| event.name == "join")
        .filter_map(|event| event.data["parley"]["resume"].as_str().map(str::to_owned))
        .next_back()
        .unwrap();
    let lost = |who: &str, connection: &str| {
        world.platform(PlatformEvent::Disconnected {
            connection_id: ConnectionId::new(id(connection)),
            user_id: user(who),
        });
    };
    let told = || -> Vec<_> {
        let events = world.events();
        let states = events.iter().filter(|e| e.name == "parley_connection");
        states
            .map(|event| {
                assert_eq!(event.data["session_id"], id("conn2"));
                let state = event.data["state"].as_str().unwrap();
                format!("{state} -> {}", event.scope())
            })
            .collect()
    };
    let both = |state: &str| ["alice", "bob"].map(|who| format!("{state} -> user {}", id(who)));
    lost("carol", "conn7");
    assert!(told().is_empty(), "a connection without a session");

    lost("bob", "conn2");
    assert_eq!(told(), both("away"));
    let channel = [("channelID", Value::Text(id("town")))];
    world.send("alice", "conn1", "call_state", &channel);
    let events = world.events();
    let call = json(events[0].data["call"].as_str().unwrap().as_bytes());
    assert_eq!(call["sessions"][1]["parley"]["away"], true);
    assert!(call["sessions"][0].get("parley").is_none());

    let reconnect = [
        ("channelID", Value::Text(id("town"))),
        ("originalConnID", Value::Text(id("conn2"))),
        ("prevConnID", Value::Text(id("conn2"))),
    ];
    world.send("bob", "conn3", "reconnect", &reconnect);
    assert_eq!(told(), both("back"));

    // A reload.
    lost("bob", "conn3");
    assert_eq!(told(), both("away"));
    let parley = format!(
        r#"{{"v":1,"resume":{{"session":"{}","token":"{token}"}}}}"#,
        id("conn2")
    );
    let resume = [
        ("channelID", Value::Text(id("town"))),
        ("parley", Value::Json(parley)),
    ];
    world.send("bob", "conn4", "join", &resume);
    assert_eq!(told(), both("back"));
}

#[test]
fn l33_av1_is_for_those_who_take_it_and_only_when_it_is_on() {
    let takes_av1 = |settings: &str, said: bool| {
        let world = World::with_settings(settings);
        let config = world.http("alice", "GET", "/config", "");
        let data = [
            ("channelID", Value::Text(id("town"))),
            ("av1Support", Value::Boolean(said)),
        ];
        world.send("alice", "conn1", "join", &data);
        let session = world.sidecar.only_room().room.sessions.remove(0);
        let capabilities = session.capabilities.unwrap_or_default();
        (json(&config.body), capabilities.av1)
    };
    let (config, av1) = takes_av1("{}", true);
    assert_eq!(config["EnableAV1"], false);
    assert_eq!(config["EnableSimulcast"], true);
    assert!(!av1);
    let on = r#"{"enableav1": "true"}"#;
    let (config, av1) = takes_av1(on, true);
    assert_eq!(config["EnableAV1"], true);
    assert_eq!(config["EnableSimulcast"], false, "clients do one of them");
    assert!(av1);
    assert!(!takes_av1(on, false).1);
}
