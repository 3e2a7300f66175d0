//! Strangers and broken packets: nothing is forwarded, learned or answered, and calls go on (N1, N2,
//! N4, N7, N11).

use std::net::SocketAddr;

use crate::support::{Profile, Sim};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

fn stranger() -> SocketAddr {
    "203.0.113.9:5555".parse().unwrap()
}

#[test]
fn captured_packets_from_another_address_go_nowhere() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.tap = Some(vec![]);
    sim.talk(&["alice"], 500);
    let captured: Vec<_> = sim.tap.take().unwrap();
    let alice = sim.client("alice").address;
    let before = sim.core.counters().packets_in;
    let media = captured.iter().filter(|(_, bytes)| bytes[0] >= 20);
    for (_, bytes) in media {
        sim.inject(stranger(), bytes);
        // The same address on another port is a stranger too.
        sim.inject(SocketAddr::new(alice.ip(), 1), bytes);
    }
    assert_eq!(
        sim.core.counters().packets_in,
        before,
        "no media was taken in"
    );
    assert!(sim.drop_of("datagram_stranger") > 20);
    assert_eq!(sim.strays, 0, "nothing was sent to a stranger");
    sim.talk(&["alice"], 300);
    assert!(sim.client("bob").heard_from("alice").len() >= 30);
}

#[test]
fn a_check_with_a_wrong_signature_admits_nobody() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.tap = Some(vec![]);
    sim.run_ms(6_000);
    let captured: Vec<_> = sim.tap.take().unwrap();
    let request = captured.iter().find(|(_, bytes)| bytes[..2] == [0, 1]);
    let (_, mut forged) = request.expect("a binding request").clone();
    // MESSAGE-INTEGRITY stands before the 8 bytes of FINGERPRINT (RFC 8489 section 14.7).
    let at = forged.len() - 8 - 10;
    forged[at] ^= 1;
    sim.inject(stranger(), &forged);
    assert_eq!(sim.drop_of("stun_integrity"), 1);
    sim.inject(stranger(), &[22; 60]);
    assert_eq!(sim.drop_of("datagram_stranger"), 1);
    assert_eq!(sim.strays, 0, "no answer, no challenge");
}

#[test]
fn a_replayed_check_moves_no_route() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.tap = Some(vec![]);
    sim.talk(&["alice"], 6_000);
    let captured: Vec<_> = sim.tap.take().unwrap();
    for (_, bytes) in captured.iter().filter(|(_, bytes)| bytes[0] < 4) {
        sim.inject(stranger(), bytes);
    }
    sim.client("bob").heard.clear();
    sim.client("alice").heard.clear();
    sim.talk(&["alice", "bob"], 2_000);
    assert!(sim.client("bob").heard_from("alice").len() >= 90);
    assert!(sim.client("alice").heard_from("bob").len() >= 90);
}

#[test]
fn a_replayed_check_admits_nobody() {
    let mut sim = Sim::new();
    sim.tap = Some(vec![]);
    sim.join("alice", Profile::Ours);
    // Already while her handshake runs, which plaintext could disturb.
    sim.run_ms(15);
    let mut replayed = 0;
    for _ in 0..10 {
        let captured = sim.tap.clone().unwrap();
        for (_, bytes) in captured.iter().filter(|(_, bytes)| bytes[..2] == [0, 1]) {
            sim.inject(stranger(), bytes);
            replayed += 1;
        }
        sim.inject(
            stranger(),
            &[21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40],
        );
        sim.run_ms(60);
    }
    assert!(replayed > 5, "{replayed}");
    assert_eq!(sim.drop_of("stun_replayed"), replayed);
    assert_eq!(sim.drop_of("datagram_stranger"), 10);
    assert_eq!(sim.strays, 0, "nobody was answered");
    assert!(sim.client("alice").connected);
}

