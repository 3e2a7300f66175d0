//! Routes, the link, limits, statistics and the platform's events.

use serde_json::json as j;

use crate::env::{HttpResponse, PlatformEvent, Value};

use crate::testing::*;

fn get(world: &World, who: &str, path: &str) -> (u16, serde_json::Value) {
    let answer = world.http(who, "GET", path, "");
    assert!(
        header(&answer, "Content-Type").starts_with("application/json"),
        "{path}"
    );
    (answer.status, json(&answer.body))
}

fn header(answer: &HttpResponse, name: &str) -> String {
    let found = answer.headers.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
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
fn call_state_is_answered_to_the_asking_connection() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    world.events();
    let ask = |who: &str, at: &str| {
        world.send(
            who,
            "conn5",
            "call_state",
            &[("channelID", Value::Text(id(at)))],
        );
    };
    ask("bob", "town");
    let events = world.events();
    assert_eq!(
        (events.len(), events[0].scope().as_str()),
        (1, "connection conn5")
    );
    assert!(
        events[0].data["call"]
            .as_str()
            .unwrap()
            .contains(&id("conn1"))
    );
    ask("alice", "dm");
    assert_eq!(world.events()[0].data["call"], "null");
    ask("eve", "town");
    assert_eq!(world.error_code(), "no_permission");
}

