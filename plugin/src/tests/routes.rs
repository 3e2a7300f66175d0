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
fn l02_l08_only_version_and_link_are_served_without_login() {
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
fn the_window_for_a_call_is_a_page_that_nobody_else_can_drive() {
    let world = World::new();
    let page = world.http("", "GET", "/standalone/widget.html", "");
    assert_eq!(page.status, 200);
    let header = |name: &str| {
        let found = page.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    assert_eq!(header("Content-Type"), "text/html; charset=utf-8");
    let policy = header("Content-Security-Policy");
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(
        header("Cross-Origin-Opener-Policy"),
        "same-origin-allow-popups"
    );
    let body = String::from_utf8(page.body).unwrap();
    assert!(body.contains("../public/standalone.js?v=0.1.0"), "{body}");
    // Nothing else of that folder, and nothing but reading.
    assert_eq!(
        world.http("", "GET", "/standalone/other.html", "").status,
        401
    );
    assert_eq!(
        world.http("", "POST", "/standalone/widget.html", "").status,
        401
    );
}

#[test]
fn l03_the_configuration_has_every_key_in_its_type() {
    let world = World::with_settings(r#"{"EnableVideo": "false", "MaxCallParticipants": 7}"#);
    let (_, config) = get(&world, "alice", "/config");
    // Key, and its type as JavaScript names it.
    let keys = [
        ("ICEServers", "array"),
        ("ICEServersConfigs", "array"),
        ("NeedsTURNCredentials", "boolean"),
        ("AllowEnableCalls", "boolean"),
        ("DefaultEnabled", "boolean"),
        ("MaxCallParticipants", "number"),
        ("AllowScreenSharing", "boolean"),
        ("EnableRecordings", "boolean"),
        ("EnableTranscriptions", "boolean"),
        ("EnableLiveCaptions", "boolean"),
        ("MaxRecordingDuration", "number"),
        ("EnableSimulcast", "boolean"),
        ("EnableAV1", "boolean"),
        ("EnableDCSignaling", "boolean"),
        ("EnableRinging", "boolean"),
        ("EnableVideo", "boolean"),
        ("HostControlsAllowed", "boolean"),
        ("GroupCallsAllowed", "boolean"),
        ("sku_short_name", "string"),
    ];
    let config = config.as_object().unwrap();
    assert_eq!(config.len(), keys.len());
    for (key, kind) in keys {
        let found = match &config[key] {
            serde_json::Value::Array(_) => "array",
            serde_json::Value::Bool(_) => "boolean",
            serde_json::Value::Number(_) => "number",
            serde_json::Value::String(_) => "string",
            _ => "none of these",
        };
        assert_eq!(found, kind, "{key}");
    }
    assert_eq!(
        (&config["EnableVideo"], &config["MaxCallParticipants"]),
        (&j!(false), &j!(7))
    );
}

#[test]
fn l04_l05_calls_are_shown_to_readers_only() {
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
fn l08_more_than_ten_requests_at_once_are_too_many() {
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

#[test]
fn l06_a_channel_is_switched_off_and_on_for_all() {
    let world = World::new();
    let town = format!("/{}", id("town"));
    let switch = |world: &World, who: &str, on: bool| {
        let body = j!({ "enabled": on }).to_string();
        world.http(who, "POST", &town, &body)
    };
    assert_eq!(
        switch(&world, "alice", false).status,
        403,
        "no channel admin"
    );
    assert_eq!(world.http("root", "POST", &town, "{}").status, 400);
    world
        .env
        .channel_admins
        .borrow_mut()
        .insert((channel("town"), user("alice")));
    let answer = switch(&world, "alice", false);
    assert_eq!(answer.status, 200);
    let stored = j!({"channel_id": id("town"), "enabled": false});
    assert_eq!(json(&answer.body), stored);
    let events = world.events();
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].name.as_str(), events[0].scope().as_str()),
        ("channel_disable_voice", "channel")
    );
    assert_eq!(get(&world, "bob", &town), (200, stored.clone()));
    assert_eq!(get(&world, "bob", "/channels"), (200, j!([stored])));
    world.join("bob", "conn1", "town");
    assert_eq!(world.error_code(), "channel_off");

    assert_eq!(switch(&world, "root", true).status, 200);
    assert_eq!(world.names(), ["channel_enable_voice"]);
    world.join("bob", "conn1", "town");
    assert!(world.names().contains(&"call_start".to_owned()));
    // Who is in a direct channel decides for it.
    let dm = format!("/{}", id("dm"));
    let off = r#"{"enabled":false}"#;
    assert_eq!(world.http("bob", "POST", &dm, off).status, 200);
    assert_eq!(world.http("eve", "POST", &dm, off).status, 403);
}

#[test]
fn a_channel_that_is_switched_on_is_out_of_test_mode() {
    let world = World::with_settings(r#"{"DefaultEnabled": false}"#);
    let town = format!("/{}", id("town"));
    assert_eq!(get(&world, "bob", &town).1, j!({"channel_id": id("town")}));
    world.join("bob", "conn1", "town");
    assert_eq!(world.error_code(), "test_mode");
    let on = r#"{"enabled":true}"#;
    assert_eq!(world.http("root", "POST", &town, on).status, 200);
    assert_eq!(get(&world, "bob", &town).1["enabled"], true);
    world.events();
    world.join("bob", "conn1", "town");
    assert!(world.names().contains(&"call_start".to_owned()));
}

#[test]
fn recording_is_refused_where_it_is_switched_off() {
    let world = World::with_settings(r#"{"EnableRecordings": false}"#);
    assert_eq!(get(&world, "alice", "/config").1["EnableRecordings"], false);
    world.join("alice", "conn1", "town");
    for (action, status) in [("start", 403), ("stop", 403), ("pause", 400)] {
        let path = format!("/calls/{}/recording/{action}", id("town"));
        assert_eq!(
            world.http("alice", "POST", &path, "").status,
            status,
            "{action}"
        );
    }
}

#[test]
fn l07_turn_credentials_are_made_from_the_shared_secret() {
    assert_eq!(get(&World::new(), "alice", "/turn-credentials").0, 403);
    let servers = r#"[{"urls":["stun:s"]},{"urls":["turn:t:3478","turns:t"]},{"urls":["turn:u"],"username":"n","credential":"c"}]"#;
    let settings = j!({"ICEServersConfigs": servers, "TURNStaticAuthSecret": "north", "TURNCredentialsExpirationMinutes": 60});
    let world = World::with_settings(&settings.to_string());
    let (_, config) = get(&world, "alice", "/config");
    assert_eq!(config["NeedsTURNCredentials"], true);
    let named =
        j!([{"urls": ["stun:s"]}, {"urls": ["turn:u"], "username": "n", "credential": "c"}]);
    assert_eq!(config["ICEServersConfigs"], named);
    assert!(!config.to_string().contains("north"));
    let (status, answer) = get(&world, "alice", "/turn-credentials");
    // Unix seconds of the fake clock, plus an hour.
    let username = "1700003600:alice";
    assert_eq!(status, 200);
    assert_eq!(answer.as_array().unwrap().len(), 1);
    assert_eq!(answer[0]["urls"], j!(["turn:t:3478", "turns:t"]));
    assert_eq!(answer[0]["username"], username);
    assert_eq!(answer[0]["credential"], "wjwSXO2ch1B6VaLTLMy2Avn5O9o=");
}

#[test]
fn l47_a_dismissed_call_is_dismissed_on_all_devices() {
    let world = World::new();
    let dismiss = format!("/calls/{}/dismiss-notification", id("dm"));
    assert_eq!(
        world.http("bob", "POST", &dismiss, "").status,
        400,
        "no call"
    );
    world.join("alice", "conn1", "dm");
    world.events();
    assert_eq!(world.http("eve", "POST", &dismiss, "").status, 400);
    assert_eq!(world.http("bob", "POST", &dismiss, "").status, 200);
    let events = world.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].name, "user_dismissed_notification");
    assert_eq!(events[0].scope(), format!("user {}", id("bob")));
    let call = world.record("dm").unwrap().call_id;
    assert_eq!(
        (&events[0].data["userID"], &events[0].data["callID"]),
        (&j!(id("bob")), &j!(call))
    );
    let dm = format!("/{}", id("dm"));
    let mine = get(&world, "bob", &dm).1["call"]["dismissed_notification"].clone();
    assert_eq!(mine, j!({ id("bob"): true }));
    assert!(
        get(&world, "alice", &dm).1["call"]
            .get("dismissed_notification")
            .is_none()
    );
}
