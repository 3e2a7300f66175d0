//! Who joins late hears everybody who speaks, and learns who is there.

use std::time::Duration;

use parley_tests::world::World;

#[tokio::test(start_paused = true)]
async fn a_late_joiner_hears_all_speakers() {
    let world = World::new(&["alice", "bob", "carol"]).await;
    let (alice, bob) = (world.join("alice").await, world.join("bob").await);
    world.unmute(&alice).await;
    world.unmute(&bob).await;
    world
        .talk_together(
            &[(&alice, "early a"), (&bob, "early b")],
            Duration::from_secs(1),
        )
        .await;
    let carol = world.join("carol").await;
    world
        .talk_together(
            &[(&alice, "late a"), (&bob, "late b")],
            Duration::from_secs(2),
        )
        .await;
    assert!(world.heard(&carol, "late a").len() > 80);
    assert!(world.heard(&carol, "late b").len() > 80);
    assert_eq!(world.heard(&carol, "early").len(), 0);
}
