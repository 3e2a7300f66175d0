//! The HTTP routes: who gets which answer, and how often.

use serde_json::json as j;

use crate::testing::*;

fn get(world: &World, who: &str, path: &str) -> (u16, serde_json::Value) {
    let answer = world.http(who, "GET", path, "");
    assert!(
        header(&answer, "Content-Type").starts_with("application/json"),
        "{path}"
    );
    (answer.status, json(&answer.body))
}

#[test]
fn only_version_and_link_are_served_without_login() {
    let world = World::new();
    assert_eq!(
        get(&world, "", "/version"),
        (200, j!({"version": "0.1.0", "build": ""}))
    );
    for path in [
        "/config",
        "/channels",
        "/calls/x/active",
        "/nothing",
        &format!("/{}", id("town")),
    ] {
        let (status, body) = get(&world, "", path);
        assert_eq!((status, &body["status_code"]), (401, &j!(401)), "{path}");
    }
    assert_eq!(world.http("", "POST", "/version", "").status, 401);
}

#[test]
fn the_configuration_has_every_key() {
    let world = World::with_settings(r#"{"EnableVideo": "false", "MaxCallParticipants": 7}"#);
    let (_, config) = get(&world, "alice", "/config");
    let keys = [
        "ICEServers",
        "ICEServersConfigs",
        "NeedsTURNCredentials",
        "AllowEnableCalls",
        "DefaultEnabled",
        "MaxCallParticipants",
        "AllowScreenSharing",
        "EnableRecordings",
        "EnableTranscriptions",
        "EnableLiveCaptions",
        "MaxRecordingDuration",
        "EnableSimulcast",
        "EnableAV1",
        "EnableDCSignaling",
        "EnableRinging",
        "EnableVideo",
        "HostControlsAllowed",
        "GroupCallsAllowed",
        "sku_short_name",
    ];
    let config = config.as_object().unwrap();
    assert_eq!(config.len(), keys.len());
    assert!(
        keys.iter()
            .all(|key| config.get(*key).is_some_and(|value| !value.is_null()))
    );
    assert_eq!(
        (&config["EnableVideo"], &config["MaxCallParticipants"]),
        (&j!(false), &j!(7))
    );
}

#[test]
fn calls_are_shown_to_readers_only() {
    let world = World::new();
    assert_eq!(get(&world, "alice", "/channels"), (200, j!([])));
    world.join("alice", "conn1", "town");
    let (_, channels) = get(&world, "bob", "/channels");
    assert_eq!(channels[0]["channel_id"], id("town"));
    assert_eq!(channels[0]["call"]["sessions"][0]["user_id"], id("alice"));
    assert_eq!(get(&world, "eve", "/channels"), (200, j!([])));

    let town = format!("/{}", id("town"));
    assert_eq!(get(&world, "bob", &town).1["call"]["owner_id"], id("alice"));
    assert_eq!(get(&world, "eve", &town).0, 403);
    let (_, idle) = get(&world, "alice", &format!("/{}", id("dm")));
    assert_eq!(idle, j!({"channel_id": id("dm"), "enabled": true}));
    let active = |at: &str| get(&world, "alice", &format!("/calls/{}/active", id(at))).1;
    assert_eq!(
        (active("town"), active("dm")),
        (j!({"active": true}), j!({"active": false}))
    );
    assert_eq!(get(&world, "alice", "/no-id").0, 404);
}

#[test]
fn more_than_ten_requests_at_once_are_too_many() {
    let world = World::new();
    let path = format!("/calls/{}/end", id("town"));
    let statuses = |n: usize| -> Vec<u16> {
        (0..n)
            .map(|_| world.http("alice", "POST", &path, "").status)
            .collect()
    };
    let burst = statuses(12);
    assert_eq!(burst, [[400; 10].as_slice(), [429; 2].as_slice()].concat());
    world.advance_ms(1_000);
    assert_eq!(statuses(2), [400, 429]);
    assert_eq!(
        world.http("bob", "POST", &path, "").status,
        400,
        "each user has its own"
    );
    assert_eq!(world.http("alice", "GET", "/config", "").status, 429);
    let link = format!("/join/{}", id("town"));
    assert_eq!(
        world.http("alice", "GET", &link, "").status,
        303,
        "the link always works"
    );
}
