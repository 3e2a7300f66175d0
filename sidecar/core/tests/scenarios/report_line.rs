//! Sender reports put a slot's clock on a line (wall clock against RTP time) by which receivers play sound
//! and picture together: it stays where it is, whoever takes the slot over.

use std::collections::BTreeMap;
use std::time::Duration;

use parley_core::api::StateChange;
use parley_media::channel::SlotKind;
use str0m::media::{MediaKind, Mid};

use crate::support::line::Logs;
use crate::support::{Profile, Sim};
use crate::video::publish;

const NAMES: [&str; 13] = [
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m",
];

/// How far a line may move in a whole test.
const MOVED_MAX: Duration = Duration::from_millis(5);

/// Turns of different length and with pauses, so that packets of one source and the next are never a frame
/// apart by chance.
fn turns(sim: &mut Sim, count: usize, mut after: impl FnMut(&mut Sim)) {
    for turn in 0..count {
        let speakers: Vec<&str> = (0..4).map(|n| NAMES[(turn * 5 + n) % 12]).collect();
        for step in 0..30 {
            let now = sim.now;
            for name in &speakers {
                // Discontinuous transmission: one packet in a while, late in the turn.
                if step < 20 || step % 7 == 0 {
                    sim.client(name).run_clock(now);
                    sim.client(name).send_voice(now, -20, true);
                }
            }
            sim.run_ms(20);
        }
        sim.run_ms(1 + (turn as u64 * 7) % 23);
        after(sim);
    }
}

#[test]
fn a_hundred_steals_leave_the_line_of_a_voice_slot_alone() {
    let mut sim = Sim::call(&NAMES, Profile::Ours);
    let mut logs = Logs::default();
    turns(&mut sim, 250, |sim| logs.take(&mut sim.client("m").heard));
    logs.check_ssrcs();
    let steals: u64 = logs.0.values().map(|log| log.owners - 1).sum();
    assert!(steals >= 100, "{steals} steals");
    for (mid, log) in &logs.0 {
        assert_eq!(log.missing(), 0, "slot {mid}");
        assert!(log.reports() > 25, "slot {mid}: {}", log.reports());
        let moved = log.line_moved(48_000);
        assert!(moved < MOVED_MAX, "slot {mid}: {moved:?}");
    }
}

/// Announces its screen again, on the lines that it has.
fn share(sim: &mut Sim, name: &str, on: bool) {
    let stream = on.then(|| format!("stream-{name}-true"));
    sim.set(name, StateChange::Screen(stream)).unwrap();
    sim.run_ms(60);
}

/// 400 ms of a screen and its sound; it begins with a key frame.
fn show(sim: &mut Sim, name: &str, (picture, sound): (Mid, Mid)) {
    for step in 0..40 {
        let now = sim.now;
        let client = sim.client(name);
        if step % 2 == 0 {
            client.send_sound(now, sound);
        }
        let asked = client.keyframe_requests.drain(..).count() > 0;
        if step % 4 == 0 || asked {
            client.send_video(now, picture, None, step == 0 || asked);
        }
        sim.run_ms(10);
    }
}

/// A screen and its sound are what receivers play together.
#[test]
fn a_hundred_sharers_leave_picture_and_sound_together() {
    let sharers = ["a", "b", "c"];
    let mut sim = Sim::call(&["a", "b", "c", "d"], Profile::Ours);
    let mut lines = BTreeMap::new();
    for name in sharers {
        let picture = publish(&mut sim, name, true, &[]);
        let stream = format!("stream-{name}-true");
        let (sound, offer) = sim.client(name).offer_line(MediaKind::Audio, &stream, &[]);
        sim.client(name).send_description(offer);
        sim.run_ms(200);
        lines.insert(name, (picture, sound));
        share(&mut sim, name, false);
    }
    let mut logs = Logs::default();
    let mut slots = BTreeMap::new();
    for turn in 0..101 {
        let name = sharers[turn % 3];
        share(&mut sim, name, true);
        show(&mut sim, name, lines[name]);
        for kind in [SlotKind::Screen, SlotKind::ScreenAudio] {
            let slot = sim.client("d").slot_of(name, kind).unwrap();
            assert_eq!(*slots.entry(kind.as_str()).or_insert(slot.clone()), slot);
        }
        share(&mut sim, name, false);
        sim.run_ms(turn as u64 * 7 % 23);
        logs.take(&mut sim.client("d").heard);
    }
    for (kind, clock) in [(SlotKind::Screen, 90_000), (SlotKind::ScreenAudio, 48_000)] {
        let log = &logs.0[&slots[kind.as_str()]];
        let kind = kind.as_str();
        assert!(log.owners >= 100, "{kind}: {} sharers", log.owners);
        assert_eq!(log.missing(), 0, "{kind}");
        assert!(log.reports() > 10, "{kind}: {}", log.reports());
        let moved = log.line_moved(clock);
        assert!(moved < MOVED_MAX, "{kind}: {moved:?}");
    }
}
