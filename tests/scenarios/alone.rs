//! Alone for 15 minutes: a notice a minute before, then the call ends.

use std::time::Duration;

use parley_tests::world::World;
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn a_lonely_call_ends_with_notice() {
    let world = World::new(&["alice"]).await;
    let _alice = world.join("alice").await;
    world.pass(Duration::from_secs(13 * 60)).await;
    assert!(world.platform.published_named("parley_alone").is_empty());
    world.pass(Duration::from_secs(90)).await;
    assert_eq!(world.platform.published_named("parley_alone").len(), 1);
    assert!(world.platform.published_named("call_end").is_empty());
    world.pass(Duration::from_secs(60)).await;
    let ends = world.platform.published_named("call_end");
    assert_eq!(ends.len(), 1);
    assert_eq!(ends[0].data["parley"]["reason"], json!("alone"));
}
