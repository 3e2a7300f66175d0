//! The signalling lock: granted once, server offers wait for it, it expires.

use crate::support::{Profile, Sim};
use parley_media::channel::{ClientMessage, ServerMessage};

fn locks(sim: &mut Sim, name: &str) -> Vec<bool> {
    let messages = sim.client(name).messages.iter();
    let locks = messages.filter_map(|message| match message {
        ServerMessage::Lock(given) => Some(*given),
        _ => None,
    });
    locks.collect()
}

#[test]
fn l25_the_server_waits_for_the_clients_lock() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.client("alice").send(&ClientMessage::Lock);
    sim.run_ms(50);
    assert_eq!(locks(&mut sim, "alice"), [true]);
    sim.client("alice").send(&ClientMessage::Lock);
    sim.run_ms(50);
    assert_eq!(locks(&mut sim, "alice"), [true, false]);

    let before = sim.client("alice").offers_seen.len();
    sim.join("carol", Profile::Ours);
    sim.join("dave", Profile::Ours);
    sim.run_ms(2_000);
    assert_eq!(
        sim.client("alice").offers_seen.len(),
        before,
        "offered in spite of the lock"
    );
    sim.client("alice").send(&ClientMessage::Unlock);
    sim.run_ms(100);
    assert_eq!(sim.client("alice").offers_seen.len(), before + 1);
}

#[test]
fn l25_a_forgotten_lock_expires() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.client("alice").send(&ClientMessage::Lock);
    sim.run_ms(50);
    let before = sim.client("alice").offers_seen.len();
    sim.join("carol", Profile::Ours);
    sim.join("dave", Profile::Ours);
    sim.run_ms(12_000);
    assert_eq!(sim.client("alice").offers_seen.len(), before + 1);
}

#[test]
fn l25_no_lock_is_given_while_an_offer_is_out() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.client("alice").mute_signalling = true;
    sim.join("carol", Profile::Ours);
    sim.join("dave", Profile::Ours);
    sim.run_ms(500);
    sim.client("alice").send(&ClientMessage::Lock);
    sim.run_ms(50);
    assert_eq!(locks(&mut sim, "alice"), [false]);
    // Unlocking without having it is harmless.
    sim.client("alice").send(&ClientMessage::Unlock);
    sim.client("alice").mute_signalling = false;
    sim.run_ms(100);
    sim.client("alice").send(&ClientMessage::Lock);
    sim.run_ms(50);
    assert_eq!(locks(&mut sim, "alice"), [false, true]);
}

#[test]
fn l27_pings_are_answered_at_once_in_kind() {
    let mut sim = Sim::call(&["alice"], Profile::Ours);
    sim.client("alice").send(&ClientMessage::Ping);
    sim.client("alice").send(&ClientMessage::TextPing);
    sim.run_ms(30);
    let messages = &sim.client("alice").messages;
    assert!(messages.contains(&ServerMessage::Pong));
    assert!(messages.contains(&ServerMessage::TextPong));
}
