//! Activation to deactivation, crashes between, and what survives them.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::{free_udp_port, launched, lives, signal, until};
use crate::server::{CHANNEL, DROP_IN, ID, Server, host_executable};

/// What is promised of a release. A debug build starts slower on a busy machine, yet waits for no compiler.
const ACTIVATION_MAX_S: f64 = if cfg!(debug_assertions) { 3.0 } else { 1.0 };

#[tokio::test]
async fn it_activates_within_a_second_and_answers_commands() {
    let Some(server) = Server::start(&[(ID, host_executable())]).await else {
        return;
    };
    let answer = server.enable(ID).await;
    assert_eq!(answer["activated"], true, "{answer}");
    let seconds = answer["seconds"].as_f64().unwrap();
    assert!(seconds < ACTIVATION_MAX_S, "{seconds} s");
    server.logged("the sidecar is a new one").await;
    let link = format!("/plugins/{ID}/join/{CHANNEL}");
    let started = server.command("/call start Weekly").await;
    assert!(started.contains(&link), "{started}");
    assert!(server.command("/call link").await.contains(&link));
    let stats = server.command("/call stats").await;
    assert!(stats.contains("statistics"), "{stats}");
    server.assert_healthy();
}

#[tokio::test]
async fn disabling_is_quick_and_the_media_server_stays_for_its_lease() {
    let Some(server) = Server::with_plugin().await else {
        return;
    };
    server.command("/call start").await;
    let sidecar = launched(&server.runtime_dir()).unwrap().pid;
    let begin = Instant::now();
    server.disable(ID).await;
    assert!(
        begin.elapsed() < Duration::from_secs(3),
        "{:?}",
        begin.elapsed()
    );
    let plugin = *server.plugin_pids().last().unwrap();
    until("the plugin's end", || (!lives(plugin)).then_some(()));
    assert!(!server.log().contains("failed to exit gracefully"));
    assert!(lives(sidecar), "calls ended with the plugin");
    // Enabled again, it takes the same media server, and the call is there.
    server.enable(ID).await;
    server.logged("sidecar adopted").await;
    assert_eq!(launched(&server.runtime_dir()).unwrap().pid, sidecar);
    let answer = server.command("/call start").await;
    assert!(answer.contains("already"), "{answer}");
}

#[tokio::test]
async fn after_a_crash_of_the_server_the_next_one_adopts_the_media_server() {
    let Some(server) = Server::with_plugin().await else {
        return;
    };
    let sidecar = launched(&server.runtime_dir()).unwrap().pid;
    let server = server.crash_and_restart(free_udp_port());
    assert!(lives(sidecar));
    server.enable(ID).await;
    server.logged("sidecar adopted").await;
    assert_eq!(launched(&server.runtime_dir()).unwrap().pid, sidecar);
}

#[tokio::test]
async fn one_flavour_refuses_to_run_beside_the_other() {
    let executable = host_executable;
    let Some(server) = Server::start(&[(ID, executable()), (DROP_IN, executable())]).await else {
        return;
    };
    assert_eq!(server.enable(DROP_IN).await["activated"], true);
    let refused = server.enable(ID).await["error"].to_string();
    assert!(refused.contains(DROP_IN), "{refused}");
    server.disable(DROP_IN).await;
    let answer = server.enable(ID).await;
    assert_eq!(answer["activated"], true, "{answer}");
}

#[tokio::test]
async fn after_a_crash_of_the_plugin_the_next_one_adopts_the_media_server_with_its_call() {
    let Some(server) = Server::with_plugin().await else {
        return;
    };
    server.command("/call start").await;
    let sidecar = launched(&server.runtime_dir()).unwrap().pid;
    let plugin = server.plugin_pids()[0];
    signal(plugin, "KILL");
    until("the plugin's end", || (!lives(plugin)).then_some(()));
    // What the server does by itself each 30 s.
    let checked = server
        .control(&format!("/host/check/{ID}"), json!({}))
        .await;
    assert_eq!(checked["active"], true, "{checked}");
    server.logged("sidecar adopted").await;
    assert_eq!(server.plugin_pids().len(), 2, "{}", server.log());
    assert!(lives(sidecar));
    assert_eq!(launched(&server.runtime_dir()).unwrap().pid, sidecar);
    let answer = server.command("/call start").await;
    assert!(answer.contains("already"), "{answer}");
}

/// Longer than any timeout of the plugin host: un-acknowledged streams end a session after 75 s, health is
/// asked for each 30 s.
#[tokio::test]
async fn an_idle_plugin_stays() {
    let Some(mut server) = Server::with_plugin().await else {
        return;
    };
    // The other tests run meanwhile.
    server.leave_the_turn();
    tokio::time::sleep(Duration::from_secs(80)).await;
    assert!(server.command("/call help").await.contains("/call"));
    server.assert_healthy();
}
