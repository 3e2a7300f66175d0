//! Two hosts over one platform and sidecar, one stops for 20 s: no event is missing, each post comes once.

use std::time::Duration;

use parley_tests::world::World;
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn the_other_host_takes_over_without_loss() {
    let mut world = World::new(&["alice", "bob", "carol"]).await;
    world.add_host().await;
    let alice = world.join("alice").await;
    world.stop_host(0);
    let bob = world.tab("bob");
    world
        .send(
            &bob,
            "join",
            json!({"channelID": id_town(), "dcSignaling": true, "parley": {"v": 1}}),
        )
        .await;
    world.pass(Duration::from_secs(20)).await;
    assert_eq!(world.to(&bob, "join").count(), 1, "the join was never told");
    world.resume_host(0);
    world.send(&alice, "leave", json!({})).await;
    world.pass(Duration::from_secs(5)).await;
    let joined = distinct(&world, "user_joined");
    let left = distinct(&world, "user_left");
    assert_eq!(joined.len(), 2, "{joined:?}");
    assert!(left.iter().any(|s| *s == alice.connection), "{left:?}");
    assert_eq!(world.platform.posts().len(), 1, "a post was made twice");
}

fn id_town() -> String {
    parley_tests::platform::id("town")
}

/// Events may repeat (at least once), their sessions not.
fn distinct(world: &World, name: &str) -> std::collections::BTreeSet<String> {
    let events = world.platform.published_named(name);
    events
        .iter()
        .filter_map(|p| p.data["session_id"].as_str().map(str::to_owned))
        .collect()
}
