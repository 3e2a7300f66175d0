//! While muted nobody hears you, whatever your client sends.

use std::time::Duration;

use parley_tests::world::World;
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn packets_of_a_muted_session_are_not_forwarded() {
    let world = World::new(&["alice", "bob"]).await;
    let (alice, bob) = (world.join("alice").await, world.join("bob").await);
    world.unmute(&alice).await;
    world.talk(&alice, "open", Duration::from_secs(1)).await;
    assert!(world.heard(&bob, "open").len() > 45);

    world.send(&alice, "mute", json!({})).await;
    world.pass(Duration::from_millis(100)).await;
    world.talk(&alice, "muted", Duration::from_secs(1)).await;
    assert_eq!(world.heard(&bob, "muted").len(), 0);

    world.send(&alice, "unmute", json!({})).await;
    world.talk(&alice, "again", Duration::from_secs(1)).await;
    assert!(
        world.heard(&bob, "again").len() > 40,
        "unmuting needs no new negotiation"
    );
}

#[tokio::test(start_paused = true)]
async fn the_others_are_told() {
    let world = World::new(&["alice", "bob"]).await;
    let (alice, _bob) = (world.join("alice").await, world.join("bob").await);
    world.unmute(&alice).await;
    world.pass(Duration::from_millis(50)).await;
    let told = world.platform.published_named("user_unmuted");
    let users: Vec<&str> = told.iter().map(|p| p.broadcast.user_id.as_str()).collect();
    assert!(users.iter().any(|u| u.starts_with("bob")), "{users:?}");
    assert!(
        told.iter()
            .all(|p| p.broadcast.channel_id.starts_with("town")),
        "channel_id is always set"
    );
}
