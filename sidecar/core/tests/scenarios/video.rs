//! Cameras and screens: seen by whoever shows them, from a key frame on, by the rules of each profile.

use parley_core::api::{CommandError, StateChange};
use parley_media::channel::{CameraView, ClientMessage, SlotKind, View};
use str0m::media::{MediaKind, Mid};

use crate::support::{Profile, Sim};

/// Announces, offers its own line, and sends `frames` of which only asked-for ones are key frames.
pub(crate) fn publish(sim: &mut Sim, name: &'static str, screen: bool, rids: &[&str]) -> Mid {
    // The slots that a call's first voices bring are offered meanwhile: no glare here.
    sim.run_ms(200);
    let stream = format!("stream-{name}-{screen}");
    let change = if screen {
        StateChange::Screen(Some(stream.clone()))
    } else {
        StateChange::Video(Some(stream.clone()))
    };
    sim.set(name, change).unwrap();
    let (mid, offer) = sim.client(name).offer_line(MediaKind::Video, &stream, rids);
    sim.client(name).send_description(offer);
    sim.run_ms(200);
    assert!(sim.client(name).pending.is_none(), "answered");
    mid
}

/// Sends pictures as an encoder would: a key frame first and whenever one was asked for.
pub(crate) fn film(
    sim: &mut Sim,
    name: &'static str,
    mid: Mid,
    rids: &[Option<&str>],
    frames: usize,
) {
    for _ in 0..frames {
        let now = sim.now;
        let client = sim.client(name);
        let (asked, others): (Vec<_>, Vec<_>) = client
            .keyframe_requests
            .drain(..)
            .partition(|request| request.mid == mid);
        client.keyframe_requests = others;
        for rid in rids {
            let first = !client
                .video_seq
                .contains_key(&format!("{mid}{}", rid.unwrap_or_default()));
            let wanted = asked.iter().any(|r| r.rid.as_deref() == *rid);
            client.send_video(now, mid, *rid, first || wanted);
        }
        sim.run_ms(33);
    }
}

#[test]
fn a_camera_is_seen_in_our_fixed_slot() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    let mid = publish(&mut sim, "alice", false, &[]);
    film(&mut sim, "alice", mid, &[None], 60);
    let bob = sim.client("bob");
    let seen = bob.heard_from("alice").len();
    assert!(seen >= 40, "{seen}");
    assert!(bob.slot_of("alice", SlotKind::Video).is_some());

    let offers = bob.offers_seen.len();
    sim.set("alice", StateChange::Video(None)).unwrap();
    sim.run_ms(100);
    sim.client("bob").heard.clear();
    film(&mut sim, "alice", mid, &[None], 10);
    let bob = sim.client("bob");
    assert!(bob.heard.is_empty(), "nothing after the camera is off");
    assert_eq!(bob.slot_of("alice", SlotKind::Video), None);
    assert_eq!(bob.offers_seen.len(), offers, "no offer for that");
}

#[test]
fn a_late_viewer_gets_a_key_frame_by_asking_once() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    let mid = publish(&mut sim, "alice", true, &[]);
    film(&mut sim, "alice", mid, &[None], 60);
    sim.join("carol", Profile::Ours);
    film(&mut sim, "alice", mid, &[None], 60);
    let seen = sim.client("carol").heard_from("alice").len();
    assert!(seen >= 30, "{seen}");
    let first = &sim.client("carol").heard_from("alice")[0].payload;
    assert_eq!(first[4] & 1, 0, "the first frame is a key frame");
}

