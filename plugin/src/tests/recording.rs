//! A call is recorded: who may have that, and what everybody hears of it.

use parley_proto::v1::{RecordingEndReason, RecordingTrouble};
use serde_json::{Value as Json, json as j};
use tonic::Code;

use crate::env::Value;
use crate::testing::*;

fn path(action: &str) -> String {
    format!("/calls/{}/recording/{action}", id("town"))
}

fn post(world: &World, who: &str, action: &str, body: &str) -> (u16, Json) {
    // Past the limit of requests.
    world.advance_ms(60_000);
    let answer = world.http(who, "POST", &path(action), body);
    (answer.status, json(&answer.body))
}

/// Alice (the host) and Bob in the call of `town`.
fn call() -> World {
    let world = World::new();
    world.join("alice", "conn1", "town");
    world.advance_ms(1_000);
    world.join("bob", "conn2", "town");
    world.events();
    world
}

fn recorded() -> World {
    let world = call();
    assert_eq!(post(&world, "alice", "start", "").0, 200);
    world.events();
    world
}

/// What the users were shown alone: who, and what.
fn shown(world: &World) -> Vec<(String, String)> {
    let shown = world.env.ephemeral.take();
    shown
        .into_iter()
        .map(|(user, post)| {
            assert_eq!(post.user_id, user_id("callsbot"));
            assert_eq!(post.channel_id, channel("town"));
            (user.to_string(), post.message)
        })
        .collect()
}

fn user_id(name: &str) -> crate::UserId {
    user(name)
}

/// What the bot wrote into the call's thread.
fn notes(world: &World) -> Vec<String> {
    let root = world.record("town").map(|record| record.post_id);
    let posts = world.env.posts_in("town").into_iter();
    posts
        .filter(|post| post.user_id == user("callsbot"))
        .map(|post| {
            assert!(root.as_ref().is_none_or(|root| *root == post.root_id));
            post.message
        })
        .collect()
}

#[test]
fn the_job_state_is_what_clients_of_the_published_protocol_know() {
    let world = call();
    let (status, state) = post(&world, "alice", "start", "");
    let now = world.sidecar.recording().started_at_ms;
    let running = j!({"type": "recording", "init_at": now, "start_at": now, "end_at": 0});
    assert_eq!((status, &state), (200, &running));
    let told = |state: &Json| {
        let mut told = Vec::new();
        for event in world.events() {
            assert_eq!(event.name, "call_job_state");
            assert_eq!(event.to.channel_id, channel("town"));
            assert_eq!(event.data["callID"], id("town"));
            assert_eq!(event.data["jobState"], *state);
            told.push(event.scope());
        }
        told
    };
    let everybody = ["alice", "bob"].map(|name| format!("user {}", id(name)));
    assert_eq!(told(&running), everybody);
    // For those who come later.
    let shown = world.http("carol", "GET", &format!("/{}", id("town")), "");
    assert_eq!(json(&shown.body)["call"]["recording"], running);
    world.join_official("carol", "conn3", "town");
    let states = world.events();
    let state = states.iter().find(|event| event.name == "call_state");
    let call = json(state.unwrap().data["call"].as_str().unwrap().as_bytes());
    assert_eq!(call["recording"], running);

    let (status, state) = post(&world, "alice", "stop", "");
    let end = world.sidecar.recording().ended_at_ms;
    let over = j!({"type": "recording", "init_at": now, "start_at": now, "end_at": end});
    assert!(end > now);
    assert_eq!((status, &state), (200, &over));
    assert_eq!(told(&over).len(), 3);
    assert_eq!(world.record("town").unwrap().recording, None);
    // The next one, at once.
    assert_eq!(post(&world, "alice", "start", "").0, 200);
    assert_eq!(notes(&world), Vec::<String>::new());
}

