//! What a client can make its room say is bounded for each session, so that a few of them cannot fill
//! the room's budget of events before another host takes them over.

use parley_core::api::event_rates::*;
use parley_core::api::*;
use str0m::media::MediaKind;

use crate::support::{Profile, Sim, room_ref, session_ref};

/// As long as a host may be silent until another one has the room, with room to spare.
const SECONDS: u64 = 5;

/// An offer with as many lines as are allowed, which this client may send again and again.
fn largest_offer(sim: &mut Sim, name: &str) -> String {
    let (_, json) = sim.client(name).offer_line(MediaKind::Audio, "x", &[]);
    let mut offer: serde_json::Value = serde_json::from_str(&json).unwrap();
    let sdp = offer["sdp"].as_str().unwrap();
    let (head, line) = sdp.split_at(sdp.rfind("\nm=").unwrap() + 1);
    let (start, end) = line.split_once("a=mid:").unwrap();
    let (_, end) = end.split_once("\r\n").unwrap();
    let own = |line: &&str| !line.starts_with("a=ssrc") && !line.starts_with("a=msid");
    let end: String = end.lines().filter(own).flat_map(|l| [l, "\r\n"]).collect();
    let mut text = head.to_owned();
    for n in head.matches("\nm=").count()..64 {
        text += &format!("{start}a=mid:n{n}\r\n{end}");
    }
    let mids = text.lines().filter_map(|line| line.strip_prefix("a=mid:"));
    let group = format!("a=group:BUNDLE {}", mids.collect::<Vec<_>>().join(" "));
    let old = text.lines().find(|line| line.starts_with("a=group:"));
    let old = old.unwrap().to_owned();
    offer["sdp"] = text.replace(&old, &group).into();
    offer.to_string()
}

fn signal_bytes(sim: &Sim, to: &str) -> u64 {
    let sizes = sim.events.iter().map(|event| match &event.kind {
        EventKind::Signal { session, json, .. } if session.0 == to => json.len() as u64,
        _ => 0,
    });
    sizes.sum()
}

#[test]
fn answers_over_the_socket_are_bounded_by_bytes() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Official);
    sim.client("alice").mute_signalling = true;
    let offer = largest_offer(&mut sim, "alice");
    sim.events.clear();
    let mut refused = 0;
    for _ in 0..SECONDS * 50 {
        match sim.signal("alice", offer.clone()) {
            Err(CommandError::Limit("signal_bytes")) => refused += 1,
            Ok(_) | Err(CommandError::Limit("signal_rate")) => {}
            Err(other) => panic!("{other}"),
        }
        sim.run_ms(20);
    }
    assert!(refused > 20, "{refused}");
    assert_eq!(sim.drop_of("signal_bytes"), refused);
    let said = signal_bytes(&sim, "alice");
    assert!(said > SIGNAL_BYTES_BURST / 2, "{said}: not the largest");
    assert!(said <= SIGNAL_BYTES_BURST + SECONDS * SIGNAL_BYTES_PER_SECOND);
    // Later it is heard again.
    sim.run_ms(5_000);
    sim.signal("alice", offer).unwrap();
}

#[test]
fn an_offer_is_not_repeated_without_end() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Official);
    // An offer to alice is out, and she does not answer.
    sim.client("alice").mute_signalling = true;
    let (_, json) = sim.client("bob").offer_line(MediaKind::Video, "cam", &[]);
    sim.set("bob", StateChange::Video(Some("cam".into())))
        .unwrap();
    sim.signal("bob", json).unwrap();
    sim.run_ms(200);
    assert!(signal_bytes(&sim, "alice") > 0);
    sim.events.clear();
    let mut previous = sim.session("alice").connection;
    for n in 0..2_000 {
        let connection = ConnectionId(format!("again-{n}"));
        sim.command(Command::Reconnect {
            session: session_ref("alice"),
            participant: ParticipantId("p-alice".into()),
            previous,
            connection: connection.clone(),
            labels: Labels::new(),
        })
        .unwrap();
        previous = connection;
    }
    let said = signal_bytes(&sim, "alice");
    assert!(said > SIGNAL_BYTES_BURST / 2, "{said}");
    assert!(said <= SIGNAL_BYTES_BURST, "{said}");
}

