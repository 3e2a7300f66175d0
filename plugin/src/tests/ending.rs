//! How calls end, and that none is forgotten.

use parley_proto::v1;

use crate::env::{Env, PlatformError, PlatformEvent, Value};
use crate::testing::*;

#[test]
fn l46_the_last_one_ends_the_call_without_call_end() {
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
fn host_and_admin_end_the_call() {
    for who in ["alice", "root"] {
        let world = World::new();
        world.join("alice", "conn1", "town");
        world.advance_ms(1);
        world.join("bob", "conn2", "town");
        let path = format!("/calls/{}/end", id("town"));
        assert_eq!(world.http("bob", "POST", &path, "").status, 400);
        assert_eq!(
            world.command("bob", "town", "/call end"),
            "Only the host of the call or a system admin can do this."
        );
        world.events();
        if who == "alice" {
            assert_eq!(world.http(who, "POST", &path, "").status, 200);
        } else {
            let answer = world.command(who, "town", "/call end");
            assert_eq!(answer, "You ended the call for everyone.");
        }
        assert_eq!(world.names(), ["user_left", "user_left", "call_end"]);
        assert!(world.record("town").is_none());
        assert_eq!(world.http(who, "POST", &path, "").status, 400);
    }
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
fn a_tick_puts_forgotten_calls_right() {
    let world = World::new();
    world.command("alice", "town", "/call start");
    world.sidecar.state().rooms.clear();
    // Several nodes look at about the same time.
    for _ in 0..3 {
        run(world.guest().on_tick());
        world.advance_ms(1_000);
        assert!(
            world.record("town").is_some(),
            "the event of its end may be under way"
        );
    }
    world.advance_ms(7_000);
    run(world.guest().on_tick());
    assert!(world.record("town").is_none());
    assert_eq!(world.env.posts_in("town")[0].message, "Call ended");
}

#[test]
fn an_archived_channel_ends_its_call() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    world.events();
    world.env.archive("town");
    world.platform(PlatformEvent::ChannelArchived {
        channel_id: channel("town"),
    });
    let events = world.events();
    let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["parley_removed", "user_left", "call_end"]);
    assert_eq!(events[0].data["reason"], "archived");
}

#[test]
fn an_archived_channel_ends_a_call_whose_record_lags_behind_its_room() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    // Being restored: the room is a generation ahead for a moment.
    for room in world.sidecar.state().rooms.values_mut() {
        room.room.generation += 1;
    }
    world.env.archive("town");
    world.platform(PlatformEvent::ChannelArchived {
        channel_id: channel("town"),
    });
    assert!(world.sidecar.state().rooms.is_empty());
}

#[test]
fn who_ends_a_call_again_and_knows_less_takes_nothing_away() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    world.join("bob", "conn2", "town");
    // Read before the end, written after it.
    let stale = world.record("town").unwrap();
    world.send("alice", "conn1", "leave", &[]);
    world.send("bob", "conn2", "leave", &[]);
    let ended = world.env.post(&stale.post_id).unwrap();
    world.advance_ms(3_000);
    let now = world.env.now_ms();
    world.guest().end_call_post(&stale, now, &[]).unwrap();
    assert_eq!(world.env.post(&stale.post_id).unwrap(), ended);
}

#[test]
fn a_calls_post_is_changed_by_one_at_a_time() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    let record = world.record("town").unwrap();
    let key = format!("lp_{}", record.post_id);
    let other = Some(&b"somebody else"[..]);
    assert!(world.env.kv_compare_and_set(&key, None, other, 10).unwrap());
    let before = world.env.post(&record.post_id).unwrap();
    let now = world.env.now_ms();
    let refused = world.guest().end_call_post(&record, now, &[]);
    assert!(matches!(refused, Err(PlatformError::Unavailable(_))));
    assert_eq!(world.env.post(&record.post_id).unwrap(), before);
    // Whoever held it let go, and so does who comes next.
    assert!(world.env.kv_compare_and_set(&key, other, None, 0).unwrap());
    for _ in 0..2 {
        world.guest().end_call_post(&record, now, &[]).unwrap();
    }
    assert_ne!(world.env.post(&record.post_id).unwrap(), before);
}
