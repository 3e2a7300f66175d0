//! The lock: true, then false for a second asker of the same session, free again after Unlock.

use std::time::Duration;

use parley_bench::client::ClientEvent;
use parley_media::channel::ClientMessage;
use parley_tests::world::{Tab, World};

fn answers(world: &World, tab: &Tab) -> Vec<bool> {
    world.sidecar.with(tab.address, |seat, _| {
        let locks = seat.events.iter().filter_map(|e| match e {
            ClientEvent::Lock(given) => Some(*given),
            _ => None,
        });
        locks.collect()
    })
}

async fn say(world: &World, tab: &Tab, message: ClientMessage<'_>) {
    let (binary, data) = message.encode();
    world.sidecar.with(tab.address, |seat, at| {
        seat.client
            .send_on_channel(binary, &data, at)
            .expect("a sound client");
    });
    world.pass(Duration::from_millis(50)).await;
}

#[tokio::test(start_paused = true)]
async fn a_held_lock_is_refused_and_unlock_frees_it() {
    let world = World::new(&["alice"]).await;
    let alice = world.join("alice").await;
    world.pass(Duration::from_secs(1)).await;
    world.forget(&alice);
    say(&world, &alice, ClientMessage::Lock).await;
    say(&world, &alice, ClientMessage::Lock).await;
    say(&world, &alice, ClientMessage::Unlock).await;
    say(&world, &alice, ClientMessage::Unlock).await;
    say(&world, &alice, ClientMessage::Lock).await;
    assert_eq!(answers(&world, &alice), [true, false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_lock_expires() {
    let world = World::new(&["alice"]).await;
    let alice = world.join("alice").await;
    world.pass(Duration::from_secs(1)).await;
    world.forget(&alice);
    say(&world, &alice, ClientMessage::Lock).await;
    world.pass(Duration::from_secs(11)).await;
    say(&world, &alice, ClientMessage::Lock).await;
    assert_eq!(answers(&world, &alice), [true, true]);
}
