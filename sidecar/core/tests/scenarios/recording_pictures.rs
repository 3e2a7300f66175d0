//! A recording shows the shared screen, else the pinned camera, else that of who speaks; it changes at
//! key frames.

use std::time::Duration;

use parley_core::api::*;
use parley_media::recording::{Entry, TrackId, TrackKind};
use parley_media::video::Vp8Header;
use str0m::media::Mid;

use crate::support::recording::start;
use crate::support::{Profile, Sim, room_ref};
use crate::video::{film, publish};

/// Pictures of all, words of some, for so many frames.
fn act(sim: &mut Sim, cameras: &[(&'static str, Mid)], speakers: &[&'static str], frames: usize) {
    for _ in 0..frames {
        for name in speakers {
            let now = sim.now;
            sim.client(name).send_voice(now, -20, true);
        }
        for (name, mid) in cameras {
            let now = sim.now;
            let client = sim.client(name);
            let asked = !client.keyframe_requests.is_empty();
            client.keyframe_requests.clear();
            let first = !client.video_seq.contains_key(&mid.to_string());
            client.send_video(now, *mid, None, first || asked);
        }
        sim.run_ms(33);
    }
}

fn pin(sim: &mut Sim, session: Option<&str>) -> Result<Reply, CommandError> {
    sim.command(Command::PinInRecording {
        room: room_ref(),
        session: session.map(|id| SessionId(id.into())),
    })
}

/// The frames of a track whose first packet came.
fn key_frames(sim: &Sim, track: TrackId) -> Vec<bool> {
    let media = sim.media(track);
    let headers = media
        .iter()
        .filter_map(|media| Vp8Header::parse(media.payload));
    headers.map(|header| header.keyframe).collect()
}

#[test]
fn a_screen_wins_over_a_camera_and_the_camera_comes_back() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    let camera = publish(&mut sim, "alice", false, &[]);
    film(&mut sim, "alice", camera, &[None], 10);
    sim.record(start());
    film(&mut sim, "alice", camera, &[None], 30);
    let alice = sim.tracks("alice", TrackKind::Camera)[0];
    assert_eq!(sim.shown(), [Some(alice)]);

    let screen = publish(&mut sim, "bob", true, &[]);
    film(&mut sim, "bob", screen, &[None], 30);
    let bob = sim.tracks("bob", TrackKind::Screen)[0];
    assert_eq!(sim.shown(), [Some(alice), Some(bob)]);
    let before = sim.media(alice).len();
    film(&mut sim, "alice", camera, &[None], 20);
    assert_eq!(sim.media(alice).len(), before, "not behind a screen");

    sim.set("bob", StateChange::Screen(None)).unwrap();
    film(&mut sim, "alice", camera, &[None], 30);
    assert_eq!(sim.shown(), [Some(alice), Some(bob), Some(alice)]);
    assert!(sim.media(alice).len() > before + 20);
    sim.set("alice", StateChange::Video(None)).unwrap();
    assert_eq!(sim.shown().last(), Some(&None), "nothing is left to show");
}

#[test]
fn a_switch_waits_for_the_key_frame_that_is_asked_for() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    let alice_mid = publish(&mut sim, "alice", false, &[]);
    let bob_mid = publish(&mut sim, "bob", false, &[]);
    act(
        &mut sim,
        &[("alice", alice_mid), ("bob", bob_mid)],
        &["alice"],
        60,
    );
    sim.record(start());
    act(&mut sim, &[("alice", alice_mid), ("bob", bob_mid)], &[], 30);
    let alice = sim.tracks("alice", TrackKind::Camera)[0];
    assert_eq!(sim.shown(), [Some(alice)]);

    // Bob's encoder takes its time.
    sim.client("bob").keyframe_requests.clear();
    pin(&mut sim, Some("bob")).unwrap();
    let bob = sim.tracks("bob", TrackKind::Camera)[0];
    assert_eq!(sim.shown(), [Some(alice), Some(bob)]);
    let before = sim.media(alice).len();
    for _ in 0..30 {
        let now = sim.now;
        sim.client("alice").send_video(now, alice_mid, None, false);
        sim.client("bob").send_video(now, bob_mid, None, false);
        sim.run_ms(33);
    }
    assert!(!sim.client("bob").keyframe_requests.is_empty(), "asked");
    let until = sim.media(alice).len();
    assert!(until >= before + 25, "the old picture goes on");
    act(&mut sim, &[("alice", alice_mid), ("bob", bob_mid)], &[], 30);
    assert!(sim.media(alice).len() <= until + 3, "until the key frame");
    let frames = key_frames(&sim, bob);
    assert!(frames.iter().any(|key| *key) && frames.len() >= 30);
}

