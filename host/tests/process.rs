//! The executable as a whole: arguments, a trace through all layers, an orderly end, a crash.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::remote::{RemoteSidecar, TOKEN};
use common::{free_udp_port, launched, lives, sidecar, signal, until};

/// `parley demo` over a folder.
struct Demo {
    process: Child,
    port: u16,
    alice: String,
    log: std::path::PathBuf,
}

impl Demo {
    fn start(data: &std::path::Path) -> Self {
        Self::with_log(data, "info,parley_host=debug")
    }

    fn with_log(data: &std::path::Path, filter: &str) -> Self {
        Self::with(data, filter, &[])
    }

    fn with(data: &std::path::Path, filter: &str, variables: &[(&str, &str)]) -> Self {
        let log = data.join(format!("host-{}.log", free_udp_port()));
        let mut process = Command::new(env!("CARGO_BIN_EXE_parley"))
            .args(["demo", "--port", "0", "--media-address", "127.0.0.1"])
            .args(["--media-port", &free_udp_port().to_string()])
            .args(["--log", filter])
            .arg("--data-dir")
            .arg(data)
            .arg("--web-dir")
            .arg(data)
            .arg("--sidecar")
            .arg(sidecar())
            .env("PARLEY_SIDECAR_LOG_LEVEL", "debug")
            .env_remove("XDG_RUNTIME_DIR")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let alice = loop {
            let line = lines.next().expect("the links").unwrap();
            if let Some((_, link)) = line.split_once("Alice") {
                break link.trim().to_owned();
            }
        };
        let rest = alice.strip_prefix("http://localhost:").unwrap();
        let (port, path) = rest.split_once('/').unwrap();
        Self {
            process,
            port: port.parse().unwrap(),
            alice: format!("/{path}"),
            log,
        }
    }

