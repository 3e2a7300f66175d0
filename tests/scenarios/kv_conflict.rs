//! Two nodes start a call in one channel at the same moment: one call, one post.

use std::time::Duration;

use parley_host::hooks::{CommandArgs, Hooks as _};
use parley_tests::platform::id;
use parley_tests::world::World;

#[tokio::test(start_paused = true)]
async fn two_starts_at_once_make_one_call() {
    for seed in 1..=5 {
        let mut world = World::with(&["alice", "bob"], parley_tests::net::Link::LAN, seed).await;
        world.add_host().await;
        let args = |user: &str| CommandArgs {
            command: "/call start".into(),
            user_id: id(user),
            channel_id: id("town"),
            team_id: id("team"),
            root_id: String::new(),
        };
        let (a, b) = tokio::join!(
            world.hosts[0].plugin.command(args("alice")),
            world.hosts[1].plugin.command(args("bob")),
        );
        world.pass(Duration::from_millis(200)).await;
        assert_eq!(world.platform.posts().len(), 1, "seed {seed}: {a:?} {b:?}");
        assert_eq!(
            world.platform.published_named("call_start").len(),
            1,
            "seed {seed}"
        );
    }
}
