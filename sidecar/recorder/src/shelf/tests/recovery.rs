//! What a start finds, and what becomes of it.

use std::path::Path;
use std::time::Duration;

use parley_media::recording::EndReason;

use super::super::upkeep::RECOVER;
use super::super::*;
use crate::publish::Step;
use crate::testing::{Machine, PACKET, WALL_MS, about, overwrite, root};
use crate::vfs::Open;

const HOUR: Duration = Duration::from_secs(3600);

fn broken_off() -> Machine {
    let machine = Machine::new();
    let mut journal = machine.begin("r").unwrap();
    machine.speak(&mut journal, 0, 50).unwrap();
    machine.restart()
}

#[test]
fn a_recording_goes_on_after_a_restart() {
    let mut machine = broken_off();
    machine.clock.advance(Duration::from_secs(5));
    machine.shelf.host_attached();
    machine.work();
    let mut journal = machine.begin("r").unwrap();
    machine.advance(RESUME_WAIT * 2);
    assert_eq!(machine.state("r").stage, Stage::InProgress);
    machine.speak(&mut journal, 5000, 50).unwrap();
    machine.end("r", journal, EndReason::Stopped).unwrap();
    machine.work();
    let state = machine.state("r");
    assert_eq!((state.stage, state.gaps), (Stage::Ready, 1));
    assert_eq!(state.about.started_at_ms, WALL_MS);
    assert_eq!(machine.read("h", "r", 1), PACKET.repeat(100));
}

#[test]
fn a_recording_that_nobody_resumes_is_closed_a_minute_after_a_host_came() {
    let mut machine = broken_off();
    // Without a host nobody could.
    machine.advance(HOUR);
    assert_eq!(machine.state("r").stage, Stage::InProgress);
    machine.shelf.host_attached();
    machine.work();
    machine.advance(RESUME_WAIT - Duration::from_secs(6));
    assert_eq!(machine.state("r").stage, Stage::InProgress);
    machine.advance(Duration::from_secs(6));
    let state = machine.state("r");
    assert_eq!(state.stage, Stage::Ready);
    assert_eq!(state.end_reason, Some(EndReason::Crash));
    // What is there decides when it ended.
    assert_eq!(state.ended_at_ms, Some(WALL_MS + 980));
    let refused = machine.shelf.begin(about("r")).unwrap_err();
    assert_eq!(refused.to_string(), "this recording is over: it is READY");
}

#[test]
fn a_recording_in_progress_is_not_begun_twice() {
    let machine = Machine::new();
    machine.begin("r").unwrap();
    assert!(matches!(
        machine.shelf.begin(about("r")),
        Err(BeginError::InProgress)
    ));
    assert!(matches!(
        machine.shelf.begin(about("../r")),
        Err(BeginError::BadId)
    ));
    assert!(matches!(machine.shelf.take_up("r"), Err(why) if why == "it is being recorded"));
}

#[test]
fn an_end_that_only_the_journal_knows_is_an_end() {
    let machine = Machine::new();
    machine.record("r").unwrap();
    let later = machine.restart();
    assert_eq!(later.state("r").stage, Stage::Closed);
    assert_eq!(later.state("r").end_reason, Some(EndReason::Stopped));
    assert!(matches!(
        later.shelf.begin(about("r")),
        Err(BeginError::Over(Stage::Closed))
    ));
}

#[test]
fn a_discarded_recording_leaves_nothing_and_a_resumed_one_stays() {
    let machine = Machine::new();
    machine.begin("new").unwrap();
    machine.shelf.discard("new", false).unwrap();
    assert_eq!(machine.vfs.list(&root()).unwrap(), []);
    let machine = broken_off();
    machine.begin("r").unwrap();
    machine.shelf.discard("r", true).unwrap();
    assert_eq!(machine.state("r").stage, Stage::InProgress);
    machine.begin("r").unwrap();
}

#[test]
fn a_broken_state_is_made_anew_from_the_journals() {
    for broken in [&b"{"[..], b"", b"{\"version\":1}"] {
        let mut machine = Machine::new();
        machine.record("r").unwrap();
        machine.work();
        overwrite(&machine.vfs, "r/state.json", broken);
        let mut later = machine.restart();
        assert_eq!(later.state("r").about, about("r"));
        later.work();
        let state = later.state("r");
        assert_eq!(
            (state.stage, state.end_reason),
            (Stage::Ready, Some(EndReason::Stopped))
        );
        assert_eq!(later.read("h", "r", 1), PACKET.repeat(50));
        // What was broken is kept.
        assert!(
            later
                .vfs
                .open(&root().join("r/state.broken"), Open::Read)
                .is_ok()
        );
        assert_eq!(later.restart().state("r"), state);
    }
}

