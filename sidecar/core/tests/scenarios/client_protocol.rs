//! Rows of the conformance list of the client protocol that the core answers for.

use std::time::Duration;

use parley_core::api::{Command, EventKind, RoomEvent, SignalIn, StateChange};
use parley_media::channel::{ServerMessage, SlotKind};
use str0m::media::MediaKind;

use crate::support::{Profile, Sim, session_ref};
use crate::video::{film, publish};

fn signals(events: &[RoomEvent], to: &str) -> Vec<String> {
    let signals = events.iter().filter_map(|event| match &event.kind {
        EventKind::Signal { session, json, .. } if session.0 == to => Some(json.clone()),
        _ => None,
    });
    signals.collect()
}

/// Row 19.
#[test]
fn l19_a_mobile_client_connects_in_time_over_a_slow_link() {
    let mut sim = Sim::new();
    sim.network.delay = Duration::from_millis(200);
    sim.join("alice", Profile::Mobile);
    sim.run_ms(3_000);
    assert!(sim.client("alice").connected);
}

/// Row 20.
#[test]
fn l20_no_offer_comes_before_the_channel_is_open() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Official);
    sim.join("carol", Profile::Official);
    sim.client("carol").mute_network = true;
    sim.run_ms(3_000);
    assert!(sim.client("carol").offers_seen.is_empty());
    sim.client("carol").mute_network = false;
    sim.run_ms(3_000);
    assert!(sim.client("carol").channel.is_some());
    assert_eq!(sim.client("carol").offers_seen.len(), 1);
}

/// Row 21.
#[test]
fn l21_a_late_joiner_has_the_map_before_the_offer_it_describes() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.talk(&["alice", "bob"], 400);
    let mid = publish(&mut sim, "alice", true, &[]);
    film(&mut sim, "alice", mid, &[None], 10);
    sim.join("carol", Profile::Ours);
    film(&mut sim, "alice", mid, &[None], 60);
    let carol = sim.client("carol");
    let map = carol
        .messages
        .iter()
        .position(|m| matches!(m, ServerMessage::SlotMap(_)));
    let offer = carol
        .messages
        .iter()
        .position(|m| matches!(m, ServerMessage::Sdp(_)));
    assert!(map.unwrap() < offer.unwrap());
    for (who, kind) in [
        ("alice", SlotKind::Voice),
        ("bob", SlotKind::Voice),
        ("alice", SlotKind::Screen),
    ] {
        assert!(carol.slot_of(who, kind).is_some(), "{who} {kind:?}");
    }
}

/// Row 22.
#[test]
fn l22_a_clients_own_voice_line_is_answered_recvonly() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Official);
    sim.events.clear();
    sim.client("alice").mic_mid = None;
    let (mid, offer) = sim.client("alice").offer_line(MediaKind::Audio, "mic", &[]);
    assert!(offer.contains("a=sendrecv"));
    sim.signal("alice", offer).unwrap();
    let answer = signals(&sim.events, "alice").remove(0);
    let section = answer
        .split("m=audio")
        .find(|s| s.contains(&format!("a=mid:{mid}\\r")));
    assert!(section.unwrap().contains("a=recvonly"), "{answer}");
    sim.run_ms(100);
    sim.client("alice").mic_mid = Some(mid);
    sim.talk(&["alice"], 400);
    assert!(sim.client("bob").heard_from("alice").len() >= 15);
}

/// Firefox bundles by `balanced`: its second line of a kind has port 0 and `bundle-only` in offers
/// (RFC 9143 section 6), which is no rejection; and Opus is 109 to it.
#[test]
fn l37_a_microphone_on_a_bundle_only_line_of_firefox_is_heard() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Official);
    sim.client("alice").mic_mid = None;
    let (mid, offer) = sim.client("alice").offer_line(MediaKind::Audio, "mic", &[]);
    let at = offer.rfind("m=audio 9 ").unwrap();
    let (before, line) = offer.split_at(at);
    assert!(line.contains(&format!("a=mid:{mid}\\r")));
    let line = line.replacen("m=audio 9 ", "m=audio 0 ", 1).replacen(
        "a=mid:",
        "a=bundle-only\\r\\na=mid:",
        1,
    );
    sim.signal("alice", format!("{before}{line}")).unwrap();
    sim.run_ms(100);
    sim.client("alice").mic_mid = Some(mid);
    sim.talk(&["alice"], 400);
    assert_eq!(sim.drop_of("media_unannounced"), 0);
    assert!(sim.client("bob").heard_from("alice").len() >= 15);
}

