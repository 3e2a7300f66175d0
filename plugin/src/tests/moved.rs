//! A call that moved to a new media server: who comes back, in which order, is what everybody knew before.

use serde_json::json;

use crate::env::Value;
use crate::testing::*;

/// Joins as our bridge does; the resume token that comes with it.
fn join(world: &World, who: &str, connection: &str) -> String {
    world.join(who, connection, "town");
    last_token(world)
}

/// Alice joins, a second later Bob; their resume tokens.
fn alice_then_bob(world: &World) -> (String, String) {
    let alice = join(world, "alice", "conn1");
    world.advance_ms(1_000);
    (alice, join(world, "bob", "conn2"))
}

/// The resume token that came last.
fn last_token(world: &World) -> String {
    let joined = world.events().into_iter().rfind(|e| e.name == "join");
    let token = &joined.expect("joined").data["parley"]["resume"];
    token.as_str().expect("a token").to_owned()
}

/// The session of `was` comes back over another connection.
fn resume(world: &World, who: &str, connection: &str, was: &str, token: &str) {
    let parley = json!({"v": 1, "unmuted": true, "resume": {"session": id(was), "token": token}});
    let data = [
        ("channelID", Value::Text(id("town"))),
        ("parley", Value::Json(parley.to_string())),
    ];
    world.send(who, connection, "join", &data);
}

fn restart(world: &World) {
    world.sidecar.restart("start2");
    run(world.guest().on_media_restart("start2")).unwrap();
    world.pump();
    world.events();
}

fn host(world: &World) -> String {
    world.events();
    let channel = [("channelID", Value::Text(id("town")))];
    world.send("carol", "conn99", "call_state", &channel);
    let events = world.events();
    let call = json(events[0].data["call"].as_str().unwrap().as_bytes());
    call["host_id"].as_str().unwrap().to_owned()
}

#[test]
fn who_joined_first_stays_the_host_whoever_is_back_first() {
    let world = World::new();
    let (alice, bob) = alice_then_bob(&world);
    restart(&world);
    world.advance_ms(1_000);
    resume(&world, "bob", "conn5", "conn2", &bob);
    assert_eq!(host(&world), id("bob"), "alice is not here yet");
    world.advance_ms(1_000);
    resume(&world, "alice", "conn6", "conn1", &alice);
    let told = world.events();
    let changed = told.iter().find(|e| e.name == "call_host_changed");
    assert_eq!(changed.expect("told").data["hostID"], id("alice"));
    assert_eq!(host(&world), id("alice"));
}

#[test]
fn the_order_outlasts_a_second_move() {
    let world = World::new();
    let (alice, bob) = alice_then_bob(&world);
    restart(&world);
    resume(&world, "bob", "conn5", "conn2", &bob);
    let bob = last_token(&world);
    resume(&world, "alice", "conn6", "conn1", &alice);
    let alice = last_token(&world);
    world.sidecar.restart("start3");
    run(world.guest().on_media_restart("start3")).unwrap();
    world.pump();
    resume(&world, "bob", "conn7", "conn2", &bob);
    resume(&world, "alice", "conn8", "conn1", &alice);
    world.events();
    assert_eq!(host(&world), id("alice"));
}

#[test]
fn a_reload_keeps_the_place_in_the_order() {
    let world = World::new();
    let (alice, bob) = alice_then_bob(&world);
    restart(&world);
    resume(&world, "bob", "conn5", "conn2", &bob);
    resume(&world, "alice", "conn6", "conn1", &alice);
    // Long after the move: the session is there, its place with it.
    world.advance_ms(3_600_000);
    let alice = last_token(&world);
    resume(&world, "alice", "conn7", "conn1", &alice);
    world.events();
    assert_eq!(host(&world), id("alice"));
}

#[test]
fn nobody_makes_up_an_earlier_time() {
    let world = World::new();
    join(&world, "alice", "conn1");
    world.advance_ms(1_000);
    let bob = join(&world, "bob", "conn2");
    restart(&world);
    let (_, mac) = bob.split_once('.').expect("a time and its proof");
    for forged in [format!("0.{mac}"), mac.to_owned(), format!("1.{bob}")] {
        resume(&world, "bob", "conn5", "conn2", &forged);
        assert_eq!(world.error_code(), "resume_invalid", "{forged}");
    }
}

