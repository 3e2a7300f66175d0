//! An event whose handling failed comes again: it is acked only when it was handled.

use std::time::Duration;

use parley_tests::world::World;
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn an_event_is_delivered_again_after_a_failure() {
    let world = World::new(&["alice", "bob"]).await;
    let alice = world.join("alice").await;
    let bob = world.join("bob").await;
    // Whatever the guest asks of the platform fails for a while, as in a database restart.
    world.platform.fail_for(Duration::from_secs(2));
    world.send_leave_directly(&bob).await;
    world.pass(Duration::from_secs(1)).await;
    assert!(world.platform.published_named("user_left").is_empty());
    world.pass(Duration::from_secs(10)).await;
    let left = world.platform.published_named("user_left");
    assert!(!left.is_empty(), "the event was lost");
    assert_eq!(left[0].data["session_id"], json!(bob.connection));
    let call = world.call_state(&alice).await;
    assert_eq!(call["sessions"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_a_dying_host_had_not_handled_comes_to_the_next() {
    let mut world = World::new(&["alice", "bob"]).await;
    let (_alice, bob) = (world.join("alice").await, world.join("bob").await);
    world.platform.fail_for(Duration::from_secs(2));
    world.send_leave_directly(&bob).await;
    world.pass(Duration::from_secs(1)).await;
    world.kill_host();
    world.add_host().await;
    world.pass(Duration::from_secs(10)).await;
    let left = world.platform.published_named("user_left");
    assert!(
        !left.is_empty(),
        "the event was acked before it was handled"
    );
    assert_eq!(left[0].data["session_id"], json!(bob.connection));
}
