//! Claiming, reading, reporting, splitting, giving up, and the end of a copy.

use std::time::Duration;

use super::super::*;
use crate::publish::{LEASE, Step};
use crate::testing::{Machine, PACKET, steps};
use crate::vfs::{ENOSPC, Fault, Operation};

fn failed() -> Step {
    Step::Failed {
        reason: "the platform is away".to_owned(),
    }
}

fn claimed(machine: &Machine, host: &str) -> Option<String> {
    let stored = machine.shelf.claim(host, u64::MAX).unwrap();
    stored.map(|stored| stored.state.id().to_owned())
}

fn recorded(ids: &[&str]) -> Machine {
    let mut machine = Machine::new();
    for id in ids {
        machine.record(id).unwrap();
    }
    machine.work();
    machine
}

#[test]
fn a_host_gets_one_after_the_other_until_nothing_waits() {
    let machine = recorded(&["a", "b"]);
    assert_eq!(machine.shelf.counts().unposted, 2);
    assert_eq!(claimed(&machine, "h").as_deref(), Some("a"));
    // Asked again, it is still the one that it holds.
    assert_eq!(claimed(&machine, "h").as_deref(), Some("a"));
    assert_eq!(machine.read("h", "a", 1), PACKET.repeat(50));
    machine.publish("h", "a");
    assert_eq!(claimed(&machine, "h").as_deref(), Some("b"));
    machine.publish("h", "b");
    assert_eq!(claimed(&machine, "h"), None);
    assert_eq!(machine.shelf.counts().unposted, 0);
}

#[test]
fn a_platform_that_takes_no_files_gets_none() {
    let machine = recorded(&["a"]);
    assert_eq!(machine.shelf.claim("h", 0).unwrap(), None);
    assert_eq!(machine.state("a").stage, Stage::Ready);
}

#[test]
fn two_hosts_never_have_the_same_one() {
    let machine = recorded(&["a", "b"]);
    assert_eq!(claimed(&machine, "h").as_deref(), Some("a"));
    assert_eq!(claimed(&machine, "i").as_deref(), Some("b"));
    assert_eq!(claimed(&machine, "j"), None);
    let begun = &steps(1)[0];
    let refused = machine.shelf.report("i", "a", begun).unwrap_err();
    assert!(matches!(refused, HostError::Anothers));
    assert!(matches!(
        machine.shelf.read_file("i", "a", 1, 0).map(|_| ()),
        Err(HostError::Anothers)
    ));
    // Each call prolongs; the one that said nothing loses its own.
    machine.clock.advance(LEASE - Duration::from_secs(1));
    machine.shelf.report("h", "a", begun).unwrap();
    machine.clock.advance(Duration::from_secs(2));
    assert_eq!(claimed(&machine, "j").as_deref(), Some("b"));
    assert!(matches!(
        machine.shelf.report("i", "b", begun),
        Err(HostError::Anothers)
    ));
}

#[test]
fn reading_prolongs_a_claim_and_stops_when_it_is_anothers() {
    let machine = recorded(&["a"]);
    assert!(claimed(&machine, "h").is_some());
    let mut reader = machine.shelf.read_file("h", "a", 1, 10).unwrap();
    machine.clock.advance(LEASE - Duration::from_secs(1));
    assert_eq!(
        reader.piece().unwrap().unwrap().len(),
        50 * PACKET.len() - 10
    );
    machine.clock.advance(LEASE - Duration::from_secs(1));
    assert_eq!(claimed(&machine, "i"), None);
    machine.clock.advance(LEASE);
    assert_eq!(claimed(&machine, "i").as_deref(), Some("a"));
    assert!(matches!(reader.piece(), Err(HostError::Anothers)));
}

