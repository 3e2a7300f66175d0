//! Voices come in past the media stack, and nobody can tell: the same packets as by its own way, the same
//! reports to who sends them, the same recording.

use std::collections::BTreeMap;
use std::time::Duration;

use parley_core::api::StateChange;
use parley_media::recording::{Entry, TrackKind};
use str0m::stats::RemoteIngressStats;

use crate::support::client::Heard;
use crate::support::recording::start;
use crate::support::{Profile, Sim};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// By our own way and by the media stack's.
fn both(profile: Profile, lossy: bool) -> [Sim; 2] {
    [true, false].map(|ours| {
        let mut sim = Sim::new();
        if !ours {
            sim.core.leave_inbound_audio_to_rtc();
        }
        let mut sim = sim.called(&NAMES, profile);
        sim.record(start());
        sim.talk(&["a", "b"], 600);
        if lossy {
            sim.network.loss = 0.1;
            sim.network.jitter = Duration::from_millis(25);
        }
        sim.talk(&["a"], 3_000);
        sim.set("a", StateChange::Unmuted(false)).unwrap();
        sim.talk(&["a", "b"], 600);
        sim.set("a", StateChange::Unmuted(true)).unwrap();
        // Its numbers wrap; what it leaves out counts as lost.
        for _ in 0..if lossy { 0 } else { 3 } {
            sim.client("b").jump(0x7f00);
            sim.talk(&["a", "b"], 200);
        }
        sim.talk(&["a", "b"], 2_000);
        sim.network.loss = 0.0;
        // Until the next report of what was lost.
        sim.talk(&["a", "b"], 5_400);
        sim
    })
}

fn same_is_heard(profile: Profile) {
    let [ours, reference] = &mut both(profile, false);
    let ours = ours.client("c").heard.clone();
    let reference = reference.client("c").heard.clone();
    assert!(ours.len() > 400, "{} heard", ours.len());
    assert_eq!(ours.len(), reference.len());
    // str0m makes up mids and SSRCs anew each time: which belongs to which must stay the same.
    let mut lines = BTreeMap::new();
    for (ours, reference) in ours.iter().zip(&reference) {
        assert_eq!(
            *lines.entry(ours.ssrc).or_insert(reference.ssrc),
            reference.ssrc
        );
        assert_eq!(ours.payload, reference.payload);
        let numbers = |h: &Heard| (h.seq, h.ts, h.marker, h.pt, h.csrc.clone());
        assert_eq!(numbers(ours), numbers(reference));
    }
}

#[test]
fn from_our_clients_the_same_is_heard() {
    same_is_heard(Profile::Ours);
}

#[test]
fn from_official_clients_the_same_is_heard() {
    same_is_heard(Profile::Official);
}

#[test]
fn who_sends_is_told_the_same_of_its_reception() {
    let reports = both(Profile::Ours, true).map(|mut sim| {
        let told = |sim: &mut Sim, name: &str| sim.client(name).reception.clone().unwrap();
        let (a, b) = (told(&mut sim, "a"), told(&mut sim, "b"));
        let stats = sim.stats("a");
        let track = stats.tracks.iter().find(|track| track.up).unwrap();
        (a, b, track.packets_lost, track.jitter_ms)
    });
    let [ours, reference] = reports;
    let pairs = [(&ours.0, &reference.0), (&ours.1, &reference.1)];
    for (ours, reference) in pairs {
        // A report is up to five seconds old.
        let highest = |of: &RemoteIngressStats| *of.maximum_sequence_number;
        let apart = highest(ours).abs_diff(highest(reference));
        assert!(apart <= 250, "{ours:?} {reference:?}");
        // Not the same packets are lost: contents of RTCP differ, and with it what chance falls on.
        assert!(
            ours.jitter.abs_diff(reference.jitter) < 200,
            "{ours:?} {reference:?}"
        );
    }
    assert!((8..60).contains(&ours.0.packets_lost), "{:?}", ours.0);
    assert!(ours.2.abs_diff(ours.0.packets_lost) <= 3, "{ours:?}");
    assert!(ours.3 > 1.0 && ours.3 < 60.0, "{ours:?}");
}

#[test]
fn the_same_is_recorded() {
    let [ours, reference] = both(Profile::Ours, false);
    for name in ["a", "b"] {
        let media = |sim: &Sim| {
            let tracks = sim.tracks(name, TrackKind::Voice);
            assert_eq!(tracks.len(), 1);
            format!("{:?}", sim.media(tracks[0]))
        };
        assert_eq!(media(&ours), media(&reference));
    }
    let clocks = |sim: &Sim| {
        let entries = sim.entries();
        let reports = entries
            .iter()
            .filter(|e| matches!(e, Entry::SenderReport { .. }));
        reports.count()
    };
    assert!(clocks(&ours) >= 2, "{}", clocks(&ours));
    assert_eq!(clocks(&ours), clocks(&reference));
}