#[test]
fn changes_of_state_are_bounded() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.run_ms(5_000);
    sim.events.clear();
    for n in 0..SECONDS * 100 {
        let result = sim.set("alice", StateChange::HandRaised(n % 2 == 0));
        assert!(matches!(
            result,
            Ok(_) | Err(CommandError::Limit("change_rate"))
        ));
        sim.run_ms(10);
    }
    let told = sim.events.len() as u64;
    assert!(
        told <= CHANGES_BURST + SECONDS * CHANGES_PER_SECOND,
        "{told}"
    );
    assert!(sim.drop_of("change_rate") > 100);
    // Bob's are his own.
    sim.set("bob", StateChange::HandRaised(true)).unwrap();
    sim.run_ms(1_000);
    sim.set("alice", StateChange::Unmuted(false)).unwrap();
}

#[test]
fn joins_of_one_participant_are_bounded() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.events.clear();
    let join = |sim: &mut Sim, n: u64, who: &str| {
        sim.command(Command::Join(Join {
            session: session_ref(&format!("{who}-{}", n % 3)),
            participant: ParticipantId(format!("p-{who}")),
            connection: ConnectionId(format!("{who}-{n}")),
            labels: Labels::new(),
            capabilities: Capabilities::default(),
            replaces_session: true,
            unmuted: false,
        }))
    };
    for n in 0..SECONDS * 20 {
        let result = join(&mut sim, n, "mallory");
        assert!(matches!(
            result,
            Ok(_) | Err(CommandError::Limit("join_rate"))
        ));
        sim.command(Command::Leave {
            room: room_ref(),
            who: Who::Participant(ParticipantId("p-mallory".into())),
            reason: LeaveReason::Left,
        })
        .unwrap();
        sim.run_ms(50);
    }
    let told = sim.events.len() as u64;
    let joins = JOINS_BURST + SECONDS * JOINS_PER_SECOND;
    assert!(told <= joins * EVENTS_PER_JOIN, "{told}");
    assert!(sim.drop_of("join_rate") > 50);
    join(&mut sim, 0, "carol").unwrap();
    sim.run_ms(1_000);
    join(&mut sim, 0, "mallory").unwrap();
}

#[test]
fn a_camera_that_flickers_causes_few_offers_and_is_seen_in_the_end() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Official);
    let (_, json) = sim.client("alice").offer_line(MediaKind::Video, "cam", &[]);
    sim.signal("alice", json).unwrap();
    sim.run_ms(2_000);
    let offers = sim.client("bob").offers_seen.len() as u64;
    let mut on = false;
    for _ in 0..SECONDS * 20 {
        let change = StateChange::Video((!on).then(|| "cam".into()));
        if sim.set("alice", change).is_ok() {
            on = !on;
        }
        // He answers each offer at once.
        sim.run_ms(50);
    }
    let offers = sim.client("bob").offers_seen.len() as u64 - offers;
    // Each second's tick brings one more.
    let most = PUBLICATIONS_BURST + SECONDS * (PUBLICATIONS_PER_SECOND + 1);
    assert!(offers <= most, "{offers} of at most {most}");
    assert!(sim.drop_of("publication_rate") > 0);
    if !on {
        sim.run_ms(1_000);
        sim.set("alice", StateChange::Video(Some("cam".into())))
            .unwrap();
    }
    sim.run_ms(2_000);
    let map = &sim.client("bob").media_map;
    assert!(
        map.values().any(|entry| entry.session == "alice"
            && entry.kind == parley_media::channel::SlotKind::Video),
        "{map:?}"
    );
}
