//! From a journal to files: live, late, when the composer or the disk fails.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use parley_media::recording::{EndReason, Trouble};

use super::*;
use crate::testing::{Machine, PACKET, WALL_MS};
use crate::vfs::{ENOSPC, Fault, Operation, Vfs as _};

const TURNS: Duration = Duration::from_secs(3);

#[test]
fn a_recording_is_composed_while_it_goes_on_and_ready_with_its_end() {
    let mut machine = Machine::new();
    let mut journal = machine.begin("r").unwrap();
    for second in 0..10 {
        machine.speak(&mut journal, second * 1000, 50).unwrap();
        machine.advance(TURNS);
    }
    // What is there before the end can be played.
    let live = store::out_of(machine.shelf.root(), "r").join("recording-1.webm");
    let live = machine.vfs.open(&live, crate::vfs::Open::Read).unwrap();
    assert!(live.len().unwrap() >= 9 * 50 * PACKET.len() as u64);
    machine.end("r", journal, EndReason::Stopped).unwrap();
    machine.work();
    let state = machine.state("r");
    assert_eq!(state.stage, Stage::Ready);
    assert_eq!(state.ended_at_ms, Some(WALL_MS + 9_980));
    assert_eq!(state.end_reason, Some(EndReason::Stopped));
    assert_eq!(
        machine.mischief.made.load(Relaxed),
        1,
        "the live one was finished"
    );
    assert_eq!(machine.read("h", "r", 1), PACKET.repeat(500));
    assert_eq!(state.files[0].bytes, 500 * PACKET.len() as u64);
}

#[test]
fn what_comes_out_live_comes_out_of_the_journals_alone() {
    let mut live = Machine::new();
    let mut journal = live.begin("r").unwrap();
    live.speak(&mut journal, 0, 50).unwrap();
    live.advance(TURNS);
    live.speak(&mut journal, 1000, 50).unwrap();
    live.end("r", journal, EndReason::Limit).unwrap();
    // The process dies before its thread looked.
    let mut later = live.restart();
    live.work();
    later.work();
    assert_eq!(live.state("r").files, later.state("r").files);
    assert_eq!(later.state("r").end_reason, Some(EndReason::Limit));
}

#[test]
fn a_composer_that_panics_live_is_tried_once_more_from_the_journals() {
    let mut machine = Machine::new();
    let mut journal = machine.begin("bad").unwrap();
    machine.speak(&mut journal, 0, 50).unwrap();
    machine.mischief.panics.store(1, Relaxed);
    machine.work();
    assert_eq!(machine.state("bad").stage, Stage::InProgress);
    machine.speak(&mut journal, 1000, 50).unwrap();
    machine.end("bad", journal, EndReason::Stopped).unwrap();
    machine.work();
    assert_eq!(machine.state("bad").stage, Stage::Ready);
    assert_eq!(machine.read("h", "bad", 1), PACKET.repeat(100));
}

#[test]
fn a_composer_that_fails_twice_parks_the_recording_and_others_go_on() {
    let mut machine = Machine::new();
    machine.record("bad").unwrap();
    machine.mischief.failures.store(2, Relaxed);
    machine.work();
    let state = machine.state("bad");
    assert_eq!(state.stage, Stage::Parked);
    assert_eq!(state.failure, "it cannot be composed: mischief");
    machine.record("good").unwrap();
    machine.work();
    assert_eq!(machine.state("good").stage, Stage::Ready);
    // The journals are there, and do when an admin has it tried again.
    assert_eq!(machine.shelf.take_up("bad"), Ok(Stage::Closed));
    machine.work();
    assert_eq!(machine.state("bad").stage, Stage::Ready);
}

#[test]
fn a_full_disk_is_waited_for() {
    let mut machine = Machine::new();
    machine.record("r").unwrap();
    let now = machine.vfs.counts().operations;
    machine.vfs.add_fault(Fault::Fail {
        from: now + 5,
        to: u64::MAX,
        what: Operation::Write,
        errno: ENOSPC,
    });
    machine.work();
    for _ in 0..20 {
        machine.advance(Duration::from_secs(300));
    }
    let state = machine.state("r");
    assert_eq!(state.stage, Stage::Closed);
    assert!(
        state.failure.starts_with("its files cannot be written: "),
        "{}",
        state.failure
    );
    machine.vfs.clear_faults();
    machine.advance(Duration::from_secs(300));
    let state = machine.state("r");
    assert_eq!((state.stage, state.failure.as_str()), (Stage::Ready, ""));
}

