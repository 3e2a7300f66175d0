//! Many at once: none is lost.

use std::collections::BTreeMap;

use futures::future::join_all;
use serde_json::Value;

use crate::server::{CHANNEL, ID, Server, TEAM};

/// Most memory that the plugin may have taken at the end, bytes of resident set.
const MEMORY_MAX: u64 = 512 << 20;

/// The peak of a process' memory, from the kernel.
fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb: u64 = line
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    kb * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_commands() {
    let Some(server) = Server::with_plugin().await else {
        return;
    };
    let answers = join_all((0..500).map(|_| server.command("/call link"))).await;
    assert_eq!(answers.len(), 500);
    for answer in &answers {
        assert!(answer.contains("/join/"), "{answer}");
    }
    server.assert_healthy();
    let peak = peak_memory(server.plugin_pids()[0]);
    assert!(peak < MEMORY_MAX, "{} MiB", peak >> 20);
}

/// A request of 300 KB with logs.
fn logs() -> Vec<u8> {
    let line = r#"2026-11-21T21:30:00Z rtc connected, \"session\" 3f8a\n"#;
    let logs = line.repeat(300_000 / line.len());
    format!(r#"{{"logs":"{logs}","channel_id":"{CHANNEL}","team_id":"{TEAM}"}}"#).into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_people_hand_in_300_kb_of_logs() {
    let Some(server) = Server::with_plugin().await else {
        return;
    };
    let users = join_all((0..300).map(|n| {
        let server = &server;
        async move {
            let (_, token) = server.user(&format!("user{n}")).await;
            server.join(&token, CHANNEL).await;
            token
        }
    }))
    .await;
    let path = format!("/plugins/{ID}/logs/upload");
    let body = logs();
    let send = async |token: &str| server.http("POST", &path, token, &body).await;
    let answers = join_all(users.iter().map(|token| send(token))).await;
    for (status, answer) in &answers {
        let text = String::from_utf8_lossy(answer);
        let good = (*status, &*text) == (200, "{}");
        assert!(good, "{status} {text}\n{}", server.log());
    }
    server.assert_healthy();
    let peak = peak_memory(server.plugin_pids()[0]);
    eprintln!("peak: {} MiB", peak >> 20);
    assert!(peak < MEMORY_MAX, "{} MiB", peak >> 20);
    // Each got their own, whole.
    let (_, status) = server.http("GET", "/host/status", "", b"").await;
    let status: Value = serde_json::from_slice(&status).unwrap();
    let posts = status["posts"].as_object().unwrap().values();
    let files: BTreeMap<&str, &str> = posts
        .filter_map(|post| Some((post["channel_id"].as_str()?, post["file_ids"][0].as_str()?)))
        .collect();
    assert_eq!(files.len(), 300);
    let sent: Value = serde_json::from_slice(&body).unwrap();
    for id in files.values().take(3) {
        let (_, kept) = server
            .http("GET", &format!("/host/file/{id}"), "", b"")
            .await;
        assert!(kept == sent["logs"].as_str().unwrap().as_bytes(), "{id}");
    }

    // A burst of one is refused, and nobody else stands behind it.
    let burst = join_all((0..50).map(|_| send(&users[0])));
    let (burst, (other, _)) = tokio::join!(burst, send(&users[1]));
    assert_eq!(other, 200);
    let refused = burst.iter().filter(|(status, _)| *status == 429).count();
    assert!(
        refused >= 47,
        "{:?}",
        burst.iter().map(|answer| answer.0).collect::<Vec<_>>()
    );
    assert!(burst.iter().all(|(status, _)| matches!(status, 200 | 429)));
    server.assert_healthy();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_long_is_refused_and_holds_up_nobody() {
    let Some(server) = Server::with_plugin().await else {
        return;
    };
    let (_, token) = server.user("sender").await;
    let path = format!("/plugins/{ID}/no-such-route");
    let body = vec![7; 3 << 20];
    let answers = join_all((0..20).map(|_| server.http("POST", &path, &token, &body))).await;
    assert!(
        answers.iter().all(|(status, _)| *status == 413),
        "{:?}",
        answers.iter().map(|a| a.0).collect::<Vec<_>>()
    );
    assert!(server.command("/call help").await.contains("/call"));
}