#[test]
fn the_old_picture_goes_on_until_the_key_frame_is_complete() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    let alice_mid = publish(&mut sim, "alice", false, &[]);
    let bob_mid = publish(&mut sim, "bob", false, &[]);
    let cameras = [("alice", alice_mid), ("bob", bob_mid)];
    act(&mut sim, &cameras, &["alice"], 60);
    sim.record(start());
    act(&mut sim, &cameras, &[], 30);
    pin(&mut sim, Some("bob")).unwrap();
    let alice = sim.tracks("alice", TrackKind::Camera)[0];
    let bob = sim.tracks("bob", TrackKind::Camera)[0];
    // The packets of both frames come in mixed.
    sim.network.jitter = Duration::from_millis(30);
    let now = sim.now;
    // So many of hers that one of them is late, whatever the network does to his first.
    sim.client("bob")
        .send_frame(now, bob_mid, None, true, (20, 100));
    sim.client("alice")
        .send_frame(now, alice_mid, None, false, (100, 100));
    sim.run_ms(100);
    let entries = sim.entries();
    let mut media = entries.iter().filter_map(|entry| match entry {
        Entry::Media(media) => Some(*media),
        _ => None,
    });
    let begins = media.find(|media| {
        let header = Vp8Header::parse(media.payload);
        media.track == bob && header.is_some_and(|header| header.keyframe)
    });
    assert!(begins.is_some());
    let after = media.filter(|media| media.track == alice).count();
    assert!(after > 0, "gone with the first packet");
}

#[test]
fn who_speaks_is_shown_after_a_while() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    let cameras = [
        ("alice", publish(&mut sim, "alice", false, &[])),
        ("bob", publish(&mut sim, "bob", false, &[])),
    ];
    act(&mut sim, &cameras, &["alice"], 60);
    sim.record(start());
    act(&mut sim, &cameras, &["alice"], 60);
    let alice = sim.tracks("alice", TrackKind::Camera)[0];
    assert_eq!(sim.shown(), [Some(alice)]);
    // A word of Bob's changes nothing.
    act(&mut sim, &cameras, &["bob"], 15);
    act(&mut sim, &cameras, &["alice"], 90);
    assert_eq!(sim.shown(), [Some(alice)]);
    let began = sim.now;
    while sim.shown().len() == 1 && sim.now < began + Duration::from_secs(6) {
        act(&mut sim, &cameras, &["bob"], 1);
    }
    let took = sim.now.duration_since(began);
    let bob = sim.tracks("bob", TrackKind::Camera)[0];
    assert_eq!(sim.shown(), [Some(alice), Some(bob)]);
    assert!(
        took >= Duration::from_secs(2) && took <= Duration::from_secs(4),
        "{took:?}"
    );
}

#[test]
fn only_somebody_of_the_room_can_be_pinned_and_who_leaves_is_not() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    assert_eq!(
        pin(&mut sim, Some("bob")).unwrap_err(),
        CommandError::NotRecording
    );
    sim.record(start());
    assert_eq!(
        pin(&mut sim, Some("eve")).unwrap_err(),
        CommandError::NoSession
    );
    let Ok(Reply::Recording(Some(view))) = pin(&mut sim, Some("bob")) else {
        panic!("another reply");
    };
    assert_eq!(view.pinned, Some(SessionId("bob".into())));
    sim.leave("bob");
    assert_eq!(sim.view().recording.and_then(|view| view.pinned), None);
    // Started, pinned, let go.
    assert_eq!(sim.recording_events().len(), 3);
}

#[test]
fn the_best_layer_that_is_not_too_large_is_recorded() {
    for (max_height, wanted) in [(None, "h"), (Some(360), "h"), (Some(300), "l")] {
        let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
        let mid = publish(&mut sim, "alice", true, &["l", "h"]);
        film(&mut sim, "alice", mid, &[Some("l"), Some("h")], 30);
        sim.record(StartRecording {
            max_height,
            ..start()
        });
        film(&mut sim, "alice", mid, &[Some("l"), Some("h")], 60);
        let track = *sim.tracks("alice", TrackKind::Screen).last().unwrap();
        let text = format!("alice:{wanted}:");
        let media = sim.media(track);
        assert!(media.len() > 30);
        let of_layer = |payload: &[u8]| payload.windows(8).any(|w| w == text.as_bytes());
        assert!(media.iter().all(|m| of_layer(m.payload)), "{max_height:?}");
    }
}
