//! A reload: the same session comes back, the others see no leaving.

use std::time::Duration;

use parley_tests::platform::id;
use parley_tests::world::World;
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn a_reloaded_tab_takes_its_session_up_again() {
    let world = World::new(&["alice", "bob"]).await;
    let (alice, bob) = (world.join("alice").await, world.join("bob").await);
    world.unmute(&bob).await;
    let joined = world.to(&alice, "join").next().expect("joined");
    let token = joined.data["parley"]["resume"]
        .as_str()
        .expect("a token")
        .to_owned();
    world.sidecar.unseat(alice.address);

    let again = world.tab("alice");
    let resume = json!({"v": 1, "resume": {"session": alice.connection, "token": token}});
    world.join_as(&again, "town", resume).await;
    world.talk(&bob, "back", Duration::from_secs(1)).await;
    assert!(world.heard(&again, "back").len() > 40);
    assert!(world.platform.published_named("user_left").is_empty());
    let call = world.call_state(&bob).await;
    assert_eq!(call["sessions"].as_array().map(Vec::len), Some(2), "{call}");
}

#[tokio::test(start_paused = true)]
async fn a_token_is_good_for_its_owner_only() {
    let world = World::new(&["alice", "mallory"]).await;
    let alice = world.join("alice").await;
    let joined = world.to(&alice, "join").next().expect("joined");
    let token = joined.data["parley"]["resume"]
        .as_str()
        .expect("a token")
        .to_owned();
    let thief = world.tab("mallory");
    let data = json!({
        "channelID": id("town"),
        "parley": {"v": 1, "resume": {"session": alice.connection, "token": token}},
    });
    world.send(&thief, "join", data).await;
    world.pass(Duration::from_millis(100)).await;
    let error = world.to(&thief, "error").next().expect("refused");
    assert_eq!(error.data["code"], json!("resume_invalid"));
}

#[tokio::test(start_paused = true)]
async fn a_tab_that_never_comes_back_is_removed() {
    let world = World::new(&["alice", "bob"]).await;
    let (alice, bob) = (world.join("alice").await, world.join("bob").await);
    world.sidecar.unseat(alice.address);
    let event = parley_host::hooks::PlatformEvent::Disconnected {
        connection_id: alice.connection.clone(),
        user_id: id("alice"),
    };
    world.platform_event(event).await;
    world.pass(Duration::from_secs(25)).await;
    let call = world.call_state(&bob).await;
    assert_eq!(
        call["sessions"].as_array().map(Vec::len),
        Some(2),
        "within the timeout: {call}"
    );
    world.pass(Duration::from_secs(10)).await;
    let call = world.call_state(&bob).await;
    assert_eq!(call["sessions"].as_array().map(Vec::len), Some(1), "{call}");
    assert_eq!(world.platform.published_named("user_left").len(), 1);
}
