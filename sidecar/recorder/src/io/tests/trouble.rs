//! R8, R11: what becomes of recordings when the disk is full or broken.

use std::time::Duration;

use super::{Next, Rig, dir, read};
use crate::vfs::{EIO, ENOSPC, Fault, MemoryVfs, Operation, Vfs};

fn fail(rig: &Rig, count: u64, what: Operation, errno: i32) {
    let from = rig.vfs.counts().operations;
    rig.vfs.add_fault(Fault::Fail {
        from,
        to: from.saturating_add(count),
        what,
        errno,
    });
}

#[test]
fn when_the_disk_fills_up_pictures_stop_first_then_all_and_all_goes_on_with_room() {
    // 57 kB a second; room for 1.2 MB of reserve and steps, and a while.
    let mut rig = Rig::new(MemoryVfs::with_capacity(3_000_000));
    rig.begin(1);
    rig.run(Duration::from_secs(20));
    assert_eq!(rig.heard(), [""; 0]);
    rig.run(Duration::from_secs(80));
    assert_eq!(rig.heard(), ["0 Some(AudioOnly)", "r0: AudioOnly"]);
    let pictures = read(&rig.vfs, 0).video;
    // Sound lives on the reserve: 8 kB a second, for at least as long as it is for.
    rig.run(Duration::from_secs(20));
    assert_eq!(rig.heard(), [""; 0]);
    let then = read(&rig.vfs, 0);
    assert_eq!(then.video, pictures);
    // Until there is nothing left.
    let mut seconds = 0;
    let heard = loop {
        rig.run(Duration::from_secs(1));
        seconds += 1;
        let heard = rig.heard();
        if !heard.is_empty() {
            break heard;
        }
        assert!(seconds < 400);
    };
    assert_eq!(heard, ["0 Some(Stopped)", "r0: Stopped"]);
    let full = read(&rig.vfs, 0);
    assert!(full.audio > then.audio && full.video == pictures);
    rig.run(Duration::from_secs(30));
    // Somebody makes room: sound at once, pictures when it has been well for a while.
    rig.vfs.set_capacity(Some(50_000_000));
    rig.run(Duration::from_secs(3));
    assert_eq!(rig.heard(), ["0 Some(AudioOnly)", "r0: AudioOnly"]);
    rig.run(Duration::from_secs(5));
    assert_eq!(rig.heard(), ["0 VideoLost", "0 None"]);
    rig.run(Duration::from_secs(2));
    rig.end(0);
    rig.turn();
    assert_eq!(rig.heard(), ["r0 over: Stopped", "0 Stopped"]);
    let whole = read(&rig.vfs.crash(1), 0);
    assert!(whole.ended && whole.video > pictures);
    // Sound that came while nothing could be written was kept in memory.
    assert_eq!((whole.dropped.0, whole.segments), (0, 1));
    let missing = rig.pushed[0].len() - whole.media.len();
    assert_eq!(whole.dropped.1 as usize, missing, "each picture is counted");
    assert_eq!(
        rig.vfs.free_bytes(&dir(0)).unwrap(),
        50_000_000 - len(&rig.vfs),
        "no room is held"
    );
}

fn len(vfs: &MemoryVfs) -> u64 {
    vfs.list(&dir(0))
        .unwrap()
        .iter()
        .map(|found| found.bytes)
        .sum()
}

#[test]
fn a_failed_sync_is_told_and_loses_nothing() {
    let mut rig = Rig::new(MemoryVfs::default());
    rig.begin(2);
    rig.run(Duration::from_secs(3));
    let mut heard = Vec::new();
    while heard.is_empty() {
        // The next sync, and no more.
        rig.vfs.clear_faults();
        fail(&rig, 2, Operation::Sync, EIO);
        rig.run(super::STEP);
        heard = rig.heard();
    }
    assert_eq!(heard, ["0 Some(AudioOnly)", "r0: AudioOnly"]);
    rig.vfs.clear_faults();
    rig.run(Duration::from_secs(12));
    assert_eq!(rig.heard(), ["0 VideoLost", "0 None"]);
    rig.end(0);
    rig.end(1);
    rig.turn();
    for key in 0..2 {
        let read = read(&rig.vfs.crash(9), key);
        let missing = rig.pushed[key as usize].len() - read.media.len();
        assert_eq!(
            (read.dropped, read.ended),
            ((0, missing as u32), true),
            "recording {key}"
        );
        assert_eq!(
            read.audio,
            rig.voices[key as usize].len(),
            "not one packet of sound"
        );
    }
    assert_eq!(
        [read(&rig.vfs, 0).segments, read(&rig.vfs, 1).segments],
        [2, 1]
    );
}

