//! `/call stats`: bounded, of the last call, without names and addresses.

use serde_json::json as j;

use crate::testing::*;

#[test]
fn statistics_are_valid_json_of_bounded_length() {
    let world = World::new();
    assert!(
        world
            .command("alice", "town", "/call stats")
            .starts_with("There are no statistics")
    );
    world.join("alice", "conn1", "town");
    let report = |at: &str, session: &str, report: serde_json::Value| {
        let body = j!({"session_id": session, "report": report}).to_string();
        world
            .http(
                "alice",
                "POST",
                &format!("/calls/{}/client-stats", id(at)),
                &body,
            )
            .status
    };
    let mine = j!({"rtt": 12, "remote": "192.0.2.1:3478", "deep": [{"ip": "2001:db8::1"}]});
    assert_eq!(report("town", &id("conn1"), mine), 200);
    assert_eq!(
        report("town", &id("conn2"), j!({})),
        400,
        "not a session of hers"
    );
    assert_eq!(
        report("dm", &id("conn1"), j!({})),
        400,
        "not the session's channel"
    );
    assert_eq!(
        report("town", &id("conn1"), j!({"x": "y".repeat(8 * 1024)})),
        400
    );
    assert_eq!(report("town", &id("conn1"), j!("text")), 400);

    let text = world.command("alice", "dm", "/call stats");
    assert!(
        text.chars().count() <= 12_000 && text.chars().count() > 11_000,
        "{}",
        text.len()
    );
    assert!(text.starts_with("{\"totals\":"), "{text}");
    let stats = json(text.as_bytes());
    assert_eq!(
        (&stats["live"], &stats["session"]["session_id"]),
        (&j!(true), &j!(id("conn1")))
    );
    assert_eq!(stats["totals"]["down"]["tracks"], 200);
    assert_eq!(stats["totals"]["down"]["bytes"], (0..200).sum::<u64>());
    let tracks = stats["tracks"].as_array().unwrap();
    assert_eq!(tracks[0]["bytes"], 199, "busiest first");
    assert_eq!(stats["truncated"], 200 - tracks.len());
    assert_eq!(stats["unused_tracks"], 7, "never carried a packet");
    assert!(
        tracks.iter().all(|track| track["packets"] != 0),
        "{tracks:?}"
    );
    assert_eq!(stats["client"]["report"]["rtt"], 12);
    assert!(
        !text.contains("192.0.2.1") && !text.contains("2001:db8"),
        "no addresses"
    );
    assert!(!text.contains("ALICE"), "no names");
}

#[test]
fn statistics_outlive_the_call_and_are_of_the_last_one() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    world.advance_ms(10);
    world.join("alice", "conn2", "dm");
    let last = || json(world.command("alice", "town", "/call stats").as_bytes());
    assert_eq!(last()["session"]["session_id"], id("conn2"));
    world.send("alice", "conn2", "leave", &[]);
    // Still in the other call: that is the one that is live.
    assert_eq!(last()["session"]["session_id"], id("conn1"));
    world.send("alice", "conn1", "leave", &[]);
    let stats = last();
    assert_eq!(
        (&stats["live"], &stats["session"]["session_id"]),
        (&j!(false), &j!(id("conn2")))
    );
    assert_eq!(stats["channel_id"], id("dm"));
    assert_eq!(stats["tracks"].as_array().unwrap().len(), 1);
    // The media server may be away.
    world.sidecar.state().unreachable = true;
    assert_eq!(last()["channel_id"], id("dm"));
}