#[test]
fn official_clients_get_a_line_while_a_camera_is_live() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Official);
    let offers = sim.client("bob").offers_seen.len();
    let mid = publish(&mut sim, "alice", false, &[]);
    film(&mut sim, "alice", mid, &[None], 60);
    let bob = sim.client("bob");
    assert_eq!(bob.offers_seen.len(), offers + 1);
    let line = bob
        .slot_of("alice", SlotKind::Video)
        .expect("in the media map");
    let seen = bob.heard_from("alice").len();
    assert!(seen >= 40, "{seen}");
    let offer = bob.offers_seen.last().unwrap();
    assert!(
        offer.contains("a=msid:alice video_alice_"),
        "named after its sender"
    );

    sim.set("alice", StateChange::Video(None)).unwrap();
    sim.run_ms(200);
    let bob = sim.client("bob");
    assert_eq!(bob.offers_seen.len(), offers + 2);
    assert_eq!(bob.slot_of("alice", SlotKind::Video), None);
    let first_track = track_of(&sim, "bob", &line);

    // Again: the same line, another name.
    sim.set(
        "alice",
        StateChange::Video(Some("stream-alice-false".into())),
    )
    .unwrap();
    film(&mut sim, "alice", mid, &[None], 60);
    let bob = sim.client("bob");
    assert_eq!(bob.offers_seen.len(), offers + 3);
    assert_eq!(bob.slot_of("alice", SlotKind::Video), Some(line.clone()));
    assert_ne!(track_of(&sim, "bob", &line), first_track);
    assert!(sim.client("bob").heard_from("alice").len() >= seen + 30);
}

fn track_of(sim: &Sim, name: &str, mid: &str) -> String {
    let offer = sim.clients[name].offers_seen.last().unwrap();
    let section = offer
        .split("\nm=")
        .find(|s| s.contains(&format!("a=mid:{mid}\r")));
    let line = section.unwrap().lines().find(|l| l.starts_with("a=msid:"));
    line.unwrap_or_default().to_owned()
}

#[test]
fn l35_mobile_sessions_see_screens_but_never_a_camera() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Mobile);
    let camera = publish(&mut sim, "alice", false, &[]);
    film(&mut sim, "alice", camera, &[None], 20);
    assert_eq!(sim.client("bob").slot_of("alice", SlotKind::Video), None);
    let screen = publish(&mut sim, "alice", true, &[]);
    film(&mut sim, "alice", screen, &[None], 40);
    let bob = sim.client("bob");
    assert!(bob.slot_of("alice", SlotKind::Screen).is_some());
    assert!(bob.heard_from("alice").len() >= 20);
}

#[test]
fn l31_a_second_sharer_is_refused() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    publish(&mut sim, "alice", true, &[]);
    let refused = sim.set("bob", StateChange::Screen(Some("x".into())));
    assert_eq!(refused.unwrap_err(), CommandError::ScreenTaken);
    sim.leave("alice");
    sim.set("bob", StateChange::Screen(Some("x".into())))
        .unwrap();
}

#[test]
fn l30_the_announcement_may_come_after_the_offer() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    let (mid, offer) = sim
        .client("alice")
        .offer_line(MediaKind::Video, "late", &[]);
    sim.client("alice").send_description(offer);
    sim.run_ms(100);
    film(&mut sim, "alice", mid, &[None], 10);
    sim.set("alice", StateChange::Screen(Some("late".into())))
        .unwrap();
    film(&mut sim, "alice", mid, &[None], 60);
    assert!(
        sim.client("bob")
            .slot_of("alice", SlotKind::Screen)
            .is_some()
    );
    assert!(sim.client("bob").heard_from("alice").len() >= 30);
}

/// The sound of a screen that is announced late: it must not stay a voice, which a mute would silence.
#[test]
fn l30_l34_sound_may_overtake_the_announcement_of_its_screen() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Official);
    sim.set("alice", StateChange::Unmuted(false)).unwrap();
    sim.client("alice").mic_mid = None;
    let (mid, offer) = sim
        .client("alice")
        .offer_line(MediaKind::Audio, "late", &[]);
    sim.client("alice").send_description(offer);
    sim.run_ms(200);
    sim.client("alice").mic_mid = Some(mid);
    sim.talk(&["alice"], 400);
    assert!(sim.client("bob").heard_from("alice").is_empty());
    sim.set("alice", StateChange::Screen(Some("late".into())))
        .unwrap();
    sim.run_ms(200);
    sim.talk(&["alice"], 400);
    let slot = sim.client("bob").slot_of("alice", SlotKind::ScreenAudio);
    assert!(slot.is_some());
    assert!(sim.client("bob").heard_from("alice").len() >= 10);
}

