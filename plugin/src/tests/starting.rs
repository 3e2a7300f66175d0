//! Starting a call: record, room, post, event and answer; once per channel.

use parley_proto::v1;
use v1::event::Kind;

use crate::env::Env;
use crate::ids::PostId;
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
fn who_starts_a_call_hears_of_a_port_that_was_not_set() {
    let world = World::new();
    let start = |who| {
        let answer = world.command(who, "town", "/call start");
        world.command("root", "town", "/call end");
        answer
    };
    assert!(!start("root").contains("8443"));
    world.sidecar.state().media_port = 50_123;
    let answer = start("root");
    assert!(
        answer.contains("50123") && answer.contains("8443"),
        "{answer}"
    );
    // Who cannot change it learns whom to ask.
    let answer = start("alice");
    assert!(
        answer.contains("admin") && !answer.contains("50123"),
        "{answer}"
    );
    *world.env.settings.borrow_mut() = r#"{"mediaport":50123}"#.to_owned();
    assert!(!start("root").contains("port"));
    *world.env.settings.borrow_mut() = r#"{"SidecarMode":"remote"}"#.to_owned();
    assert!(!start("root").contains("port"));
}

#[test]
fn l41_a_call_keeps_to_the_times_and_limits_that_are_set_when_it_starts() {
    let world = World::with_settings(
        r#"{"disconnecttimeoutseconds":45,"alonetimeoutminutes":0,"maxcallparticipants":3}"#,
    );
    world.command("alice", "town", "/call start");
    let policy = world.sidecar.only_room().policy;
    assert_eq!(policy.disconnect_timeout_ms, 45_000);
    assert_eq!(policy.alone_timeout_ms, 0);
    assert_eq!(policy.max_sessions, 3);
}
