//! The sidecar process: started as a host starts it, pinned to a core, watched from outside.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use parley_proto::launch::LaunchInfo;

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

use super::cores::set_of;
use super::metrics::Metrics;
use super::threads::{CpuTimes, Thread};

/// From the start of the process to its ready line.
const READY_TIME_MAX: Duration = Duration::from_secs(10);
/// From SIGTERM to the end; recordings are written to theirs.
const END_TIME_MAX: Duration = Duration::from_secs(20);
/// How the threads that forward are called.
const MEDIA_THREADS: &str = "shard-";

/// How to start a sidecar.
#[derive(Debug, Clone)]
pub struct SidecarOptions {
    /// The executable.
    pub executable: PathBuf,
    /// The address given to clients.
    pub address: IpAddr,
    /// UDP port; 0: any.
    pub media_port: u16,
    /// Pinned to these cores; none: not at all.
    pub cpus: Vec<usize>,
    /// Threads that forward.
    pub shards: usize,
    /// Only the thread that forwards is; the others have the cores that are neither this nor the clients'
    /// (`None`: all of the process is pinned).
    pub others: Option<CpuSet>,
}

/// A running sidecar; killed when dropped.
#[derive(Debug)]
pub struct Sidecar {
    child: Child,
    info: LaunchInfo,
    token: String,
    /// Only the threads that forward have the cores.
    apart: bool,
    // Holds the socket and the log until the process is gone.
    _folder: tempfile::TempDir,
}

impl Sidecar {
    /// Starts one in a directory of its own, on a free port, and waits until it serves.
    pub async fn start(options: &SidecarOptions) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("parley-bench-").tempdir()?;
        let mut bytes = [0; 32];
        rand::RngCore::fill_bytes(&mut rand::rng(), &mut bytes);
        let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut child = spawn(options, folder.path())?;
        let ready = read_ready_line(&mut child, &token);
        let info = match tokio::time::timeout(READY_TIME_MAX, ready).await {
            Ok(info) => info?,
            Err(_) => bail!("the sidecar did not serve within {READY_TIME_MAX:?}"),
        };
        let sidecar = Self {
            child,
            info,
            token,
            apart: options.others.is_some(),
            _folder: folder,
        };
        let threads = sidecar.named_media_threads(options.shards).await?;
        if options.others.is_some() && !options.cpus.is_empty() {
            for thread in threads {
                sched_setaffinity(Some(thread.id), &set_of(&options.cpus))?;
            }
        }
        Ok(sidecar)
    }

    /// What it said when it was ready.
    pub fn info(&self) -> &LaunchInfo {
        &self.info
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// CPU time used so far by its threads.
    pub(super) fn cpu_times(&self) -> io::Result<CpuTimes> {
        let threads = self.threads()?;
        Ok(CpuTimes::of(&threads, MEDIA_THREADS, !self.apart))
    }

    /// A thread takes its name when it first runs, which may be after the ready line.
    async fn named_media_threads(&self, count: usize) -> anyhow::Result<Vec<Thread>> {
        let deadline = tokio::time::Instant::now() + READY_TIME_MAX;
        loop {
            let mut threads = self.threads()?;
            threads.retain(|thread| thread.name.starts_with(MEDIA_THREADS));
            if threads.len() >= count {
                return Ok(threads);
            }
            if tokio::time::Instant::now() > deadline {
                bail!(
                    "{} of {count} threads that forward were found",
                    threads.len()
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn threads(&self) -> io::Result<Vec<Thread>> {
        Thread::all_of(self.info.pid)
    }

    /// System calls of all threads during a second; `None` where counting them is not possible (it takes
    /// `perf` and the right to use it). Slows the sidecar down meanwhile.
    pub(super) async fn syscalls_in_a_second(&self) -> Option<f64> {
        let pid = self.info.pid.to_string();
        let output = Command::new("perf")
            .args(["stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", &pid])
            .args(["--", "sleep", "1"])
            .stdin(Stdio::null())
            .output();
        let output = output.await.ok().filter(|output| output.status.success())?;
        // Figures go to standard error: count, unit, event.
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = text.lines().find(|line| line.contains("sys_enter"))?;
        line.split(',').next()?.trim().parse().ok()
    }

    /// Its own counters.
    pub(super) async fn metrics(&self) -> anyhow::Result<Metrics> {
        match self.info.http {
            Some(address) => Metrics::read(address).await,
            None => Ok(Metrics::default()),
        }
    }

    /// Resident memory, bytes.
    pub fn resident_bytes(&self) -> io::Result<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/statm", self.info.pid))?;
        let pages = text
            .split_ascii_whitespace()
            .nth(1)
            .and_then(|field| field.parse::<u64>().ok())
            .ok_or_else(|| io::Error::other("/proc/PID/statm is not understood"))?;
        Ok(pages * rustix::param::page_size() as u64)
    }

    /// Ends it in order.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(pid) = i32::try_from(self.info.pid).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM).context("SIGTERM")?;
        }
        tokio::time::timeout(END_TIME_MAX, self.child.wait())
            .await
            .context("the sidecar did not end")??;
        Ok(())
    }
}

/// The child inherits the affinity of this thread, which is put back at once.
fn spawn(options: &SidecarOptions, folder: &Path) -> anyhow::Result<Child> {
    let before = sched_getaffinity(None)?;
    match &options.others {
        _ if options.cpus.is_empty() => {}
        Some(others) => sched_setaffinity(None, others).context("pinning the sidecar")?,
        None => sched_setaffinity(None, &set_of(&options.cpus)).context("pinning the sidecar")?,
    }
    let child = Command::new(&options.executable)
        .args(["--shards", &options.shards.to_string()])
        .arg("--runtime-dir")
        .arg(folder.join("run"))
        .arg("--data-dir")
        .arg(folder.join("data"))
        .args(["--token-fd", "0", "--ready-fd", "1"])
        .args(["--media-port", &options.media_port.to_string()])
        .args(["--media-address", &options.address.to_string()])
        .args(["--http-listen", "127.0.0.1:0"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting {}", options.executable.display()));
    sched_setaffinity(None, &before)?;
    child
}

async fn read_ready_line(child: &mut Child, token: &str) -> anyhow::Result<LaunchInfo> {
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(token.as_bytes()).await.context("token")?;
    }
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout.take(16 * 1024))
            .read_line(&mut line)
            .await?;
    }
    if line.is_empty() {
        let mut said = String::new();
        if let Some(stderr) = child.stderr.take() {
            stderr.take(8 * 1024).read_to_string(&mut said).await?;
        }
        bail!("the sidecar ended at once: {}", said.trim());
    }
    // Its log is its own affair: read on, so that it never waits for us.
    if let Some(mut stderr) = child.stderr.take() {
        tokio::spawn(async move {
            let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
        });
    }
    serde_json::from_str(&line).context("the sidecar's ready line")
}
