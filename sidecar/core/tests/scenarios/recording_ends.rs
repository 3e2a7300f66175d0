//! A recording ends by its limit, with its room, or because the recorder ends it; another may follow.

use std::time::Duration;

use parley_core::api::*;
use parley_media::recording::{EndReason, Entry, RecordingKey, TrackKind};

use crate::support::recording::{KEY, start};
use crate::support::{Profile, Sim, room_ref};

const MINUTE: Duration = Duration::from_secs(60);

fn ended(sim: &mut Sim) -> Option<EndReason> {
    let recording = sim.view().recording.expect("there was one");
    recording.ended.map(|end| end.reason)
}

fn limited(elapsed: Duration) -> StartRecording {
    let mut start = start();
    start.max_duration = Some(MINUTE * 60);
    start.remind_before = Some(MINUTE * 10);
    start.journal.elapsed = elapsed;
    start
}

fn reminders(sim: &Sim) -> Vec<Duration> {
    let told = sim.recording_events().into_iter();
    told.filter_map(|kind| match kind {
        EventKind::RecordingReminder { ends_in, .. } => Some(*ends_in),
        _ => None,
    })
    .collect()
}

#[test]
fn the_limit_ends_it_after_a_reminder() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.record(limited(Duration::ZERO));
    sim.run_ms(49 * 60_000);
    assert!(reminders(&sim).is_empty());
    sim.run_ms(90_000);
    assert_eq!(reminders(&sim), [MINUTE * 10]);
    sim.run_ms(9 * 60_000);
    assert_eq!(ended(&mut sim), None);
    sim.run_ms(60_000);
    assert_eq!(ended(&mut sim), Some(EndReason::Limit));
    assert_eq!(sim.entries().len(), 1, "the end, and nobody said a word");
    assert_eq!(reminders(&sim).len(), 1);
    let mut next = limited(Duration::ZERO);
    next.journal.key = RecordingKey(2);
    sim.record(next);
    assert_eq!(ended(&mut sim), None, "the next one at once");
}

#[test]
fn a_recording_that_goes_on_keeps_its_limit() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.record(limited(MINUTE * 55));
    sim.talk(&["bob"], 100);
    sim.run_ms(50);
    let bob = sim.tracks("bob", TrackKind::Voice)[0];
    assert!(sim.media(bob)[0].at.0 >= 55 * 60_000_000);
    sim.run_ms(4 * 60_000);
    assert_eq!(ended(&mut sim), None);
    assert!(reminders(&sim).is_empty(), "it was told before");
    sim.run_ms(60_000);
    assert_eq!(ended(&mut sim), Some(EndReason::Limit));
}

#[test]
fn the_end_of_the_room_ends_it_first() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.record(start());
    sim.talk(&["bob"], 100);
    sim.command(Command::EndRoom {
        room: room_ref(),
        actor: None,
        reason: RoomEndReason::Ended,
    })
    .unwrap();
    let last = sim.entries().pop();
    let reason = EndReason::CallEnded;
    assert!(matches!(last, Some(Entry::End { reason: r, .. }) if r == reason));
    let place = |wanted: fn(&EventKind) -> bool| {
        let mut kinds = sim.events.iter().map(|event| &event.kind);
        kinds.position(wanted)
    };
    let closed =
        place(|kind| matches!(kind, EventKind::RecordingChanged(view) if view.ended.is_some()));
    let over = place(|kind| matches!(kind, EventKind::RoomEnded { .. }));
    assert!(closed.is_some() && closed < over);
}

#[test]
fn one_at_a_time_and_each_has_its_own() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.record(start());
    let again = Command::StartRecording(Box::new(start()));
    assert!(matches!(sim.command(again), Err(CommandError::Exists(_))));
    sim.talk(&["bob"], 200);
    sim.run_ms(50);
    let other = Command::StopRecording {
        room: room_ref(),
        recording: Some(RecordingId("another".into())),
        actor: None,
    };
    assert!(matches!(sim.command(other), Ok(Reply::Recording(None))));
    assert_eq!(ended(&mut sim), None, "not that one");
    sim.stop_recording();
    let first = sim.entries().len();

    let mut second = start();
    second.recording = RecordingId("rec2".into());
    second.journal.key = RecordingKey(2);
    sim.record(second);
    sim.talk(&["bob"], 200);
    sim.run_ms(50);
    assert_eq!(sim.entries_of(KEY).len(), first);
    let entries = sim.entries_of(RecordingKey(2));
    // Who sends what is told anew.
    assert!(matches!(entries[0], Entry::Session { session: "bob", .. }));
    assert!(matches!(entries[1], Entry::Track { .. }));
    let media = entries.iter().filter(|e| matches!(e, Entry::Media(_)));
    assert_eq!(media.count(), 10);
}

#[test]
fn the_recorder_may_end_it() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.record(start());
    sim.recording_news(RecordingNews::Ended(EndReason::Disk));
    assert_eq!(ended(&mut sim), Some(EndReason::Disk));
    let entries = sim.recorded.len();
    sim.talk(&["bob"], 100);
    assert_eq!(sim.recorded.len(), entries);
    // Late news of it concern nobody.
    sim.recording_news(RecordingNews::VideoLost);
    assert_eq!(sim.core.counters().recordings, 0);
}
