//! Keeps one embedded sidecar alive and connected.
//!
//! A loop: adopt or start, publish the connection, watch the process and its health, withdraw the connection,
//! again. The way to the sidecar is published as a [`MediaLink`].

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parley_settings::{IceHost, LogLevel};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::attach::{AttachError, attach};
use super::complaint::Complaint;
use super::ending::SidecarEnding;
use super::in_use::{InUse, Lost, goodbye, health};
use super::install::install;
use super::launch::{LaunchError, launch};
use super::process::Process;
use crate::media::{Connection, LinkReceiver, MediaLink};

/// A process that lived at least this long ends a series of crashes.
const STABLE_AFTER: Duration = Duration::from_secs(10);
/// Pause after the second of two crashes in a row; doubled with each further one. The first restart is at
/// once.
const CRASH_PAUSE_FIRST: Duration = Duration::from_millis(250);
/// Longest such pause.
const CRASH_PAUSE_MAX: Duration = Duration::from_secs(10);

/// How a supervision began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirstStart {
    /// It serves, or will when what is in its way is gone.
    Begun,
    /// It refuses its configuration, in its own words: only a person can change that.
    Refused(String),
}

/// How the sidecar is run.
#[derive(Debug, Clone)]
pub struct SidecarConfig {
    /// The executable as installed; it is copied before it runs.
    pub executable: PathBuf,
    /// Where it keeps what lasts.
    pub data_dir: PathBuf,
    /// Where its socket is; see [`super::runtime_dir`].
    pub runtime_dir: PathBuf,
    /// The UDP port of all media. When it is taken, the sidecar takes a free one.
    pub media_port: u16,
    /// What clients send media to; none = the machine's own addresses.
    pub media_hosts: Vec<IceHost>,
    /// What it logs, unless its own configuration says so.
    pub log_level: LogLevel,
    /// The sidecar's own configuration file.
    pub config_file: Option<PathBuf>,
    /// Opaque id of this host process.
    pub host_id: String,
}

/// What was done so far.
#[derive(Debug, Default)]
pub struct SupervisorCounters {
    /// Processes started.
    pub started: AtomicU64,
    /// Running ones adopted.
    pub adopted: AtomicU64,
    /// Processes that ended while this host was attached.
    pub ended: AtomicU64,
    /// Processes killed because they did not answer.
    pub unhealthy: AtomicU64,
}

/// The running supervision.
pub struct Supervisor {
    connection: LinkReceiver,
    first: watch::Receiver<Option<FirstStart>>,
    counters: Arc<SupervisorCounters>,
    stop: CancellationToken,
    end: CancellationToken,
    task: Task,
}

