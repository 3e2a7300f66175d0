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

/// From the start of the process to its ready line.
const READY_TIME_MAX: Duration = Duration::from_secs(10);
/// From SIGTERM to the end; recordings are written to theirs.
const END_TIME_MAX: Duration = Duration::from_secs(20);
/// The thread that forwards.
const MEDIA_THREAD: &str = "shard-0";

/// Which core runs what.
#[derive(Debug, Clone, Copy)]
pub struct Cpus {
    /// The whole sidecar process; `None`: wherever the system puts it.
    pub sidecar: Option<usize>,
    /// The clients.
    pub generator: Option<usize>,
}

impl Cpus {
    /// No pinning: for tests.
    pub const ANY: Self = Self {
        sidecar: None,
        generator: None,
    };

    /// All cores of this process but these two; these if there are no others.
    pub fn others(&self) -> Option<CpuSet> {
        let mut allowed = sched_getaffinity(None).ok()?;
        let all = allowed;
        for cpu in [self.sidecar, self.generator].into_iter().flatten() {
            allowed.unset(cpu);
        }
        Some(if allowed.count() == 0 { all } else { allowed })
    }

    /// The last two cores that this process may use; `None` with fewer than two.
    pub fn last_two() -> Option<Self> {
        let allowed = sched_getaffinity(None).ok()?;
        let mut usable = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
        let last = usable.next_back()?;
        let before = usable.next_back()?;
        Some(Self {
            sidecar: Some(last),
            generator: Some(before),
        })
    }
}

/// Binds the calling thread, and what it starts, to a core.
pub(super) fn pin_thread(cpu: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(sched_setaffinity(None, &set)?)
}

/// Processes that run or wait for a core, averaged over a minute.
pub(super) fn machine_load() -> io::Result<f64> {
    std::fs::read_to_string("/proc/loadavg")?
        .split_ascii_whitespace()
        .next()
        .and_then(|field| field.parse().ok())
        .ok_or_else(|| io::Error::other("/proc/loadavg is not understood"))
}

/// How to start a sidecar.
#[derive(Debug, Clone)]
pub struct SidecarOptions {
    /// The executable.
    pub executable: PathBuf,
    /// The address given to clients.
    pub address: IpAddr,
    /// Pinned to this core.
    pub cpu: Option<usize>,
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
            _folder: folder,
        };
        if let (Some(cpu), Some(_)) = (options.cpu, &options.others) {
            let mut set = CpuSet::new();
            set.set(cpu);
            let thread = sidecar.named_media_thread().await?;
            sched_setaffinity(Some(thread), &set)?;
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

    /// CPU time used so far by all of its threads.
    pub fn cpu_time(&self) -> io::Result<Duration> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.info.pid))?;
        // proc_pid_stat(5): utime and stime are fields 14 and 15, counted after the name's bracket.
        let after_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
        let mut fields = after_name.split_ascii_whitespace().skip(11);
        let mut ticks = || fields.next().and_then(|field| field.parse::<u64>().ok());
        let (Some(user), Some(system)) = (ticks(), ticks()) else {
            return Err(io::Error::other("/proc/PID/stat is not understood"));
        };
        let per_second = rustix::param::clock_ticks_per_second();
        Ok(Duration::from_secs_f64(
            (user + system) as f64 / per_second as f64,
        ))
    }

    /// CPU time used so far by the thread that forwards.
    pub fn media_cpu_time(&self) -> io::Result<Duration> {
        let thread = self.media_thread()?.as_raw_nonzero();
        let path = format!("/proc/{}/task/{thread}/schedstat", self.info.pid);
        // Documentation/scheduler/sched-stats.rst: nanoseconds on a core come first.
        let text = std::fs::read_to_string(path)?;
        let nanos = text.split_ascii_whitespace().next();
        let nanos = nanos.and_then(|field| field.parse().ok());
        nanos
            .map(Duration::from_nanos)
            .ok_or_else(|| io::Error::other("/proc/PID/task/TID/schedstat is not understood"))
    }

    /// A thread takes its name when it first runs, which may be after the ready line.
    async fn named_media_thread(&self) -> io::Result<Pid> {
        let deadline = tokio::time::Instant::now() + READY_TIME_MAX;
        loop {
            match self.media_thread() {
                Err(_) if tokio::time::Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                found => return found,
            }
        }
    }

    fn media_thread(&self) -> io::Result<Pid> {
        for task in std::fs::read_dir(format!("/proc/{}/task", self.info.pid))? {
            let task = task?;
            let name = std::fs::read_to_string(task.path().join("comm"))?;
            let number = task.file_name().to_string_lossy().parse().ok();
            if name.trim_end() == MEDIA_THREAD
                && let Some(thread) = number.and_then(Pid::from_raw)
            {
                return Ok(thread);
            }
        }
        Err(io::Error::other("the sidecar has no thread that forwards"))
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
    match (options.cpu, &options.others) {
        (Some(_), Some(others)) => {
            sched_setaffinity(None, others).context("pinning the sidecar")?;
        }
        (Some(cpu), None) => pin_thread(cpu).context("pinning the sidecar")?,
        (None, _) => {}
    }
    let child = Command::new(&options.executable)
        .arg("--runtime-dir")
        .arg(folder.join("run"))
        .arg("--data-dir")
        .arg(folder.join("data"))
        .args(["--token-fd", "0", "--ready-fd", "1", "--media-port", "0"])
        .args(["--media-address", &options.address.to_string()])
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
