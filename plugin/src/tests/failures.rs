//! A new media server, none at all, a platform that is away.

use crate::env::{PlatformEvent, Value};
use crate::ids::ConnectionId;
use crate::testing::*;

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
    assert_eq!(world.names(), ["join", "parley_connection", "call_state"]);
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
fn who_disconnects_while_there_is_no_media_server_is_no_trouble() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    let gone = || PlatformEvent::Disconnected {
        connection_id: ConnectionId::new(id("conn1")),
        user_id: user("alice"),
    };
    world.sidecar.state().unreachable = true;
    world.platform(gone());
    assert_eq!(world.env.warned.take(), [""; 0]);
    // A platform that is down is one.
    world.sidecar.state().unreachable = false;
    world.env.down.set(true);
    world.platform(gone());
    assert_eq!(world.env.warned.take().len(), 1);
}
