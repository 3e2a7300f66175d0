//! Many at once: none is lost.

use std::time::Duration;

use futures::future::join_all;

use crate::server::{ID, Server};

/// Most memory that the plugin may have taken at the end, bytes of resident set.
const MEMORY_MAX: u64 = 700 << 20;

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

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_requests_with_bodies_of_300_kb() {
    let Some(server) = Server::with_plugin().await else {
        return;
    };
    let users = join_all((0..300).map(|n| {
        let server = &server;
        async move { server.user(&format!("user{n}")).await.1 }
    }))
    .await;
    let path = format!("/plugins/{ID}/no-such-route");
    let body: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
    let answers = join_all(
        users
            .iter()
            .map(|token| server.http("POST", &path, token, &body)),
    )
    .await;
    assert_eq!(answers.len(), 300);
    for (status, answer) in &answers {
        // Read to its end and answered by the plugin, which has no such route.
        let text = String::from_utf8_lossy(answer);
        let good = (*status, text.contains("not found")) == (404, true);
        assert!(good, "{status} {text}\n{}", server.log());
    }
    server.assert_healthy();
    let peak = peak_memory(server.plugin_pids()[0]);
    assert!(peak < MEMORY_MAX, "{} MiB", peak >> 20);
    // And it is as well as before.
    let help = tokio::time::timeout(Duration::from_secs(5), server.command("/call help")).await;
    assert!(help.unwrap().contains("/call"));
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
