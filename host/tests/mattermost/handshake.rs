//! The first second of the process, without a server.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{free_udp_port, until};
use crate::server::host_executable;

/// The executable as a server starts it, outside of any bundle.
fn start(cookie: Option<&str>) -> Child {
    let mut command = Command::new(host_executable());
    command
        .env_remove("MATTERMOST_PLUGIN")
        .env("PLUGIN_PROTOCOL_VERSIONS", "1")
        .env("PARLEY_MEDIA_PORT", free_udp_port().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(cookie) = cookie {
        command.env("MATTERMOST_PLUGIN", cookie);
    }
    command.spawn().unwrap()
}

#[test]
fn the_line_comes_within_a_second_and_nothing_else_on_that_output() {
    // In a bundle, so that it stays.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    std::fs::write(
        folder.path().join("plugin.json"),
        r#"{"id": "app.parley.calls"}"#,
    )
    .unwrap();
    let executable = folder.path().join("parley");
    std::fs::hard_link(host_executable(), &executable).unwrap();
    let begin = Instant::now();
    let mut plugin = Command::new(&executable)
        .env("MATTERMOST_PLUGIN", "Securely message teams, anywhere.")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(plugin.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    let parts: Vec<_> = line.trim_end().split('|').collect();
    let ["1", "1", "unix", path, "netrpc", ""] = parts[..] else {
        panic!("{line}");
    };
    // The host opens one connection; its end is the plugin's, whatever is compiled at that time.
    let host = UnixStream::connect(path).unwrap();
    drop(host);
    let begin = Instant::now();
    let status = plugin.wait().unwrap();
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "{:?}",
        begin.elapsed()
    );
    assert!(status.success(), "{status}");
    assert!(!std::path::Path::new(path).exists(), "the socket stays");
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    let mut errors = String::new();
    plugin
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut errors)
        .unwrap();
    assert!(!errors.is_empty());
    for line in errors.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        for key in ["@message", "@level", "@timestamp"] {
            assert!(line[key].is_string(), "{line}");
        }
    }
}

#[test]
fn without_the_cookie_it_is_the_command_line_program() {
    for cookie in [None, Some("something else")] {
        let output = start(cookie).wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{cookie:?}");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains("Usage"), "{errors}");
    }
}

#[test]
fn outside_of_a_bundle_it_says_so_in_the_servers_log() {
    let mut plugin = start(Some("Securely message teams, anywhere."));
    let status = until("its end", || plugin.try_wait().unwrap());
    assert_eq!(status.code(), Some(78));
    let mut errors = String::new();
    plugin
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut errors)
        .unwrap();
    assert!(errors.contains("plugin.json"), "{errors}");
}
