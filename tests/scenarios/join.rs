//! `/call start`, two joins: both are in, both hear each other.

use std::time::Duration;

use parley_tests::world::World;
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn two_people_hear_each_other() {
    let world = World::new(&["alice", "bob"]).await;
    let answer = world.command("alice", "/call start Weekly").await;
    assert!(
        answer.contains("http://chat.example/sub/plugins/app.parley.calls/join/town"),
        "{answer}"
    );
    let alice = world.join("alice").await;
    let bob = world.join("bob").await;
    world.unmute(&alice).await;
    world.unmute(&bob).await;
    world
        .talk_together(
            &[(&alice, "from alice"), (&bob, "from bob")],
            Duration::from_secs(2),
        )
        .await;
    assert!(world.heard(&bob, "from alice").len() > 90);
    assert!(world.heard(&alice, "from bob").len() > 90);
    assert!(
        world.heard(&alice, "from alice").is_empty(),
        "nobody hears themselves"
    );
    let call = world.call_state(&alice).await;
    assert_eq!(call["title"], json!("Weekly"));
    assert_eq!(call["sessions"].as_array().map(Vec::len), Some(2));
}
