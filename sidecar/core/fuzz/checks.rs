//! What must hold for any datagrams: the body of the fuzz target, shared with the replay of its corpus.

use crate::support::{Profile, Sim};

/// Longest header of RTP without extensions that authentic packets are given.
const RTP_HEADER: usize = 12;

/// Door and media stack together, in a call of two: `data` is datagrams, each after a byte that says
/// where from (0 a stranger, 1 the client, 2 the client's RTCP and 3 its RTP, encrypted here) and two
/// bytes of length. No panic, and the other one stays.
pub(crate) fn datagram(data: &[u8]) {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    let alice = sim.client("alice").address;
    let mut rest = data;
    while let [from, high, low, tail @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(tail.len());
        let (bytes, after) = tail.split_at(length);
        match from % 4 {
            1 => sim.inject(alice, bytes),
            2 if length >= 8 => sim.inject_rtcp("alice", bytes),
            3 if length >= RTP_HEADER => sim.inject_rtp("alice", bytes, RTP_HEADER, 0),
            _ => sim.inject("203.0.113.9:5555".parse().unwrap(), bytes),
        }
        rest = after;
    }
    sim.run_ms(50);
    assert_eq!(sim.core.counters().panics, 0);
    assert!(
        sim.view()
            .sessions
            .iter()
            .any(|session| session.session.0 == "bob")
    );
}