#[test]
fn host_and_admin_end_the_call() {
    for who in ["alice", "root"] {
        let world = World::new();
        world.join("alice", "conn1", "town");
        world.advance_ms(1);
        world.join("bob", "conn2", "town");
        let path = format!("/calls/{}/end", id("town"));
        assert_eq!(world.http("bob", "POST", &path, "").status, 400);
        assert_eq!(
            world.command("bob", "town", "/call end"),
            "Only the host of the call or a system admin can end it for everyone."
        );
        world.events();
        if who == "alice" {
            assert_eq!(world.http(who, "POST", &path, "").status, 200);
        } else {
            let answer = world.command(who, "town", "/call end");
            assert_eq!(answer, "You ended the call for everyone.");
        }
        assert_eq!(world.names(), ["user_left", "user_left", "call_end"]);
        assert!(world.record("town").is_none());
        assert_eq!(world.http(who, "POST", &path, "").status, 400);
    }
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

#[test]
fn the_link_leads_to_the_channel_or_to_the_login() {
    let world = World::new();
    let link = |who: &str, at: &str| world.http(who, "GET", &format!("/join/{}", id(at)), "");
    let leads = |who: &str, at: &str| {
        let answer = link(who, at);
        assert_eq!(answer.status, 303);
        header(&answer, "Location")
    };
    let site = "https://chat.example.com/sub";
    assert_eq!(
        leads("alice", "town"),
        format!("{site}/team/channels/{}?join_call=true", id("town"))
    );
    assert_eq!(
        leads("alice", "dm"),
        format!("{site}/team/messages/@bob?join_call=true")
    );
    assert_eq!(
        leads("bob", "dm"),
        format!("{site}/team/messages/@alice?join_call=true")
    );
    let back = format!(
        "%2Fsub%2Fplugins%2Fapp.parley.calls%2Fjoin%2F{}",
        id("town")
    );
    assert_eq!(
        leads("", "town"),
        format!("{site}/login?redirect_to={back}")
    );
    *world.env.site.borrow_mut() = "http://localhost:8065".to_owned();
    assert!(leads("", "town").ends_with(&format!(
        "redirect_to=%2Fplugins%2Fapp.parley.calls%2Fjoin%2F{}",
        id("town")
    )));
}

#[test]
fn a_link_to_nowhere_tells_nothing() {
    let world = World::new();
    let page = |who: &str, path: &str| world.http(who, "GET", path, "");
    let private = page("bob", &format!("/join/{}", id("other")));
    let unknown = page("bob", &format!("/join/{}", id("nowhere")));
    world.env.archive("town");
    let archived = page("bob", &format!("/join/{}", id("town")));
    assert_eq!(private.status, 404);
    assert_eq!(private, unknown);
    assert_eq!(private, archived);
    // Nor does it lead anywhere else.
    for path in [
        "/join/https:%2F%2Fevil.example",
        "/join/..",
        "/join/%0d%0aX: y",
    ] {
        assert_eq!(page("bob", path), private, "{path}");
        assert_eq!(page("", path).status, 404, "{path}");
    }
    assert_eq!(page("bob", "/join//evil.example/x").status, 404);

    let policy = header(&private, "Content-Security-Policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    let html = String::from_utf8(private.body).unwrap();
    assert!(html.contains("lang=\"en\"") && html.contains("<h1>") && !html.contains("<script"));
    world
        .env
        .edit_user("bob", |user| user.locale = "de".to_owned());
    let german = page("bob", &format!("/join/{}", id("nowhere")));
    assert!(
        String::from_utf8(german.body)
            .unwrap()
            .contains("Hier ist kein Anruf")
    );
}

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

#[test]
fn who_loses_a_right_leaves_the_call_at_once() {
    type Change = fn(&World) -> PlatformEvent;
    let changes: [(&str, Change); 3] = [
        ("left_channel", |world| {
            world.env.remove_member("town", "bob");
            PlatformEvent::LeftChannel {
                channel_id: channel("town"),
                user_id: user("bob"),
            }
        }),
        ("deactivated", |world| {
            world.env.edit_user("bob", |user| user.delete_at = 1);
            PlatformEvent::UserDeactivated {
                user_id: user("bob"),
            }
        }),
        ("signed_out", |_| PlatformEvent::LoginRevoked {
            login_session_id: "login-bob".to_owned(),
            user_id: user("bob"),
        }),
    ];
    for (reason, change) in changes {
        let world = World::new();
        world.join("alice", "conn1", "town");
        world.join("bob", "conn2", "town");
        world.events();
        let event = change(&world);
        world.platform(event);
        let events = world.events();
        let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names, ["parley_removed", "user_left"], "{reason}");
        assert_eq!(events[0].scope(), format!("user {}", id("bob")));
        assert_eq!(events[0].data["reason"], reason);
        assert_eq!(world.sidecar.sessions(), [id("conn1")]);
    }
    // Somebody else's login, or a member who is back already: nothing happens.
    let world = World::new();
    world.join("bob", "conn2", "town");
    let revoked = PlatformEvent::LoginRevoked {
        login_session_id: "login-other".to_owned(),
        user_id: user("bob"),
    };
    world.platform(revoked);
    let left = PlatformEvent::LeftChannel {
        channel_id: channel("town"),
        user_id: user("bob"),
    };
    world.platform(left);
    assert_eq!(world.sidecar.sessions(), [id("conn2")]);
}

#[test]
fn an_archived_channel_ends_its_call() {
    let world = World::new();
    world.join("alice", "conn1", "town");
    world.events();
    world.env.archive("town");
    world.platform(PlatformEvent::ChannelArchived {
        channel_id: channel("town"),
    });
    let events = world.events();
    let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["parley_removed", "user_left", "call_end"]);
    assert_eq!(events[0].data["reason"], "archived");
}

#[test]
fn a_missed_change_is_made_up_for_within_a_minute() {
    use parley_proto::v1;
    let world = World::new();
    world.join("alice", "conn1", "town");
    world.join("bob", "conn2", "town");
    world.env.remove_member("town", "bob");
    let timer = v1::TimerFired {
        name: "stats".to_owned(),
        payload: Vec::new(),
    };
    let room = world.sidecar.only_room().room.room_id;
    world
        .sidecar
        .emit(&room, v1::event::Kind::TimerFired(timer));
    world.pump();
    assert_eq!(world.sidecar.sessions(), [id("conn1")]);
    // And without any event he could not have spoken.
    let world = World::new();
    world.join("bob", "conn2", "town");
    world.events();
    world.env.remove_member("town", "bob");
    world.send("bob", "conn2", "unmute", &[]);
    assert_eq!(world.error_code(), "not_member");
    assert!(!world.sidecar.only_room().room.sessions[0].unmuted);
}

