//! R5: a crash at every operation of a recording's whole life. After each, a new start goes on, nothing
//! that was told is forgotten, and what is handed out is complete.

use std::io;

use parley_media::recording::EndReason;

use super::super::*;
use crate::ManualClock;
use crate::testing::{Machine, PACKET, WALL_MS, steps};
use crate::vfs::{Fault, MemoryVfs};

/// What outsiders were told before the crash.
#[derive(Default, Clone, PartialEq)]
struct Told {
    begun: bool,
    ended: bool,
    steps: usize,
}

/// From the beginning to the grace's end.
fn life(machine: &mut Machine, told: &mut Told) -> io::Result<()> {
    let mut journal = machine.begin("r")?;
    told.begun = true;
    machine.speak(&mut journal, 0, 50)?;
    machine.work();
    machine.end("r", journal, EndReason::Stopped)?;
    told.ended = true;
    machine.work();
    for step in steps(1) {
        let claim = machine.shelf.claim("h", u64::MAX)?;
        let Some(stored) = claim else {
            return Err(io::ErrorKind::NotFound.into());
        };
        assert_eq!(stored.state.id(), "r");
        machine
            .shelf
            .report("h", "r", &step)
            .map_err(io::Error::other)?;
        told.steps += 1;
    }
    machine.advance(GRACE);
    Ok(())
}

fn machine() -> Machine {
    Machine::start(MemoryVfs::default(), ManualClock::at(WALL_MS)).unwrap()
}

#[test]
fn a_crash_at_every_operation_loses_and_forgets_nothing() {
    let mut whole = machine();
    let first = whole.vfs.counts().operations;
    let mut told = Told::default();
    life(&mut whole, &mut told).unwrap();
    assert!(told.steps == 4 && whole.shelf.list().is_empty());
    let last = whole.vfs.counts().operations;
    assert!(last - first > 40, "{first}..{last}");
    for at in first..last {
        for seed in 0..8 {
            let mut crashing = machine();
            crashing.vfs.add_fault(Fault::CrashAt(at));
            let mut told = Told::default();
            let _ = life(&mut crashing, &mut told);
            check(
                crashing.vfs.crash(seed),
                &told,
                &format!("at {at}, seed {seed}"),
            );
        }
    }
}

/// The next start, which may find the recording anywhere.
fn check(vfs: MemoryVfs, told: &Told, context: &str) {
    let clock = ManualClock::at(WALL_MS + 10_000);
    let mut machine = Machine::start(vfs.clone(), clock).unwrap();
    assert_eq!(machine.shelf.damaged(), [], "{context}");
    let Some(found) = machine.shelf.get("r") else {
        assert!(!told.begun || told.steps == 4, "{context}: it is gone");
        return;
    };
    let state = found.state;
    // Each step that was told is there; at most the one that was on its way, too.
    let done = match state.stage {
        Stage::InProgress | Stage::Closed | Stage::Ready => 0,
        Stage::Uploading => 1 + usize::from(state.is_uploaded()),
        Stage::Posted => 3,
        Stage::Verified => 4,
        Stage::Parked => panic!("{context}: parked"),
    };
    assert!(
        (told.steps..=told.steps + 1).contains(&done),
        "{context}: {:?}",
        state.stage
    );
    assert!(!told.ended || state.stage != Stage::InProgress, "{context}");
    if state.stage == Stage::Verified && done == 4 && state.files.is_empty() {
        panic!("{context}: over without files");
    }
    // The same start twice finds the same.
    assert_eq!(machine.restart().state("r"), state, "{context}");
    machine.shelf.host_attached();
    machine.work();
    machine.advance(RESUME_WAIT);
    machine.advance(RESUME_WAIT);
    let state = machine.state("r");
    if state.files.is_empty() {
        // It never came to a packet on the disk.
        assert!(
            !told.ended && state.stage == Stage::Verified,
            "{context}: {:?}",
            state.stage
        );
        return;
    }
    if state.stage == Stage::Verified {
        return;
    }
    let claimed = machine.shelf.claim("i", u64::MAX).unwrap();
    assert_eq!(
        claimed.map(|claimed| claimed.state),
        Some(state),
        "{context}"
    );
    let bytes = machine.read("i", "r", 1);
    assert!(bytes.len().is_multiple_of(PACKET.len()), "{context}");
    assert!(
        !told.ended || bytes == PACKET.repeat(50),
        "{context}: {}",
        bytes.len()
    );
    for step in steps(1) {
        // Those that were taken before are known.
        machine.shelf.report("i", "r", &step).unwrap();
    }
    machine.advance(GRACE);
    assert!(machine.shelf.list().is_empty(), "{context}");
    assert_eq!(vfs.list(&crate::testing::root()).unwrap(), [], "{context}");
}
