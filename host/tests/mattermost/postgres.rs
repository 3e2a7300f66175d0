//! A PostgreSQL server of a test's own.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::common::{free_tcp_port, until};

/// Where Debian keeps the programs, by version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Starts the server in the background and ends it when standard input ends: also when the test is killed.
const WITH_ITS_TEST: &str = r#""$@" & server=$!; read -r _; kill -INT $server; wait $server"#;

/// Runs until dropped; all in it is gone then.
pub(crate) struct Postgres {
    process: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Postgres {
    /// On a free port of 127.0.0.1. `None` = no PostgreSQL here, and the test cannot be run.
    pub(crate) fn start() -> Option<Self> {
        let without = std::env::var_os("PARLEY_WITHOUT_POSTGRES").is_some();
        let Some(programs) = programs().filter(|_| !without) else {
            // `cargo xtask test` ends as incomplete then.
            eprintln!("incomplete: PostgreSQL is missing");
            return None;
        };
        // Not in the target folder, which another user may not be let into.
        let folder = tempfile::tempdir().unwrap();
        let user = user_for(folder.path());
        let run = |program: &str| {
            let mut command = Command::new(programs.join(program));
            command.current_dir(folder.path());
            if let Some(id) = user {
                command.uid(id).gid(id);
            }
            command
        };
        let made = run("initdb")
            .args(["--no-sync", "--auth=trust", "--username=mm"])
            .args(["--encoding=UTF8", "--locale=C", "--pgdata=data"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{said}");
        let port = free_tcp_port();
        let mut shell = Command::new("sh");
        shell.current_dir(folder.path()).args(["-c", WITH_ITS_TEST]);
        if let Some(id) = user {
            shell.uid(id).gid(id);
        }
        let process = shell
            .arg("sh")
            .arg(programs.join("postgres"))
            .args(["-D", "data", "-p", &port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories="])
            .args(["-c", "fsync=off"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("the database answers", || {
            let port = port.to_string();
            let answers = run("pg_isready")
                .args(["-q", "-h", "127.0.0.1", "-p", &port])
                .status();
            answers.unwrap().success().then_some(())
        });
        Some(Self {
            process,
            port,
            _folder: folder,
        })
    }

    /// Where and as whom to connect.
    pub(crate) fn dsn(&self) -> String {
        let port = self.port;
        format!("postgres://mm@127.0.0.1:{port}/postgres?sslmode=disable")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// The folder of the programs of the newest version that is installed.
fn programs() -> Option<PathBuf> {
    let version = |folder: &Path| {
        let name = folder.file_name()?.to_str()?;
        name.parse::<u32>().ok()
    };
    let installed = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let newest = installed
        .map(|entry| entry.path())
        .max_by_key(|folder| version(folder));
    let debian = newest.map(|folder| folder.join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian
        .into_iter()
        .chain(std::env::split_paths(&path))
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

/// Who runs it, if not we: the server refuses to be run by root.
fn user_for(folder: &Path) -> Option<u32> {
    /// `nobody`.
    const NOBODY: u32 = 65534;
    let us = Command::new("id").arg("-u").output().unwrap().stdout;
    if us.trim_ascii() != b"0" {
        return None;
    }
    chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
    Some(NOBODY)
}
