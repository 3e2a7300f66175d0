//! A call is recorded: everybody in it hears so, also when the sidecar dies meanwhile.

use std::time::Duration;

use parley_tests::platform::Published;
use parley_tests::world::{Tab, World};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(2);

fn states(world: &World) -> Vec<Published> {
    world.platform.published_named("call_job_state")
}

/// The state that everybody in the call was told last.
fn last(world: &World) -> Value {
    let told = states(world).pop().expect("a job state");
    told.data["jobState"].clone()
}

/// Its recording, for who reads the call's state now.
async fn seen(world: &World, tab: &Tab) -> Value {
    world.call_state(tab).await["recording"].clone()
}

#[tokio::test(start_paused = true)]
async fn everybody_in_the_call_hears_of_it() {
    let world = World::new(&["alice", "bob"]).await.with_data_dir().await;
    let (alice, _bob) = (world.join("alice").await, world.join("bob").await);
    let refused = world.command("bob", "/call recording start").await;
    assert!(refused.starts_with("Only the host"), "{refused}");
    let begun = world.command("alice", "/call recording start").await;
    assert!(begun.starts_with("The recording has begun"), "{begun}");
    world
        .until("both are told", SOON, || states(&world).len() == 2)
        .await;
    let state = last(&world);
    let start = state["start_at"].clone();
    assert!(start.as_i64() > Some(0), "{state}");
    let wanted = json!({"type": "recording", "init_at": start, "start_at": start, "end_at": 0});
    assert_eq!(state, wanted);
    assert_eq!(seen(&world, &alice).await, wanted);

    let path = format!(
        "/calls/{}/recording/stop",
        parley_tests::platform::id("town")
    );
    let stopped = world.http("alice", "POST", &path).await;
    assert_eq!(stopped.status, 200);
    world
        .until("both are told", SOON, || states(&world).len() == 4)
        .await;
    assert!(
        last(&world)["end_at"].as_i64() > Some(0),
        "{}",
        last(&world)
    );
    assert_eq!(seen(&world, &alice).await, last(&world));
}

#[tokio::test(start_paused = true)]
async fn it_goes_on_in_a_new_sidecar() {
    let mut world = World::new(&["alice", "bob"]).await.with_data_dir().await;
    world.join("alice").await;
    world.command("alice", "/call recording start").await;
    world
        .until("told", SOON, || states(&world).len() == 1)
        .await;
    let before = last(&world);
    for _ in 0..2 {
        let before_it = world.platform.published_named("parley_media_moved").len();
        world.restart_sidecar().await;
        let moved = || world.platform.published_named("parley_media_moved").len();
        world.until("it moved", SOON, || moved() > before_it).await;
        let bob = world.join("bob").await;
        assert_eq!(seen(&world, &bob).await, before, "the same recording");
    }
    // Not only as far as the call's record knows: the new sidecar stops it.
    let told = states(&world).len();
    let stopped = world.command("bob", "/call recording stop").await;
    assert!(stopped.starts_with("The recording has ended"), "{stopped}");
    world
        .until("told", SOON, || states(&world).len() > told)
        .await;
    assert!(last(&world)["end_at"].as_i64() > Some(0));
    assert_eq!(last(&world)["start_at"], before["start_at"]);
    assert_eq!(last(&world).get("err"), None);
}

#[tokio::test(start_paused = true)]
async fn a_sidecar_without_a_directory_says_so() {
    let world = World::new(&["alice"]).await;
    world.join("alice").await;
    let refused = world.command("alice", "/call recording start").await;
    assert!(
        refused.starts_with("This call cannot be recorded"),
        "{refused}"
    );
    assert_eq!(states(&world).len(), 0);
}