/// Ends with its handle: a supervisor that is dropped lets go of the sidecar at once, without a goodbye.
pub(super) struct Task(pub(super) JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Supervisor {
    /// Starts to supervise. Returns at once; the connection comes through the link.
    #[must_use]
    pub fn start(config: SidecarConfig) -> Self {
        Self::start_as(config, env!("CARGO_PKG_VERSION"))
    }

    /// As [`Supervisor::start`], by a host of this version.
    #[doc(hidden)]
    #[must_use]
    pub fn start_as(config: SidecarConfig, version: &'static str) -> Self {
        let (publish, connection) = watch::channel(None);
        let (tell_first, first) = watch::channel(None);
        let counters = Arc::<SupervisorCounters>::default();
        let (stop, end) = (CancellationToken::new(), CancellationToken::new());
        let supervision = Supervision {
            config,
            version,
            publish,
            tell_first,
            counters: Arc::clone(&counters),
            stop: stop.clone(),
            end: end.clone(),
        };
        Self {
            connection,
            first,
            counters,
            stop,
            end,
            task: Task(tokio::spawn(supervision.run())),
        }
    }

    /// How the first attempt to have a sidecar ended. It takes as long as that: 15 s at most.
    pub async fn first_start(&self) -> FirstStart {
        let mut first = self.first.clone();
        match first.wait_for(Option::is_some).await {
            Ok(first) => first.clone().unwrap_or(FirstStart::Begun),
            // It was told to end before.
            Err(_) => FirstStart::Begun,
        }
    }

    /// What was done so far.
    #[must_use]
    pub fn counters(&self) -> Arc<SupervisorCounters> {
        Arc::clone(&self.counters)
    }

    /// The link, for whoever lives longer than this borrow.
    #[must_use]
    pub fn link(&self) -> Arc<dyn MediaLink> {
        Arc::new(Link(self.connection.clone()))
    }

    /// Ends the sidecar instead of leaving it.
    #[must_use]
    pub fn ending(&self) -> SidecarEnding {
        SidecarEnding::new(self.connection.clone(), self.end.clone())
    }

    /// Says goodbye and lets go of the sidecar, which goes on for its lease.
    pub async fn stop(mut self) {
        self.stop.cancel();
        // An error is a panic of the task, which was logged.
        let _ = (&mut self.task.0).await;
    }
}

struct Link(LinkReceiver);

impl MediaLink for Link {
    fn connection(&self) -> LinkReceiver {
        self.0.clone()
    }
}

struct Supervision {
    config: SidecarConfig,
    /// Ours, and that of the sidecar beside us.
    version: &'static str,
    publish: watch::Sender<Option<Connection>>,
    tell_first: watch::Sender<Option<FirstStart>>,
    counters: Arc<SupervisorCounters>,
    stop: CancellationToken,
    /// The sidecar is to end as well.
    end: CancellationToken,
}

impl Supervision {
    async fn run(self) {
        let mut crashes = 0_u32;
        let mut complaint = Complaint::default();
        loop {
            let obtained = tokio::select! {
                () = self.told_to_end() => return,
                obtained = self.obtain() => obtained,
            };
            match obtained {
                Ok(in_use) => {
                    complaint.clear();
                    self.tell_first(FirstStart::Begun);
                    if matches!(self.use_it(&in_use).await, Lost::Stopped | Lost::Finished) {
                        return;
                    }
                    let stable = in_use.age() >= STABLE_AFTER;
                    crashes = if stable { 1 } else { crashes.saturating_add(1) };
                }
                Err(error) => {
                    if complaint.is_due(&error.to_string()) {
                        tracing::error!(%error, "no sidecar");
                    }
                    crashes = match &error {
                        // It will not read otherwise in a moment.
                        LaunchError::Config(_) => u32::MAX,
                        _ => crashes.saturating_add(1),
                    };
                    self.tell_first(match error {
                        LaunchError::Config(said) => FirstStart::Refused(said),
                        _ => FirstStart::Begun,
                    });
                }
            }
            tokio::select! {
                () = self.told_to_end() => return,
                () = tokio::time::sleep(pause_after(crashes)) => {}
            }
        }
    }

    /// Only the first word counts.
    fn tell_first(&self, how: FirstStart) {
        self.tell_first.send_if_modified(|first| {
            let unknown = first.is_none();
            if unknown {
                *first = Some(how);
            }
            unknown
        });
    }

    async fn told_to_end(&self) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.end.cancelled() => {}
        }
    }

    /// Adopts the running one, or starts one.
    async fn obtain(&self) -> Result<InUse, LaunchError> {
        match attach(&self.config.runtime_dir, &self.config.host_id).await {
            Ok(attached) => {
                self.counters.adopted.fetch_add(1, Ordering::Relaxed);
                tracing::info!(version = attached.info.sidecar_version, "sidecar adopted");
                return Ok(InUse::new(attached, None));
            }
            Err(AttachError::Absent(reason)) => tracing::debug!(%reason, "no sidecar to adopt"),
            Err(error @ (AttachError::Mute(pid) | AttachError::Refused(pid, _))) => {
                tracing::warn!(%error, "the running sidecar is replaced");
                self.counters.unhealthy.fetch_add(1, Ordering::Relaxed);
                if let Some(process) = pid.and_then(Process::open) {
                    process.kill().await;
                }
            }
            Err(error @ AttachError::Foreign) => tracing::error!(%error, "socket not used"),
        }
        super::attach::retire_other_majors(&self.config.runtime_dir).await;
        self.start().await
    }

    async fn start(&self) -> Result<InUse, LaunchError> {
        let (executable, runtime_dir) = (
            self.config.executable.clone(),
            self.config.runtime_dir.clone(),
        );
        let installed =
            tokio::task::spawn_blocking(move || install(&executable, &runtime_dir)).await;
        let executable = match installed {
            Ok(Ok(path)) => path,
            // A full or read-only disk: better to run the original than nothing.
            Ok(Err(error)) => {
                tracing::warn!(%error, "the sidecar runs from where it is installed");
                self.config.executable.clone()
            }
            Err(_) => self.config.executable.clone(),
        };
        let launched = launch(&executable, &self.config).await?;
        self.counters.started.fetch_add(1, Ordering::Relaxed);
        let info = &launched.info;
        tracing::info!(
            pid = info.pid,
            media_port = info.media_port,
            log = info
                .log
                .as_ref()
                .map(|log| tracing::field::display(log.display())),
            "sidecar started"
        );
        if info.media_port != self.config.media_port {
            tracing::warn!(
                asked = self.config.media_port,
                taken = info.media_port,
                "the media port was in use"
            );
        }
        match attach(&self.config.runtime_dir, &self.config.host_id).await {
            Ok(attached) => Ok(InUse::new(attached, Some(launched.child))),
            Err(error) => Err(LaunchError::ReadyLine(error.to_string())),
        }
    }

    /// Publishes the connection until it is lost.
    async fn use_it(&self, in_use: &InUse) -> Lost {
        let connection = in_use.connection();
        self.publish.send_replace(Some(connection.clone()));
        let outdated = in_use.is_older_than(self.version);
        let lost = tokio::select! {
            biased;
            () = self.stop.cancelled() => Lost::Stopped,
            () = self.end.cancelled() => in_use.finish().await,
            lost = in_use.retire(), if outdated => lost,
            () = in_use.end() => Lost::Ended,
            lost = health(&connection) => lost,
        };
        let lost = match lost {
            Lost::Disconnected => in_use.ended_or_disconnected().await,
            other => other,
        };
        let lost = match lost {
            Lost::Ended if in_use.is_retiring() => Lost::Outdated,
            other => other,
        };
        match lost {
            Lost::Stopped => {
                tracing::info!("leaving the sidecar");
                goodbye(&connection, &self.config.host_id).await;
            }
            Lost::Finished => tracing::info!("the sidecar ended as asked"),
            Lost::Ended => {
                self.counters.ended.fetch_add(1, Ordering::Relaxed);
                tracing::error!("the sidecar ended");
            }
            Lost::Mute => {
                self.counters.unhealthy.fetch_add(1, Ordering::Relaxed);
                tracing::error!("the sidecar does not answer; it is replaced");
                in_use.kill().await;
            }
            Lost::Disconnected => tracing::warn!("connection to the sidecar lost"),
            Lost::Outdated => tracing::info!("the older sidecar ended after its last call"),
        }
        self.publish.send_replace(None);
        lost
    }
}

fn pause_after(crashes: u32) -> Duration {
    match crashes {
        0 | 1 => Duration::ZERO,
        more => CRASH_PAUSE_FIRST
            .saturating_mul(1 << (more - 2).min(16))
            .min(CRASH_PAUSE_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_restart_is_at_once_and_a_crash_loop_slows_down() {
        assert_eq!(pause_after(0), Duration::ZERO);
        assert_eq!(pause_after(1), Duration::ZERO);
        assert_eq!(pause_after(2), CRASH_PAUSE_FIRST);
        assert_eq!(pause_after(3), CRASH_PAUSE_FIRST * 2);
        assert_eq!(pause_after(100), CRASH_PAUSE_MAX);
    }
}