#[test]
fn a_live_file_that_finds_no_room_gives_its_room_to_the_journal() {
    let mut machine = Machine::new();
    let mut journal = machine.begin("r").unwrap();
    machine.speak(&mut journal, 0, 50).unwrap();
    machine.work();
    machine.speak(&mut journal, 1000, 5000).unwrap();
    let now = machine.vfs.counts().operations;
    let full = Fault::Fail {
        from: now,
        to: u64::MAX,
        what: Operation::Write,
        errno: ENOSPC,
    };
    machine.vfs.add_fault(full);
    machine.work();
    machine.vfs.clear_faults();
    let out = store::out_of(machine.shelf.root(), "r");
    assert_eq!(machine.vfs.list(&out).unwrap(), []);
    machine.shelf.in_trouble("r", Trouble::AudioOnly);
    machine.end("r", journal, EndReason::Disk).unwrap();
    machine.work();
    let state = machine.state("r");
    assert_eq!(state.stage, Stage::Ready);
    assert_eq!(state.trouble, Some(Trouble::AudioOnly));
    assert_eq!(machine.read("h", "r", 1).len(), 5050 * PACKET.len());
}

#[test]
fn a_recording_of_nothing_is_over_and_a_damaged_one_is_kept() {
    let mut machine = Machine::new();
    let journal = machine.begin("silent").unwrap();
    machine.end("silent", journal, EndReason::Stopped).unwrap();
    machine.record("torn").unwrap();
    let segment = "torn/000001.journal";
    let path = machine.shelf.root().join(segment);
    let bytes = machine
        .vfs
        .open(&path, crate::vfs::Open::Read)
        .unwrap()
        .len()
        .unwrap();
    crate::testing::overwrite(&machine.vfs, segment, &vec![0x55; bytes as usize]);
    // As long as a real one.
    let mut file = machine.vfs.open(&path, crate::vfs::Open::Keep).unwrap();
    file.set_len(1 << 20).unwrap();
    machine.work();
    let silent = machine.state("silent");
    assert_eq!(silent.stage, Stage::Verified);
    assert_eq!(silent.failure, "nobody was to be heard or seen");
    let torn = machine.state("torn");
    assert_eq!(torn.stage, Stage::Parked);
    assert!(machine.shelf.claim("h", u64::MAX).unwrap().is_none());
    machine.advance(crate::shelf::GRACE);
    assert!(machine.shelf.get("silent").is_none());
    assert_eq!(machine.state("torn").stage, Stage::Parked);
}

#[test]
fn the_thread_does_all_that_and_ends() {
    let dir = tempfile::tempdir().unwrap();
    let config = crate::shelf::ShelfConfig {
        root: dir.path().join("recordings"),
        grace: crate::shelf::GRACE,
        exclusive: true,
    };
    let (vfs, clock) = (crate::vfs::Disk, crate::SystemClock);
    let shelf = Shelf::open(config, Arc::new(vfs), Arc::new(clock)).unwrap();
    let thread = ComposingThread::spawn(shelf.clone(), composer()).unwrap();
    assert!(ComposingThread::spawn(shelf.clone(), composer()).is_err());
    shelf.begin(crate::testing::about("r")).unwrap();
    let ended = crate::shelf::Ended {
        reason: EndReason::Stopped,
        at_ms: WALL_MS,
    };
    shelf.ended("r", ended);
    while shelf.get("r").unwrap().state.stage != Stage::Verified {
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(thread);
}

#[test]
fn a_long_one_that_was_resumed_and_ended_holds_nobody_up() {
    let machine = Machine::new();
    let mut journal = machine.begin("long").unwrap();
    machine.speak(&mut journal, 0, 5000).unwrap();
    let mut machine = machine.restart();
    let journal = machine.begin("long").unwrap();
    // Each look at the clock takes so long that a slice is over.
    machine.clock.tick(SLICE);
    assert!(machine.worker.turn(), "its live file lacks much");
    let made = machine.mischief.made.load(Relaxed);
    machine.end("long", journal, EndReason::Stopped).unwrap();
    machine.record("short").unwrap();
    for note in machine.shelf.inbox().waiting() {
        machine.worker.take(note);
    }
    let mut turns = 0;
    while machine.state("short").stage != Stage::Ready {
        assert!(machine.worker.turn());
        turns += 1;
    }
    assert_eq!(
        machine.state("long").stage,
        Stage::Closed,
        "after {turns} turns"
    );
    machine.clock.tick(Duration::ZERO);
    machine.work();
    assert_eq!(machine.state("long").stage, Stage::Ready);
    assert_eq!(machine.read("h", "long", 1).len(), 5000 * PACKET.len());
    assert!(
        machine.mischief.made.load(Relaxed) <= made + 1,
        "the live file went on"
    );
}
