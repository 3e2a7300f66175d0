//! The sidecar dies in a call: clients are told, come back into the same call, nobody "left".

use std::time::Duration;

use parley_tests::platform::id;
use parley_tests::world::World;
use serde_json::{Value, json};

#[tokio::test(start_paused = true)]
async fn the_call_goes_on_in_a_new_sidecar() {
    let mut world = World::new(&["alice", "bob"]).await;
    let (alice, bob) = (world.join("alice").await, world.join("bob").await);
    let before = world.platform.published_named("call_start")[0].data["id"].clone();
    let token = |tab| {
        let joined = world.to(tab, "join").next().expect("joined");
        joined.data["parley"]["resume"]
            .as_str()
            .expect("a token")
            .to_owned()
    };
    let tokens = [token(&alice), token(&bob)];
    world.restart_sidecar().await;
    world
        .until("clients are told", Duration::from_secs(1), || {
            !world
                .platform
                .published_named("parley_media_moved")
                .is_empty()
        })
        .await;

    let mut tabs = Vec::new();
    for (old, token) in [(&alice, &tokens[0]), (&bob, &tokens[1])] {
        let tab = world.tab(&old.user);
        let resume =
            json!({"v": 1, "unmuted": true, "resume": {"session": old.connection, "token": token}});
        world.join_as(&tab, "town", resume).await;
        world.unmute(&tab).await;
        tabs.push(tab);
    }
    world
        .talk_together(&[(&tabs[0], "a"), (&tabs[1], "b")], Duration::from_secs(1))
        .await;
    assert!(world.heard(&tabs[1], "a").len() > 40);
    assert!(world.heard(&tabs[0], "b").len() > 40);
    assert!(world.platform.published_named("user_left").is_empty());
    assert_eq!(
        world.platform.posts().len(),
        1,
        "the same call, the same post"
    );
    assert_eq!(world.call_state(&tabs[0]).await["id"], before);
}

#[tokio::test(start_paused = true)]
async fn who_is_back_first_sees_the_others_unmuted_and_is_not_the_host() {
    let mut world = World::new(&["alice", "bob"]).await;
    let (alice, bob) = (world.join("alice").await, world.join("bob").await);
    let token = |tab| {
        let joined = world.to(tab, "join").next().expect("joined");
        joined.data["parley"]["resume"].clone()
    };
    let tokens = [token(&alice), token(&bob)];
    world.restart_sidecar().await;
    let moved = || {
        !world
            .platform
            .published_named("parley_media_moved")
            .is_empty()
    };
    world
        .until("clients are told", Duration::from_secs(1), moved)
        .await;

    let joined_before = world.platform.published_named("user_joined").len();
    let mut back = None;
    // Bob first, who was the second.
    for (old, token) in [(&bob, &tokens[1]), (&alice, &tokens[0])] {
        let tab = world.tab(&old.user);
        let resume =
            json!({"v": 1, "unmuted": true, "resume": {"session": old.connection, "token": token}});
        world.join_as(&tab, "town", resume).await;
        back.get_or_insert(tab);
    }
    let joined = world.platform.published_named("user_joined");
    let told: Vec<_> = joined[joined_before..]
        .iter()
        .map(|event| (event.data["user_id"].clone(), event.data["parley"].clone()))
        .collect();
    let state = json!({"unmuted": true, "raised_hand": 0, "resumed": true});
    let both = ["bob", "alice"].map(|who| (json!(id(who)), state.clone()));
    assert_eq!(told, both);
    let hosts = world.platform.published_named("call_host_changed");
    let last = hosts
        .iter()
        .rfind(|event| event.broadcast.user_id == id("bob"));
    assert_eq!(last.expect("told").data["hostID"], json!(id("alice")));
    let call = world.call_state(&back.expect("bob's tab")).await;
    assert_eq!(call["host_id"], json!(id("alice")), "{call}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_takes_up_again_ends() {
    let mut world = World::new(&["alice"]).await;
    let _alice = world.join("alice").await;
    world.restart_sidecar().await;
    world.pass(Duration::from_secs(62)).await;
    let props: Value = serde_json::from_str(&world.platform.posts()[0].props_json).unwrap();
    assert!(
        props["end_at"].as_i64().unwrap_or(0) > 0,
        "a ghost call: {props}"
    );
    assert!(!world.platform.kv_keys().iter().any(|k| k.starts_with("c_")));
}
