//! `/call stats`: valid JSON within its limit, live and afterwards, ids only.

use std::time::Duration;

use parley_tests::platform::id;
use parley_tests::world::World;
use serde_json::{Value, json};

fn json_in(text: &str) -> Value {
    let (start, end) = (
        text.find('{').expect("JSON"),
        text.rfind('}').expect("JSON"),
    );
    serde_json::from_str(&text[start..=end]).expect("valid JSON")
}

#[tokio::test(start_paused = true)]
async fn stats_are_there_during_the_call_and_after_it() {
    let world = World::new(&["alice", "bob"]).await;
    let (alice, bob) = (world.join("alice").await, world.join("bob").await);
    world.unmute(&bob).await;
    world.talk(&bob, "hello", Duration::from_secs(5)).await;
    let live = world.command("alice", "/call stats").await;
    assert!(live.chars().count() <= 12_000);
    let stats = json_in(&live);
    assert!(stats.to_string().contains(&alice.connection), "{stats}");
    assert!(!live.contains("10.99."), "no IP addresses: {live}");

    world.send(&alice, "leave", json!({})).await;
    world.pass(Duration::from_secs(1)).await;
    let after = json_in(&world.command("alice", "/call stats").await);
    assert!(after.to_string().contains(&alice.connection), "{after}");
    assert!(
        world
            .platform
            .kv_keys()
            .contains(&format!("s_{}", id("alice")))
    );
}
