//! Who may not be in a call is refused by every door, with a reason.

use std::time::Duration;

use parley_host::platform::ChannelKind;
use parley_tests::platform::id;
use parley_tests::world::World;
use serde_json::json;

async fn refused_with(world: &World, user: &str, channel: &str, code: &str) {
    let tab = world.tab(user);
    world
        .send(
            &tab,
            "join",
            json!({"channelID": id(channel), "parley": {"v": 1}}),
        )
        .await;
    world.pass(Duration::from_millis(50)).await;
    assert_eq!(
        world.to(&tab, "join").count(),
        0,
        "{user} got into {channel}"
    );
    let errors: Vec<_> = world.to(&tab, "error").collect();
    assert_eq!(errors.len(), 1, "{user} in {channel}");
    assert_eq!(errors[0].data["code"], json!(code));
    assert_eq!(errors[0].data["connID"], json!(tab.connection));
    assert!(
        !errors[0].data["data"]
            .as_str()
            .unwrap_or_default()
            .is_empty(),
        "a text for the user"
    );
}

#[tokio::test(start_paused = true)]
async fn l10_strangers_are_refused() {
    let world = World::new(&["alice"]).await;
    world.platform.add_user("mallory");
    refused_with(&world, "mallory", "town", "not_member").await;
    assert!(world.platform.posts().is_empty());
    assert!(world.platform.published_named("call_start").is_empty());
}

#[tokio::test(start_paused = true)]
async fn archived_channels_and_deactivated_users_are_refused() {
    let world = World::new(&["alice", "bob"]).await;
    world.platform.change_user("bob", |user| user.delete_at = 1);
    refused_with(&world, "bob", "town", "deactivated").await;
    world
        .platform
        .change_channel("town", |channel| channel.delete_at = 1);
    refused_with(&world, "alice", "town", "archived").await;
}

#[tokio::test(start_paused = true)]
async fn in_test_mode_only_admins_start_but_all_may_join() {
    let world = World::new(&["alice", "root"]).await;
    world.platform.set_setting("DefaultEnabled", false);
    world.platform.change_user("root", |user| {
        user.roles = "system_user system_admin".into()
    });
    refused_with(&world, "alice", "town", "test_mode").await;
    world.join("root").await;
    world.join("alice").await;
}

#[tokio::test(start_paused = true)]
async fn commands_of_strangers_start_nothing() {
    let world = World::new(&["alice"]).await;
    world.platform.add_user("mallory");
    world.platform.add_channel("secret", ChannelKind::Private);
    let answer = world.command_in("secret", "mallory", "/call start").await;
    assert!(!answer.is_empty());
    assert!(world.platform.posts().is_empty());
    assert!(!world.platform.kv_keys().iter().any(|k| k.starts_with("c_")));
}

#[tokio::test(start_paused = true)]
async fn signals_for_other_peoples_sessions_go_nowhere() {
    let world = World::new(&["alice", "mallory"]).await;
    let alice = world.join("alice").await;
    world.unmute(&alice).await;
    let thief = world.tab("mallory");
    // A reconnect that names alice's session.
    let data = json!({
        "channelID": id("town"), "originalConnID": alice.connection, "prevConnID": alice.connection,
    });
    world.send(&thief, "reconnect", data).await;
    world.send(&thief, "mute", json!({})).await;
    world.pass(Duration::from_millis(100)).await;
    let call = world.call_state(&alice).await;
    assert_eq!(
        call["sessions"][0]["unmuted"],
        json!(true),
        "alice was muted by a stranger"
    );
}
