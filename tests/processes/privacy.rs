//! No outgoing connection but configured ones: a platform with its sidecar runs in a network namespace that has
//! loopback and no route, and the kernel's count of packets and connects without a route stays at zero.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Long enough for an update check, a first report or a look-up at start.
const WATCHED: Duration = Duration::from_secs(6);
/// TEST-NET-1 (RFC 5737): nobody is there, and in the namespace nothing can leave.
const NOWHERE: &str = "192.0.2.1";

struct Namespaced(Child);

impl Drop for Namespaced {
    fn drop(&mut self) {
        // Both fail only when the process is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a shell script in a new network namespace with loopback only.
fn in_namespace(script: &str) -> Namespaced {
    let script = format!("ip link set lo up && {script}");
    let mut command = Command::new("unshare");
    command.args(["--net", "--map-root-user", "sh", "-c", &script]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    Namespaced(command.spawn().expect("unshare of util-linux"))
}

/// Attempts to leave, by IPv4 and IPv6, in the namespace of a process.
fn attempts(pid: u32) -> u64 {
    let v4 = fs::read_to_string(format!("/proc/{pid}/net/snmp")).expect("a live process");
    let mut lines = v4.lines().filter(|line| line.starts_with("Ip:"));
    let (names, values) = (
        lines.next().unwrap_or_default(),
        lines.next().unwrap_or_default(),
    );
    let column = names
        .split(' ')
        .position(|name| name == "OutNoRoutes")
        .expect("the kernel's counter");
    let v4: u64 = values
        .split(' ')
        .nth(column)
        .and_then(|n| n.parse().ok())
        .expect("a number");
    let v6 = fs::read_to_string(format!("/proc/{pid}/net/snmp6")).unwrap_or_default();
    let v6 = v6.lines().find_map(|line| {
        line.strip_prefix("Ip6OutNoRoutes")?
            .trim()
            .parse::<u64>()
            .ok()
    });
    v4 + v6.unwrap_or(0)
}

/// The folder with the workspace's binaries: that of this test, without `deps`.
fn binaries() -> PathBuf {
    let test = std::env::current_exe().expect("this test");
    test.ancestors()
        .nth(2)
        .map(Path::to_path_buf)
        .expect("target/<profile>/deps/<test>")
}

fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    let output = child.stdout.take().expect("piped");
    BufReader::new(output)
        .read_line(&mut line)
        .expect("readable");
    line
}

#[test]
fn the_counter_sees_an_attempt() {
    // A connect that fails at once, then a process that stays for us to read its counters.
    let script = format!("echo ready; (echo > /dev/udp/{NOWHERE}/53) 2>/dev/null; sleep 20");
    let mut stranger = in_namespace(&format!("bash -c '{script}'"));
    first_line(&mut stranger.0);
    let pid = stranger.0.id();
    for _ in 0..50 {
        if attempts(pid) > 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("an attempt to reach {NOWHERE} was not counted: this test proves nothing here");
}

#[test]
fn a_running_platform_never_tries_to_leave() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let bin = binaries();
    let script = format!(
        "exec {}/parley demo --port 0 --sidecar {}/parley-sidecar --data-dir {}/data --web-dir {}",
        bin.display(),
        bin.display(),
        data.path().display(),
        data.path().display(),
    );
    let mut platform = in_namespace(&script);
    assert!(
        !first_line(&mut platform.0).is_empty(),
        "the demo ended before it was ready"
    );
    std::thread::sleep(WATCHED);
    assert_eq!(
        attempts(platform.0.id()),
        0,
        "something tried to leave the machine"
    );
}
