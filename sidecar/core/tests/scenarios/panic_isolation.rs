//! A panic inside one session's media stack ends that session alone.

use crate::support::{Profile, Sim};
use parley_core::Fault;
use parley_core::api::{EventKind, LeaveReason};

#[test]
fn the_others_talk_on() {
    let mut sim = Sim::call(&["alice", "bob", "carol"], Profile::Ours);
    sim.core.sabotage(Fault::PanicInSession);
    let now = sim.now;
    sim.client("alice").send_voice(now, -20, true);
    sim.run_ms(20);
    let left: Vec<_> = sim
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::SessionLeft {
                session, reason, ..
            } => Some((session.session.0.clone(), *reason)),
            _ => None,
        })
        .collect();
    assert_eq!(left, [("alice".to_owned(), LeaveReason::Internal)]);
    assert_eq!(sim.core.counters().panics, 1);
    sim.clients.remove("alice");
    sim.talk(&["bob", "carol"], 500);
    assert!(sim.client("bob").heard_from("carol").len() >= 20);
}
