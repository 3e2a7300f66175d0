//! Datagrams that arrive at another shard than that of their session: calls go on as if they had not, and
//! strangers get no further than at one.

use std::net::SocketAddr;

use crate::support::{Profile, Sim};

fn stranger() -> SocketAddr {
    "203.0.113.9:5555".parse().unwrap()
}

/// Two in a call, of whose datagrams none arrives where their room is.
fn call() -> Sim {
    let mut sim = Sim::new();
    sim.arrive_elsewhere();
    sim.called(&["alice", "bob"], Profile::Ours)
}

fn handed_on(sim: &Sim) -> u64 {
    sim.core.counters().drops.values().sum()
}

#[test]
fn a_call_whose_datagrams_all_arrive_elsewhere() {
    let mut sim = call();
    assert!(sim.client("alice").connected);
    // Longer than a tuple is kept without a check.
    sim.run_ms(15_000);
    sim.talk(&["alice", "bob"], 1_000);
    sim.run_ms(100);
    for (listener, speaker) in [("alice", "bob"), ("bob", "alice")] {
        let heard = sim.client(listener).heard_from(speaker).len();
        assert!(heard >= 45, "{listener} heard {heard} of {speaker}");
    }
    assert_eq!(sim.drop_of("datagram_stranger"), 0);
    // What came in is counted where it came in.
    let arrival = sim.arrival.as_ref().unwrap().counters();
    assert!(arrival.bytes_in > 0 && arrival.packets_in == 0);
    let core = sim.core.counters();
    assert!(core.bytes_in == 0 && core.packets_in > 90);
}

#[test]
fn strangers_are_refused_where_they_arrive() {
    let mut sim = call();
    sim.tap = Some(vec![]);
    sim.talk(&["alice"], 500);
    let captured = sim.tap.take().unwrap();
    let before = handed_on(&sim);
    for (_, bytes) in captured.iter().filter(|(_, bytes)| bytes[0] >= 20) {
        sim.inject(stranger(), bytes);
    }
    assert!(sim.drop_of("datagram_stranger") > 20);
    assert_eq!(handed_on(&sim), before, "none was handed over");
    assert_eq!(sim.strays, 0);
}

#[test]
fn a_request_that_is_not_signed_right_teaches_nothing() {
    let mut sim = call();
    sim.tap = Some(vec![]);
    sim.run_ms(6_000);
    let captured = sim.tap.take().unwrap();
    let request = captured.iter().find(|(_, bytes)| bytes[..2] == [0, 1]);
    let (_, mut forged) = request.expect("a binding request").clone();
    let at = forged.len() - 8 - 10;
    forged[at] ^= 1;
    sim.inject(stranger(), &forged);
    assert_eq!(sim.drop_of("stun_integrity"), 1);
    // Nor does one that was signed, and seen.
    let (_, replayed) = request.unwrap();
    sim.inject(stranger(), replayed);
    assert_eq!(sim.drop_of("stun_replayed"), 1);
    let before = handed_on(&sim);
    sim.inject(stranger(), &[22; 60]);
    assert_eq!(sim.drop_of("datagram_stranger"), 1);
    assert_eq!(handed_on(&sim), before, "it was not handed over");
    assert_eq!(sim.strays, 0, "no answer, no challenge");
}

#[test]
fn a_flood_of_requests_is_cut_off_where_it_arrives() {
    let mut sim = call();
    sim.tap = Some(vec![]);
    sim.run_ms(6_000);
    let captured = sim.tap.take().unwrap();
    let request = captured.iter().find(|(_, bytes)| bytes[..2] == [0, 1]);
    let (_, mut forged) = request.expect("a binding request").clone();
    let at = forged.len() - 8 - 10;
    forged[at] ^= 1;
    for port in 1..1_000 {
        sim.inject(SocketAddr::new(stranger().ip(), port), &forged);
    }
    let arrival = sim.arrival.as_ref().unwrap().counters().drops["stun_rate"];
    assert!(arrival > 800, "{arrival}");
    sim.talk(&["alice"], 300);
    assert!(sim.client("bob").heard_from("alice").len() >= 14);
}

#[test]
fn who_left_is_a_stranger_at_once() {
    let mut sim = call();
    let alice = sim.client("alice").address;
    sim.leave("alice");
    sim.run_ms(10);
    let before = handed_on(&sim);
    sim.inject(alice, &[22; 60]);
    assert_eq!(handed_on(&sim), before, "it was not handed over");
}
