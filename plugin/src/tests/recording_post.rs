//! The post of a recording: once, with everything in it, long after the call.

use parley_proto::v1::{self, RecordingEndReason, RecordingTrouble};
use prost::Message as _;
use serde_json::{Value as Json, json as j};

use crate::env::{PlatformError, Post, RecordingError};
use crate::ids::PostId;
use crate::testing::*;

const STARTED_MS: i64 = 1_700_000_000_000;

fn file(number: u32, kind: &str, starts_at_ms: u64, duration_ms: u64) -> v1::RecordingFile {
    v1::RecordingFile {
        number,
        content_type: kind.to_owned(),
        file_id: format!("file{number}"),
        starts_at_ms,
        duration_ms,
        ..v1::RecordingFile::default()
    }
}

/// A call of Alice's with Bob in `town` that was recorded and has ended, and what the media server has of it.
fn ended() -> (World, v1::Recording) {
    let world = World::new();
    world.command("alice", "town", "/call start *Weekly*");
    world.join("alice", "conn1", "town");
    world.join("bob", "conn2", "town");
    world.command("alice", "town", "/call recording start");
    let begun = {
        let state = world.sidecar.state();
        let (begun, _) = state.disk.begun.values().next().unwrap().clone();
        begun
    };
    world.command("alice", "town", "/call end");
    assert_eq!(world.record("town"), None);
    let recording = v1::Recording {
        recording_id: begun.recording_id,
        labels: begun.labels,
        started_at_ms: STARTED_MS,
        ended_at_ms: STARTED_MS + 3_723_000,
        starter_id: id("alice"),
        participants: vec![id("bob"), id("alice")],
        files: vec![
            file(2, "text/vtt", 0, 0),
            file(1, "video/webm", 0, 3_723_400),
        ],
        ..v1::Recording::default()
    };
    (world, recording)
}

fn publish(world: &World, recording: &v1::Recording) -> Result<PostId, RecordingError> {
    run(world.guest().on_recording(&recording.encode_to_vec()))
}

/// The posts of recordings, oldest first.
fn posts(world: &World) -> Vec<Post> {
    let mut posts = world.env.posts_in("town");
    posts.retain(|post| post.kind == "custom_calls_recording");
    posts.sort_by_key(|post| (post.id.as_str().len(), post.id.clone()));
    posts
}

fn call_post(world: &World) -> Post {
    let posts = world.env.posts_in("town");
    let found = posts.into_iter().find(|post| post.kind == "custom_calls");
    found.expect("the call's post")
}

fn props(post: &Post) -> Json {
    json(post.props_json.as_bytes())
}

fn delete(world: &World, post: &PostId) {
    world
        .env
        .posts
        .borrow_mut()
        .get_mut(post)
        .unwrap()
        .delete_at = 1;
}

#[test]
fn it_stands_in_the_calls_thread_with_its_files_and_its_facts() {
    let (world, recording) = ended();
    world.env.edit_user("bob", |user| {
        user.display_name = "Bob @all [x](y)".to_owned()
    });
    let root = call_post(&world).id;
    let posted = publish(&world, &recording).unwrap();
    let posts = posts(&world);
    assert_eq!(posts.len(), 1);
    let post = &posts[0];
    assert_eq!((&post.id, &post.root_id), (&posted, &root));
    assert_eq!(post.user_id, user("callsbot"));
    assert_eq!(post.file_ids, ["file1", "file2"]);
    assert_eq!(
        post.message,
        "**Recording of the call \"\\*Weekly\\*\"**\n\
         Started 2023-11-14 22:13 UTC, length 1:02:03\n\
         Heard or seen: Bob @\u{200b}all \\[x\\](y), ALICE"
    );
    let wanted = j!({
        "call_post_id": root,
        "recording_id": recording.recording_id,
        "captions": [{"title": "Who speaks", "language": "en", "file_id": "file2"}],
        "parley": {"starts_at_ms": {"file1": 0}},
    });
    assert_eq!(props(post), wanted);
    // The call's post names it, and keeps what it says besides.
    let of_call = props(&call_post(&world));
    let wanted = j!({ &recording.recording_id: {"file_id": "file1", "post_id": posted} });
    assert_eq!(of_call["recordings"], wanted);
    assert!(of_call["end_at"].as_i64() > Some(0));
    assert_eq!(of_call["title"], "*Weekly*");
}