/// Who stops sharing offers its line as `recvonly`, because the server might send on it: nothing is sent,
/// so no remote track fires.
#[test]
fn l22_a_line_that_its_client_stopped_is_answered_inactive() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Official);
    let mid = publish(&mut sim, "alice", true, &[]);
    let (_, offer) = sim.client("alice").offer_line(MediaKind::Audio, "mic", &[]);
    let at = offer.find(&format!("a=mid:{mid}\\r")).unwrap();
    let (before, after) = offer.split_at(at);
    let (section, after) = after.split_at(after.find("m=audio").unwrap());
    let stopped = section
        .replace("a=sendrecv", "a=recvonly")
        .replace("a=sendonly", "a=recvonly");
    assert_ne!(section, stopped);
    sim.events.clear();
    sim.signal("alice", format!("{before}{stopped}{after}"))
        .unwrap();
    let answer = signals(&sim.events, "alice").remove(0);
    let section = answer.split("m=video").nth(1).unwrap();
    let section = section.split("m=audio").next().unwrap();
    assert!(section.contains("a=inactive"), "{answer}");
    assert!(!section.contains("a=ssrc"), "{answer}");
}

/// Row 26.
#[test]
fn l26_later_descriptions_go_by_the_channel_only_where_it_was_declared() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    assert_eq!(
        signals(&sim.events, "alice").len(),
        1,
        "only the first answer by the socket"
    );
    publish(&mut sim, "bob", false, &[]);
    sim.run_ms(200);
    assert_eq!(signals(&sim.events, "alice").len(), 1);

    let mut sim = Sim::call(&["alice", "bob"], Profile::Official);
    publish(&mut sim, "bob", false, &[]);
    sim.run_ms(200);
    let by_channel = |m: &ServerMessage| matches!(m, ServerMessage::Sdp(_));
    assert!(!sim.client("alice").messages.iter().any(by_channel));
    assert!(signals(&sim.events, "alice").len() >= 3);
}

/// Row 38.
#[test]
fn l38_odd_candidates_do_no_harm() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Official);
    for candidate in [
        "candidate:1 1 udp 2122260223 9f6c1a52-1f4e-4c3e-8d2b-0d1f2a3b4c5d.local 50000 typ host",
        "candidate:2 1 tcp 1518280447 10.0.0.9 9 typ host tcptype active",
        "candidate:3 1 udp 1 169.254.169.254 80 typ host",
        "",
    ] {
        let json = serde_json::json!({ "candidate": candidate, "sdpMid": "0", "sdpMLineIndex": 0 });
        sim.command(Command::Signal {
            session: session_ref("alice"),
            connection: None,
            message: SignalIn::Candidate(json.to_string()),
        })
        .unwrap();
    }
    let (_, offer) = sim
        .client("alice")
        .offer_line(MediaKind::Audio, "mic2", &[]);
    let line =
        "a=candidate:1 1 udp 1 abc.local 50000 typ host\\r\\na=end-of-candidates\\r\\na=mid:";
    sim.signal("alice", offer.replace("a=mid:", line)).unwrap();
    sim.talk(&["alice"], 400);
    assert!(sim.client("bob").heard_from("alice").len() >= 15);
    assert_eq!(sim.strays, 0);
}

/// Row 29: a mute in the middle of a word.
#[test]
fn l29_states_are_what_was_set_last() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Official);
    assert!(sim.session("alice").unmuted);
    sim.set("alice", StateChange::HandRaised(true)).unwrap();
    let raised = sim.session("alice").hand_raised_at_ms;
    assert!(raised > 0);
    sim.run_ms(500);
    sim.set("alice", StateChange::HandRaised(true)).unwrap();
    assert_eq!(
        sim.session("alice").hand_raised_at_ms,
        raised,
        "repeated: nothing changes"
    );
    sim.set("alice", StateChange::HandRaised(false)).unwrap();
    assert_eq!(sim.session("alice").hand_raised_at_ms, 0);
    let changed = sim
        .events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::SessionChanged { .. }))
        .count();
    assert_eq!(changed, 4, "two unmuted, one hand up, one down");
}
