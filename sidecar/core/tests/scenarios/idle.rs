//! What a session costs that only listens: how often its timers wake the core, and that nothing waits
//! for too long meanwhile.

use crate::support::{Profile, Sim};
use parley_media::channel::{ClientMessage, ServerMessage};

const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// In a call that has settled.
fn settled() -> Sim {
    let mut sim = Sim::call(&NAMES, Profile::Ours);
    sim.run_ms(10_000);
    sim
}

#[test]
fn pings_do_not_keep_the_timers_of_a_listener_busy() {
    let mut sim = settled();
    let before = sim.wakes;
    for _ in 0..10 {
        for name in NAMES {
            sim.client(name).send(&ClientMessage::Ping);
        }
        sim.run_ms(1_000);
    }
    let wakes = sim.wakes - before;
    // Checks, reports, statistics, the channel, the room's own tick: 10 s of 4 sessions.
    assert!(wakes < 10 * 4 * 5, "{wakes}");
    for name in NAMES {
        let messages = sim.client(name).messages.iter();
        let pongs = messages.filter(|message| matches!(message, ServerMessage::Pong));
        assert_eq!(pongs.count(), 10);
    }
}

#[test]
fn what_the_channel_lost_is_sent_again_in_time() {
    let mut sim = settled();
    sim.client("bob").send(&ClientMessage::Ping);
    sim.pump();
    // The ping arrives, and its answer does not.
    sim.run_ms(7);
    sim.client("bob").mute_network = true;
    sim.run_ms(300);
    sim.client("bob").mute_network = false;
    let pongs = |sim: &mut Sim| {
        let messages = sim.client("bob").messages.iter();
        let pongs = messages.filter(|message| matches!(message, ServerMessage::Pong));
        pongs.count()
    };
    assert_eq!(pongs(&mut sim), 0);
    sim.run_ms(1_000);
    assert_eq!(pongs(&mut sim), 1);
}
