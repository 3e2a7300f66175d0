//! Rights that are lost during a call.

use serde_json::json;

use crate::env::{PlatformEvent, Value};
use crate::testing::*;

#[test]
fn l43_who_loses_a_right_leaves_the_call_at_once() {
    type Change = fn(&World) -> PlatformEvent;
    let changes: [(&str, Change); 3] = [
        ("left_channel", |world| {
            world.env.remove_member("town", "bob");
            PlatformEvent::LeftChannel {
                channel_id: channel("town"),
                user_id: user("bob"),
            }
        }),
        ("deactivated", |world| {
            world.env.edit_user("bob", |user| user.delete_at = 1);
            PlatformEvent::UserDeactivated {
                user_id: user("bob"),
            }
        }),
        ("signed_out", |_| PlatformEvent::LoginRevoked {
            login_session_id: "login-bob".to_owned(),
            user_id: user("bob"),
        }),
    ];
    for (reason, change) in changes {
        let world = World::new();
        world.join("alice", "conn1", "town");
        world.join("bob", "conn2", "town");
        world.events();
        let event = change(&world);
        world.platform(event);
        let events = world.events();
        let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names, ["parley_removed", "user_left"], "{reason}");
        assert_eq!(events[0].scope(), format!("user {}", id("bob")));
        assert_eq!(events[0].data["reason"], reason);
        assert_eq!(world.sidecar.sessions(), [id("conn1")]);
    }
    // Somebody else's login, or a member who is back already: nothing happens.
    let world = World::new();
    world.join("bob", "conn2", "town");
    let revoked = PlatformEvent::LoginRevoked {
        login_session_id: "login-other".to_owned(),
        user_id: user("bob"),
    };
    world.platform(revoked);
    let left = PlatformEvent::LeftChannel {
        channel_id: channel("town"),
        user_id: user("bob"),
    };
    world.platform(left);
    assert_eq!(world.sidecar.sessions(), [id("conn2")]);
}

#[test]
fn a_missed_change_is_made_up_for_within_a_minute() {
    use parley_proto::v1;
    let world = World::new();
    world.join("alice", "conn1", "town");
    world.join("bob", "conn2", "town");
    world.env.remove_member("town", "bob");
    let timer = v1::TimerFired {
        name: "stats".to_owned(),
        payload: Vec::new(),
    };
    let room = world.sidecar.only_room().room.room_id;
    world
        .sidecar
        .emit(&room, v1::event::Kind::TimerFired(timer));
    world.pump();
    assert_eq!(world.sidecar.sessions(), [id("conn1")]);
    // And without any event he could not have spoken.
    let world = World::new();
    world.join("bob", "conn2", "town");
    world.events();
    world.env.remove_member("town", "bob");
    world.send("bob", "conn2", "unmute", &[]);
    assert_eq!(world.error_code(), "not_member");
    assert!(!world.sidecar.only_room().room.sessions[0].unmuted);
}

#[test]
fn a_right_lost_while_joining_counts_as_well() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    let data = [
        ("channelID", Value::Text(id("town"))),
        ("parley", Value::Json(r#"{"v":1}"#.to_owned())),
    ];
    world.send_only("bob", "conn2", "join", &data);
    // Between his join's check and its event: what tells of the loss came too early to find a session.
    world.env.remove_member("town", "bob");
    world.events();
    world.pump();
    assert_eq!(world.sidecar.sessions(), [id("conn1")]);
    let told = world.names();
    assert!(told.contains(&"parley_removed".to_owned()), "{told:?}");
    assert!(!told.contains(&"join".to_owned()), "{told:?}");
}

#[test]
fn a_resumed_session_belongs_to_the_login_that_resumed_it() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    world.join("bob", "conn2", "town");
    let token = world
        .events()
        .into_iter()
        .rfind(|event| event.name == "join")
        .map(|event| event.data["parley"]["resume"].as_str().unwrap().to_owned())
        .unwrap();
    let resume = json!({"v": 1, "resume": {"session": id("conn2"), "token": token}});
    world.send_as(
        "bob",
        "conn3",
        "login-second",
        "join",
        &[
            ("channelID", Value::Text(id("town"))),
            ("parley", Value::Json(resume.to_string())),
        ],
    );
    let revoked = |login: &str| PlatformEvent::LoginRevoked {
        login_session_id: login.to_owned(),
        user_id: user("bob"),
    };
    // The login that began the session does not carry it any more.
    world.platform(revoked("login-bob"));
    assert_eq!(world.sidecar.sessions(), [id("conn1"), id("conn2")]);
    world.platform(revoked("login-second"));
    assert_eq!(world.sidecar.sessions(), [id("conn1")]);
}
