//! Leaving: the others are told once, the last one ends the call at once.

use std::time::Duration;

use parley_tests::world::World;
use serde_json::{Value, json};

#[tokio::test(start_paused = true)]
async fn the_last_to_leave_ends_the_call() {
    let world = World::new(&["alice", "bob"]).await;
    let (alice, bob) = (world.join("alice").await, world.join("bob").await);
    world.send(&alice, "leave", json!({})).await;
    world.pass(Duration::from_millis(200)).await;
    assert_eq!(world.platform.published_named("user_left").len(), 1);
    let post = &world.platform.posts()[0];
    let props: Value = serde_json::from_str(&post.props_json).unwrap();
    assert!(
        props["end_at"].as_i64().unwrap_or(0) == 0,
        "the call goes on: {props}"
    );

    world.send(&bob, "leave", json!({})).await;
    world.pass(Duration::from_millis(200)).await;
    assert_eq!(world.platform.published_named("user_left").len(), 2);
    let post = &world.platform.posts()[0];
    let props: Value = serde_json::from_str(&post.props_json).unwrap();
    assert!(props["end_at"].as_i64().unwrap_or(0) > 0, "{props}");
    assert_eq!(
        props["participants"].as_array().map(Vec::len),
        Some(2),
        "{props}"
    );
    assert!(
        !world.platform.kv_keys().iter().any(|k| k.starts_with("c_")),
        "no record stays behind"
    );
}

#[tokio::test(start_paused = true)]
async fn the_next_join_starts_a_new_call() {
    let world = World::new(&["alice"]).await;
    let alice = world.join("alice").await;
    world.send(&alice, "leave", json!({})).await;
    world.pass(Duration::from_millis(200)).await;
    world.join("alice").await;
    let starts = world.platform.published_named("call_start");
    assert_eq!(starts.len(), 2);
    assert_ne!(starts[0].data["id"], starts[1].data["id"]);
    assert_eq!(world.platform.posts().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_host_ends_it_for_all_and_others_may_not() {
    let world = World::new(&["alice", "bob"]).await;
    let (_alice, _bob) = (world.join("alice").await, world.join("bob").await);
    let refusal = world.command("bob", "/call end").await;
    assert!(!refusal.is_empty());
    world.pass(Duration::from_millis(100)).await;
    assert!(
        world.platform.published_named("call_end").is_empty(),
        "bob is not the host"
    );
    world.command("alice", "/call end").await;
    world.pass(Duration::from_millis(200)).await;
    assert_eq!(world.platform.published_named("call_end").len(), 1);
}