#[test]
fn a_disk_that_refuses_everything_for_a_while_costs_pictures_and_what_does_not_fit_into_memory() {
    for (what, errno) in [
        (Operation::Any, EIO),
        (Operation::Write, ENOSPC),
        (Operation::Sync, ENOSPC),
        (Operation::Sync, EIO),
        (Operation::Names, EIO),
        (Operation::SyncDir, EIO),
    ] {
        let mut rig = Rig::new(MemoryVfs::default());
        rig.begin(1);
        rig.run(Duration::from_secs(2));
        fail(&rig, u64::MAX, what, errno);
        rig.run(Duration::from_secs(20));
        let bad = rig.heard();
        rig.vfs.clear_faults();
        rig.run(Duration::from_secs(20));
        let well = rig.heard();
        rig.end(0);
        rig.turn();
        let read = read(&rig.vfs.crash(1), 0);
        let context = format!("{what:?} {errno}");
        assert!(read.ended, "{context}");
        assert_eq!(read.audio, 42 * 50, "{context}: all sound");
        if what == Operation::Names || what == Operation::SyncDir {
            assert_eq!((bad, well), (vec![], vec![]), "{context}: not needed");
            continue;
        }
        assert_eq!(bad, ["0 Some(Stopped)", "r0: Stopped"], "{context}");
        assert_eq!(well[0], "0 Some(AudioOnly)", "{context}");
        assert_eq!(well[2..], ["0 VideoLost", "0 None"], "{context}");
        let missing = rig.pushed[0].len() - read.media.len();
        assert_eq!(read.dropped, (0, missing as u32), "{context}");
    }
}

#[test]
fn what_is_kept_in_memory_is_bounded_and_what_is_lost_is_counted() {
    let mut rig = Rig::new(MemoryVfs::default());
    rig.begin(4);
    fail(&rig, u64::MAX, Operation::Any, EIO);
    let payload = [0; 1200];
    for _ in 0..6000 {
        for key in 0..4 {
            let _ = rig.push(key, super::VOICE, &payload);
        }
        rig.clock.advance(super::STEP);
        rig.turn();
    }
    let kept: usize = rig
        .io
        .recordings
        .values()
        .map(|live| live.journal.unsynced())
        .sum();
    assert!((5 << 20..(6 << 20) + 10_000).contains(&kept), "{kept}");
    rig.vfs.clear_faults();
    rig.run(Duration::from_secs(2));
    rig.end(2);
    rig.turn();
    let read = read(&rig.vfs, 2);
    let missing = rig.pushed[2].len() - read.media.len();
    assert_eq!((read.dropped.0 + read.dropped.1) as usize, missing);
    assert!(read.dropped.0 > 1000);
}

#[test]
fn beyond_the_quota_sound_goes_on_for_the_reserve() {
    let mut rig = Rig::with(MemoryVfs::default(), 4 << 20, 600_000);
    rig.begin(1);
    rig.run(Duration::from_secs(9));
    assert_eq!(rig.heard(), [""; 0]);
    rig.run(Duration::from_secs(10));
    assert_eq!(rig.heard(), ["0 Some(AudioOnly)", "r0: AudioOnly"]);
    rig.run(Duration::from_secs(40));
    assert_eq!(rig.heard(), ["0 Some(Stopped)", "r0: Stopped"]);
    let bytes = len(&rig.vfs);
    assert!((600_000..900_000).contains(&bytes), "{bytes}");
    rig.run(Duration::from_secs(20));
    assert_eq!(len(&rig.vfs), bytes);
}

#[test]
fn what_ends_while_nothing_can_be_written_is_given_up_after_a_minute() {
    let mut rig = Rig::new(MemoryVfs::default());
    rig.begin(1);
    rig.run(Duration::from_secs(2));
    fail(&rig, u64::MAX, Operation::Any, EIO);
    rig.run(Duration::from_secs(2));
    rig.end(0);
    rig.pushed.clear();
    rig.run(Duration::from_secs(50));
    assert_eq!(rig.heard(), ["0 Some(Stopped)", "r0: Stopped"]);
    rig.run(Duration::from_secs(12));
    assert_eq!(rig.heard(), ["r0 over: Stopped", "0 Stopped"]);
    assert!(rig.io.recordings.is_empty());
}

#[test]
fn at_the_end_of_the_process_all_that_was_pushed_is_on_the_disk() {
    let mut rig = Rig::new(MemoryVfs::default());
    rig.begin(3);
    for _ in 0..2000 {
        for key in 0..3 {
            let _ = rig.push(key, super::SCREEN, &super::PICTURE);
        }
    }
    rig.inbox.close();
    let mut turns = 0;
    while rig.io.turn() != Next::Done {
        turns += 1;
        assert!(turns < 20);
    }
    for key in 0..3 {
        let read = read(&rig.vfs.crash(3), key);
        let lost = 2000 - rig.pushed[key as usize].len();
        assert_eq!(read.media, rig.pushed[key as usize]);
        assert!(lost > 0 && !read.ended);
    }
}

#[test]
fn at_the_end_of_the_process_a_disk_that_is_back_is_tried_once_more() {
    let mut rig = Rig::new(MemoryVfs::default());
    rig.begin(1);
    fail(&rig, u64::MAX, Operation::Any, EIO);
    rig.run(Duration::from_secs(3));
    rig.vfs.clear_faults();
    rig.inbox.close();
    assert_eq!(rig.io.turn(), Next::Done);
    assert_eq!(read(&rig.vfs.crash(3), 0).audio, 150);
}
