//! What a swarm counted.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::source::Sent;
use crate::load::phases::Arrival;

/// What clients received, and what they sent.
#[derive(Debug, Clone, Default)]
pub(in crate::load) struct Tally {
    /// Media packets.
    pub(in crate::load) packets: u64,
    /// Bytes of all datagrams.
    pub(in crate::load) bytes: u64,
    /// Of each media packet of those who listen fully.
    pub(in crate::load) latencies_us: Vec<u32>,
    /// Media packets of whoever received least.
    pub(in crate::load) least: Option<u64>,
    /// Sequence numbers that did not come, though later ones did.
    pub(in crate::load) lost: u64,
    /// Media packets that publishers sent.
    pub(in crate::load) sent: Sent,
    /// Each packet of those who are traced, in order for each client.
    pub(in crate::load) arrivals: Vec<Arrival>,
    /// CPU time of each swarm's thread.
    pub(in crate::load) cpu: Vec<Duration>,
}

impl Tally {
    /// Both.
    pub(in crate::load) fn add(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.latencies_us.extend(other.latencies_us);
        self.least = [self.least, other.least].into_iter().flatten().min();
        self.lost += other.lost;
        self.sent.voices += other.sent.voices;
        self.sent.pictures += other.sent.pictures;
        self.arrivals.extend(other.arrivals);
        self.cpu.extend(other.cpu);
    }
}

/// CPU time that the calling thread has used.
pub(in crate::load) fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_swarms_count_as_one() {
        let of = |packets, least| Tally {
            packets,
            least,
            latencies_us: vec![1],
            cpu: vec![Duration::from_secs(1)],
            ..Tally::default()
        };
        let mut sum = Tally::default();
        sum.add(of(3, Some(2)));
        sum.add(of(4, Some(1)));
        assert_eq!((sum.packets, sum.least), (7, Some(1)));
        assert_eq!((sum.latencies_us.len(), sum.cpu.len()), (2, 2));
    }
}
