//! Both sides offer at once: the server's offer wins, and the client's track still arrives.

use std::time::Duration;

use parley_bench::client::{Client, ClientConfig, ClientEvent, Track};
use parley_tests::platform::id;
use parley_tests::world::{Tab, World};
use serde_json::json;

/// As an old client: offers without asking for the lock.
async fn join_without_lock(world: &World, user: &str) -> Tab {
    let tab = world.tab(user);
    world
        .send(
            &tab,
            "join",
            json!({"channelID": id("town"), "dcSignaling": true, "parley": {"v": 1}}),
        )
        .await;
    let config = ClientConfig {
        uses_lock: false,
        ..ClientConfig::web(tab.address)
    };
    let client = Client::new(config, tokio::time::Instant::now().into_std()).expect("a client");
    world.sidecar.seat(client);
    world
        .until("slots are negotiated", Duration::from_secs(5), || {
            world.count(&tab, |e| matches!(e, ClientEvent::OfferApplied)) > 0
        })
        .await;
    tab
}

#[tokio::test(start_paused = true)]
async fn a_microphone_survives_crossing_offers() {
    // A third and more people make the server offer further slots; alice's offer crosses it at some shift.
    for shift_ms in [0, 1, 2, 3, 5, 8] {
        let world = World::new(&["alice", "bob", "carol", "dave"]).await;
        let alice = join_without_lock(&world, "alice").await;
        let bob = world.join("bob").await;
        world.unmute(&bob).await;
        let offers = world.count(&alice, |e| matches!(e, ClientEvent::OfferApplied));
        let (carol, dave) = (world.join("carol").await, world.join("dave").await);
        world.send(&carol, "unmute", json!({})).await;
        world.send(&dave, "unmute", json!({})).await;
        tokio::time::sleep(Duration::from_millis(shift_ms)).await;
        world.sidecar.with(alice.address, |seat, at| {
            seat.client
                .publish(Track::Voice, "microphone", false, at)
                .expect("a sound client");
        });
        world
            .until(
                "the microphone is negotiated",
                Duration::from_secs(5),
                || {
                    world.count(&alice, |e| {
                        matches!(e, ClientEvent::Published(Track::Voice))
                    }) > 0
                },
            )
            .await;
        world.send(&alice, "unmute", json!({})).await;
        world.talk(&alice, "through", Duration::from_secs(1)).await;
        let heard = world.heard(&bob, "through").len();
        assert!(
            heard > 40,
            "shift {shift_ms} ms: {heard} packets after {offers} server offers"
        );
    }
}