#[test]
fn sessions_that_were_lost_are_told_why() {
    use parley_proto::v1::LeaveReason;
    for (reason, told) in [
        (LeaveReason::NoMedia, "no_media"),
        (LeaveReason::SignallingLost, "timeout"),
        (LeaveReason::MediaLost, "timeout"),
        (LeaveReason::Protocol, "error"),
        (LeaveReason::Internal, "error"),
    ] {
        let world = World::new();
        world.join("alice", "conn1", "town");
        world.join("bob", "conn2", "town");
        world.events();
        let room = world.sidecar.only_room().room.room_id;
        world.sidecar.remove(&room, &id("conn2"), reason);
        world.pump();
        let events = world.events();
        assert_eq!(events[1].name, "parley_removed");
        assert_eq!(events[1].data["reason"], told);
    }
}

#[test]
fn commands_answer_without_any_web_page() {
    let world = World::new();
    let say = |who: &str, text: &str| world.command(who, "town", text);
    assert!(say("alice", "/call").starts_with("**Calls**"));
    assert!(say("alice", "/call help").contains("/call stats"));
    assert!(say("alice", "/call dance`").starts_with("`dance` is not a call command."));
    assert!(say("alice", "/call join").starts_with("There is no call"));
    assert_eq!(
        say("alice", "/call leave"),
        "You are not in the call of this channel."
    );
    assert!(say("alice", "/call end").starts_with("There is no call"));
    assert!(say("alice", "/call link").ends_with(&format!("/join/{}", id("town"))));
    assert_eq!(
        say("eve", "/call link"),
        "You do not have permission to do this here."
    );
    assert_eq!(
        say("eve", "/call start"),
        "You are not a member of this channel."
    );
    world.join("alice", "conn1", "town");
    world.join("bob", "conn2", "town");
    assert!(say("carol", "/call join").contains("/join/"));
    assert_eq!(
        say("eve", "/call join"),
        "You are not a member of this channel."
    );
    assert_eq!(
        say("carol", "/call leave"),
        "You are not in the call of this channel."
    );
    assert_eq!(say("bob", "/call leave"), "You left the call.");
    assert_eq!(world.sidecar.sessions(), [id("conn1")]);
    world
        .env
        .edit_user("eve", |user| user.locale = "de-CH".to_owned());
    assert_eq!(
        say("eve", "/call start"),
        "Du bist kein Mitglied dieses Kanals."
    );
}

#[test]
fn switched_off_features_are_refused() {
    let world = World::with_settings(r#"{"AllowScreenSharing": false, "EnableVideo": false}"#);
    world.join("alice", "conn1", "town");
    world.events();
    let data = [(
        "data",
        Value::Text(r#"{"screenStreamID":"a","videoStreamID":"b"}"#.to_owned()),
    )];
    world.send("alice", "conn1", "screen_on", &data);
    assert_eq!(world.error_code(), "screen_disabled");
    world.send("alice", "conn1", "video_on", &data);
    assert_eq!(world.error_code(), "video_disabled");
}

#[test]
fn a_tick_puts_forgotten_calls_right() {
    let world = World::new();
    world.command("alice", "town", "/call start");
    world.sidecar.state().rooms.clear();
    run(world.guest().on_tick());
    assert!(world.record("town").is_none());
    assert_eq!(world.env.posts_in("town")[0].message, "Call ended");
}

#[test]
fn autocomplete_names_every_command() {
    let tree = crate::autocomplete();
    let names: Vec<_> = tree["SubCommands"]
        .as_array()
        .unwrap()
        .iter()
        .map(|command| command["Trigger"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        ["start", "join", "leave", "end", "link", "stats", "help"]
    );
    let world = World::new();
    for name in names {
        let answer = world.command("alice", "town", &format!("/call {name}"));
        assert!(!answer.contains("is not a call command"), "{name}");
    }
}
