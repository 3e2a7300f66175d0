//! The local platform against the suite that every adapter passes; Mattermost's adapter runs the same one
//! under its plugin host (`tests/mattermost/conformance.rs`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod suite;

use parley_host::platform::ChannelKind;
use parley_host::platform::local::{Account, Local, LocalConfig};

use self::suite::World;

#[tokio::test]
async fn the_local_platform_conforms() {
    let id = "app.parley.calls";
    let dir = tempfile::tempdir().unwrap();
    let config = LocalConfig {
        data_dir: Some(dir.path().to_owned()),
        ..LocalConfig::new("http://localhost:8065/chat/", id, "0.1.0")
    };
    let local = Local::open(config).unwrap();
    let account = |name: &str| Account {
        username: name.into(),
        ..Account::default()
    };
    let member = local.create_user(account("member")).await.unwrap();
    let stranger = local.create_user(account("stranger")).await.unwrap();
    let team = local.create_team("team", "Team").await.unwrap();
    let channel = local
        .create_channel(&team, "channel", "Channel", ChannelKind::Open)
        .await
        .unwrap();
    local.add_to_channel(&channel, &member).await.unwrap();
    let world = World {
        plugin_id: id.into(),
        team,
        channel,
        member,
        member_name: "member".into(),
        stranger,
    };
    let failures = suite::failures(&local, &world).await;
    assert!(failures.is_empty(), "{failures:#?}");
}
