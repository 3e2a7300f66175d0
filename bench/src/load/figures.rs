//! What a run measured.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::bare::BareLoops;
use super::calibration::Raw;
use super::impaired::Impaired;
use super::scenario::Scenario;
use super::soak::Soak;
use super::storm::Storm;
use super::sweep::Sweep;
use super::trust::doubts;
use super::window::{Window, per};

/// The figures of one run; the field names are those of the JSON.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// `W1`.
    pub scenario: &'static str,
    /// What it is.
    pub title: &'static str,
    /// These are the sidecar's figures: nothing speaks against them.
    pub trusted: bool,
    /// What does, in words: busy clients, other work on the machine.
    pub doubts: Vec<String>,
    /// Sessions in all rooms.
    pub participants: usize,
    #[allow(missing_docs)]
    pub rooms: usize,
    /// Rooms that were recorded.
    pub recordings: usize,
    /// Length of the measured window.
    pub seconds: f64,
    /// Media packets that clients received in it.
    pub forwarded_packets: u64,
    /// The same by the sidecar's own count, which it copies out once a second.
    pub told_forwarded_packets: f64,
    /// Of these the client that received least; who only shares is not counted.
    pub forwarded_packets_least: u64,
    /// Sequence numbers that clients did not get, though later ones came.
    pub lost_packets: u64,
    /// Of what should have been delivered, see [`super::Load`].
    pub delivered_share: Option<f64>,
    /// CPU time of the sidecar process in the window, user and system, all threads.
    pub cpu_seconds: f64,
    /// The same by the time and the number of its cores.
    pub cpu_share: f64,
    /// Of it the threads that forward.
    pub media_cpu_seconds: f64,
    /// Of these threads, for each packet that clients received, microseconds.
    pub media_cpu_us_per_packet: f64,
    /// Of all threads.
    pub cpu_us_per_packet: f64,
    /// Of all threads.
    pub packets_per_cpu_second: f64,
    /// The same of a bare loop just before and just after, on average, if one ran.
    pub raw_packets_per_cpu_second: f64,
    /// The former by the latter: what is compared between machines.
    pub ratio: f64,
    /// The same against the loop in the rhythm of this workload: what is ours of the distance to it. Above 1
    /// is possible, by offload. Absent where there is no such loop.
    pub paced_ratio: Option<f64>,
    /// Bytes of a datagram that clients received, on average.
    pub bytes_per_packet: f64,
    /// Per gigabyte (10^9) of datagrams that clients received.
    pub cpu_seconds_per_gb: f64,
    /// Growth of resident memory by the joins, before media flows, per session.
    pub memory_per_session_idle_bytes: u64,
    /// The same at the end of the measured window.
    pub memory_per_session_bytes: u64,
    /// End to end, from the sender's `send` call to the receiver's `recv`: both clients' crypto and waiting
    /// included, microseconds.
    pub latency_p50_us: f64,
    #[allow(missing_docs)]
    pub latency_p99_us: f64,
    #[allow(missing_docs)]
    pub latency_p999_us: f64,
    /// Joining everybody: from the first `Join` to the last negotiated slot, seconds.
    pub join_seconds: f64,
    /// CPU time of all of the sidecar for a join, while no media flows.
    pub join_cpu_ms: f64,
    #[allow(missing_docs)]
    pub joins_per_cpu_second: f64,
    /// What the sidecar dropped in the window, by cause.
    pub drops: BTreeMap<String, u64>,
    /// By `perf stat` in the second after the window; absent where that is not possible.
    pub syscalls_per_packet: Option<f64>,
    /// The same for datagrams only, by the sidecar's own count.
    pub media_syscalls_per_packet: f64,
    /// As the sidecar tells.
    pub sessions_by_shard: BTreeMap<String, f64>,
    /// Of a core, used by the busiest of the generator's threads; near 1 it was the limit.
    pub generator_cpu_share: f64,
    /// Of all of its threads in the window.
    pub generator_cpu_seconds: f64,
    /// Of the window, how long a thread that forwards was ready while other programs had its core.
    pub lost_core_share: f64,
    /// The same of the clients' threads.
    pub generator_lost_core_share: f64,
    /// Of all of the machine's cores, used in the window by other programs.
    pub others_share: f64,
    /// Processes that ran or waited for a core, on average over the minute before the end (loadavg). A run
    /// itself makes about 2.
    pub machine_load: f64,
    /// Cores of the machine.
    pub machine_cores: usize,
    /// The bare loop in full.
    pub raw: Option<BareLoops>,
    /// If it was a storm.
    pub storm: Option<Storm>,
    /// If the way was impaired.
    pub impaired: Option<Impaired>,
    /// If it was a soak.
    pub soak: Option<Soak>,
    /// If the load was raised to saturation.
    pub sweep: Option<Sweep>,
}

