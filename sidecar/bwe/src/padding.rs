//! What is sent for the estimate's sake: probes, and padding up to a minimum rate.
//!
//! str0m's pacer does this among its queues (`pacer/leaky.rs`, `pacer/control.rs`); ours has no
//! queues: pictures leave at once, which pays for both.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::bwe::{ProbeClusterConfig, ProbeClusterState};
use crate::rtp_::{Bitrate, DataSize, TwccClusterId};

/// Sent to who sees anything, where pictures do not fill it: feedback keeps coming.
const FLOOR: Bitrate = Bitrate::kbps(50);
/// Padding is sent for so long at once.
const BURST: Duration = Duration::from_millis(5);
/// But not less than a packet's worth.
const BURST_BYTES_MIN: i64 = 200;
/// What was sent above the rate counts no longer than this.
const DEBT: Duration = Duration::from_millis(500);
/// The estimator takes no probe that lasted longer.
const PROBE_MAX: Duration = Duration::from_secs(1);

/// A probe that is being sent, or waits for the one before.
#[derive(Debug)]
struct Probe {
    state: ProbeClusterState,
    /// When it came first.
    since: Option<Instant>,
}

/// Says how much to send beyond pictures.
#[derive(Debug)]
pub(crate) struct Padding {
    /// At most 20: the estimator refuses more.
    probes: VecDeque<Probe>,
    rate: Bitrate,
    /// Bytes sent that padding has to wait for, as of `settled`.
    debt: i64,
    settled: Option<Instant>,
    /// Padding that was asked for and not sent is not asked for again at once.
    asked: Option<Instant>,
}

impl Padding {
    pub(crate) fn new() -> Self {
        Self {
            probes: VecDeque::new(),
            rate: Bitrate::ZERO,
            debt: 0,
            settled: None,
            asked: None,
        }
    }

    /// What pictures and padding are to amount to: at least `minimum`, never more than `estimate`.
    pub(crate) fn set_rate(&mut self, minimum: Bitrate, estimate: Bitrate, overusing: bool) {
        self.rate = if overusing {
            Bitrate::ZERO
        } else {
            FLOOR.max(minimum).min(estimate)
        };
    }

    pub(crate) fn start_probe(&mut self, config: ProbeClusterConfig) {
        self.probes.push_back(Probe {
            state: ProbeClusterState::new(config),
            since: None,
        });
    }

    /// The probe that what is sent now belongs to.
    pub(crate) fn cluster(&self) -> Option<TwccClusterId> {
        self.probes.front().map(|p| p.state.config().cluster())
    }

    /// Something was sent. Some: with it this probe is complete.
    pub(crate) fn sent(&mut self, now: Instant, bytes: usize) -> Option<TwccClusterId> {
        self.debt = self.debt.saturating_add(bytes as i64);
        let probe = self.probes.front_mut()?;
        probe.since.get_or_insert(now);
        probe
            .state
            .record_packet(now, DataSize::bytes(bytes as i64));
        if probe.state.is_complete(now) {
            return self.end_probe();
        }
        None
    }

    /// Some: this probe takes too long, and is given up.
    pub(crate) fn give_up(&mut self, now: Instant) -> Option<TwccClusterId> {
        let since = self.probes.front_mut()?.since.get_or_insert(now);
        if now.saturating_duration_since(*since) > PROBE_MAX {
            return self.end_probe();
        }
        None
    }

    /// Ends the probe at hand.
    pub(crate) fn end_probe(&mut self) -> Option<TwccClusterId> {
        let probe = self.probes.pop_front()?;
        Some(probe.state.config().cluster())
    }

