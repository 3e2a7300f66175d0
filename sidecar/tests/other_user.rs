//! A peer of another user is dropped before a byte is read, even where the file modes let it through.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::Sidecar;

/// Where [`connects`], run as somebody else, finds the socket.
const SOCKET: &str = "PARLEY_TEST_SOCKET";
/// The user "nobody".
const NOBODY: u32 = 65_534;
/// What an HTTP/2 client says first (RFC 9113 section 3.4), with an empty SETTINGS frame.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// Not a test by itself: says on standard error whether the server talks.
#[test]
#[ignore = "the part that another user runs"]
fn connects() {
    let mut stream = UnixStream::connect(std::env::var(SOCKET).unwrap()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(2)))
        .unwrap();
    let _ = stream.write_all(PREFACE);
    let answered = stream.read(&mut [0; 64]).unwrap_or(0) > 0;
    eprintln!("answered={answered}");
}

fn ask_as(user: u32, socket: &str) -> String {
    // The test's own folder may be closed to others.
    let temp = tempfile::tempdir().unwrap();
    let program = temp.path().join("helper");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    for path in [temp.path(), &program] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let output = Command::new(&program)
        .args(["--ignored", "--exact", "connects", "--nocapture"])
        .current_dir("/")
        .env(SOCKET, socket)
        .uid(user)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn only_the_same_user_is_answered() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can become somebody else");
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let sidecar = Sidecar::start_in(&temp.path().join("run"), &[])
        .map_err(|f| f.stderr)
        .unwrap();
    // Open what normally keeps others away, so that only the peer check is left.
    for path in [temp.path(), &sidecar.dir] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let socket = &sidecar.info.socket;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o666)).unwrap();
    let socket = socket.to_str().unwrap();
    let own = ask_as(0, socket);
    assert!(own.contains("answered=true"), "{own}");
    let other = ask_as(NOBODY, socket);
    assert!(other.contains("answered=false"), "{other}");
    assert!(sidecar.log().contains("a peer of another user was dropped"));
}
