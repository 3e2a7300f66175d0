//! What a join costs the others, and what of its time is waiting.

use std::time::Duration;

use parley_core::api::{EventKind, StateChange};

use crate::support::{Profile, Sim};

const NAMES: [&str; 14] = [
    "ann", "bea", "carl", "dan", "eve", "fay", "gus", "hal", "ida", "jim", "kim", "leo", "mia",
    "ned",
];

/// Who is in the call is told offers and maps only when something changes for them.
#[test]
fn nobody_hears_of_a_newcomer_who_only_listens() {
    let mut sim = Sim::call(&NAMES, Profile::Ours);
    for name in NAMES {
        sim.set(name, StateChange::Unmuted(false)).unwrap();
    }
    sim.run_ms(3_000);
    let told = |sim: &mut Sim| -> Vec<usize> {
        let clients = NAMES.iter().map(|name| sim.client(name).messages.len());
        clients.collect()
    };
    let before = told(&mut sim);
    sim.events.clear();
    sim.join("zoe", Profile::Ours);
    sim.run_ms(3_000);
    assert_eq!(told(&mut sim), before);
    assert_eq!(sim.client("zoe").offers_seen.len(), 1);
    let of = |wanted: fn(&EventKind) -> bool| {
        let kinds = sim.events.iter().map(|event| &event.kind);
        kinds.filter(|kind| wanted(kind)).count()
    };
    assert_eq!(
        of(|kind| matches!(kind, EventKind::SessionJoined { .. })),
        1
    );
    assert_eq!(of(|kind| matches!(kind, EventKind::Signal { .. })), 1);
    assert_eq!(of(|kind| matches!(kind, EventKind::MediaChanged { .. })), 1);
    assert_eq!(sim.events.len(), 3);
}

/// A media stack that is driven costs as much whether it has anything to do or not.
#[test]
fn the_timers_of_a_newcomer_are_quiet_as_soon_as_it_is_connected() {
    let mut sim = Sim::call(&["ann", "bea"], Profile::Ours);
    sim.run_ms(10_000);
    let wakes = |sim: &mut Sim| {
        let before = sim.wakes;
        sim.run_ms(4_000);
        sim.wakes - before
    };
    let two = wakes(&mut sim);
    sim.join("zoe", Profile::Ours);
    let with_a_join = wakes(&mut sim);
    let three = wakes(&mut sim);
    assert!(with_a_join < three + 20, "{two}, {with_a_join}, {three}");
}

/// From the join to the first packet of somebody who talks, on a network that takes `delay` each way and
/// loses one of the newcomer's datagrams. The second value is whether it came to that.
fn first_packet_after(delay: Duration, lost: Option<u32>) -> (Duration, bool) {
    let mut sim = Sim::call(&["ann", "bea"], Profile::Ours);
    sim.talk(&["ann"], 200);
    sim.network.delay = delay;
    sim.run_ms(200);
    sim.join("zoe", Profile::Ours);
    let joined = sim.now;
    let zoe = sim.client("zoe").address;
    sim.lose = lost.map(|before| (zoe, before));
    for _ in 0..2_000 {
        // A packet each 20 ms would hide what less than that is lost.
        let now = sim.now;
        sim.client("ann").send_voice(now, -20, true);
        sim.run_ms(5);
        let heard = sim.client("zoe").heard.first().map(|heard| heard.at);
        if let Some(at) = heard {
            let lost = lost.is_some() && sim.lose.is_none();
            return (at.duration_since(joined), lost);
        }
    }
    panic!("zoe heard nothing without datagram {lost:?}");
}

fn first_packet(delay: Duration) -> Duration {
    first_packet_after(delay, None).0
}

/// Whichever it is: nobody waits longer for it than its protocol's first timer says (STUN a quarter of a
/// second, DTLS and the channel one second, the channel's first three messages three), whatever else puts
/// timers off.
#[test]
fn a_datagram_lost_while_joining_costs_one_timer() {
    let mut times = Vec::new();
    for before in 0.. {
        let (time, lost) = first_packet_after(Duration::from_millis(20), Some(before));
        if !lost {
            break;
        }
        times.push(time.as_millis());
    }
    assert!(times.len() > 12, "{times:?}");
    let slow = |limit| times.iter().filter(|time| **time > limit).count();
    assert_eq!((slow(3_500), slow(2_000)), (0, 3), "{times:?}");
}

/// Everything on the way is an answer to something: nobody waits for a timer.
#[test]
fn a_join_waits_for_nothing_but_the_network() {
    let at_once = first_packet(Duration::ZERO);
    assert!(at_once <= Duration::from_millis(6), "{at_once:?}");
    // One check, three flights of DTLS, three of the channel, offer and answer, and the packet: 8 ways
    // there and 8 back, if nothing goes together.
    let far = first_packet(Duration::from_millis(20));
    assert!(far <= Duration::from_millis(8 * 40 + 5), "{far:?}");
}
