//! The media server dies while a call is recorded: the next one goes on with the recording.

use parley_proto::v1::RecordingEndReason;
use serde_json::Value as Json;
use tonic::Code;

use crate::testing::*;

fn recorded() -> World {
    let world = World::new();
    world.join("alice", "conn1", "town");
    world.advance_ms(1_000);
    world.join("bob", "conn2", "town");
    let answer = world.command("alice", "town", "/call recording start");
    assert!(answer.starts_with("The recording has begun"), "{answer}");
    world.events();
    world
}

/// The media server is another one, and the call is restored.
fn restart(world: &World, start_id: &str) {
    world.advance_ms(3_000);
    world.sidecar.restart(start_id);
    run(world.guest().on_media_restart(start_id)).unwrap();
}

/// The recording in the call's object, as Carol reads it.
fn seen(world: &World) -> Json {
    world.advance_ms(60_000);
    let answer = world.http("carol", "GET", &format!("/{}", id("town")), "");
    json(&answer.body)["call"]["recording"].clone()
}

#[test]
fn it_goes_on_under_the_same_id_and_clients_see_no_end() {
    let world = recorded();
    let before = world.sidecar.recording();
    let shown = seen(&world);
    for start in ["start2", "start3"] {
        restart(&world, start);
        world.pump();
        let after = world.sidecar.recording();
        assert_eq!(after.recording_id, before.recording_id);
        assert_eq!(after.started_at_ms, before.started_at_ms);
        assert_eq!(after.max_duration_ms, before.max_duration_ms);
        assert_eq!(after.starter_id, id("alice"));
        assert_eq!(seen(&world), shown);
    }
    // Its reminder comes once, however many media servers think of it.
    world.join("bob", "conn5", "town");
    world.sidecar.remind(600_000);
    world.pump();
    restart(&world, "start4");
    world.join("bob", "conn6", "town");
    world.sidecar.remind(600_000);
    world.pump();
    assert_eq!(world.env.ephemeral.borrow().len(), 1);
}

#[test]
fn limits_that_were_changed_meanwhile_are_for_the_next_one() {
    let world = recorded();
    *world.env.settings.borrow_mut() = r#"{"MaxRecordingDuration":7}"#.to_owned();
    restart(&world, "start2");
    world.pump();
    assert_eq!(world.sidecar.recording().max_duration_ms, 60 * 60_000);
}

#[test]
fn what_nobody_went_on_with_is_taken_up_by_the_next_tick() {
    let world = recorded();
    let before = world.sidecar.recording();
    // It cannot be asked just now.
    world.sidecar.state().disk.refusal = Some((Code::Unavailable, ""));
    restart(&world, "start2");
    world.pump();
    assert_eq!(world.sidecar.only_room().room.recording, None);
    let shown = seen(&world);
    assert_eq!(shown["end_at"], 0, "{shown}");
    // Nobody can start another one meanwhile.
    let answer = world.command("alice", "town", "/call recording start");
    assert!(
        answer.contains("Only the host") || answer.contains("already"),
        "{answer}"
    );
    world.sidecar.state().disk.refusal = None;
    for _ in 0..2 {
        run(world.guest().on_tick());
        world.pump();
        assert_eq!(world.sidecar.recording().recording_id, before.recording_id);
    }
    assert_eq!(world.env.ephemeral.borrow().len(), 0);
}

#[test]
fn what_does_not_go_on_is_told_once_and_another_one_can_be_started() {
    let world = recorded();
    let before = world.sidecar.recording();
    world
        .sidecar
        .state()
        .disk
        .closed
        .push(before.recording_id.clone());
    restart(&world, "start2");
    for _ in 0..2 {
        run(world.guest().on_tick());
        world.pump();
    }
    let told = world.env.ephemeral.take();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, user("alice"));
    assert!(told[0].1.message.contains("/call recording start"));
    // Who comes back reads it.
    world.join("alice", "conn5", "town");
    let events = world.events();
    let state = events.iter().find(|event| event.name == "call_state");
    let call = json(state.unwrap().data["call"].as_str().unwrap().as_bytes());
    assert!(call["recording"]["end_at"].as_i64() > Some(0), "{call}");
    assert!(call["recording"]["err"].as_str().is_some(), "{call}");
    let answer = world.command("alice", "town", "/call recording stop");
    assert!(answer.contains("not being recorded"), "{answer}");
    let answer = world.command("alice", "town", "/call recording start");
    assert!(answer.starts_with("The recording has begun"), "{answer}");
    assert_ne!(world.sidecar.recording().recording_id, before.recording_id);
    assert_eq!(seen(&world)["end_at"], 0);
}

#[test]
fn who_is_back_already_is_told_at_once() {
    let world = recorded();
    let id_before = world.sidecar.recording().recording_id;
    world.sidecar.state().disk.refusal = Some((Code::Unavailable, ""));
    restart(&world, "start2");
    world.join("bob", "conn5", "town");
    world.events();
    world.sidecar.state().disk.refusal = None;
    world.sidecar.state().disk.closed.push(id_before);
    run(world.guest().on_tick());
    let events = world.events();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].name, "call_job_state");
    assert!(events[0].data["jobState"]["err"].is_string());
    assert_eq!(
        world.env.ephemeral.take()[0].0,
        user("bob"),
        "the host by now"
    );
}

#[test]
fn what_is_stopped_before_it_goes_on_stays_stopped() {
    let world = recorded();
    world.sidecar.state().disk.refusal = Some((Code::Unavailable, ""));
    restart(&world, "start2");
    world.join("alice", "conn5", "town");
    world.events();
    let answer = world.command("alice", "town", "/call recording stop");
    assert!(answer.starts_with("The recording has ended"), "{answer}");
    let events = world.events();
    assert!(events[0].data["jobState"]["end_at"].as_i64() > Some(0));
    world.sidecar.state().disk.refusal = None;
    run(world.guest().on_tick());
    world.pump();
    assert_eq!(world.sidecar.only_room().room.recording, None);
}

#[test]
fn an_end_whose_event_is_on_its_way_is_not_taken_for_a_loss() {
    let world = recorded();
    world.sidecar.end_recording(RecordingEndReason::Limit);
    run(world.guest().on_tick());
    assert_eq!(world.events().len(), 0);
    world.pump();
    assert_eq!(world.record("town").unwrap().recording, None);
    assert_eq!(world.env.ephemeral.borrow().len(), 0);
}

#[test]
fn one_that_had_ended_is_not_begun_anew() {
    let world = recorded();
    world.sidecar.end_recording(RecordingEndReason::Limit);
    world.pump();
    restart(&world, "start2");
    run(world.guest().on_tick());
    world.pump();
    assert_eq!(world.sidecar.only_room().room.recording, None);
    assert_eq!(seen(&world), Json::Null);
}
