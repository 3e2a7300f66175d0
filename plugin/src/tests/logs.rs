//! `/logs/upload`: what comes in goes back to the one who sent it.

use serde_json::json as j;

use crate::testing::*;

fn body(at: &str, logs: &str) -> String {
    j!({"logs": logs, "channel_id": id(at), "team_id": id("team")}).to_string()
}

fn upload(world: &World, who: &str, body: &str) -> u16 {
    world.http(who, "POST", "/logs/upload", body).status
}

#[test]
fn logs_come_back_as_a_file_for_their_sender() {
    let world = World::new();
    let logs = "rtc connected\n\u{1f4de} \"quoted\"\n".repeat(10_000);
    let answer = world.http("alice", "POST", "/logs/upload", &body("town", &logs));
    assert_eq!((answer.status, json(&answer.body)), (200, j!({})));
    let files = world.env.files.borrow();
    let [(to, message, file)] = &files[..] else {
        panic!("{} files", files.len())
    };
    assert_eq!(*to, user("alice"));
    assert!(message.contains("Only you"), "{message}");
    assert_eq!(
        file.name,
        format!("call-logs-{}.txt", crate::Env::now_ms(&world.env))
    );
    assert_eq!(file.data, logs.as_bytes());
}

#[test]
fn only_who_can_read_the_channel_may() {
    let world = World::new();
    assert_eq!(upload(&world, "", &body("town", "x")), 401);
    assert_eq!(upload(&world, "bob", &body("other", "x")), 403);
    assert!(world.env.files.borrow().is_empty());
}

#[test]
fn what_is_no_request_with_logs_is_refused() {
    let world = World::new();
    for bad in [
        "",
        "[]",
        &body("town", " \n"),
        &j!({"logs": "x", "channel_id": "town"}).to_string(),
        &j!({"logs": ["x"], "channel_id": id("town")}).to_string(),
    ] {
        assert_eq!(upload(&world, "alice", bad), 400, "{bad}");
    }
    let long = "x".repeat(2 << 20);
    assert_eq!(upload(&world, "alice", &body("town", &long)), 413);
    let long = body("town", &long[..(2 << 20) - 200]);
    assert_eq!(upload(&world, "alice", &long), 200);
    // The length is for logs alone.
    let other = world.http("alice", "POST", &format!("/{}", id("town")), &long);
    assert_eq!(other.status, 413);
}

#[test]
fn a_burst_is_refused_and_time_helps() {
    let world = World::new();
    let send = |who| upload(&world, who, &body("town", "x"));
    let burst: Vec<u16> = (0..5).map(|_| send("alice")).collect();
    assert_eq!(burst, [200, 200, 200, 429, 429]);
    assert_eq!(send("bob"), 200);
    world.advance_ms(20_000);
    assert_eq!([send("alice"), send("alice")], [200, 429]);
}

#[test]
fn a_platform_without_files_is_told_of() {
    let world = World::new();
    world.env.files_off.set(true);
    let answer = world.http("alice", "POST", "/logs/upload", &body("town", "x"));
    assert_eq!(answer.status, 503);
    let text = json(&answer.body)["message"].as_str().unwrap().to_owned();
    assert!(text.contains("file"), "{text}");
}