    /// How many bytes to send now.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<usize> {
        if let Some(probe) = self.probes.front_mut() {
            if !probe.state.should_send_now(now) {
                return None;
            }
            let bytes = probe.state.next_packet(now)?;
            return usize::try_from(bytes.as_bytes_i64()).ok();
        }
        self.settle(now);
        if self.rate.is_zero() || self.debt > 0 {
            return None;
        }
        if self.asked.is_some_and(|asked| now < asked + BURST) {
            return None;
        }
        self.asked = Some(now);
        let bytes = (self.rate * BURST).as_bytes_i64().max(BURST_BYTES_MIN);
        usize::try_from(bytes).ok()
    }

    /// When [`Self::poll`] is to be asked.
    pub(crate) fn due(&self) -> Option<Instant> {
        if let Some(probe) = self.probes.front() {
            return Some(probe.state.next_probe_time());
        }
        if self.rate.is_zero() {
            return None;
        }
        let wait = DataSize::bytes(self.debt.max(0)) / self.rate;
        let paid = self.settled? + wait.min(DEBT);
        Some(self.asked.map_or(paid, |asked| paid.max(asked + BURST)))
    }

    /// Time pays for what was sent.
    pub(crate) fn settle(&mut self, now: Instant) {
        let since = *self.settled.get_or_insert(now);
        let most = (self.rate * DEBT).as_bytes_i64();
        self.debt = self.debt.min(most);
        let paid = self.rate * now.saturating_duration_since(since);
        // Less than a byte stays owed, or asking often would pay nothing ever.
        if paid > DataSize::ZERO || self.debt == 0 {
            self.debt = self.debt.saturating_sub(paid.as_bytes_i64()).max(0);
            self.settled = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bwe::ProbeControl;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Sends what is asked for during this time; returns the bytes and how often something was sent.
    fn drive(padding: &mut Padding, start: Instant, time: Duration) -> (usize, usize) {
        let (mut bytes, mut times) = (0, 0);
        let mut now = start;
        while now < start + time {
            if padding.due().is_some_and(|due| due <= now) {
                if let Some(burst) = padding.poll(now) {
                    bytes += burst;
                    times += 1;
                    padding.sent(now, burst);
                }
                let due = padding.due();
                assert!(due.is_none_or(|due| due > now), "due again at once");
            }
            now += ms(1);
        }
        (bytes, times)
    }

    fn probe(bps: u64, now: Instant) -> ProbeClusterConfig {
        let mut control = ProbeControl::new();
        control.set_estimated_bitrate(
            Bitrate::bps(bps) / 3.0,
            crate::bwe::BandwidthLimitedCause::DelayBasedLimited,
        );
        control.set_desired_bitrate(Bitrate::bps(bps));
        control.enable(true);
        control.handle_timeout(now).unwrap()
    }

    #[test]
    fn nothing_is_padded_before_it_is_wanted_or_while_the_path_is_full() {
        let now = Instant::now();
        let mut padding = Padding::new();
        padding.settle(now);
        assert_eq!(padding.due(), None);
        assert_eq!(padding.poll(now), None);
        padding.set_rate(Bitrate::mbps(1), Bitrate::mbps(2), true);
        assert_eq!(padding.poll(now), None);
    }

    #[test]
    fn the_rate_is_the_minimum_but_no_more_than_the_estimate() {
        for (minimum, estimate, expected) in [(1000, 2000, 1000), (1000, 400, 400), (0, 400, 50)] {
            let now = Instant::now();
            let mut padding = Padding::new();
            padding.set_rate(Bitrate::kbps(minimum), Bitrate::kbps(estimate), false);
            padding.settle(now);
            let (bytes, _) = drive(&mut padding, now, Duration::from_secs(10));
            let kbps = bytes as u64 * 8 / 10_000;
            assert!(
                kbps.abs_diff(expected) <= expected / 10,
                "{kbps} {expected}"
            );
        }
    }

    #[test]
    fn pictures_count_and_a_large_one_for_half_a_second_at_most() {
        let now = Instant::now();
        let mut padding = Padding::new();
        padding.set_rate(Bitrate::kbps(800), Bitrate::mbps(2), false);
        padding.settle(now);
        padding.sent(now, 20_000);
        assert_eq!(padding.poll(now + ms(199)), None);
        assert!(padding.poll(now + ms(201)).is_some());
        padding.sent(now + ms(201), 20_000_000);
        padding.settle(now + ms(202));
        assert_eq!(padding.poll(now + ms(690)), None);
        assert!(padding.poll(now + ms(702)).is_some());
    }

    #[test]
    fn asked_in_vain_it_waits() {
        let now = Instant::now();
        let mut padding = Padding::new();
        padding.set_rate(Bitrate::kbps(800), Bitrate::mbps(2), false);
        padding.settle(now);
        assert!(padding.poll(now).is_some());
        assert_eq!(padding.poll(now), None);
        assert!(padding.due().unwrap() > now);
        assert!(padding.poll(now + BURST).is_some());
    }

    #[test]
    fn a_probe_is_sent_at_its_rate_and_ends_by_itself() {
        let now = Instant::now();
        let mut padding = Padding::new();
        let config = probe(3_000_000, now);
        padding.start_probe(config);
        assert_eq!(padding.cluster(), Some(config.cluster()));
        let (bytes, times) = drive(&mut padding, now, ms(100));
        // 15 ms of it, in bursts 2 ms apart.
        assert!((5_600..6_600).contains(&bytes), "{bytes}");
        assert!((5..=10).contains(&times), "{times}");
        assert_eq!(padding.cluster(), None);
    }

    #[test]
    fn pictures_are_part_of_a_probe() {
        let now = Instant::now();
        let mut padding = Padding::new();
        let config = probe(3_000_000, now);
        padding.start_probe(config);
        let ended: Vec<_> = (0..6).filter_map(|_| padding.sent(now, 1_000)).collect();
        assert_eq!(ended, [config.cluster()]);
        assert_eq!(padding.cluster(), None);
    }

    #[test]
    fn a_probe_that_is_not_sent_is_given_up() {
        let now = Instant::now();
        let mut padding = Padding::new();
        let config = probe(3_000_000, now);
        padding.start_probe(config);
        assert_eq!(padding.give_up(now), None);
        assert_eq!(padding.give_up(now + PROBE_MAX), None);
        assert_eq!(
            padding.give_up(now + PROBE_MAX + ms(1)),
            Some(config.cluster())
        );
        assert_eq!(padding.cluster(), None);
    }
}
