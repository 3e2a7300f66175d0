//! Leaving the channel, being deactivated or signed out ends the session at once.

use std::time::Duration;

use parley_host::hooks::PlatformEvent;
use parley_tests::platform::id;
use parley_tests::world::World;
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn leaving_the_channel_ends_the_session_within_a_second() {
    let world = World::new(&["alice", "bob"]).await;
    let (alice, bob) = (world.join("alice").await, world.join("bob").await);
    world.unmute(&alice).await;
    world.platform.remove_member("town", "bob");
    world
        .platform_event(PlatformEvent::LeftChannel {
            channel_id: id("town"),
            user_id: id("bob"),
        })
        .await;
    world.pass(Duration::from_secs(1)).await;
    let call = world.call_state(&alice).await;
    assert_eq!(call["sessions"].as_array().map(Vec::len), Some(1), "{call}");
    let removed = world.platform.published_named("parley_removed");
    assert_eq!(removed[0].data["reason"], json!("left_channel"));
    world.forget(&bob);
    world.talk(&alice, "secret", Duration::from_secs(1)).await;
    assert!(
        world.heard(&bob, "secret").is_empty(),
        "bob still hears the channel"
    );
}

#[tokio::test(start_paused = true)]
async fn a_deactivated_user_is_out_of_all_calls() {
    let world = World::new(&["alice", "bob"]).await;
    let (alice, _bob) = (world.join("alice").await, world.join("bob").await);
    world.platform.change_user("bob", |user| user.delete_at = 1);
    world
        .platform_event(PlatformEvent::UserDeactivated { user_id: id("bob") })
        .await;
    world.pass(Duration::from_secs(1)).await;
    let call = world.call_state(&alice).await;
    assert_eq!(call["sessions"].as_array().map(Vec::len), Some(1), "{call}");
}