#[test]
fn reading_says_what_is_not_there() {
    let mut machine = recorded(&["a"]);
    let read = |id: &str, number, offset| {
        let reader = machine.shelf.read_file("h", id, number, offset);
        reader.map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(read("x", 1, 0), "there is no such recording");
    assert_eq!(read("a", 0, 0), "the recording has no file 0");
    assert_eq!(read("a", 2, 0), "the recording has no file 2");
    assert_eq!(
        read("a", 1, 5001),
        "offset 5001 is behind the file's end (5000 bytes)"
    );
    let mut at_the_end = machine.shelf.read_file("h", "a", 1, 5000).unwrap();
    assert_eq!(at_the_end.piece().unwrap(), None);
    machine.begin("b").unwrap();
    machine.work();
    let refused = machine
        .shelf
        .read_file("h", "b", 1, 0)
        .map(|_| ())
        .unwrap_err();
    assert!(refused.to_string().ends_with("it is IN_PROGRESS"));
}

#[test]
fn a_failure_is_remembered_and_tried_again_later_for_ever() {
    let machine = recorded(&["a"]);
    for failures in 1..30 {
        assert_eq!(claimed(&machine, "h").as_deref(), Some("a"), "{failures}");
        let stored = machine.shelf.report("h", "a", &failed()).unwrap();
        assert_eq!(stored.state.failures, failures);
        assert_eq!(stored.state.failure, "the platform is away");
        assert_eq!(claimed(&machine, "h"), None);
        machine.clock.advance(Duration::from_secs(300));
    }
    assert_eq!(machine.restart().state("a").failures, 29);
}

#[test]
fn a_restart_keeps_steps_and_forgets_claims() {
    let machine = recorded(&["a"]);
    assert!(claimed(&machine, "h").is_some());
    machine.shelf.report("h", "a", &steps(1)[0]).unwrap();
    let later = machine.restart();
    let found = later.shelf.claim("i", u64::MAX).unwrap().unwrap();
    assert_eq!(found.state.stage, Stage::Uploading);
    assert_eq!(found.state.files[0].upload_id.as_deref(), Some("u1"));
    assert_eq!(later.read("i", "a", 1).len(), 5000);
}

#[test]
fn too_large_ones_are_split_and_handed_out_when_that_is_done() {
    let mut machine = recorded(&["a"]);
    assert_eq!(machine.shelf.claim("h", 2000).unwrap(), None);
    assert_eq!(machine.state("a").stage, Stage::Closed);
    machine.work();
    let parts = machine.shelf.claim("h", 2000).unwrap().unwrap().state.files;
    assert_eq!(
        parts.iter().map(|part| part.bytes).collect::<Vec<_>>(),
        [2000, 2000, 1000]
    );
    assert_eq!(parts[1].starts_at_ms, 400);
    assert_eq!(machine.read("h", "a", 3), PACKET.repeat(10));
    machine.publish("h", "a");
    assert_eq!(machine.state("a").stage, Stage::Verified);
}

#[test]
fn what_cannot_be_split_is_parked_with_its_reason() {
    let mut machine = recorded(&["a"]);
    for _ in 0..2 {
        assert_eq!(machine.shelf.claim("h", 99).unwrap(), None);
        machine.work();
    }
    let state = machine.state("a");
    assert_eq!(state.stage, Stage::Parked);
    assert_eq!(
        state.failure,
        "a part of 100 bytes cannot be smaller, the platform takes 99"
    );
    assert_eq!(machine.shelf.counts().parked, 1);
    // The platform takes more now, and an admin says so.
    assert_eq!(machine.shelf.take_up("a"), Ok(Stage::Ready));
    assert_eq!(claimed(&machine, "h").as_deref(), Some("a"));
}

#[test]
fn a_recording_whose_post_stands_is_not_split() {
    let machine = recorded(&["a"]);
    assert!(claimed(&machine, "h").is_some());
    for step in &steps(1)[..3] {
        machine.shelf.report("h", "a", step).unwrap();
    }
    let lost = Step::FileLost { number: 1 };
    machine.shelf.report("h", "a", &lost).unwrap();
    let found = machine.shelf.claim("h", 10).unwrap().unwrap().state;
    assert_eq!(found.stage, Stage::Uploading);
    assert_eq!(found.post_id.as_deref(), Some("post"));
}

#[test]
fn a_step_that_cannot_be_written_is_not_taken() {
    let machine = recorded(&["a"]);
    assert!(claimed(&machine, "h").is_some());
    let from = machine.vfs.counts().operations;
    machine.vfs.add_fault(Fault::Fail {
        from,
        to: u64::MAX,
        what: Operation::Write,
        errno: ENOSPC,
    });
    let refused = machine.shelf.report("h", "a", &steps(1)[0]).unwrap_err();
    assert!(matches!(refused, HostError::Io(_)));
    assert_eq!(machine.state("a").stage, Stage::Ready);
    machine.vfs.clear_faults();
    machine.publish("h", "a");
}

#[test]
fn a_verified_copy_goes_when_its_grace_is_over_and_no_other_ever() {
    let mut machine = recorded(&["a", "b", "c"]);
    assert!(claimed(&machine, "h").is_some());
    machine.publish("h", "a");
    let parked = Step::Parked {
        reason: "archived".to_owned(),
    };
    machine.shelf.report("h", "b", &parked).unwrap();
    machine.advance(GRACE - Duration::from_secs(10));
    assert_eq!(machine.shelf.list().len(), 3);
    machine.advance(Duration::from_secs(10));
    assert_eq!(machine.shelf.list().len(), 2);
    assert!(machine.vfs.list(&machine.shelf.dir_of("a")).is_err());
    machine.advance(GRACE * 365);
    assert_eq!(machine.shelf.list().len(), 2);
    let gone = machine.shelf.report("h", "a", &Step::Verified).unwrap_err();
    assert!(matches!(gone, HostError::NoSuchRecording));
    let counts = machine.shelf.counts();
    assert_eq!((counts.unposted, counts.parked), (2, 1));
    assert!(counts.oldest_unposted > GRACE * 365 && counts.disk_bytes > 10_000);
}

#[test]
fn steps_of_the_wall_clock_hold_nothing_back() {
    let machine = recorded(&["a"]);
    assert!(claimed(&machine, "h").is_some());
    machine.shelf.report("h", "a", &failed()).unwrap();
    machine.clock.step_wall(-3_600_000);
    machine.clock.advance(Duration::from_secs(5));
    assert_eq!(claimed(&machine, "h").as_deref(), Some("a"));
}