#[test]
fn only_the_host_and_admins_record_and_everybody_else_is_told_why() {
    let world = call();
    let message = |who: &str, action: &str| {
        let (status, answer) = post(&world, who, action, "");
        (status, answer["message"].as_str().unwrap_or("").to_owned())
    };
    let host = "Only the host of the call or a system admin can do this.";
    for action in ["start", "stop"] {
        assert_eq!(message("bob", action), (403, host.to_owned()));
        assert_eq!(message("eve", action), (403, host.to_owned()));
        assert_eq!(message("alice", "pause").0, 400);
    }
    assert_eq!(
        message("alice", "stop").1,
        "This call is not being recorded."
    );
    // Not in the call, and still.
    assert_eq!(message("root", "start").0, 200);
    let again = (403, "This call is being recorded already.".to_owned());
    assert_eq!(message("alice", "start"), again);
    assert_eq!(message("alice", "stop").0, 200);
    assert_eq!(message("root", "stop").0, 403);
    assert_eq!(world.http("", "POST", &path("start"), "").status, 401);
    let bad = world.http("alice", "POST", "/calls/x/recording/start", "");
    assert_eq!(bad.status, 400);
    // Without a call; who is no member does not learn that there is none.
    world.command("alice", "town", "/call end");
    assert!(message("alice", "start").1.starts_with("There is no call"));
    assert_eq!(
        message("eve", "start").1,
        "You are not a member of this channel."
    );
}

