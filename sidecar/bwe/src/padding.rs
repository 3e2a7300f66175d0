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