    /// One HTTP request; the answer as text.
    fn http(&self, method: &str, path: &str, token: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nconnection: close\r\n\
             authorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n{body}",
            self.port
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn sign_in(&self) -> String {
        let answer = self.http("GET", &self.alice, "", "");
        let cookie = answer.split("MMAUTHTOKEN=").nth(1).expect("a cookie");
        cookie.split(';').next().unwrap().to_owned()
    }

    fn json(&self, path: &str, token: &str) -> serde_json::Value {
        let answer = self.http("GET", path, token, "");
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// Runs a slash command in the demo's channel; the whole answer.
    fn command(&self, token: &str, command: &str) -> String {
        let teams = self.json("/api/v4/users/me/teams", token);
        let team = teams[0]["id"].as_str().unwrap();
        let path = format!("/api/v4/users/me/teams/{team}/channels");
        let channels = self.json(&path, token);
        let mut channels = channels.as_array().unwrap().iter();
        let lounge = channels
            .find(|channel| channel["name"] == "lounge")
            .unwrap();
        let body = serde_json::json!({
            "channel_id": lounge["id"], "team_id": team, "command": command
        });
        self.http("POST", "/api/v4/commands/execute", token, &body.to_string())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `parley serve` over the folder of a demo that was killed in a call.
struct Serve {
    process: Child,
    said: std::io::Lines<BufReader<std::process::ChildStdout>>,
    log: std::path::PathBuf,
    sidecar: u32,
}

impl Serve {
    fn start(data: &std::path::Path) -> Self {
        let mut demo = Demo::start(data);
        let token = demo.sign_in();
        assert!(
            demo.command(&token, "/call start")
                .contains("You started a call")
        );
        demo.process.kill().unwrap();
        demo.process.wait().unwrap();
        let log = data.join("serve.log");
        let mut process = Command::new(env!("CARGO_BIN_EXE_parley"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data)
            .arg("--web-dir")
            .arg(data)
            .arg("--sidecar")
            .arg(sidecar())
            .args(["--log", "info,parley_host=debug"])
            .env_remove("XDG_RUNTIME_DIR")
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        until("the adopted call's events", || {
            std::fs::read_to_string(&log)
                .unwrap()
                .contains("event stream is ready")
                .then_some(())
        });
        Self {
            said: BufReader::new(process.stdout.take().unwrap()).lines(),
            process,
            log,
            sidecar: launched(&data.join("run")).unwrap().pid,
        }
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn kill_sidecar(data: &std::path::Path) {
    if let Some(info) = launched(&data.join("run")).filter(|info| lives(info.pid)) {
        signal(info.pid, "KILL");
    }
}

#[test]
fn one_trace_id_goes_through_all_layers() {
    let data = tempfile::tempdir().unwrap();
    let demo = Demo::start(data.path());
    let token = demo.sign_in();
    let answer = demo.command(&token, "/call start Weekly");
    assert!(answer.contains("You started a call"), "{answer}");
    let trace = answer
        .lines()
        .find_map(|line| line.strip_prefix("x-trace-id: "))
        .unwrap()
        .trim();

    let sidecar_log = launched(&data.path().join("run")).unwrap().log.unwrap();
    let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    // Its method says that the line is of this very call on the way from the guest, not of its answer.
    for method in ["OpenRoom", "SetTimer"] {
        until("the sidecar's line", || {
            let log = read(&sidecar_log);
            let mut lines = log.lines();
            let found = lines.any(|line| line.contains(trace) && line.contains(method));
            found.then_some(())
        });
    }
    let host_log = read(&demo.log);
    let lines: Vec<_> = host_log
        .lines()
        .filter(|line| line.contains(trace))
        .collect();
    assert!(
        lines.iter().any(|line| line.contains("commands/execute")),
        "platform: {lines:?}"
    );
    assert!(
        lines.iter().any(|line| line.contains("parley::guest")),
        "guest: {lines:?}"
    );
    let link_token = demo.alice.rsplit('=').next().unwrap();
    for secret in [&token, link_token] {
        assert!(!host_log.contains(secret), "a token is in the log");
        assert!(
            !read(&sidecar_log).contains(secret),
            "a token is in the sidecar's log"
        );
    }
    kill_sidecar(data.path());
}

#[test]
fn on_debug_the_plugins_compiler_stays_silent() {
    let data = tempfile::tempdir().unwrap();
    let demo = Demo::with_log(data.path(), "debug");
    let log = std::fs::read_to_string(&demo.log).unwrap();
    assert!(log.contains("DEBUG"), "{log}");
    for part in ["cranelift", "wasmtime", "regalloc2"] {
        let line = log.lines().find(|line| line.contains(part));
        assert_eq!(line, None, "of {} lines", log.lines().count());
    }
    kill_sidecar(data.path());
}

#[test]
fn monitors_are_told_the_truth() {
    let data = tempfile::tempdir().unwrap();
    let demo = Demo::start(data.path());
    let status = |path: &str| {
        let answer = demo.http("GET", path, "", "");
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(status("/live"), "200");
    assert_eq!(status("/ready"), "200");
    assert_eq!(status("/metrics"), "404");
    assert_eq!(status("/healthz"), "404");
    kill_sidecar(data.path());
}

#[test]
fn link_and_stats_answer_too() {
    let data = tempfile::tempdir().unwrap();
    let demo = Demo::start(data.path());
    let token = demo.sign_in();
    assert!(
        demo.command(&token, "/call link")
            .contains("/plugins/app.parley.calls/join/")
    );
    assert!(
        demo.command(&token, "/call stats")
            .contains("no statistics")
    );
    assert!(
        demo.command(&token, "/call start")
            .contains("You started a call")
    );
    assert!(demo.command(&token, "/call end").contains("ended the call"));
    kill_sidecar(data.path());
}

#[test]
fn a_demo_told_to_end_ends_its_calls_and_its_sidecar() {
    let data = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(data.path());
    let token = demo.sign_in();
    assert!(
        demo.command(&token, "/call start")
            .contains("You started a call")
    );
    let pid = launched(&data.path().join("run")).unwrap().pid;
    let start = Instant::now();
    signal(demo.process.id(), "INT");
    let status = demo.process.wait().unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    assert!(!lives(pid), "the sidecar is still there");
    let log = std::fs::read_to_string(&demo.log).unwrap();
    assert!(log.contains(": Shutdown"), "the plugin was not told: {log}");
    assert!(!log.contains("ERROR") && !log.contains("WARN"), "{log}");
}

#[test]
fn a_server_told_to_end_leaves_its_calls_to_the_next_one() {
    let data = tempfile::tempdir().unwrap();
    let mut serve = Serve::start(data.path());
    let start = Instant::now();
    signal(serve.process.id(), "TERM");
    assert_eq!(serve.process.wait().unwrap().code(), Some(0));
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    assert!(lives(serve.sidecar), "the lease is 20 s");
    let log = std::fs::read_to_string(&serve.log).unwrap();
    assert!(log.contains("1 call goes on for 20 s"), "{log}");
    kill_sidecar(data.path());
}

#[test]
fn a_second_interrupt_of_a_server_ends_its_calls() {
    let data = tempfile::tempdir().unwrap();
    let mut serve = Serve::start(data.path());
    signal(serve.process.id(), "INT");
    let notice = serve
        .said
        .by_ref()
        .map(Result::unwrap)
        .find(|line| line.contains("Ctrl-C"))
        .expect("the notice");
    assert!(notice.starts_with("1 call goes on for 20 s"), "{notice}");
    assert!(lives(serve.sidecar));
    signal(serve.process.id(), "INT");
    assert_eq!(serve.process.wait().unwrap().code(), Some(0));
    assert!(!lives(serve.sidecar), "the sidecar is still there");
    let log = std::fs::read_to_string(&serve.log).unwrap();
    assert!(log.contains(": Shutdown"), "the plugin was not told: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_media_server_holds_the_calls_and_outlives_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let remote = RemoteSidecar::start(&[]);
    let mut demo = Demo::with(
        folder.path(),
        "info",
        &[
            ("PARLEY_SIDECAR_MODE", "remote"),
            ("PARLEY_SIDECAR_ADDRESS", &remote.address()),
            ("PARLEY_SIDECAR_TOKEN", TOKEN),
        ],
    );
    let token = demo.sign_in();
    let answer = demo.command(&token, "/call start");
    assert!(answer.contains("You started a call"), "{answer}");
    remote.has_rooms(1).await;
    signal(demo.process.id(), "TERM");
    until("the demo's end", || demo.process.try_wait().unwrap());
    remote.has_rooms(1).await;
    assert!(!std::fs::read_to_string(&demo.log).unwrap().contains(TOKEN));
}

#[test]
fn a_second_host_on_the_same_data_folder_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let first = Demo::start(data.path());
    let mut second = Command::new(env!("CARGO_BIN_EXE_parley"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data.path())
        .arg("--web-dir")
        .arg(data.path())
        .arg("--sidecar")
        .arg(sidecar())
        .env_remove("XDG_RUNTIME_DIR")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = until("the second one's end", || second.try_wait().unwrap());
    assert_eq!(status.code(), Some(75));
    let mut said = String::new();
    second
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    let folder = data.path().canonicalize().unwrap();
    assert!(said.contains(folder.to_str().unwrap()), "{said}");
    // The first one is not disturbed.
    let token = first.sign_in();
    assert!(
        first
            .command(&token, "/call start")
            .contains("You started a call")
    );
    kill_sidecar(data.path());
}

#[test]
fn a_killed_hosts_call_is_there_for_the_next_one() {
    let data = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(data.path());
    let token = demo.sign_in();
    assert!(
        demo.command(&token, "/call start")
            .contains("You started a call")
    );
    let pid = launched(&data.path().join("run")).unwrap().pid;
    demo.process.kill().unwrap();
    demo.process.wait().unwrap();

    let start = Instant::now();
    let next = Demo::start(data.path());
    let token = next.sign_in();
    let answer = next.command(&token, "/call end");
    assert!(answer.contains("ended the call"), "{answer}");
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(
        launched(&data.path().join("run")).unwrap().pid,
        pid,
        "adopted"
    );
    kill_sidecar(data.path());
}

#[test]
fn a_host_that_stood_still_does_not_replace_a_sidecar_that_works() {
    let data = tempfile::tempdir().unwrap();
    let demo = Demo::start(data.path());
    let run = data.path().join("run");
    until("the event stream", || {
        std::fs::read_to_string(&demo.log)
            .unwrap()
            .contains("event stream is ready")
            .then_some(())
    });
    let pid = launched(&run).unwrap().pid;
    for _ in 0..2 {
        signal(demo.process.id(), "STOP");
        std::thread::sleep(Duration::from_secs(5));
        signal(demo.process.id(), "CONT");
        std::thread::sleep(Duration::from_secs(1));
    }
    let token = demo.sign_in();
    assert!(
        demo.command(&token, "/call start")
            .contains("You started a call")
    );
    assert_eq!(launched(&run).unwrap().pid, pid);
    kill_sidecar(data.path());
}

/// Exit code, standard output and standard error of `parley` with these arguments, over a data folder.
fn refused(data: &std::path::Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_parley"))
        .args(args)
        .arg("--data-dir")
        .arg(data)
        .args(["--web-dir", "/"])
        .env_remove("XDG_RUNTIME_DIR")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn a_bad_argument_is_named_and_has_its_own_exit_code() {
    let data = tempfile::tempdir().unwrap();
    let sidecar = sidecar();
    let sidecar = sidecar.to_str().unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--sidecar"];
    for (more, named) in [
        (
            &["/nowhere"][..],
            "--sidecar: no sidecar executable: looked for /nowhere",
        ),
        (&[sidecar, "--site-url", "ftp://x"], "--site-url: "),
        (&[sidecar, "--log", "blub"], "--log: `blub` is no level"),
    ] {
        let (code, _, said) = refused(data.path(), &[&serve, more].concat());
        assert_eq!(code, Some(78), "{said}");
        assert!(said.contains(named), "{said}");
    }
}

#[test]
fn a_database_that_is_none_is_named() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("local.sqlite");
    std::fs::write(&file, "x".repeat(4096)).unwrap();
    let sidecar = sidecar();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--sidecar"];
    let args = [&serve[..], &[sidecar.to_str().unwrap()]].concat();
    let (code, _, said) = refused(data.path(), &args);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains(file.to_str().unwrap()), "{said}");
}

#[test]
fn a_configuration_that_the_sidecar_refuses_ends_the_host() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("sidecar.toml");
    let sidecar = sidecar();
    let demo = [
        "demo",
        "--port",
        "0",
        "--sidecar",
        sidecar.to_str().unwrap(),
    ];
    let args = [&demo[..], &["--sidecar-config", file.to_str().unwrap()]].concat();
    for (config, field) in [
        ("node_id = \"\"", "node_id: "),
        ("media_prot = 1", "media_prot"),
        ("log_level = \"blub\"", "log_level: `blub` is no level"),
    ] {
        std::fs::write(&file, config).unwrap();
        let (code, links, said) = refused(data.path(), &args);
        assert_eq!(code, Some(78), "{said}");
        assert!(said.contains("parley: --sidecar-config: "), "{said}");
        assert!(said.contains(field), "{said}");
        assert_eq!(links, "", "nobody is sent to a call that cannot be");
    }
}
