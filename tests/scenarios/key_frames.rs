//! Key-frame requests reach the publisher: at once for a late viewer, merged within 500 ms.

use parley_bench::client::{ClientEvent, Track};
use parley_tests::world::{Tab, World};

use crate::screen::{share, show};

fn wanted(world: &World, tab: &Tab) -> usize {
    world.count(tab, |e| {
        matches!(e, ClientEvent::KeyframeWanted(Track::Screen))
    })
}

#[tokio::test(start_paused = true)]
async fn a_late_viewer_gets_a_key_frame_asked_for() {
    let world = World::new(&["alice", "bob", "carol"]).await;
    let (alice, _bob) = (world.join("alice").await, world.join("bob").await);
    share(&world, &alice).await;
    show(&world, &alice, 40, |n| n == 0).await;
    let before = wanted(&world, &alice);
    let _carol = world.join("carol").await;
    show(&world, &alice, 20, |_| false).await;
    assert!(
        wanted(&world, &alice) > before,
        "nobody asked for a key frame"
    );
}

#[tokio::test(start_paused = true)]
async fn many_viewers_ask_once() {
    let people = ["alice", "v1", "v2", "v3", "v4", "v5", "v6"];
    let world = World::new(&people).await;
    let alice = world.join("alice").await;
    for viewer in &people[1..] {
        world.join(viewer).await;
    }
    share(&world, &alice).await;
    // No key frame ever comes: all six viewers want one for a second.
    show(&world, &alice, 20, |_| false).await;
    let asked = wanted(&world, &alice);
    assert!((1..=4).contains(&asked), "asked {asked} times in a second");
}
