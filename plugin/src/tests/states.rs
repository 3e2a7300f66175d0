//! What participants show of themselves, and who hears of it.

use parley_proto::v1;
use v1::event::Kind;

use crate::env::{Env, Value};
use crate::testing::*;

#[test]
fn l13_states_reach_each_participants_user_once() {
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

/// Those who stay hear of it once, and the screen is free.
#[test]
fn l42_who_shared_when_media_was_lost_leaves_neither_screen_nor_camera_behind() {
    let world = World::new();
    world.join_official("alice", "conn1", "town");
    world.join_official("bob", "conn2", "town");
    let screen = r#"{"screenStreamID":"s"}"#.to_owned();
    let video = r#"{"videoStreamID":"v"}"#.to_owned();
    world.send(
        "alice",
        "conn1",
        "screen_on",
        &[("data", Value::Text(screen))],
    );
    world.send(
        "alice",
        "conn1",
        "video_on",
        &[("data", Value::Text(video))],
    );
    world.events();
    let room = world.sidecar.only_room().room;
    let lost = v1::LeaveReason::MediaLost;
    world.sidecar.remove(&room.room_id, &id("conn1"), lost);
    world.pump();
    let names = world.names();
    let count = |name: &str| names.iter().filter(|told| *told == name).count();
    assert_eq!(count("user_screen_off"), 1, "{names:?}");
    assert_eq!(count("user_video_off"), 1, "{names:?}");
    assert_eq!(count("user_left"), 1, "{names:?}");
    world.send(
        "bob",
        "conn2",
        "screen_on",
        &[("data", Value::Text(r#"{"screenStreamID":"b"}"#.to_owned()))],
    );
    assert!(world.names().contains(&"user_screen_on".to_owned()));
}

#[test]
fn l12_l13_who_is_not_in_the_call_hears_of_its_people_and_no_more() {
    let world = World::new();
    world.join_official("alice", "conn1", "town");
    world.join_official("bob", "conn2", "town");
    for (who, connection, action) in [
        ("alice", "conn1", "unmute"),
        ("alice", "conn1", "raise_hand"),
        ("bob", "conn2", "unmute"),
        ("bob", "conn2", "mute"),
        ("alice", "conn1", "leave"),
        ("bob", "conn2", "leave"),
    ] {
        world.send(who, connection, action, &[]);
    }
    let events = world.events();
    assert!(events.iter().all(|e| e.to.channel_id == channel("town")));
    let public = events.iter().filter(|event| event.scope() == "channel");
    let names: Vec<_> = public.map(|event| event.name.as_str()).collect();
    let people = [
        "call_start",
        "user_joined",
        "user_joined",
        "user_left",
        "user_left",
    ];
    assert_eq!(names, people);
    let carol = format!("user {}", id("carol"));
    assert!(events.iter().all(|event| event.scope() != carol));
}

#[test]
fn reactions_reach_the_participants_and_strangers_make_none() {
    let world = World::new();
    world.join_official("alice", "conn1", "town");
    world.join("bob", "conn2", "town");
    world.events();
    let emoji = r#"{"name":"wave","unified":"1F44B","skin":"1F3FB"}"#;
    let react = |who: &str, connection: &str, text: &str| {
        let data = [("data", Value::Text(text.to_owned()))];
        world.send(who, connection, "react", &data);
        world.events()
    };
    let events = react("alice", "conn1", emoji);
    assert_eq!(events.len(), 2);
    assert!(
        events
            .iter()
            .all(|e| e.name == "user_reacted" && e.to.channel_id == channel("town"))
    );
    let data = &events[0].data;
    assert_eq!(
        (&data["user_id"], &data["session_id"]),
        (&id("alice").into(), &id("conn1").into())
    );
    let given =
        serde_json::json!({"name": "wave", "unified": "1F44B", "skin": "1F3FB", "literal": ""});
    assert_eq!(data["emoji"], given);
    assert_eq!(data["timestamp"], world.env.now_ms());
    assert!(react("carol", "conn3", emoji).is_empty());
    assert!(react("alice", "conn1", r#"{"unified":"x"}"#).is_empty());
    assert_eq!(react("bob", "conn2", "[]")[0].name, "error");
    // Ten at once, then one a second.
    let many = (0..20).filter(|_| !react("alice", "conn1", emoji).is_empty());
    assert_eq!(many.count(), 9);
    let long = format!(r#"{{"name":"{}","unified":"x"}}"#, "x".repeat(65));
    assert!(react("alice", "conn1", &long).is_empty());
}

#[test]
fn l14_bots_take_part_unseen() {
    let world = World::new();
    world.env.edit_user("carol", |user| user.is_bot = true);
    world.join_official("alice", "conn1", "town");
    world.events();
    world.join_official("carol", "conn2", "town");
    assert!(!world.names().contains(&"user_joined".to_owned()));
    let at = [("channelID", Value::Text(id("town")))];
    world.send("bob", "conn3", "call_state", &at);
    let events = world.events();
    let call = events[0].data["call"].as_str().expect("a text");
    let sessions = json(call.as_bytes())["sessions"].clone();
    assert_eq!(sessions.as_array().unwrap().len(), 1);
    assert_eq!(sessions[0]["user_id"], id("alice"));
    world.send("carol", "conn2", "leave", &[]);
    assert!(!world.names().contains(&"user_left".to_owned()));
}

#[test]
fn l31_official_clients_are_refused_in_silence_within_a_call() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    world.join_official("bob", "conn2", "town");
    let screen = [(
        "data",
        Value::Text(r#"{"screenStreamID":"abc"}"#.to_owned()),
    )];
    world.send("alice", "conn1", "screen_on", &screen);
    world.events();
    world.send("bob", "conn2", "screen_on", &screen);
    assert!(world.events().is_empty());
    assert!(world.sidecar.only_room().room.sessions[0].screen);
    // A join is answered to everybody.
    world.join_official("bob", "conn2", "town");
    assert_eq!(world.error_code(), "already_joined");
}

#[test]
fn l36_voices_are_told_to_clients_without_slots_only() {
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
fn l44_the_host_passes_on_to_the_earliest_joiner() {
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
fn switched_off_features_are_refused() {
    let world = World::with_settings(r#"{"AllowScreenSharing": false, "EnableVideo": false}"#);
    world.join("alice", "conn1", "town");
    world.events();
    let data = [(
        "data",
        Value::Text(r#"{"screenStreamID":"a","videoStreamID":"b"}"#.to_owned()),
    )];
    world.send("alice", "conn1", "screen_on", &data);
    assert_eq!(world.error_code(), "screen_disabled");
    world.send("alice", "conn1", "video_on", &data);
    assert_eq!(world.error_code(), "video_disabled");
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

#[test]
fn sessions_that_were_lost_are_told_why() {
    use parley_proto::v1::LeaveReason;
    for (reason, told) in [
        (LeaveReason::NoMedia, "no_media"),
        (LeaveReason::SignallingLost, "timeout"),
        (LeaveReason::MediaLost, "timeout"),
        (LeaveReason::Protocol, "error"),
        (LeaveReason::Internal, "error"),
    ] {
        let world = World::new();
        world.join("alice", "conn1", "town");
        world.join("bob", "conn2", "town");
        world.events();
        let room = world.sidecar.only_room().room.room_id;
        world.sidecar.remove(&room, &id("conn2"), reason);
        world.pump();
        let events = world.events();
        assert_eq!(events[1].name, "parley_removed");
        assert_eq!(events[1].data["reason"], told);
    }
}
