//! Whatever comes in, nothing panics: a trap would cost the request its answer.

use proptest::prelude::*;

use crate::env::{HttpRequest, Value};
use crate::ids::*;
use crate::testing::*;

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        any::<f64>().prop_map(Value::Number),
        ".{0,40}".prop_map(Value::Text),
        Just(Value::Text(id("town"))),
        Just(Value::Text(
            "{\"screenStreamID\":\"x\",\"videoStreamID\":7}".to_owned()
        )),
        prop::collection::vec(any::<u8>(), 0..64).prop_map(Value::Bytes),
        "[\\[\\]{}:,\"a-z0-9]{0,40}".prop_map(Value::Json),
        Just(Value::Json(
            r#"{"v":1,"resume":{"session":"x","token":"y"}}"#.to_owned()
        )),
        Just(Value::Json("[".repeat(3_000))),
    ]
}

const ACTIONS: [&str; 15] = [
    "join",
    "reconnect",
    "leave",
    "call_state",
    "sdp",
    "ice",
    "mute",
    "unmute",
    "raise_hand",
    "unraise_hand",
    "screen_on",
    "screen_off",
    "video_on",
    "video_off",
    "",
];

const KEYS: [&str; 9] = [
    "channelID",
    "title",
    "threadID",
    "parley",
    "data",
    "dcSignaling",
    "av1Support",
    "originalConnID",
    "prevConnID",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn clients_messages(
        messages in prop::collection::vec(
            (
                prop::sample::select(&ACTIONS[..]),
                prop::collection::vec((prop::sample::select(&KEYS[..]), value()), 0..6),
            ),
            1..12,
        )
    ) {
        let world = World::new();
        world.join("alice", "conn1", "town");
        for (action, data) in messages {
            world.send("alice", "conn1", action, &data);
        }
        for event in world.events().iter().filter(|event| event.name == "error") {
            prop_assert!(!event.data["code"].as_str().unwrap().is_empty());
        }
    }

    #[test]
    fn requests(
        method in prop::sample::select(&["GET", "POST", "HEAD", "PUT", "", "get"][..]),
        path in prop_oneof![
            "[/a-z0-9.%]{0,60}",
            Just(format!("/calls/{}/client-stats", id("town"))),
            Just(format!("/join/{}", id("town"))),
        ],
        body in prop::collection::vec(any::<u8>(), 0..200),
        signed_in in any::<bool>(),
    ) {
        let world = World::new();
        let user_id = if signed_in { user("alice") } else { UserId::default() };
        let answer = run(world.guest().on_http(HttpRequest {
            method: method.to_owned(),
            path,
            body,
            user_id,
            ..HttpRequest::default()
        }));
        prop_assert!((200..600).contains(&answer.status));
        for (name, value) in &answer.headers {
            prop_assert!(!name.contains(['\r', '\n']) && !value.contains(['\r', '\n']));
            // The link leads to this site only.
            if name == "Location" {
                prop_assert!(value.starts_with("https://chat.example.com/sub/"));
            }
        }
    }

    #[test]
    fn events(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let world = World::new();
        prop_assert!(run(world.guest().on_media_event(&bytes)).is_ok());
    }

    #[test]
    fn commands(text in ".{0,200}", title in ".{0,300}") {
        let world = World::new();
        world.command("alice", "town", &format!("/call {text}"));
        world.command("alice", "dm", &format!("/call start {title}"));
        let record = world.record("dm").unwrap();
        prop_assert!(record.title.chars().count() <= 128);
        prop_assert!(!record.title.chars().any(char::is_control));
    }
}
