//! Datagrams of strangers change nothing: no answer, no route, no session.

use std::net::SocketAddr;
use std::time::Duration;

use parley_tests::world::World;

#[tokio::test(start_paused = true)]
async fn media_from_a_foreign_address_is_dropped() {
    let world = World::new(&["alice", "bob"]).await;
    let (alice, bob) = (world.join("alice").await, world.join("bob").await);
    world.unmute(&alice).await;
    let stranger: SocketAddr = "10.66.6.6:6666".parse().unwrap();
    let sniffed = world.sidecar.sniff(alice.address);
    world.talk(&alice, "true", Duration::from_secs(1)).await;
    let captured = sniffed.lock().unwrap().clone();
    assert!(captured.len() > 40);
    let heard = world.heard(&bob, "true").len();
    // All that alice sent, again from elsewhere: checks too, whose integrity is valid.
    for datagram in &captured {
        world.sidecar.inject(stranger, datagram);
    }
    world.pass(Duration::from_secs(1)).await;
    assert_eq!(
        world.heard(&bob, "true").len(),
        heard,
        "replayed media was forwarded"
    );
    world.talk(&alice, "still", Duration::from_secs(1)).await;
    assert!(
        world.heard(&bob, "still").len() > 40,
        "alice's route moved to the stranger"
    );
    assert!(
        world.sidecar.sent_to(stranger).is_empty(),
        "a stranger was answered"
    );
}

#[tokio::test(start_paused = true)]
async fn a_replayed_check_brings_no_media_to_the_stranger() {
    let world = World::new(&["alice", "bob"]).await;
    let (alice, bob) = (world.join("alice").await, world.join("bob").await);
    world.unmute(&bob).await;
    let sniffed = world.sidecar.sniff(alice.address);
    world.pass(Duration::from_secs(5)).await;
    let checks: Vec<Vec<u8>> = sniffed
        .lock()
        .unwrap()
        .iter()
        .filter(|d| d.starts_with(&[0, 1]))
        .cloned()
        .collect();
    assert!(!checks.is_empty(), "no check seen in 5 s");
    let stranger: SocketAddr = "10.66.6.8:6666".parse().unwrap();
    world.sidecar.inject(stranger, &checks[0]);
    world.talk(&bob, "private", Duration::from_secs(2)).await;
    assert!(
        world.heard(&alice, "private").len() > 80,
        "alice's route moved to the stranger"
    );
    assert!(
        world.sidecar.sent_to(stranger).is_empty(),
        "a stranger was answered"
    );
}

#[tokio::test(start_paused = true)]
async fn a_check_with_wrong_integrity_is_not_answered() {
    let world = World::new(&["alice"]).await;
    let alice = world.join("alice").await;
    let sniffed = world.sidecar.sniff(alice.address);
    world.pass(Duration::from_secs(5)).await;
    // RFC 8489 section 5: a binding request begins with 0x0001.
    let checks: Vec<Vec<u8>> = sniffed
        .lock()
        .unwrap()
        .iter()
        .filter(|d| d.starts_with(&[0, 1]))
        .cloned()
        .collect();
    assert!(!checks.is_empty(), "no check seen in 5 s");
    let refused = || {
        world
            .sidecar
            .counters()
            .drops
            .get("stun_integrity")
            .copied()
            .unwrap_or(0)
    };
    let before = refused();
    let stranger: SocketAddr = "10.66.6.7:6666".parse().unwrap();
    for check in &checks {
        let mut check = check.clone();
        // One bit of the transaction id: the integrity no longer fits.
        check[10] ^= 1;
        world.sidecar.inject(stranger, &check);
    }
    world.pass(Duration::from_secs(1)).await;
    assert!(world.sidecar.sent_to(stranger).is_empty());
    assert_eq!(
        refused() - before,
        checks.len() as u64,
        "each is refused and counted"
    );
}
