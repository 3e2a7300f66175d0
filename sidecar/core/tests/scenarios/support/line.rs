//! What a receiver can tell of a stream from its packets and reports: whether each number came once, whether
//! time went forward, and where the reports put the stream's clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use str0m::rtp::rtcp::SenderInfo;

use super::client::Heard;

/// One stream, fed packet by packet so that long runs need little memory.
#[derive(Debug, Default)]
pub struct StreamLog {
    pub packets: u64,
    pub first: u64,
    pub last: u64,
    /// Numbers above `last - KEPT` that came, and their times.
    recent: BTreeMap<u64, u32>,
    /// Other than the one before.
    pub owners: u64,
    csrc: Vec<u32>,
    ssrc: Option<u32>,
    reports: Vec<SenderInfo>,
}

/// Packets that are compared with late ones.
const KEPT: u64 = 256;

impl StreamLog {
    /// Checks a packet as it comes: its number is new, and time is strictly forward by number.
    pub fn take(&mut self, heard: &Heard) {
        assert_eq!(
            *self.ssrc.get_or_insert(heard.ssrc),
            heard.ssrc,
            "another SSRC"
        );
        if self.packets == 0 {
            self.first = heard.seq;
        }
        self.packets += 1;
        self.last = self.last.max(heard.seq);
        let twice = self.recent.insert(heard.seq, heard.ts);
        assert_eq!(twice, None, "number {} came twice", heard.seq);
        let forward = |from: u32, to: u32| to.wrapping_sub(from).cast_signed() > 0;
        if let Some((seq, ts)) = self.recent.range(..heard.seq).next_back() {
            assert!(forward(*ts, heard.ts), "time from {seq} to {}", heard.seq);
        }
        if let Some((seq, ts)) = self.recent.range(heard.seq + 1..).next() {
            assert!(forward(heard.ts, *ts), "time from {} to {seq}", heard.seq);
        }
        while self.recent.len() as u64 > KEPT {
            self.recent.pop_first();
        }
        if self.csrc != heard.csrc {
            self.owners += 1;
            self.csrc.clone_from(&heard.csrc);
        }
        if let Some(report) = heard.report
            // Before its first packet a stream is reported as empty.
            && report.sender_packet_count > 0
            && self.reports.last().is_none_or(|last| last.ntp_time != report.ntp_time)
        {
            self.reports.push(report);
        }
    }

    /// Numbers that never came.
    pub fn missing(&self) -> u64 {
        self.last + 1 - self.first - self.packets
    }

    pub fn reports(&self) -> usize {
        self.reports.len()
    }

    /// How far apart the reports put the same instant: the widest distance of their lines of wall-clock
    /// and RTP time at `clock` Hz.
    pub fn line_moved(&self, clock: u32) -> Duration {
        let Some(first) = self.reports.first() else {
            return Duration::ZERO;
        };
        let start = first.rtp_time.numer() as u32;
        let mut before = start;
        let mut ticks = 0i64;
        let (mut least, mut most) = (0f64, 0f64);
        for report in &self.reports {
            let now = report.rtp_time.numer() as u32;
            ticks += i64::from(now.wrapping_sub(before).cast_signed());
            before = now;
            let wall = seconds(first.ntp_time, report.ntp_time);
            let offset = wall - ticks as f64 / f64::from(clock);
            least = least.min(offset);
            most = most.max(offset);
        }
        Duration::from_secs_f64(most - least)
    }
}

fn seconds(from: SystemTime, to: SystemTime) -> f64 {
    match to.duration_since(from) {
        Ok(span) => span.as_secs_f64(),
        Err(error) => -error.duration().as_secs_f64(),
    }
}

/// All that a client hears, by m-line.
#[derive(Debug, Default)]
pub struct Logs(pub BTreeMap<String, StreamLog>);

impl Logs {
    /// Takes what the client heard since, and makes it forget it.
    pub fn take(&mut self, heard: &mut Vec<Heard>) {
        for packet in heard.drain(..) {
            self.0.entry(packet.mid.clone()).or_default().take(&packet);
        }
    }

    pub fn packets(&self) -> u64 {
        self.0.values().map(|log| log.packets).sum()
    }

    /// No SSRC carries two m-lines.
    pub fn check_ssrcs(&self) {
        let ssrcs: BTreeSet<_> = self.0.values().map(|log| log.ssrc).collect();
        assert_eq!(ssrcs.len(), self.0.len());
    }
}
