//! What threads used of their cores, and how long they waited for them.

use std::io;
use std::time::Duration;

use rustix::process::Pid;

/// A thread of a process, as it stands.
pub(super) struct Thread {
    pub(super) id: Pid,
    pub(super) name: String,
    cpu: Duration,
    /// Ready to run, while something else had the core.
    waited: Duration,
}

impl Thread {
    /// All of a process; one that ends meanwhile is left out.
    pub(super) fn all_of(process: u32) -> io::Result<Vec<Self>> {
        let mut threads = Vec::new();
        for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
            let task = task?;
            let read = |name: &str| std::fs::read_to_string(task.path().join(name));
            let (Ok(name), Ok(times)) = (read("comm"), read("schedstat")) else {
                continue;
            };
            let id = task.file_name().to_string_lossy().parse().ok();
            if let (Some(id), Some((cpu, waited))) = (id.and_then(Pid::from_raw), times_in(&times))
            {
                threads.push(Self {
                    id,
                    name: name.trim_end().to_owned(),
                    cpu,
                    waited,
                });
            }
        }
        Ok(threads)
    }
}

/// Documentation/scheduler/sched-stats.rst: nanoseconds on a core, nanoseconds of waiting for one. Finer than
/// /proc/PID/stat, which counts hundredths of a second.
fn times_in(schedstat: &str) -> Option<(Duration, Duration)> {
    let mut fields = schedstat.split_ascii_whitespace().map(str::parse);
    let mut time = || fields.next()?.ok().map(Duration::from_nanos);
    Some((time()?, time()?))
}

/// What a process's threads have used.
#[derive(Debug, Clone, Default)]
pub(super) struct CpuTimes {
    pub(super) all: Duration,
    /// Of each that does the work.
    pub(super) media: Vec<Duration>,
    /// How long each of these waited for a core.
    waited: Vec<Duration>,
    /// The others of the process have the same cores.
    shared: bool,
}

impl CpuTimes {
    /// Those that do the work are told by the beginning of their names.
    pub(super) fn of(threads: &[Thread], names: &str, shared: bool) -> Self {
        let all = threads.iter().map(|thread| thread.cpu).sum();
        let media = threads.iter().filter(|t| t.name.starts_with(names));
        let (media, waited) = media.map(|thread| (thread.cpu, thread.waited)).unzip();
        Self {
            all,
            media,
            waited,
            shared,
        }
    }

    pub(super) fn since(&self, before: &Self) -> Self {
        let each = |now: &[Duration], then: &[Duration]| {
            let pairs = now.iter().zip(then);
            pairs.map(|(now, then)| now.saturating_sub(*then)).collect()
        };
        Self {
            all: self.all.saturating_sub(before.all),
            media: each(&self.media, &before.media),
            waited: each(&self.waited, &before.waited),
            shared: self.shared,
        }
    }

    /// The longest that one of them waited because other programs had its core. What the process's other
    /// threads ran on the same core is no such time.
    pub(super) fn lost(&self) -> Duration {
        let own = match self.shared {
            true => self.all.saturating_sub(self.media.iter().sum()),
            false => Duration::ZERO,
        };
        let longest = self.waited.iter().max().copied();
        longest.unwrap_or_default().saturating_sub(own)
    }
}

/// What all cores of the machine have done so far, for whichever program.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Machine {
    /// Time of programs and of the kernel on their behalf, in seconds of a core. Also what other machines
    /// took of a virtual one.
    busy: f64,
    pub(super) cores: usize,
}

impl Machine {
    pub(super) fn now() -> io::Result<Self> {
        let text = std::fs::read_to_string("/proc/stat")?;
        Self::parse(&text, rustix::param::clock_ticks_per_second() as f64)
            .ok_or_else(|| io::Error::other("/proc/stat is not understood"))
    }

    /// proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal, by the number of ticks. Interrupts are
    /// left out: most are those of our own packets.
    fn parse(text: &str, ticks: f64) -> Option<Self> {
        let mut lines = text.lines();
        let fields: Vec<f64> = lines
            .next()?
            .strip_prefix("cpu ")?
            .split_ascii_whitespace()
            .map_while(|field| field.parse().ok())
            .collect();
        let busy = fields.first()? + fields.get(1)? + fields.get(2)? + fields.get(7)?;
        Some(Self {
            busy: busy / ticks,
            cores: lines.filter(|line| line.starts_with("cpu")).count(),
        })
    }

    /// Of the machine's cores the share that others used since `before`, if `own` was ours.
    pub(super) fn others_share(self, before: Self, own: Duration, time: Duration) -> f64 {
        let others = (self.busy - before.busy - own.as_secs_f64()).max(0.0);
        let share = others / time.as_secs_f64() / self.cores as f64;
        if share.is_finite() { share } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn thread(name: &str, cpu: u32, waited: u32) -> Thread {
        Thread {
            id: Pid::INIT,
            name: name.to_owned(),
            cpu: MS * cpu,
            waited: MS * waited,
        }
    }

    #[test]
    fn waiting_for_others_is_told_from_waiting_for_oneself() {
        let before = [thread("shard-0", 100, 10), thread("tokio", 50, 0)];
        let after = [thread("shard-0", 400, 90), thread("tokio", 80, 70)];
        let times = |shared| {
            let of = |threads: &[Thread]| CpuTimes::of(threads, "shard-", shared);
            of(&after).since(&of(&before))
        };
        assert_eq!(times(true).all, MS * 330);
        assert_eq!(times(true).media, [MS * 300]);
        // 80 ms of waiting; 30 of them may have been for `tokio`.
        assert_eq!(times(true).lost(), MS * 50);
        assert_eq!(times(false).lost(), MS * 80);
        assert_eq!(CpuTimes::default().lost(), Duration::ZERO);
    }

    #[test]
    fn own_threads_have_times() {
        let own = Thread::all_of(std::process::id()).expect("/proc is there");
        assert!(own.iter().any(|thread| thread.cpu > Duration::ZERO));
        assert_eq!(
            times_in("5 7 1\n"),
            Some((Duration::from_nanos(5), Duration::from_nanos(7)))
        );
        assert_eq!(times_in("5"), None);
    }

    #[test]
    fn what_others_use_of_the_machine_is_what_is_neither_idle_nor_ours() {
        let of = |user: u32| {
            let text = format!("cpu  {user} 10 20 900 5 6 7 8 0 0\ncpu0 1\ncpu1 1\nintr 5\n");
            Machine::parse(&text, 100.0).expect("it is understood")
        };
        assert_eq!(of(100).cores, 2);
        assert!((of(100).busy - 1.38).abs() < 1e-9);
        // Three seconds in two; one was ours.
        let share = |own| of(400).others_share(of(100), Duration::from_secs(own), MS * 2_000);
        assert!((share(1) - 0.5).abs() < 1e-9);
        assert_eq!(share(4), 0.0);
        assert_eq!(Machine::parse("cpu  1 2 3\n", 100.0), None);
        assert!(Machine::now().expect("/proc is there").cores > 0);
    }
}
