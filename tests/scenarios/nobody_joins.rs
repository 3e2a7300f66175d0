//! `/call start` without a web page waits 60 s for the first session.

use std::time::Duration;

use parley_tests::world::World;
use serde_json::{Value, json};

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_joins_ends_after_a_minute() {
    let world = World::new(&["alice"]).await;
    world.command("alice", "/call start").await;
    assert_eq!(world.platform.published_named("call_start").len(), 1);
    world.pass(Duration::from_secs(58)).await;
    assert!(world.platform.published_named("call_end").is_empty());
    world.pass(Duration::from_secs(4)).await;
    let ends = world.platform.published_named("call_end");
    assert_eq!(ends.len(), 1);
    assert_eq!(ends[0].data["parley"]["reason"], json!("nobody_joined"));
    let props: Value = serde_json::from_str(&world.platform.posts()[0].props_json).unwrap();
    assert!(props["end_at"].as_i64().unwrap_or(0) > 0, "{props}");
}

#[tokio::test(start_paused = true)]
async fn starting_twice_offers_to_join() {
    let world = World::new(&["alice", "bob"]).await;
    world.command("alice", "/call start").await;
    let answer = world.command("bob", "/call start").await;
    assert!(answer.contains("/join/"), "{answer}");
    assert_eq!(world.platform.posts().len(), 1);
    assert_eq!(world.platform.published_named("call_start").len(), 1);
}
