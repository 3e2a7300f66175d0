//! Key frames for a recording: every 10 s, after a hole that stays open, and when the disk lost some.

use parley_core::api::RecordingNews;
use parley_media::recording::{TrackKind, Trouble};
use str0m::media::Mid;

use crate::support::recording::start;
use crate::support::{Profile, Sim};
use crate::video::{film, publish};

/// Nobody else looks: whatever is asked for, the recording asks. Its key frame has come.
fn filmed() -> (Sim, Mid) {
    let mut sim = Sim::call(&["alice"], Profile::Ours);
    let mid = publish(&mut sim, "alice", true, &[]);
    sim.record(start());
    film(&mut sim, "alice", mid, &[None], 60);
    sim.client("alice").keyframe_requests.clear();
    (sim, mid)
}

/// Frames without an ear for requests; how many came in.
fn film_on(sim: &mut Sim, mid: Mid, frames: usize) -> usize {
    for _ in 0..frames {
        let now = sim.now;
        sim.client("alice").send_video(now, mid, None, false);
        sim.run_ms(33);
    }
    sim.client("alice").keyframe_requests.len()
}

#[test]
fn one_comes_every_ten_seconds() {
    let (mut sim, mid) = filmed();
    // 8 s after the last one ...
    assert_eq!(film_on(&mut sim, mid, 180), 0);
    // ... and 12.
    assert!(film_on(&mut sim, mid, 120) >= 1);
    film(&mut sim, "alice", mid, &[None], 30);
    assert_eq!(film_on(&mut sim, mid, 200), 0, "it came");
}

#[test]
fn a_hole_that_stays_open_needs_one() {
    let (mut sim, mid) = filmed();
    // Its numbers jump: what is between them never comes.
    *sim.client("alice")
        .video_seq
        .get_mut(&mid.to_string())
        .unwrap() += 3;
    assert_eq!(
        film_on(&mut sim, mid, 10),
        0,
        "a retransmission may fill it"
    );
    assert!(film_on(&mut sim, mid, 30) >= 1);
}

#[test]
fn retransmissions_spare_them() {
    let (mut sim, mid) = filmed();
    sim.network.loss = 0.02;
    film(&mut sim, "alice", mid, &[None], 30);
    sim.client("alice").keyframe_requests.clear();
    assert!(film_on(&mut sim, mid, 100) <= 1);
    let track = sim.tracks("alice", TrackKind::Screen)[0];
    assert!(sim.media(track).len() > 150);
}

#[test]
fn what_the_disk_lost_is_begun_anew() {
    let (mut sim, mid) = filmed();
    film_on(&mut sim, mid, 30);
    sim.recording_news(RecordingNews::VideoLost);
    assert!(film_on(&mut sim, mid, 10) >= 1);
}

#[test]
fn a_disk_that_is_nearly_full_gets_no_pictures_until_it_is_not() {
    let (mut sim, mid) = filmed();
    let track = sim.tracks("alice", TrackKind::Screen)[0];
    sim.recording_news(RecordingNews::Trouble(Some(Trouble::AudioOnly)));
    let trouble = sim.view().recording.and_then(|view| view.trouble);
    assert_eq!(trouble, Some(Trouble::AudioOnly));
    let before = sim.media(track).len();
    film(&mut sim, "alice", mid, &[None], 60);
    sim.talk(&["alice"], 400);
    assert_eq!(sim.media(track).len(), before);
    assert_eq!(sim.shown(), [Some(track), None]);
    assert!(!sim.tracks("alice", TrackKind::Voice).is_empty());

    sim.recording_news(RecordingNews::Trouble(None));
    film(&mut sim, "alice", mid, &[None], 60);
    assert!(sim.media(track).len() > before + 30);
    assert_eq!(sim.shown(), [Some(track), None, Some(track)]);
    // Started, into trouble, out of it.
    assert_eq!(sim.recording_events().len(), 3);
}