#[test]
fn it_is_posted_once_however_often_that_is_asked_for() {
    let (world, recording) = ended();
    let posted = publish(&world, &recording).unwrap();
    for _ in 0..3 {
        world.advance_ms(86_400_000);
        assert_eq!(publish(&world, &recording), Ok(posted.clone()));
    }
    // Even when somebody deleted it: that was meant.
    delete(&world, &posted);
    assert_eq!(publish(&world, &recording), Ok(posted));
    assert_eq!(posts(&world).len(), 1);
}

#[test]
fn who_dies_between_claim_and_post_or_after_it_leaves_one_post() {
    // Each write of the claim is the last thing that its maker does.
    for writes in 0..4 {
        let (world, recording) = ended();
        let key = format!("rec_{}", recording.recording_id);
        world
            .env
            .dies_after_writes_of
            .replace(Some((key.clone(), writes)));
        let first = publish(&world, &recording);
        world.env.dies_after_writes_of.replace(None);
        assert!(first.is_err() || writes == 3, "{writes}: {first:?}");
        // Who asks at once may meet one who is still at it.
        let at_once = publish(&world, &recording);
        if let Err(error) = &at_once {
            assert!(
                matches!(error, RecordingError::Later(_)),
                "{writes}: {error}"
            );
        }
        world.advance_ms(20_000);
        let posted = publish(&world, &recording).unwrap();
        let posts = posts(&world);
        assert_eq!(posts.len(), 1, "after {writes} writes");
        assert_eq!(posts[0].id, posted);
        assert!(props(&call_post(&world))["recordings"].is_object());
    }
}

#[test]
fn two_at_a_time_make_one_post() {
    let (world, recording) = ended();
    let other = world.env.clock.clone();
    let claim = j!({"at": other.load(std::sync::atomic::Ordering::Relaxed) - 19_999});
    let key = format!("rec_{}", recording.recording_id);
    world
        .env
        .kv
        .borrow_mut()
        .insert(key, claim.to_string().into_bytes());
    let busy = publish(&world, &recording).unwrap_err();
    assert_eq!(busy, RecordingError::Later("it is being posted".to_owned()));
    world.advance_ms(1);
    publish(&world, &recording).unwrap();
    assert_eq!(posts(&world).len(), 1);
}

#[test]
fn many_files_make_several_posts_each_of_which_stands_once() {
    let (world, mut recording) = ended();
    recording.files = (0..12)
        .flat_map(|part| {
            let at_ms = u64::from(part) * 600_000;
            [
                file(2 * part + 1, "video/webm", at_ms, 600_000),
                file(2 * part + 2, "text/vtt", at_ms, 0),
            ]
        })
        .collect();
    // The second of them fails.
    world.env.posts_until_down.set(Some(1));
    assert!(matches!(
        publish(&world, &recording),
        Err(RecordingError::Later(_))
    ));
    world.env.posts_until_down.set(None);
    world.env.down.set(false);
    world.advance_ms(20_000);
    let posted = publish(&world, &recording).unwrap();
    let posts = posts(&world);
    assert_eq!(posts.len(), 3);
    assert_eq!(posts[0].id, posted);
    let counts: Vec<_> = posts.iter().map(|post| post.file_ids.len()).collect();
    assert_eq!(counts, [10, 10, 4]);
    assert_eq!(posts[2].file_ids[0], "file21");
    assert!(posts[0].message.contains("length 2:00:00"));
    assert!(
        posts[0]
            .message
            .contains("In 12 parts: 0:00, 10:00, 20:00,")
    );
    assert_eq!(
        posts[1].message,
        "**Recording of the call, continued (2 of 3)**"
    );
    for post in &posts {
        assert_eq!(props(post)["recording_id"], recording.recording_id.as_str());
        let files = post.file_ids.len();
        assert_eq!(props(post)["captions"].as_array().unwrap().len(), files / 2);
    }
}

