//! A stretch of time in which everything is counted.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::control::Control;
use super::metrics::Metrics;
use super::percentiles::Latency;
use super::process::Sidecar;
use super::scenario::{Rates, Scenario};
use super::swarm::Tally;
use super::threads::{CpuTimes, Machine, Thread};

/// How the threads of clients are called.
const CLIENT_THREADS: &str = "swarm-";
/// How the thread is called that plays host: that of `main`.
const HOST_THREAD: &str = "parley-bench";

/// A window as it was counted.
#[cfg_attr(test, derive(Default))]
pub(super) struct Window {
    pub(super) time: Duration,
    pub(super) cpu: CpuTimes,
    /// Of this process.
    pub(super) own: CpuTimes,
    /// Of the machine's cores, used by neither.
    pub(super) others_share: f64,
    pub(super) tally: Tally,
    pub(super) before: Metrics,
    pub(super) after: Metrics,
}

impl Window {
    pub(super) async fn measure(
        sidecar: &Sidecar,
        control: &mut Control,
        time: Duration,
    ) -> anyhow::Result<Self> {
        let before = sidecar.metrics().await?;
        control.begin()?;
        let (machine, own) = (Machine::now()?, own_times()?);
        let (began, cpu) = (Instant::now(), sidecar.cpu_times()?);
        control.attend(time).await?;
        let (time, cpu) = (began.elapsed(), sidecar.cpu_times()?.since(&cpu));
        let own = own_times()?.since(&own);
        let others_share = Machine::now()?.others_share(machine, cpu.all + own.all, time);
        let tally = control.end().await?;
        let after = sidecar.metrics().await?;
        Ok(Self {
            time,
            cpu,
            own,
            others_share,
            tally,
            before,
            after,
        })
    }

    /// What most figures are made of. `cores` are those of the sidecar.
    pub(super) fn load(&mut self, scenario: &Scenario, cores: usize) -> Load {
        let (seconds, cpu) = (self.time.as_secs_f64(), self.cpu.all.as_secs_f64());
        let packets = self.tally.packets as f64;
        let busiest = |times: &[Duration]| {
            let shares = times.iter().map(|time| time.as_secs_f64() / seconds);
            shares.fold(0.0, f64::max)
        };
        Load {
            participants: scenario.roles.len(),
            packets_per_second: packets / seconds,
            packets_per_cpu_second: per(packets, cpu),
            cpu_share: cpu / seconds / cores.max(1) as f64,
            busiest_thread_share: busiest(&self.cpu.media),
            generator_cpu_share: busiest(&self.tally.cpu),
            lost_core_share: self.cpu.lost().as_secs_f64() / seconds,
            generator_lost_core_share: self.own.lost().as_secs_f64() / seconds,
            delivered_share: scenario
                .is_exact()
                .then(|| delivered_share(scenario, &self.tally, seconds)),
            latency: Latency::of(&mut self.tally.latencies_us),
        }
    }
}

/// The state of sidecar and clients under a load.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Load {
    /// Sessions in all.
    pub participants: usize,
    /// Media packets that clients received.
    pub packets_per_second: f64,
    /// Of the whole sidecar process.
    pub packets_per_cpu_second: f64,
    /// Of the sidecar's cores, used by all of its threads.
    pub cpu_share: f64,
    /// Of a core, used by the busiest of the threads that forward.
    pub busiest_thread_share: f64,
    /// Of a core, used by the busiest of the generator's threads; near 1 it is the limit, not the sidecar.
    pub generator_cpu_share: f64,
    /// Of the time, how long a thread that forwards was ready while other programs had its core.
    pub lost_core_share: f64,
    /// The same of the clients' threads.
    pub generator_lost_core_share: f64,
    /// Share of what should have been delivered of what publishers really sent; absent: which layers of
    /// pictures leave is the sidecar's choice.
    pub delivered_share: Option<f64>,
    /// From the sender's `send` call to the receiver's `recv`, the clients' crypto included.
    pub latency: Latency,
}

pub(super) fn own_times() -> std::io::Result<CpuTimes> {
    times_of(CLIENT_THREADS)
}

/// Of whoever carries the signals of clients.
pub(super) fn host_times() -> std::io::Result<CpuTimes> {
    times_of(HOST_THREAD)
}

fn times_of(names: &str) -> std::io::Result<CpuTimes> {
    let threads = Thread::all_of(std::process::id())?;
    Ok(CpuTimes::of(&threads, names, false))
}

/// One by the other; nothing of nothing.
pub(super) fn per(amount: f64, by: f64) -> f64 {
    if by > 0.0 { amount / by } else { 0.0 }
}

fn delivered_share(scenario: &Scenario, tally: &Tally, seconds: f64) -> f64 {
    let (nominal, expected) = (scenario.sent(), scenario.expected());
    let sent = Rates {
        voices: tally.sent.voices as f64 / seconds,
        pictures: tally.sent.pictures as f64 / seconds,
    };
    let due = per(expected.voices * sent.voices, nominal.voices)
        + per(expected.pictures * sent.pictures, nominal.pictures);
    per(tally.packets as f64 / seconds, due)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::swarm::source::Sent;

    #[test]
    fn what_was_not_sent_is_not_missed() {
        let scenario = Scenario::named("W1").expect("a workload");
        // Three speakers for ten seconds, one packet of each ten not sent, all else delivered but a tenth.
        let tally = Tally {
            packets: 1_350 * 49 * 9 / 10,
            sent: Sent {
                voices: 1_350,
                pictures: 0,
            },
            ..Tally::default()
        };
        let share = delivered_share(&scenario, &tally, 10.0);
        assert!((share - 0.9).abs() < 1e-4, "{share}");
        assert_eq!(delivered_share(&scenario, &Tally::default(), 10.0), 0.0);
    }
}
