//! What a run measured.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::calibration::Raw;
use super::scenario::Scenario;
use super::swarm::Tally;

/// The figures of one run; the field names are those of the JSON.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// `W1`, `W3`.
    pub scenario: &'static str,
    /// What it is.
    pub title: &'static str,
    /// Sessions in the room.
    pub participants: usize,
    /// Length of the measured window.
    pub seconds: f64,
    /// Media packets that clients received in it.
    pub forwarded_packets: u64,
    /// Of these the client that received least.
    pub forwarded_packets_least: u64,
    /// Share of what should have been delivered; below 1: packets were lost or withheld.
    pub delivered_share: f64,
    /// CPU time of the sidecar process in the window, user and system, all threads.
    pub cpu_seconds: f64,
    /// Of it the thread that forwards.
    pub media_cpu_seconds: f64,
    /// Of that thread, for each packet that clients received, microseconds.
    pub media_cpu_us_per_packet: f64,
    /// Rooms that were recorded.
    pub recordings: usize,
    /// Of the whole process.
    pub packets_per_cpu_second: f64,
    /// The same of a bare loop just before, if one ran.
    pub raw_packets_per_cpu_second: f64,
    /// The former by the latter: what is compared between machines.
    pub ratio: f64,
    /// Bytes of a datagram that clients received, on average.
    pub bytes_per_packet: f64,
    /// The bare loop in full.
    pub raw: Option<Raw>,
    /// Per gigabyte (10^9) of datagrams that clients received.
    pub cpu_seconds_per_gb: f64,
    /// Growth of resident memory from the empty room to the measured window, per session, bytes.
    pub memory_per_session_bytes: u64,
    /// From the sender's `send` call to the receiver's `recv`, both clients' crypto included, microseconds.
    pub latency_p50_us: u32,
    /// Same.
    pub latency_p99_us: u32,
    /// Joining everybody: from the first `Join` to the last negotiated slot, seconds.
    pub join_seconds: f64,
    /// Processes that ran or waited for a core, on average over the minute before the end (loadavg). Far
    /// above 2: other work slowed the sidecar and the clients, the figures are too low.
    pub machine_load: f64,
    /// Cores of the machine.
    pub machine_cores: usize,
}

/// What was read off the sidecar process.
pub(super) struct Costs {
    pub(super) cpu: Duration,
    pub(super) media_cpu: Duration,
    pub(super) window: Duration,
    pub(super) join: Duration,
    pub(super) grown_bytes: u64,
    pub(super) machine_load: f64,
}

impl Figures {
    pub(super) fn new(scenario: &Scenario, costs: &Costs, mut tally: Tally) -> Self {
        tally.latencies_us.sort_unstable();
        let percentile = |percent: usize| {
            let last = tally.latencies_us.len().saturating_sub(1);
            let at = last * percent / 100;
            tally.latencies_us.get(at).copied().unwrap_or(0)
        };
        let cpu = costs.cpu.as_secs_f64();
        let media_cpu = costs.media_cpu.as_secs_f64();
        let seconds = costs.window.as_secs_f64();
        let per = |amount: f64, by: f64| if by > 0.0 { amount / by } else { 0.0 };
        let packets = tally.packets as f64;
        Self {
            scenario: scenario.name,
            title: scenario.title,
            participants: scenario.roles.len(),
            seconds,
            forwarded_packets: tally.packets,
            forwarded_packets_least: tally.by_client.iter().min().copied().unwrap_or(0),
            delivered_share: per(packets, scenario.expected_per_second() * seconds),
            cpu_seconds: cpu,
            media_cpu_seconds: media_cpu,
            media_cpu_us_per_packet: per(media_cpu * 1e6, packets),
            recordings: scenario.recordings,
            packets_per_cpu_second: per(packets, cpu),
            raw_packets_per_cpu_second: 0.0,
            ratio: 0.0,
            bytes_per_packet: per(tally.bytes as f64, packets),
            raw: None,
            cpu_seconds_per_gb: per(cpu, tally.bytes as f64 / 1e9),
            memory_per_session_bytes: costs.grown_bytes / scenario.roles.len().max(1) as u64,
            latency_p50_us: percentile(50),
            latency_p99_us: percentile(99),
            join_seconds: costs.join.as_secs_f64(),
            machine_load: costs.machine_load,
            machine_cores: std::thread::available_parallelism().map_or(0, usize::from),
        }
    }

    /// The same with what the bare loop reached just before.
    #[must_use]
    pub fn beside(mut self, raw: Raw) -> Self {
        self.raw_packets_per_cpu_second = raw.packets_per_cpu_second;
        self.ratio = self.packets_per_cpu_second / raw.packets_per_cpu_second;
        self.raw = Some(raw);
        self
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.scenario, self.title)?;
        writeln!(f, "  packets forwarded       {}", self.forwarded_packets)?;
        writeln!(
            f,
            "  of those expected       {:.2} %",
            self.delivered_share * 100.0
        )?;
        writeln!(
            f,
            "  sidecar CPU             {:.2} s in {:.1} s",
            self.cpu_seconds, self.seconds
        )?;
        writeln!(
            f,
            "  of it forwarding        {:.2} s, {:.2} us per packet, {} recordings",
            self.media_cpu_seconds, self.media_cpu_us_per_packet, self.recordings
        )?;
        writeln!(
            f,
            "  packets per CPU-second  {:.0}",
            self.packets_per_cpu_second
        )?;
        if let Some(raw) = &self.raw {
            writeln!(
                f,
                "  bare loop               {:.0}, of which that is {:.2}",
                raw.packets_per_cpu_second, self.ratio
            )?;
            writeln!(
                f,
                "  bytes per packet        {:.0}, bare loop {:.0} ({:.1} % read)",
                self.bytes_per_packet,
                raw.bytes_per_packet,
                raw.received_share * 100.0
            )?;
        }
        writeln!(
            f,
            "  CPU-seconds per GB      {:.2}",
            self.cpu_seconds_per_gb
        )?;
        writeln!(
            f,
            "  memory per session      {} KB",
            self.memory_per_session_bytes / 1000
        )?;
        writeln!(
            f,
            "  latency p50 / p99       {} / {} us",
            self.latency_p50_us, self.latency_p99_us
        )?;
        writeln!(f, "  everybody joined in     {:.2} s", self.join_seconds)?;
        write!(
            f,
            "  load of the machine     {:.1} on {} cores",
            self.machine_load, self.machine_cores
        )
    }
}
