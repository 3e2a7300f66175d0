//! What the tests with real processes share.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod remote;

use std::io::Read as _;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use parley_proto::launch::{LaunchInfo, RuntimeFiles};

/// Longest wait for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The real sidecar's executable, built if need be.
pub(crate) fn sidecar() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let host = PathBuf::from(env!("CARGO_BIN_EXE_parley"));
            let sidecar = host.with_file_name("parley-sidecar");
            // A run of the whole workspace's tests has built it.
            if sidecar.is_file() {
                return sidecar;
            }
            let built = Command::new(env!("CARGO"))
                .args([
                    "build",
                    "--quiet",
                    "--package",
                    "parley-sidecar",
                    "--bin",
                    "parley-sidecar",
                ])
                .status()
                .unwrap();
            assert!(built.success(), "the sidecar does not build");
            sidecar
        })
        .clone()
}

/// A UDP port that was free a moment ago.
pub(crate) fn free_udp_port() -> u16 {
    UdpSocket::bind("0.0.0.0:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// A TCP port of 127.0.0.1 that was free a moment ago.
pub(crate) fn free_tcp_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// What the sidecar of a runtime directory says of itself, once it serves.
pub(crate) fn launched(runtime_dir: &Path) -> Option<LaunchInfo> {
    let mut text = String::new();
    std::fs::File::open(RuntimeFiles::of(runtime_dir).lock)
        .ok()?
        .read_to_string(&mut text)
        .ok()?;
    serde_json::from_str(&text).ok()
}

/// Sends a signal to one process.
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status();
    assert!(sent.unwrap().success(), "kill -{name} {pid}");
}

/// Whether a process lives (a zombie does not).
pub(crate) fn lives(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or("")
            .trim_start()
            .starts_with('Z')
    })
}

/// Waits until it is so; panics after [`PATIENCE`].
pub(crate) fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