#[test]
fn what_makes_no_sense_is_listed_and_kept() {
    let mut machine = Machine::new();
    for id in ["lost", "newer"] {
        machine.record(id).unwrap();
    }
    machine.work();
    overwrite(&machine.vfs, "newer/state.json", b"{\"version\": 7}");
    overwrite(&machine.vfs, "lost/state.json", b"?");
    overwrite(&machine.vfs, "lost/about.json", b"?");
    machine
        .vfs
        .create_dir(&root().join("what is this"))
        .unwrap();
    machine.vfs.create_dir(&root().join("empty")).unwrap();
    machine.vfs.create_dir(&root().join("late/out")).unwrap();
    let before = machine.vfs.list(&root().join("lost")).unwrap();
    let mut later = machine.restart();
    let damaged = later.shelf.damaged();
    let reason = |name: &str| {
        let found = damaged.iter().find(|damaged| damaged.name == name);
        found
            .map(|damaged| damaged.reason.clone())
            .unwrap_or_default()
    };
    assert_eq!(damaged.len(), 3, "{damaged:?}");
    assert!(reason("lost").ends_with("and about.json does not help"));
    assert!(reason("newer").contains("version 7"));
    assert_eq!(reason("what is this"), "its name is no recording's id");
    assert!(later.vfs.list(&root().join("empty")).is_err());
    assert!(later.vfs.list(&root().join("late")).is_err());
    assert!(matches!(
        later.shelf.begin(about("lost")),
        Err(BeginError::Damaged)
    ));
    later.advance(GRACE * 2);
    assert_eq!(later.vfs.list(&root().join("lost")).unwrap(), before);
    assert_eq!(later.shelf.counts().damaged, 3);
}

#[test]
fn published_files_that_are_gone_are_made_anew() {
    let mut machine = Machine::new();
    machine.record("r").unwrap();
    machine.work();
    let file = crate::store::out_of(&root(), "r").join("recording-1.webm");
    machine.vfs.remove_file(&file).unwrap();
    let mut later = machine.restart();
    assert_eq!(later.state("r").stage, Stage::Closed);
    later.work();
    assert_eq!(later.read("h", "r", 1), PACKET.repeat(50));
}

#[test]
fn directories_that_appear_are_found_within_the_hour() {
    let mut machine = Machine::new();
    machine.work();
    machine.record("r").unwrap();
    machine.work();
    let from = root().join("r");
    machine.vfs.create_dir(&root().join("copy")).unwrap();
    for name in ["about.json", "state.json"] {
        let file = machine.vfs.open(&from.join(name), Open::Read).unwrap();
        let mut text = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
        file.read_at(0, &mut text).unwrap();
        let text = String::from_utf8(text)
            .unwrap()
            .replace("\"r\"", "\"copy\"");
        overwrite(
            &machine.vfs,
            &Path::new("copy").join(name).to_string_lossy(),
            text.as_bytes(),
        );
    }
    machine.advance(HOUR - Duration::from_secs(1));
    assert!(machine.shelf.get("copy").is_none());
    machine.advance(Duration::from_secs(6));
    let copy = machine.state("copy");
    assert_eq!(copy.stage, Stage::Parked);
    assert_eq!(copy.failure, "its files and journals are gone");
}

#[test]
fn what_an_admin_asks_for_beside_the_sidecar_is_taken_up() {
    let mut machine = Machine::new();
    machine.record("r").unwrap();
    machine.work();
    let parked = Step::Parked {
        reason: "archived".to_owned(),
    };
    machine.shelf.report("h", "r", &parked).unwrap();
    overwrite(&machine.vfs, &format!("r/{RECOVER}"), b"");
    machine.advance(Duration::from_secs(6));
    assert_eq!(machine.state("r").stage, Stage::Ready);
    machine.shelf.report("h", "r", &parked).unwrap();
    machine.advance(Duration::from_secs(6));
    assert_eq!(
        machine.state("r").stage,
        Stage::Parked,
        "once asked, once done"
    );
}