#[test]
fn what_is_switched_off_meanwhile_can_be_stopped() {
    let world = recorded();
    *world.env.settings.borrow_mut() = r#"{"EnableRecordings":false}"#.to_owned();
    let (status, answer) = post(&world, "alice", "start", "");
    assert_eq!(status, 403);
    assert_eq!(
        answer["message"],
        "Recordings are switched off by the admin."
    );
    assert_eq!(post(&world, "alice", "pin", r#"{"session_id":""}"#).0, 403);
    assert_eq!(post(&world, "alice", "stop", "").0, 200);
}

#[test]
fn what_the_media_server_refuses_has_its_words() {
    let world = call();
    for (code, what, status, begin) in [
        (
            Code::FailedPrecondition,
            "no data directory",
            403,
            "This call cannot be recorded:",
        ),
        (
            Code::Unimplemented,
            "unknown",
            403,
            "This call cannot be recorded:",
        ),
        (
            Code::Internal,
            "",
            503,
            "Calls are not available right now:",
        ),
        (
            Code::ResourceExhausted,
            "recordings have used up their 9 MiB",
            503,
            "The recording was not started: the media server has too little",
        ),
        (
            Code::ResourceExhausted,
            "5 recordings are in progress, and no more may be",
            503,
            "The recording was not started: too many calls",
        ),
        (
            Code::Unavailable,
            "",
            503,
            "Calls are not available right now:",
        ),
    ] {
        world.sidecar.state().disk.refusal = Some((code, what));
        let (got, answer) = post(&world, "alice", "start", "");
        let text = answer["message"].as_str().unwrap();
        assert_eq!(got, status, "{what}");
        assert!(text.starts_with(begin), "{text}");
        assert!(world.events().is_empty());
    }
}

#[test]
fn commands_record_too() {
    let world = call();
    let say = |who: &str, text: &str| world.command(who, "town", text);
    assert!(say("alice", "/call recording").contains("/call recording start"));
    assert!(say("alice", "/call recording dance").contains("/call recording start"));
    assert!(say("bob", "/call recording start").starts_with("Only the host"));
    assert!(say("alice", "/call recording stop").contains("not being recorded"));
    assert!(say("alice", "/call recording start").starts_with("The recording has begun"));
    assert_eq!(world.names(), ["call_job_state", "call_job_state"]);
    assert!(say("alice", "/call recording start").contains("already"));
    assert!(say("alice", "/call recording  stop").starts_with("The recording has ended"));
    assert!(say("alice", "/call help").contains("/call recording start"));
    let tree = crate::autocomplete("de");
    let commands = tree["SubCommands"].as_array().unwrap();
    let recording = commands.iter().find(|c| c["Trigger"] == "recording");
    let below = recording.unwrap()["SubCommands"].as_array().unwrap();
    let verbs: Vec<_> = below.iter().map(|verb| &verb["Trigger"]).collect();
    assert_eq!(verbs, ["start", "stop"]);
}

#[test]
fn a_recording_carries_all_that_its_post_needs() {
    let settings = r#"{"MaxRecordingDuration":15,"RecordingQuality":"1080p"}"#;
    let world = World::with_settings(settings);
    let title = "ä".repeat(128);
    world.command("alice", "town", &format!("/call start {title}"));
    world
        .env
        .edit_user("alice", |user| user.locale = "de-AT".to_owned());
    world.join("bob", "conn2", "town");
    assert_eq!(post(&world, "root", "start", "").0, 200);
    let record = world.record("town").unwrap();
    let state = world.sidecar.state();
    let (begun, _) = state.disk.begun.values().next().unwrap();
    assert_eq!(begun.starter_id, id("root"));
    assert_eq!(begun.max_duration_ms, 15 * 60_000);
    assert_eq!(begun.remind_before_ms, 10 * 60_000);
    assert_eq!(begun.max_height, 1080);
    assert!(crate::ids::is_id(&begun.recording_id));
    let label = |key: &str| begun.labels.get(key).cloned().unwrap_or_default();
    assert_eq!(label("channel_id"), id("town"));
    assert_eq!(label("call_id"), record.call_id.to_string());
    assert_eq!(label("post_id"), record.post_id.to_string());
    assert_eq!(label("thread_id"), "");
    assert_eq!(label("owner_id"), id("alice"));
    assert_eq!(label("host_id"), id("bob"));
    assert_eq!(label("title"), title);
    assert_eq!(label("lang"), "de");
}

#[test]
fn a_short_recording_has_no_reminder() {
    let world = World::with_settings(r#"{"MaxRecordingDuration":10}"#);
    world.join("alice", "conn1", "town");
    assert_eq!(post(&world, "alice", "start", "").0, 200);
    let state = world.sidecar.state();
    let (begun, _) = state.disk.begun.values().next().unwrap();
    assert_eq!(
        (begun.max_duration_ms, begun.remind_before_ms),
        (600_000, 0)
    );
}

#[test]
fn who_speaks_has_a_name_of_whole_characters() {
    let world = World::new();
    let long = "ü".repeat(200);
    world
        .env
        .edit_user("alice", |user| user.display_name.clone_from(&long));
    world.join("alice", "conn1", "town");
    world.join("bob", "conn2", "town");
    let name = |n: usize| world.sidecar.only_room().room.sessions[n].labels["name"].clone();
    assert_eq!((name(0), name(1)), ("ü".repeat(128), "BOB".to_owned()));
    // It outlasts a new signalling connection.
    let data = [
        ("channelID", Value::Text(id("town"))),
        ("originalConnID", Value::Text(id("conn2"))),
        ("prevConnID", Value::Text(id("conn2"))),
    ];
    world.send("bob", "conn5", "reconnect", &data);
    assert_eq!(name(1), "BOB");
}

#[test]
fn the_host_says_whose_camera_is_recorded() {
    let world = call();
    let pin = |who: &str, session: &str| {
        let body = j!({ "session_id": session }).to_string();
        let (status, state) = post(&world, who, "pin", &body);
        (status, state["parley"]["pinned_session_id"].clone())
    };
    assert_eq!(pin("alice", &id("conn2")).0, 403, "nothing is recorded");
    assert_eq!(post(&world, "alice", "start", "").0, 200);
    world.events();
    assert_eq!(pin("bob", &id("conn2")).0, 403);
    assert_eq!(pin("alice", &id("conn9")).0, 400);
    assert_eq!(post(&world, "alice", "pin", "").0, 400);
    assert_eq!(pin("alice", &id("conn2")), (200, j!(id("conn2"))));
    let told = world.events();
    let pinned = &told[0].data["jobState"]["parley"]["pinned_session_id"];
    assert_eq!((told.len(), pinned), (2, &j!(id("conn2"))));
    assert_eq!(pin("alice", ""), (200, Json::Null));
}

#[test]
fn trouble_is_told_to_everybody_once_per_worsening() {
    let world = recorded();
    world
        .env
        .edit_user("bob", |user| user.locale = "de".to_owned());
    let trouble = |trouble: RecordingTrouble| {
        world
            .sidecar
            .change_recording(|one| one.set_trouble(trouble));
        world.pump_twice();
        let states = world.events();
        let errors: Vec<_> = states
            .iter()
            .map(|e| e.data["jobState"].get("err"))
            .collect();
        assert!(
            errors.len() >= 2 && errors.iter().all(|e| e.is_some()),
            "{errors:?}"
        );
        shown(&world)
    };
    let first = trouble(RecordingTrouble::VideoDropped);
    assert_eq!(first.len(), 2);
    assert_eq!(first[0].0, id("alice"));
    assert!(first[0].1.contains("parts of the picture"), "{first:?}");
    assert!(first[1].1.contains("Teile des Bildes"), "{first:?}");
    let worse = trouble(RecordingTrouble::AudioOnly);
    assert!(worse[0].1.contains("sound only"), "{worse:?}");
    // Better, and as bad as before.
    world
        .sidecar
        .change_recording(|one| one.set_trouble(RecordingTrouble::Unspecified));
    world.pump();
    assert!(
        world
            .events()
            .iter()
            .all(|e| e.data["jobState"].get("err").is_none())
    );
    assert_eq!(trouble(RecordingTrouble::AudioDropped), []);
    assert_eq!(trouble(RecordingTrouble::AudioOnly), []);
    assert_eq!(trouble(RecordingTrouble::Stopped).len(), 2);
    // The end that follows is no news.
    world.sidecar.end_recording(RecordingEndReason::Disk);
    world.pump_twice();
    assert_eq!(shown(&world), []);
    let end = world.events();
    let state = &end[0].data["jobState"];
    assert!(state["end_at"].as_i64() > Some(0), "{state}");
    assert!(state["err"].as_str().unwrap().contains("full or broken"));
}

#[test]
fn an_end_by_itself_is_explained() {
    for (reason, word) in [
        (RecordingEndReason::Disk, "full or broken"),
        (RecordingEndReason::Crash, "media server failed"),
        (RecordingEndReason::Internal, "media server failed"),
    ] {
        let world = recorded();
        world.sidecar.end_recording(reason);
        world.pump_twice();
        let told = shown(&world);
        assert_eq!(told.len(), 2, "{reason:?}");
        assert!(told[0].1.contains(word), "{told:?}");
        let states = world.events();
        assert!(
            states[0].data["jobState"]["err"]
                .as_str()
                .unwrap()
                .contains(word)
        );
    }
}

#[test]
fn the_limit_is_announced_reached_and_noted_once_each() {
    let world = recorded();
    world.sidecar.remind(599_001);
    world.pump_twice();
    world.sidecar.remind(500_000);
    world.pump_twice();
    let told = shown(&world);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, id("alice"));
    assert!(told[0].1.contains("in 10 min"), "{told:?}");
    world.sidecar.end_recording(RecordingEndReason::Limit);
    world.pump_twice();
    assert_eq!(shown(&world), []);
    let notes = notes(&world);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("in 10 min"), "{notes:?}");
    assert!(notes[1].contains("60 min"), "{notes:?}");
    let last = world.events().pop().unwrap();
    assert!(last.data["jobState"]["end_at"].as_i64() > Some(0));
    assert_eq!(last.data["jobState"].get("err"), None);
    assert_eq!(post(&world, "alice", "start", "").0, 200);
}

#[test]
fn what_is_delivered_again_long_after_changes_nothing() {
    let world = recorded();
    let call = world.sidecar.only_room().room.room_id;
    world.sidecar.end_recording(RecordingEndReason::Limit);
    let mut seen = Vec::new();
    while let Some(event) = world.sidecar.next_event() {
        run(world.guest().on_media_event(&event)).unwrap();
        seen.push(event);
    }
    assert_eq!(notes(&world).len(), 1);
    // A host that died before it acked: the start comes again as well.
    let start = {
        use prost::Message as _;
        let mut event = parley_proto::v1::Event::decode(&*seen[0]).unwrap();
        assert_eq!(event.room_id, call);
        event.seq -= 1;
        let Some(parley_proto::v1::event::Kind::RecordingChanged(changed)) = &mut event.kind else {
            panic!("{event:?}");
        };
        let recording = changed.recording.as_mut().unwrap();
        recording.set_state(parley_proto::v1::RecordingState::InProgress);
        recording.ended_at_ms = 0;
        event.encode_to_vec()
    };
    for event in std::iter::once(&start).chain(&seen) {
        run(world.guest().on_media_event(event)).unwrap();
    }
    assert_eq!(world.record("town").unwrap().recording, None);
    assert_eq!(notes(&world).len(), 1);
}

#[test]
fn lost_events_are_made_up_for_by_a_snapshot() {
    let world = call();
    assert_eq!(post(&world, "alice", "start", "").0, 200);
    let snapshot = |world: &World| {
        while world.sidecar.next_event().is_some() {}
        let room = world.sidecar.only_room().room;
        let snapshot = parley_proto::v1::Snapshot {
            room: Some(room.clone()),
        };
        let kind = parley_proto::v1::event::Kind::Snapshot(snapshot);
        world.sidecar.emit(&room.room_id, kind);
        world.pump_twice();
        world.events()
    };
    let events = snapshot(&world);
    let state = events.iter().find(|event| event.name == "call_state");
    let call = json(state.unwrap().data["call"].as_str().unwrap().as_bytes());
    assert_eq!(call["recording"]["end_at"], 0);
    assert!(world.record("town").unwrap().recording.is_some());
    world.sidecar.end_recording(RecordingEndReason::Limit);
    let events = snapshot(&world);
    assert!(events.iter().any(|event| event.name == "call_job_state"));
    assert_eq!(world.record("town").unwrap().recording, None);
    assert_eq!(notes(&world).len(), 1);
}

#[test]
fn a_platform_that_takes_no_notes_holds_nothing_up() {
    let world = recorded();
    let root = world.record("town").unwrap().post_id;
    world
        .env
        .posts
        .borrow_mut()
        .get_mut(&root)
        .unwrap()
        .delete_at = 1;
    world.sidecar.end_recording(RecordingEndReason::Limit);
    world.pump();
    assert_eq!(world.env.warned.borrow().len(), 1);
    assert_eq!(world.record("town").unwrap().recording, None);
}

#[test]
fn the_recording_ends_with_the_call() {
    let world = recorded();
    world.command("alice", "town", "/call end");
    assert_eq!(world.record("town"), None);
    assert_eq!(world.sidecar.state().disk.closed.len(), 1);
    assert_eq!(shown(&world), []);
    assert_eq!(notes(&world), Vec::<String>::new());
}

/// Each recording makes a folder, a post and a sound for everybody.
#[test]
fn who_starts_one_after_the_other_has_to_pause() {
    let world = call();
    let say = |words: &str| world.command("alice", "town", &format!("/call recording {words}"));
    for _ in 0..10 {
        assert!(!say("start").contains("Too many requests"), "too soon");
        say("stop");
    }
    let refused = say("start");
    assert!(refused.contains("Too many requests"), "{refused}");
    assert_ne!(world.sidecar.recording().ended_at_ms, 0);
    world.advance_ms(10_000);
    assert!(!say("start").contains("Too many requests"));
}
