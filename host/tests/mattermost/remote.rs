//! A media server that an admin runs, and its settings.

use serde_json::{Value, json};

use crate::common::launched;
use crate::common::remote::{RemoteSidecar, TOKEN};
use crate::server::{ID, Server, host_executable};

/// The settings of a server whose media server is there.
fn settings(address: &str, token: &str) -> Value {
    json!({"sidecarmode": "remote", "sidecaraddress": address, "sidecartoken": token})
}

#[tokio::test]
async fn what_is_wrong_with_it_is_said_and_mended_without_ending_calls() {
    let (remote, _) = RemoteSidecar::with_tls(&["127.0.0.1"]);
    let held = RemoteSidecar::start(&[]);
    // The port of discarding: nobody listens.
    let nowhere = settings("http://127.0.0.1:9", TOKEN);
    let plugins = [(ID, host_executable())];
    let Some(server) = Server::start_with(&plugins, json!({ID: nowhere})).await else {
        return;
    };
    // The plugin is there without it.
    assert_eq!(server.enable(ID).await["activated"], true);
    let answer = server.command("/call start").await;
    assert!(answer.contains("cannot be reached"), "{answer}");
    server.set(settings(&held.address(), TOKEN)).await;
    let started = server.command("/call start").await;
    assert!(started.contains("started a call"), "{started}");
    held.has_rooms(1).await;
    // None of its own.
    assert!(!server.log().contains("starting the media server"));

    let wrong = TOKEN.replace('0', "1");
    for (bad, said) in [
        (settings(&held.address(), &wrong), "token"),
        (settings(&remote.tls_address(), TOKEN), "certificate"),
        (settings("", TOKEN), "is missing"),
    ] {
        server.set(bad).await;
        let answer = server.command("/call start").await;
        assert!(answer.contains(said), "{said}: {answer}");
        let admin = answer.contains("System Console") || answer.contains("system admin");
        assert!(admin, "{answer}");
    }
    server.set(settings(&held.address(), TOKEN)).await;
    let answer = server.command("/call start").await;
    assert!(answer.contains("already"), "{answer}");

    // Another media server, here an own one: the call is opened there anew.
    server.set(json!({})).await;
    server.logged_times("the sidecar is a new one", 2).await;
    assert!(launched(&server.runtime_dir()).is_some());
    let answer = server.command("/call start").await;
    assert!(answer.contains("already"), "{answer}");

    // What can be seen to be wrong is not even stored.
    let mut bad = settings(&remote.tls_address(), TOKEN);
    bad["sidecarcacertificate"] =
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----".into();
    for (bad, key) in [
        (bad, "SidecarCaCertificate: "),
        (
            settings("https://calls.example.com:8444", ""),
            "SidecarToken: ",
        ),
    ] {
        let body = json!({"settings": bad});
        let refused = server.hook("ConfigurationWillBeSaved", body).await;
        let refused = refused["error"].as_str().unwrap();
        assert!(refused.starts_with(key), "{refused}");
    }
    for secret in [TOKEN, &wrong] {
        assert!(!server.log().contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_cluster_needs_a_remote_one_and_says_so() {
    let plugins = [(ID, host_executable())];
    let server = Server::start_node(&plugins, json!({}), &["-cluster"], true).await;
    let Some(server) = server else {
        return;
    };
    assert_eq!(server.enable(ID).await["activated"], true);
    let refused = server.command("/call start").await;
    assert!(refused.contains("remote media server"), "{refused}");
    assert!(
        refused.contains("System Console > Plugins > Parley"),
        "{refused}"
    );
    assert!(!server.log().contains("starting the media server"));
    let remote = RemoteSidecar::start(&[]);
    server.set(settings(&remote.address(), TOKEN)).await;
    let started = server.command("/call start").await;
    assert!(started.contains("started a call"), "{started}");
}
