//! What an admin sets, and how it acts.

use std::net::UdpSocket;

use serde_json::{Value, json};

use crate::server::{CHANNEL, ID, Server};

impl Server {
    async fn client_config(&self, token: &str) -> Value {
        let path = format!("/plugins/{ID}/config");
        let (_, answer) = self.http("GET", &path, token, b"").await;
        serde_json::from_slice(&answer).unwrap()
    }

    async fn command_of(&self, user: &str, text: &str) -> String {
        let body = json!({"command": text, "user_id": user});
        let answer = self.control("/host/execute", body).await;
        answer["text"].as_str().unwrap().to_owned()
    }

    fn times_logged(&self, what: &str) -> usize {
        self.log().matches(what).count()
    }
}

#[tokio::test]
async fn what_is_set_acts_on_the_next_request() {
    let Some(server) = Server::with_plugin().await else {
        return;
    };
    let (somebody, token) = server.user("somebody").await;
    server.join(&token, CHANNEL).await;
    // As servers keep it: keys in lower case, numbers as texts after an edit in the console.
    server
        .set(json!({
            "defaultenabled": false,
            "maxcallparticipants": "7",
            "allowscreensharing": false,
            "enablevideo": false,
            "iceserversconfigs": r#"[{"urls":["stun:stun.example.com:3478"]},{"urls":["turn:turn.example.com"]}]"#,
            "turnstaticauthsecret": "hush",
        }))
        .await;
    let config = server.client_config(&token).await;
    for (key, value) in [
        ("DefaultEnabled", json!(false)),
        ("MaxCallParticipants", json!(7)),
        ("AllowScreenSharing", json!(false)),
        ("EnableVideo", json!(false)),
        ("NeedsTURNCredentials", json!(true)),
        (
            "ICEServersConfigs",
            json!([{"urls": ["stun:stun.example.com:3478"]}]),
        ),
    ] {
        assert_eq!(config[key], value, "{key}: {config}");
    }
    let refused = server.command_of(&somebody, "/call start").await;
    assert!(refused.contains("test mode"), "{refused}");
    server.set(json!({"groupcallsallowed": false})).await;
    let refused = server.command_of(&somebody, "/call start").await;
    assert!(refused.contains("direct messages only"), "{refused}");
    server.set(json!({})).await;
    let started = server.command_of(&somebody, "/call start").await;
    assert!(started.contains("You started a call"), "{started}");
    server.assert_healthy();
}

#[tokio::test]
async fn variables_hold_over_the_console_and_bad_ones_are_named() {
    let console = json!({"enablevideo": true, "maxcallparticipants": 5, "loglevel": "debug"});
    let variables = [
        ("PARLEY_ENABLE_VIDEO", "false"),
        ("PARLEY_MAX_CALL_PARTICIPANTS", "many"),
        ("PARLEY_TURN_STATIC_AUTH_SECRET", "hushhush"),
        // So that the level is the setting's.
        ("PARLEY_LOG", ""),
    ];
    let Some(server) = Server::with_environment(console.clone(), &variables).await else {
        return;
    };
    let (_, token) = server.user("somebody").await;
    let config = server.client_config(&token).await;
    assert_eq!(config["EnableVideo"], false, "{config}");
    assert_eq!(config["MaxCallParticipants"], 5, "{config}");
    let log = server.log();
    for said in ["PARLEY_ENABLE_VIDEO", "PARLEY_TURN_STATIC_AUTH_SECRET"] {
        assert!(log.contains(said), "{said}\n{log}");
    }
    let refused = log
        .lines()
        .find(|line| line.contains("a variable is refused"))
        .unwrap();
    assert!(
        refused.contains("PARLEY_MAX_CALL_PARTICIPANTS"),
        "{refused}"
    );
    assert!(!log.contains("hushhush"));

    // The level is followed from now to now.
    let taken = "settings taken";
    let before = server.times_logged(taken);
    for level in ["error", "info"] {
        let mut settings = console.clone();
        settings["loglevel"] = level.into();
        server.set(settings).await;
    }
    server.logged_times(taken, before + 1).await;
    let (status, _) = server.http("GET", "/host/status", "", b"").await;
    assert_eq!(status, 200);
    assert_eq!(server.times_logged(taken), before + 1);
}

#[tokio::test]
async fn a_media_port_in_use_is_told_and_hinders_nothing() {
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    let variables = [("PARLEY_MEDIA_PORT", &*port)];
    let Some(server) = Server::with_environment(json!({}), &variables).await else {
        return;
    };
    server.logged("the media port was in use").await;
    // The administrator's.
    let started = server.command("/call start").await;
    assert!(started.contains("You started a call"), "{started}");
    assert!(started.contains(&format!("not {port} as set")), "{started}");
    drop(other);
}