/// What was read off the sidecar process, beside the window.
#[derive(Debug, Default)]
pub(super) struct Costs {
    pub(super) join: Duration,
    pub(super) join_cpu: Duration,
    /// Who joined meanwhile.
    pub(super) joins: usize,
    pub(super) idle_bytes: u64,
    pub(super) grown_bytes: u64,
    pub(super) syscalls_per_second: Option<f64>,
    pub(super) machine_load: f64,
    pub(super) cores: usize,
}

impl Figures {
    pub(super) fn new(scenario: &Scenario, costs: &Costs, mut window: Window) -> Self {
        let load = window.load(scenario, costs.cores);
        let tally = &window.tally;
        let cpu = window.cpu.all.as_secs_f64();
        let media_cpu = window.cpu.media.iter().sum::<Duration>().as_secs_f64();
        let packets = tally.packets as f64;
        let sessions = scenario.roles.len().max(1) as u64;
        let grown = |name| window.after.sum(name) - window.before.sum(name);
        let told = grown("parley_packets_forwarded_total");
        let syscalls = costs.syscalls_per_second;
        Self {
            scenario: scenario.name,
            title: scenario.title,
            trusted: true,
            doubts: Vec::new(),
            participants: scenario.roles.len(),
            rooms: scenario.rooms(),
            recordings: scenario.recordings,
            seconds: window.time.as_secs_f64(),
            forwarded_packets: tally.packets,
            told_forwarded_packets: told,
            forwarded_packets_least: tally.least.unwrap_or(0),
            lost_packets: tally.lost,
            delivered_share: load.delivered_share,
            cpu_seconds: cpu,
            cpu_share: load.cpu_share,
            media_cpu_seconds: media_cpu,
            media_cpu_us_per_packet: per(media_cpu * 1e6, packets),
            cpu_us_per_packet: per(cpu * 1e6, packets),
            packets_per_cpu_second: load.packets_per_cpu_second,
            raw_packets_per_cpu_second: 0.0,
            ratio: 0.0,
            paced_ratio: None,
            bytes_per_packet: per(tally.bytes as f64, packets),
            cpu_seconds_per_gb: per(cpu, tally.bytes as f64 / 1e9),
            memory_per_session_idle_bytes: costs.idle_bytes / costs.joins.max(1) as u64,
            memory_per_session_bytes: costs.grown_bytes / sessions,
            latency_p50_us: load.latency.p50_us,
            latency_p99_us: load.latency.p99_us,
            latency_p999_us: load.latency.p999_us,
            join_seconds: costs.join.as_secs_f64(),
            join_cpu_ms: per(costs.join_cpu.as_secs_f64() * 1e3, costs.joins as f64),
            joins_per_cpu_second: per(costs.joins as f64, costs.join_cpu.as_secs_f64()),
            drops: window.after.drops_since(&window.before),
            syscalls_per_packet: syscalls.map(|count| per(count, load.packets_per_second)),
            media_syscalls_per_packet: per(grown("parley_system_calls_total"), told),
            sessions_by_shard: window.after.by_shard("parley_shard_egresses"),
            generator_cpu_share: load.generator_cpu_share,
            generator_cpu_seconds: tally.cpu.iter().sum::<Duration>().as_secs_f64(),
            lost_core_share: load.lost_core_share,
            generator_lost_core_share: load.generator_lost_core_share,
            others_share: window.others_share,
            machine_load: costs.machine_load,
            machine_cores: std::thread::available_parallelism().map_or(0, usize::from),
            raw: None,
            storm: None,
            impaired: None,
            soak: None,
            sweep: None,
        }
    }

    /// The same with what the bare loop reached just before and just after.
    #[must_use]
    pub fn beside(mut self, before: Raw, after: Raw) -> Self {
        let raw = BareLoops::new(before, after);
        self.raw_packets_per_cpu_second = raw.packets_per_cpu_second;
        self.ratio = per(self.packets_per_cpu_second, raw.packets_per_cpu_second);
        let paced = raw.paced_packets_per_cpu_second;
        self.paced_ratio = paced.map(|paced| per(self.packets_per_cpu_second, paced));
        self.raw = Some(raw);
        self.examined()
    }

    /// The same with what speaks against it.
    #[must_use]
    pub(super) fn examined(mut self) -> Self {
        self.doubts = doubts(&self);
        self.trusted = self.doubts.is_empty();
        self
    }

