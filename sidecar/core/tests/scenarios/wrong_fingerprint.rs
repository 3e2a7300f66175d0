//! A client whose DTLS certificate is not the one it announced is thrown out, and told (N3).

use parley_core::api::*;

use crate::support::{Client, Profile, Sim, session_ref};

#[test]
fn the_session_ends_as_a_protocol_violation() {
    let mut sim = Sim::new();
    let address = "10.0.0.77:40000".parse().unwrap();
    let mut client = Client::new("mallory", Profile::Ours, address, sim.now);
    sim.command(Command::Join(Join {
        session: session_ref("mallory"),
        participant: ParticipantId("p".into()),
        connection: ConnectionId("c".into()),
        labels: Labels::new(),
        capabilities: client.capabilities(),
        replaces_session: false,
        unmuted: false,
    }))
    .unwrap();
    let offer = client.first_offer();
    let at = offer.find("sha-256 ").unwrap() + 8;
    let mut forged = offer.clone();
    forged.replace_range(
        at..at + 5,
        if &offer[at..at + 5] == "00:11" {
            "22:33"
        } else {
            "00:11"
        },
    );
    sim.clients.insert("mallory", client);
    sim.signal("mallory", forged).unwrap();
    sim.run_ms(2_000);
    let reason = sim.events.iter().find_map(|event| match &event.kind {
        EventKind::SessionLeft { reason, .. } => Some(*reason),
        _ => None,
    });
    assert_eq!(reason, Some(LeaveReason::Protocol));
}