#[test]
fn only_what_is_shown_is_sent() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    let mid = publish(&mut sim, "alice", false, &[]);
    film(&mut sim, "alice", mid, &[None], 30);
    let nothing = View {
        screen: true,
        cameras: vec![],
    };
    sim.client("bob").send(&ClientMessage::View(nothing));
    sim.run_ms(50);
    sim.client("bob").heard.clear();
    film(&mut sim, "alice", mid, &[None], 20);
    assert!(sim.client("bob").heard.is_empty());
    let shown = CameraView {
        session: "alice".into(),
        height: 720,
    };
    sim.client("bob").send(&ClientMessage::View(View {
        screen: true,
        cameras: vec![shown],
    }));
    film(&mut sim, "alice", mid, &[None], 30);
    assert!(sim.client("bob").heard_from("alice").len() >= 15);
}

#[test]
fn a_hidden_screen_stays_in_the_map_but_is_not_sent() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    let mid = publish(&mut sim, "alice", true, &[]);
    film(&mut sim, "alice", mid, &[None], 30);
    let minimised = View {
        screen: false,
        cameras: vec![],
    };
    sim.client("bob").send(&ClientMessage::View(minimised));
    sim.run_ms(50);
    sim.client("bob").heard.clear();
    film(&mut sim, "alice", mid, &[None], 60);
    assert!(sim.client("bob").heard.is_empty());
    assert!(
        sim.client("bob")
            .slot_of("alice", SlotKind::Screen)
            .is_some()
    );
    let shown = View {
        screen: true,
        cameras: vec![],
    };
    sim.client("bob").send(&ClientMessage::View(shown));
    film(&mut sim, "alice", mid, &[None], 40);
    assert!(sim.client("bob").heard_from("alice").len() >= 25);
}

#[test]
fn a_slot_of_pictures_has_no_gap_when_its_owner_changes() {
    let mut sim = Sim::call(&["alice", "bob", "carol"], Profile::Ours);
    let alice = publish(&mut sim, "alice", true, &[]);
    film(&mut sim, "alice", alice, &[None], 30);
    sim.set("alice", StateChange::Screen(None)).unwrap();
    let bob = publish(&mut sim, "bob", true, &[]);
    film(&mut sim, "bob", bob, &[None], 40);
    let carol = sim.client("carol");
    assert!(carol.heard_from("bob").len() >= 20);
    let slot = carol.slot_of("bob", SlotKind::Screen).unwrap();
    let heard: Vec<_> = carol.heard.iter().filter(|h| h.mid == slot).collect();
    assert!(heard.len() >= 40);
    for pair in heard.windows(2) {
        assert_eq!(pair[0].ssrc, pair[1].ssrc);
        assert_eq!(pair[1].seq, pair[0].seq + 1);
        let picture = |payload: &[u8]| u16::from_be_bytes([payload[2] & 0x7f, payload[3]]);
        assert_eq!(
            picture(&pair[1].payload),
            (picture(&pair[0].payload) + 1) & 0x7fff
        );
    }
}

#[test]
fn requests_for_key_frames_are_merged() {
    const VIEWERS: [&str; 6] = ["b", "c", "d", "e", "f", "g"];
    let mut sim = Sim::call(&["a", "b", "c", "d", "e", "f", "g"], Profile::Ours);
    let mid = publish(&mut sim, "a", true, &[]);
    film(&mut sim, "a", mid, &[None], 60);
    sim.run_ms(600);
    sim.client("a").keyframe_requests.clear();
    for viewer in VIEWERS {
        let client = sim.client(viewer);
        let slot = client.slot_of("a", SlotKind::Screen).unwrap();
        let mut api = client.rtc.direct_api();
        let stream = api
            .stream_rx_by_mid(Mid::from(slot.as_str()), None)
            .unwrap();
        stream.request_keyframe(str0m::media::KeyframeRequestKind::Pli);
    }
    sim.run_ms(300);
    assert_eq!(sim.client("a").keyframe_requests.len(), 1, "leading edge");
    sim.run_ms(700);
    assert_eq!(
        sim.client("a").keyframe_requests.len(),
        2,
        "one trailing edge"
    );
}
