//! R1, R2: what survives a crash, and how often the disk is asked for it.

use std::time::Duration;

use super::{Rig, dir, read};
use crate::vfs::{EIO, Fault, MemoryVfs, Operation, Vfs};

#[test]
fn ten_recordings_are_synced_in_one_round_a_second() {
    let mut rig = Rig::new(MemoryVfs::default());
    rig.begin(10);
    rig.run(Duration::from_secs(2));
    let before = rig.vfs.counts();
    let bytes = 10 * 50 * (120 + 20 + 16);
    for _ in 0..500 {
        rig.clock.advance(super::STEP);
        for key in 0..10 {
            let _ = rig.push(key, super::VOICE, &super::SOUND);
        }
        rig.turn();
    }
    let after = rig.vfs.counts();
    assert!(
        bytes < 1 << 20,
        "a second is less than what is synced by its size"
    );
    let rounds = (after.syncs - before.syncs) as f64 / 10.0;
    assert!((10.0..=12.0).contains(&rounds), "{rounds} rounds in 10 s");
    assert_eq!(after.dir_syncs, before.dir_syncs);
    let writes = after.writes - before.writes;
    assert!(writes <= 10 * 10 * 6, "{writes} writes for 5000 packets");
}

#[test]
fn much_is_synced_sooner() {
    let mut rig = Rig::new(MemoryVfs::default());
    rig.begin(1);
    rig.run(Duration::from_secs(1));
    let before = rig.vfs.counts().syncs;
    for _ in 0..3000 {
        let _ = rig.push(0, super::SCREEN, &super::PICTURE);
    }
    rig.turn();
    let syncs = rig.vfs.counts().syncs - before;
    assert!((2..=4).contains(&syncs), "{syncs} for 3 MB at once");
}

#[test]
fn nothing_older_than_a_second_is_lost_by_a_crash() {
    for seed in 0..20 {
        let mut rig = Rig::with(MemoryVfs::default(), 256 << 10, 0);
        rig.begin(3);
        rig.run(Duration::from_millis(1200 + 70 * seed));
        let vfs = rig.vfs.crash(seed);
        for key in 0..3 {
            let pushed = &rig.pushed[key as usize];
            let read = read(&vfs, key).media;
            assert_eq!(read, pushed[..read.len()], "seed {seed}");
            // 50 a second of each track; the round's time and the pause.
            let lost = pushed.len() - read.len();
            assert!(lost <= 2 * 47, "seed {seed}: {lost} packets");
        }
    }
}

#[test]
fn a_process_that_dies_loses_less_than_what_is_not_synced() {
    let mut rig = Rig::new(MemoryVfs::default());
    rig.begin(2);
    rig.run(Duration::from_millis(3777));
    // The machine lives on, and with it what the operating system was given.
    for key in 0..2 {
        let lost = rig.pushed[key as usize].len() - read(&rig.vfs, key).media.len();
        assert!(lost <= 2 * 11, "{lost} packets");
    }
}

/// At each of the thread's operations the machine goes down, or one or more of them fail first.
#[test]
fn wherever_it_crashes_what_was_synced_is_read_in_order_and_once() {
    for at in 0..40 {
        for (seed, fails) in [(1, 0), (2, 1), (3, 3), (4, 1)] {
            let mut rig = Rig::with(MemoryVfs::default(), 256 << 10, 0);
            rig.begin(2);
            rig.run(Duration::from_millis(300));
            let now = rig.vfs.counts().operations;
            let what = if seed == 4 {
                Operation::Sync
            } else {
                Operation::Any
            };
            rig.vfs.add_fault(Fault::Fail {
                from: now + at / 2,
                to: now + at / 2 + fails,
                what,
                errno: EIO,
            });
            rig.vfs.add_fault(Fault::CrashAt(now + at));
            let mut safe = [0, 0];
            while !rig.vfs.has_crashed() {
                rig.run(super::STEP);
                for (key, safe) in safe.iter_mut().enumerate() {
                    let live = rig
                        .io
                        .recordings
                        .get(&crate::RecordingKey(key as u32))
                        .unwrap();
                    if live.journal.unsynced() == 0 {
                        *safe = rig.voices[key].len();
                    }
                }
            }
            let vfs = rig.vfs.crash(seed);
            for (key, safe) in safe.into_iter().enumerate() {
                let context = format!("at {at}, {fails} fail, recording {key}");
                let read = read(&vfs, key as u32).media;
                let pushed = &rig.pushed[key];
                let voices = &rig.voices[key][..safe];
                assert!(
                    voices.iter().all(|at| read.contains(at)),
                    "{context}: {voices:?}"
                );
                let mut pushed = pushed.iter();
                assert!(
                    read.iter().all(|at| pushed.any(|pushed| pushed == at)),
                    "{context}"
                );
            }
        }
    }
}

#[test]
fn a_full_segment_is_followed_by_another_without_a_gap() {
    let mut rig = Rig::new(MemoryVfs::default());
    rig.begin(1);
    let payload = vec![3; 60_000];
    for _ in 0..1500 {
        let _ = rig.push(0, super::VOICE, &payload);
        rig.clock.advance(super::STEP);
        rig.turn();
    }
    rig.end(0);
    rig.turn();
    let names = rig.vfs.list(&dir(0)).unwrap();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(
        names.iter().all(|found| found.bytes < 66 << 20),
        "{names:?}"
    );
    let read = read(&rig.vfs.crash(5), 0);
    assert_eq!(
        (read.media, read.segments, read.ended),
        (rig.pushed[0].clone(), 2, true)
    );
}
