//! Two hosts over one platform and sidecar, one stops for 20 s: no event is missing, each post comes once.

use std::time::Duration;

use parley_tests::world::World;
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn the_other_host_takes_over_without_loss() {
    let mut world = World::new(&["alice", "bob", "carol"]).await;
    world.add_host().await;
    let alice = world.join("alice").await;
    // Whichever host the room's events go to, it is stopped once.
    let mut joined = vec![alice.connection.clone()];
    for (index, user) in ["bob", "carol"].into_iter().enumerate() {
        world.stop_host(index);
        let tab = world.tab(user);
        let data = json!({"channelID": id_town(), "dcSignaling": true, "parley": {"v": 1}});
        world.send(&tab, "join", data).await;
        world.pass(Duration::from_secs(20)).await;
        assert_eq!(
            world.to(&tab, "join").count(),
            1,
            "{user}'s join was never told"
        );
        world.resume_host(index);
        world.pass(Duration::from_secs(2)).await;
        joined.push(tab.connection);
    }
    world.send(&alice, "leave", json!({})).await;
    world.pass(Duration::from_secs(5)).await;
    assert_eq!(
        distinct(&world, "user_joined"),
        joined.into_iter().collect()
    );
    assert!(distinct(&world, "user_left").contains(&alice.connection));
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