#[test]
fn replayed_checks_push_no_client_out() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.tap = Some(vec![]);
    sim.talk(&["alice"], 10_000);
    let alice = sim.client("alice").address;
    let captured = sim.tap.take().unwrap();
    let checks = captured.iter().filter(|(_, bytes)| bytes[..2] == [0, 1]);
    let checks: Vec<_> = checks.filter(|(from, _)| *from == alice).collect();
    assert!(checks.len() >= 3, "{}", checks.len());
    sim.client("bob").heard.clear();
    for n in 0..100u16 {
        for (at, (_, bytes)) in checks.iter().enumerate() {
            let port = 6_000 + (n * 7 + at as u16) % 20;
            sim.inject(SocketAddr::new(stranger().ip(), port), bytes);
        }
        sim.talk(&["alice"], 20);
    }
    assert!(sim.client("bob").heard_from("alice").len() >= 98);
}

/// What is left to who gets a tuple admitted after all, or forges the client's address.
#[test]
fn plaintext_after_the_handshake_ends_nothing() {
    let mut sim = Sim::new();
    sim.tap = Some(vec![]);
    for name in ["alice", "bob"] {
        sim.join(name, Profile::Ours);
    }
    sim.run_ms(1_500);
    sim.set("alice", parley_core::api::StateChange::Unmuted(true))
        .unwrap();
    let alice = sim.client("alice").address;
    let captured = sim.tap.take().unwrap();
    let handshake = captured
        .iter()
        .filter(|(from, bytes)| *from == alice && bytes[0] == 22);
    let handshake: Vec<_> = handshake.collect();
    assert!(handshake.len() >= 2, "{}", handshake.len());
    for epoch in 0..3 {
        for number in 0..40 {
            // close_notify, handshake_failure and all others, as a warning and as fatal.
            for level in [1, 2] {
                let alert = [
                    21, 254, 253, 0, epoch, 0, 0, 0, 0, 0, number, 0, 2, level, number,
                ];
                sim.inject(alice, &alert);
            }
        }
        // Her whole handshake again.
        for (_, bytes) in &handshake {
            sim.inject(alice, bytes);
        }
    }
    sim.run_ms(100);
    sim.talk(&["alice"], 500);
    assert!(sim.client("bob").heard_from("alice").len() >= 20);
    assert_eq!(sim.view().sessions.len(), 2);
}

#[test]
fn replayed_packets_are_not_forwarded_twice() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.tap = Some(vec![]);
    sim.talk(&["alice"], 500);
    let captured: Vec<_> = sim.tap.take().unwrap();
    sim.client("bob").heard.clear();
    let forwarded = sim.core.counters().packets_forwarded;
    for (from, bytes) in captured
        .iter()
        .filter(|(_, bytes)| (128..192).contains(&bytes[0]))
    {
        sim.inject(*from, bytes);
    }
    sim.run_ms(100);
    assert_eq!(sim.core.counters().packets_forwarded, forwarded);
}

#[test]
fn a_race_of_client_hellos_does_not_disturb_the_handshake() {
    let mut sim = Sim::new();
    sim.join("alice", Profile::Ours);
    let address = sim.client("alice").address;
    // Content type 22, DTLS 1.2, a handshake header that announces a ClientHello.
    let mut hello = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, 1];
    hello.resize(80, 0);
    for _ in 0..200 {
        sim.inject(stranger(), &hello);
        sim.inject(SocketAddr::new(address.ip(), 9), &hello);
        sim.run_ms(2);
    }
    sim.run_ms(600);
    assert!(sim.client("alice").connected);
    assert_eq!(sim.strays, 0);
}

/// A fragment of a ClientHello that is never completed (RFC 6347 section 4.2.3).
fn fragment(number: u16, message: u16, offset: u32) -> Vec<u8> {
    let mut bytes = vec![22, 254, 253, 0, 0, 0, 0, 0, 0];
    bytes.extend(number.to_be_bytes());
    // The length of the record, ClientHello, 65,536 bytes in all.
    bytes.extend([(1_012u16 >> 8) as u8, (1_012 & 0xff) as u8, 1, 1, 0, 0]);
    bytes.extend(message.to_be_bytes());
    bytes.extend(&offset.to_be_bytes()[1..]);
    bytes.extend(&1_000u32.to_be_bytes()[1..]);
    bytes.resize(bytes.len() + 1_000, 7);
    bytes
}