#[test]
fn a_file_that_the_platform_lost_and_got_anew_is_posted_too() {
    let (world, mut recording) = ended();
    let posted = publish(&world, &recording).unwrap();
    recording.files[1].file_id = "anew".to_owned();
    for _ in 0..2 {
        assert_eq!(publish(&world, &recording), Ok(posted.clone()));
        let posts = posts(&world);
        assert_eq!(posts.len(), 2);
        assert_eq!(posts[1].file_ids, ["anew"]);
        assert_eq!(posts[1].root_id, posts[0].root_id);
    }
    let of_call = props(&call_post(&world))["recordings"].clone();
    assert_eq!(of_call[&recording.recording_id]["file_id"], "anew");
}

#[test]
fn without_its_thread_it_stands_in_the_channel() {
    let (world, mut recording) = ended();
    delete(&world, &call_post(&world).id);
    recording.files = (1..=11).map(|n| file(n, "video/webm", 0, 1)).collect();
    let posted = publish(&world, &recording).unwrap();
    let posts = posts(&world);
    let roots: Vec<_> = posts.iter().map(|post| post.root_id.clone()).collect();
    assert_eq!(
        roots,
        [PostId::default(), posted],
        "the second below the first"
    );
    assert_eq!(props(&call_post(&world)).get("recordings"), None);

    // As if the call had no post at all.
    let (world, mut recording) = ended();
    recording.labels.remove("post_id");
    publish(&world, &recording).unwrap();
    assert_eq!(self::posts(&world)[0].root_id, PostId::default());
}

#[test]
fn a_call_in_a_thread_has_its_recording_there() {
    let (world, mut recording) = ended();
    let root = world
        .env
        .posts
        .borrow_mut()
        .values_mut()
        .next()
        .map(|post| post.id.clone())
        .unwrap();
    recording
        .labels
        .insert("thread_id".to_owned(), root.to_string());
    recording.labels.insert("post_id".to_owned(), id("gone"));
    publish(&world, &recording).unwrap();
    assert_eq!(posts(&world)[0].root_id, root);
}

#[test]
fn where_there_is_no_channel_any_more_it_is_parked_and_told_once() {
    let archive: fn(&World) = |world| world.env.archive("town");
    let remove: fn(&World) = |world| {
        world.env.channels.borrow_mut().remove(&channel("town"));
    };
    for gone in [archive, remove] {
        let (world, mut recording) = ended();
        recording.labels.insert("host_id".to_owned(), id("bob"));
        gone(&world);
        for _ in 0..2 {
            let parked = publish(&world, &recording).unwrap_err();
            let wanted = "the channel is archived or gone".to_owned();
            assert_eq!(parked, RecordingError::Parked(wanted));
        }
        let files = world.env.files.take();
        let told: Vec<_> = files.iter().map(|(to, ..)| to.clone()).collect();
        assert_eq!(told, [user("alice"), user("bob")]);
        let (_, message, file) = &files[0];
        assert!(message.contains("archived or deleted"), "{message}");
        let data = String::from_utf8(file.data.clone()).unwrap();
        assert!(data.contains(&recording.recording_id), "{data}");
        assert_eq!(posts(&world).len(), 0);
    }
    // An admin has put it right.
    let (world, recording) = ended();
    world.env.archive("town");
    publish(&world, &recording).unwrap_err();
    world
        .env
        .channels
        .borrow_mut()
        .get_mut(&channel("town"))
        .unwrap()
        .delete_at = 0;
    publish(&world, &recording).unwrap();
    assert_eq!(posts(&world).len(), 1);
}