#[test]
fn who_left_and_comes_back_with_the_old_token_is_the_last() {
    let world = World::new();
    let alice = join(&world, "alice", "conn1");
    world.advance_ms(1_000);
    join(&world, "bob", "conn2");
    world.send("alice", "conn1", "leave", &[]);
    world.advance_ms(1_000);
    resume(&world, "alice", "conn5", "conn1", &alice);
    world.events();
    assert_eq!(host(&world), id("bob"));

    // Nor is an old token good once those who were in the call had time to come back.
    restart(&world);
    world.join("carol", "conn6", "town");
    world.advance_ms(120_000);
    resume(&world, "alice", "conn7", "conn1", &alice);
    world.events();
    assert_eq!(host(&world), id("carol"));
}

#[test]
fn bots_are_never_the_host_however_early() {
    let world = World::new();
    world.env.edit_user("alice", |user| user.is_bot = true);
    let (alice, bob) = alice_then_bob(&world);
    restart(&world);
    resume(&world, "alice", "conn5", "conn1", &alice);
    resume(&world, "bob", "conn6", "conn2", &bob);
    world.events();
    assert_eq!(host(&world), id("bob"));
}

#[test]
fn who_comes_back_unmuted_is_shown_so_to_those_who_are_back() {
    let world = World::new();
    let alice = join(&world, "alice", "conn1");
    let bob = join(&world, "bob", "conn2");
    restart(&world);
    resume(&world, "alice", "conn5", "conn1", &alice);
    world.join_official("carol", "conn6", "town");
    world.events();
    resume(&world, "bob", "conn7", "conn2", &bob);
    let events = world.events();
    let at = events.iter().position(|e| e.name == "user_joined").unwrap();
    assert_eq!(
        events[at].data["parley"],
        json!({"unmuted": true, "raised_hand": 0, "resumed": true})
    );
    // Official clients take everybody who joins as muted, until this.
    let unmuted: Vec<_> = events
        .iter()
        .filter(|e| e.name == "user_unmuted")
        .map(|e| (e.scope(), e.data["session_id"].clone()))
        .collect();
    assert_eq!(
        unmuted,
        [(format!("user {}", id("carol")), id("conn2").into())]
    );
    assert_eq!(events[at + 1].name, "user_unmuted");
}

#[test]
fn who_joins_muted_is_told_so_once() {
    let world = World::new();
    world.join_official("alice", "conn1", "town");
    world.events();
    world.join("bob", "conn2", "town");
    let events = world.events();
    let joined = events.iter().find(|e| e.name == "user_joined").unwrap();
    let state = json!({"unmuted": false, "raised_hand": 0});
    assert_eq!(joined.data["parley"], state);
    assert!(!events.iter().any(|e| e.name == "user_unmuted"));
}

#[test]
fn clients_that_do_not_come_back_by_themselves_see_the_call_end_and_one_that_they_may_join() {
    let world = World::new();
    join(&world, "alice", "conn1");
    world.join_official("carol", "conn2", "town");
    world.join_official("bob", "conn3", "town");
    world.send("bob", "conn3", "leave", &[]);
    world.events();
    world.sidecar.restart("start2");
    run(world.guest().on_media_restart("start2")).unwrap();
    let events = world.events();
    let told: Vec<_> = events
        .iter()
        .map(|event| (&*event.name, event.scope()))
        .collect();
    let names = ["parley_media_moved", "call_end", "user_left", "call_start"];
    assert_eq!(told, names.map(|name| (name, "channel".to_owned())));
    assert_eq!(events[1].data["parley"]["reason"], "moved");
    // Carol alone: Bob had left, and Alice's client takes her session up again.
    let left = json!({"user_id": id("carol"), "session_id": id("conn2"), "channelID": id("town")});
    assert_eq!(events[2].data, left);
    assert_eq!(events[3].data["owner_id"], id("alice"));
    // Nobody is told twice.
    world.sidecar.restart("start3");
    run(world.guest().on_media_restart("start3")).unwrap();
    assert_eq!(world.names(), ["parley_media_moved"]);
}