#[test]
fn alerts_and_fragments_in_the_race_disturb_no_handshake() {
    // All of it: PARLEY_RUNS=1000 cargo test -p parley-core --test scenarios race
    let runs = std::env::var("PARLEY_RUNS").map_or(5, |runs| runs.parse().unwrap());
    for run in 0..runs {
        let mut sim = Sim::new();
        sim.join("alice", Profile::Ours);
        let address = sim.client("alice").address;
        let mut rng = StdRng::seed_from_u64(run);
        for n in 0..300 {
            // A fatal handshake_failure alert (RFC 5246 section 7.2).
            let alert = [21, 254, 253, 0, 0, 0, 0, 0, 0, 0, n as u8, 0, 2, 2, 40];
            for from in [stranger(), SocketAddr::new(address.ip(), 9)] {
                sim.inject(from, &alert);
                sim.inject(from, &fragment(n, 0, rng.random_range(0..60_000)));
            }
            if rng.random_bool(0.5) {
                sim.run_ms(rng.random_range(0..4));
            }
        }
        sim.run_ms(600);
        assert!(sim.client("alice").connected, "run {run}");
        assert_eq!(sim.strays, 0);
    }
}

#[test]
fn fragments_that_an_admitted_client_never_completes_are_not_kept() {
    let mut sim = Sim::call(&["bob", "carol"], Profile::Ours);
    sim.join("alice", Profile::Ours);
    let alice = sim.client("alice").address;
    let kept = sim.core_kept;
    // Before, during and after her handshake.
    for n in 0..10_000u16 {
        sim.inject(alice, &fragment(n, n % 50, u32::from(n) * 5));
        if n % 20 == 0 {
            sim.run_ms(10);
        }
    }
    let kept = sim.core_kept - kept;
    assert!(kept < 1 << 20, "{kept} bytes are kept");
    let refused = sim.drop_of("dtls_refused");
    assert!(refused > 1_000, "{refused} got as far as DTLS");
    assert_eq!(sim.core.counters().panics, 0);
    sim.client("carol").heard.clear();
    sim.talk(&["bob"], 500);
    sim.run_ms(50);
    assert!(sim.client("carol").heard_from("bob").len() >= 23);
}

#[test]
fn no_datagram_of_any_length_harms_a_call() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    let alice = sim.client("alice").address;
    let mut rng = StdRng::seed_from_u64(4);
    for _ in 0..2_000 {
        let mut bytes = vec![0u8; rng.random_range(0..200)];
        rng.fill(&mut bytes[..]);
        // Headers that look right with bodies that are not: RTP, RTCP, DTLS, STUN.
        let shape = rng.random_range(0..8);
        if let Some(byte) = bytes.first_mut() {
            *byte = [0x80, 0x90, 0xbf, 0x80, 0x80, 20, 22, 0][shape];
        }
        if shape == 3 && bytes.len() > 1 {
            bytes[1] = 200 + bytes[1] % 8;
        }
        sim.inject(alice, &bytes);
        sim.inject(stranger(), &bytes);
    }
    for length in 0..2_000 {
        sim.inject(alice, &vec![0x80; length]);
        sim.inject(alice, &vec![0x81; length]);
    }
    sim.inject(alice, &vec![22; 65_507]);
    assert_eq!(sim.core.counters().panics, 0);
    assert_eq!(sim.strays, 0);
    sim.talk(&["alice", "bob"], 500);
    assert!(sim.client("bob").heard_from("alice").len() >= 20);
    assert!(sim.client("alice").heard_from("bob").len() >= 20);
}

#[test]
fn a_flood_of_one_session_leaves_the_others_alone() {
    let mut sim = Sim::call(&["alice", "bob", "carol"], Profile::Ours);
    let alice = sim.client("alice").address;
    let junk = vec![0x80; 1_200];
    for _ in 0..20 {
        for _ in 0..500 {
            sim.inject(alice, &junk);
        }
        sim.talk(&["bob"], 20);
    }
    sim.run_ms(100);
    assert!(sim.drop_of("ingress_rate") > 1_000);
    assert!(sim.client("carol").heard_from("bob").len() >= 15);
}