#[test]
fn what_the_platform_refuses_is_parked_and_what_passes_is_tried_again() {
    let refused = |error: PlatformError| {
        let (world, recording) = ended();
        world.env.post_refusal.replace(Some(error));
        let answer = publish(&world, &recording).unwrap_err();
        let told = world.env.files.borrow().len();
        // At once: nobody holds the claim any more.
        publish(&world, &recording).unwrap();
        assert_eq!(posts(&world).len(), 1);
        (answer, told)
    };
    let denied = refused(PlatformError::Denied("no files today".to_owned()));
    let wanted = RecordingError::Parked("the platform refuses the post".to_owned());
    assert_eq!(denied, (wanted, 1));
    for error in [
        PlatformError::Unavailable("down".to_owned()),
        PlatformError::NotFound,
    ] {
        let (answer, told) = refused(error);
        assert!(matches!(answer, RecordingError::Later(_)), "{answer}");
        assert_eq!(told, 0);
    }
    let (world, recording) = ended();
    world.env.down.set(true);
    assert!(matches!(
        publish(&world, &recording),
        Err(RecordingError::Later(_))
    ));
}

#[test]
fn what_is_no_recording_of_ours_is_parked() {
    let (world, recording) = ended();
    let parked = |bytes: &[u8]| {
        let answer = run(world.guest().on_recording(bytes));
        assert!(
            matches!(answer, Err(RecordingError::Parked(_))),
            "{answer:?}"
        );
    };
    parked(&[0xff]);
    let mut other = recording.clone();
    other.recording_id = "some-other".to_owned();
    parked(&other.encode_to_vec());
    let mut other = recording.clone();
    other.labels.clear();
    parked(&other.encode_to_vec());
    let mut early = recording;
    early.files[0].file_id.clear();
    let answer = publish(&world, &early);
    assert!(
        matches!(answer, Err(RecordingError::Later(_))),
        "{answer:?}"
    );
    assert_eq!(posts(&world).len(), 0);
}

#[test]
fn what_is_missing_is_said_in_the_language_of_the_call() {
    let (world, mut recording) = ended();
    recording.labels.insert("lang".to_owned(), "de".to_owned());
    recording.labels.remove("title");
    recording.participants = (0..25).map(|n| id(&format!("user{n}x"))).collect();
    recording.participants[0] = id("bob");
    recording.gaps = 2;
    recording.set_trouble(RecordingTrouble::AudioOnly);
    recording.set_end_reason(RecordingEndReason::Limit);
    publish(&world, &recording).unwrap();
    let message = posts(&world)[0].message.clone();
    let lines: Vec<_> = message.lines().collect();
    assert_eq!(
        lines,
        [
            "**Aufnahme des Anrufs**",
            "Begonnen 2023-11-14 22:13 UTC, Länge 1:02:03",
            "Zu hören oder zu sehen: BOB und 24 weitere",
            "2 Stücke fehlen: Der Medienserver war zwischendurch ausgefallen.",
            "Ab einem Zeitpunkt fehlt das Bild: Der Speicher des Medienservers war fast voll.",
            "Sie endet nach der Höchstdauer, die der Administrator erlaubt.",
        ]
    );
}

#[test]
fn an_end_with_the_media_server_is_said() {
    for (reason, trouble, line) in [
        (
            RecordingEndReason::Crash,
            RecordingTrouble::Unspecified,
            "It ends early: the media server failed.",
        ),
        (
            RecordingEndReason::Disk,
            RecordingTrouble::Stopped,
            "It ends early: the disk of the media server was full or broken.",
        ),
        (
            RecordingEndReason::Stopped,
            RecordingTrouble::Unspecified,
            "A part is missing: the media server failed meanwhile.",
        ),
    ] {
        let (world, mut recording) = ended();
        recording.set_end_reason(reason);
        recording.set_trouble(trouble);
        recording.gaps = u32::from(reason == RecordingEndReason::Stopped);
        publish(&world, &recording).unwrap();
        let message = posts(&world)[0].message.clone();
        assert_eq!(message.lines().last(), Some(line));
        assert_eq!(message.lines().count(), 4);
    }
}

#[test]
fn an_empty_recording_is_not_passed_over_in_silence() {
    let (world, mut recording) = ended();
    recording.files.clear();
    recording.participants.clear();
    recording.ended_at_ms = recording.started_at_ms;
    publish(&world, &recording).unwrap();
    let posts = posts(&world);
    assert_eq!(posts.len(), 1);
    assert!(
        posts[0]
            .message
            .ends_with("length 0:00\nNothing was recorded.")
    );
    assert_eq!(posts[0].file_ids, Vec::<String>::new());
}