    /// Of a window in which nothing happened.
    #[cfg(test)]
    pub(super) fn blank() -> Self {
        let scenario = Scenario::named("W1").expect("a workload");
        let window = Window {
            time: Duration::from_secs(1),
            ..Window::default()
        };
        Self::new(&scenario, &Costs::default(), window)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |name: &str, value: String| writeln!(f, "  {name:24}{value}");
        row(self.scenario, self.title.into())?;
        let delivered = self.delivered_share.map_or_else(
            || "of what the sidecar chose".into(),
            |share| format!("{:.2} % of those due", share * 100.0),
        );
        row(
            "packets forwarded",
            format!(
                "{}, {delivered}, {} lost",
                self.forwarded_packets, self.lost_packets
            ),
        )?;
        row(
            "packets per CPU-second",
            format!(
                "{:.0} ({:.2} us per packet, {:.2} of the forwarding threads)",
                self.packets_per_cpu_second, self.cpu_us_per_packet, self.media_cpu_us_per_packet
            ),
        )?;
        if let Some(raw) = &self.raw {
            row(
                "ratio to the bare loop",
                format!(
                    "{:.3} of {:.0}, {:.0} % apart ({:.0} bytes per packet here, {:.0} there, {:.1} % read)",
                    self.ratio,
                    raw.packets_per_cpu_second,
                    raw.spread * 100.0,
                    self.bytes_per_packet,
                    raw.before.bytes_per_packet,
                    raw.before.received_share.min(raw.after.received_share) * 100.0
                ),
            )?;
        }
        if let Some((ratio, raw)) = self.paced_ratio.zip(self.raw.as_ref()) {
            let paced = raw.paced_packets_per_cpu_second.unwrap_or_default();
            row(
                "ratio to the paced one",
                format!("{ratio:.3} of {paced:.0}"),
            )?;
        }
        row(
            "CPU-seconds per GB",
            format!("{:.2}", self.cpu_seconds_per_gb),
        )?;
        row(
            "memory per session",
            format!(
                "{} KiB idle, {} KiB loaded",
                self.memory_per_session_idle_bytes / 1024,
                self.memory_per_session_bytes / 1024
            ),
        )?;
        row(
            "latency, end to end",
            format!(
                "p50 {:.0} us, p99 {:.0} us, p99.9 {:.0} us",
                self.latency_p50_us, self.latency_p99_us, self.latency_p999_us
            ),
        )?;
        row(
            "joins",
            format!(
                "{:.2} ms CPU each, {:.0} per CPU-second, all within {:.1} s",
                self.join_cpu_ms, self.joins_per_cpu_second, self.join_seconds
            ),
        )?;
        if let Some(storm) = &self.storm {
            row(
                "storm",
                format!(
                    "{} joins in {:.1} s, {:.2} ms CPU each; first media after p50 {:.0} ms, p99 {:.0} ms ({} got it)",
                    storm.joins,
                    storm.seconds,
                    storm.cpu_ms_per_join,
                    storm.join_to_media_p50_ms,
                    storm.join_to_media_p99_ms,
                    storm.got_media
                ),
            )?;
        }
        if let Some(impaired) = &self.impaired {
            for (name, value) in impaired.rows() {
                row(&name, value)?;
            }
        }
        if let Some(sweep) = &self.sweep {
            let latency = sweep.latency_at_70_percent;
            row(
                "saturation",
                format!(
                    "{:.0} packets/s (by {:?}); at 70 %: p50 {:.0} us, p99 {:.0} us, p99.9 {:.0} us",
                    sweep.saturation_packets_per_second,
                    sweep.limit,
                    latency.p50_us,
                    latency.p99_us,
                    latency.p999_us
                ),
            )?;
        }
        if let Some(soak) = &self.soak {
            let growth = soak.growth_per_hour_bytes / 1024.0;
            row("soak", format!("memory grows by {growth:.0} KiB per hour"))?;
        }
        if let Some(syscalls) = self.syscalls_per_packet {
            row("system calls per packet", format!("{syscalls:.3}"))?;
        }
        if !self.drops.is_empty() {
            row("drops", format!("{:?}", self.drops))?;
        }
        if self.sessions_by_shard.len() > 1 {
            row("sessions by shard", format!("{:?}", self.sessions_by_shard))?;
        }
        row(
            "busy",
            format!(
                "sidecar {:.0} % of its cores, clients {:.0} % of theirs, others {:.0} % of the machine's",
                self.cpu_share * 100.0,
                self.generator_cpu_share * 100.0,
                self.others_share * 100.0
            ),
        )?;
        for doubt in &self.doubts {
            row("NOT TRUSTED", doubt.clone())?;
        }
        write!(
            f,
            "  {:24}{:.1} on {} cores",
            "load of the machine", self.machine_load, self.machine_cores
        )
    }
}
