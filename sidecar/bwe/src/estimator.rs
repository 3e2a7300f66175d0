//! The estimator that an egress has one of per viewer.

use std::time::{Duration, Instant};

use crate::bwe::Bwe;
use crate::history::{History, Sent};
use crate::padding::Padding;
use crate::report::{Malformed, Report, Status};
use crate::rtp_::{Bitrate, DataSize, TwccSendRecord, TwccSeq};

/// The estimator has nothing to do more often, but asks to be driven each round trip when reports
/// are late.
const TICK: Duration = Duration::from_millis(100);
/// Of the buffer for one report, what is kept for the next.
const RECORDS_KEPT: usize = 64;
/// The estimator hands out probes one by one; at most two are decided upon at once.
const PROBES_AT_ONCE: usize = 8;

/// What a packet was sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentKind {
    /// Pictures, and what is sent again of them because the viewer asked.
    Media,
    /// What [`Estimator::poll_padding`] asked for.
    Padding,
}

/// What a report had to tell, in packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Feedback {
    /// Came, told for the first time.
    pub acked: u16,
    /// Did not come, told for the first time. They may still.
    pub lost: u16,
}

/// How much may be sent to one viewer.
///
/// Sans-IO: after each call of [`feedback`](Self::feedback), [`handle_timeout`](Self::handle_timeout)
/// and [`set_target`](Self::set_target), send what [`poll_padding`](Self::poll_padding) asks for, use
/// [`poll_estimate`](Self::poll_estimate), and wake up at [`poll_timeout`](Self::poll_timeout).
pub struct Estimator {
    bwe: Bwe,
    history: History,
    padding: Padding,
    clock: RemoteClock,
    /// The records of the report at hand.
    records: Vec<TwccSendRecord>,
    /// Pictures sent that the estimator was not told of, and when the last of them left.
    media: DataSize,
    media_at: Option<Instant>,
    /// When the estimator was driven last.
    ticked: Option<Instant>,
    /// Something is wanted.
    awake: bool,
    /// There is a way to pad.
    padded: bool,
    estimate: Bitrate,
    rtt: Option<Duration>,
}

impl Estimator {
    /// Starts with an estimate of `start_bps` bits per second. Takes some hundred bytes; the memory
    /// of sent packets, 24 KiB, is taken when the first is sent.
    #[must_use]
    pub fn new(start_bps: u64) -> Self {
        let start = Bitrate::bps(start_bps);
        Self {
            bwe: Bwe::new(start),
            history: History::default(),
            padding: Padding::new(),
            clock: RemoteClock::default(),
            records: Vec::new(),
            media: DataSize::ZERO,
            media_at: None,
            ticked: None,
            awake: false,
            padded: true,
            estimate: start,
            rtt: None,
        }
    }

    /// Forgets what was learnt, and starts with another estimate. Targets stay, and so do the
    /// packets on their way.
    pub fn reset(&mut self, now: Instant, start_bps: u64) {
        let start = Bitrate::bps(start_bps);
        self.end_probes(now);
        self.bwe.reset(start);
        self.history.forget_clusters();
        self.tick(now);
    }

    /// Says what is wanted, in bits per second: padding fills up to `minimum_bps` where the estimate
    /// allows, and probes look for `desired_bps`. Nothing desired: neither timers nor padding.
    pub fn set_target(&mut self, now: Instant, minimum_bps: u64, desired_bps: u64) {
        let desired = Bitrate::bps(desired_bps);
        self.bwe.set_bitrate(Bitrate::bps(minimum_bps), desired);
        self.awake = desired_bps > 0;
        self.tick(now);
        if !self.awake {
            self.end_probes(now);
        }
    }

    /// Says whether the viewer can be padded at all. If not, it is neither padded nor probed: the estimate follows
    /// the pictures alone.
    pub fn set_padded(&mut self, now: Instant, padded: bool) {
        if std::mem::replace(&mut self.padded, padded) != padded {
            self.end_probes(now);
            self.tick(now);
        }
    }

    fn end_probes(&mut self, now: Instant) {
        while let Some(cluster) = self.padding.end_probe() {
            self.bwe.end_probe(now, cluster);
        }
    }

    /// Counts a packet that is being sent, and returns the transport-wide sequence number that it
    /// carries. Every packet that has such a number has it from here.
    ///
    /// `payload_bytes` is what follows the RTP header, before encryption.
    pub fn sent(&mut self, now: Instant, payload_bytes: usize, kind: SentKind) -> u16 {
        let cluster = self.padding.cluster();
        let seq = self.history.push(now, payload_bytes, cluster);
        if kind == SentKind::Media {
            self.media += DataSize::bytes(payload_bytes as i64);
            self.media_at = Some(now);
        }
        if let Some(complete) = self.padding.sent(now, payload_bytes) {
            self.bwe.end_probe(now, complete);
        }
        seq
    }

    /// Takes a viewer's report: the feedback control information of an RTPFB packet with FMT 15,
    /// which follows the two SSRCs; RTCP padding may be left at its end. Costs no more than what was
    /// sent lately, whatever the report says.
    ///
    /// # Errors
    /// [`Malformed`]: nothing of it was used.
    pub fn feedback(&mut self, now: Instant, fci: &[u8]) -> Result<Feedback, Malformed> {
        let report = Report::parse(fci)?;
        let told = self.read(&report, now);
        if !self.records.is_empty() {
            self.tell_media();
            self.bwe.update(self.records.iter(), now);
            self.records.clear();
            self.records.shrink_to(RECORDS_KEPT);
            self.tick(now);
        }
        Ok(told)
    }

    /// Drives what depends on time alone.
    pub fn handle_timeout(&mut self, now: Instant) {
        let tick = self.tick_due().is_some_and(|due| now >= due);
        if let Some(late) = self.padding.give_up(now) {
            self.bwe.end_probe(now, late);
        }
        if tick {
            self.tick(now);
        }
    }

    /// When to call [`Self::handle_timeout`]; None while nothing is wanted.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let tick = self.tick_due()?;
        Some(self.padding.due().map_or(tick, |due| due.min(tick)))
    }

    /// How many payload bytes to send now, as padding or as pictures sent before; each packet of
    /// them is then [`sent`](Self::sent). A little more than asked for does not matter.
    pub fn poll_padding(&mut self, now: Instant) -> Option<usize> {
        self.padding.poll(now)
    }

    /// The estimate in bits per second, averaged over some seconds, if it moved by 5 %.
    pub fn poll_estimate(&mut self) -> Option<u64> {
        self.estimate = self.bwe.poll_estimate()?;
        Some(self.estimate_bps())
    }

    /// What [`Self::poll_estimate`] returned last, in bits per second.
    #[must_use]
    pub fn estimate_bps(&self) -> u64 {
        self.estimate.as_u64()
    }

    /// What the estimate is at this moment, in bits per second: before the first report what it began with. It
    /// jumps.
    #[must_use]
    pub fn momentary_bps(&self) -> Option<u64> {
        self.bwe.last_estimate().map(|estimate| estimate.as_u64())
    }

    /// From the sending of the latest packet that came to the report on it.
    #[must_use]
    pub fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    fn tick_due(&self) -> Option<Instant> {
        if !self.awake {
            return None;
        }
        let due = self.bwe.poll_timeout().0?;
        Some(self.ticked.map_or(due, |ticked| due.max(ticked + TICK)))
    }

    /// Drives the estimator, and what follows from its estimate.
    fn tick(&mut self, now: Instant) {
        self.tell_media();
        self.ticked = Some(now);
        for _ in 0..PROBES_AT_ONCE {
            let Some(probe) = self.bwe.handle_timeout(now, self.padded) else {
                break;
            };
            if self.bwe.start_probe(probe, now) {
                self.padding.start_probe(probe);
            }
        }
        self.padding.settle(now);
        match self.bwe.last_estimate() {
            Some(estimate) if self.awake && self.padded => {
                let overusing = self.bwe.is_overusing();
                let minimum = self.bwe.minimum_bitrate();
                self.padding.set_rate(minimum, estimate, overusing);
            }
            _ => self.padding.set_rate(Bitrate::ZERO, Bitrate::ZERO, true),
        }
    }

    /// Tells the estimator of the pictures sent: its question is whether they fill half a second,
    /// for which it need not know of each.
    fn tell_media(&mut self) {
        if let Some(at) = self.media_at.take() {
            self.bwe.on_media_sent(self.media, false, at);
            self.media = DataSize::ZERO;
        }
    }

    /// Turns a report into records of packets that were sent.
    fn read(&mut self, report: &Report<'_>, now: Instant) -> Feedback {
        let mut told = Feedback::default();
        let mut at = self.clock.reference(report.reference, now);
        let mut seq = self.history.unwrapped(report.base);
        for status in report.statuses() {
            match status {
                Status::Lost(times) => {
                    let kept = self.history.kept();
                    let end = seq + i64::from(times);
                    for seq in seq.max(kept.start)..end.min(kept.end) {
                        if let Some(sent) = self.history.lost(seq, now) {
                            told.lost += 1;
                            self.records.push(record(seq, sent, now, None));
                        }
                    }
                    seq = end;
                }
                Status::Came(delta) => {
                    at += i64::from(delta);
                    if let Some(sent) = self.history.came(seq, now) {
                        told.acked += 1;
                        let received = self.clock.instant(at);
                        self.rtt = Some(now.saturating_duration_since(sent.at));
                        self.records.push(record(seq, sent, now, Some(received)));
                    }
                    seq += 1;
                }
            }
        }
        told
    }
}

fn record(seq: i64, sent: Sent, now: Instant, received: Option<Instant>) -> TwccSendRecord {
    TwccSendRecord {
        seq: TwccSeq::from(seq.unsigned_abs()),
        cluster: sent.cluster,
        sent: sent.at,
        bytes: sent.bytes,
        reported: now,
        received,
    }
}

/// The viewer's clock: 250 µs ticks, of which reports give 24 bits of 256 each. Only differences of
/// its times mean something.
#[derive(Debug, Default)]
struct RemoteClock {
    /// When the first report came, which is where its reference time is put.
    start: Option<Instant>,
    first: i64,
    latest: i64,
}

impl RemoteClock {
    /// A report's reference time in ticks since the first report's: the wrap nearest to the report
    /// before.
    fn reference(&mut self, reference: u32, now: Instant) -> i64 {
        let reference = i64::from(reference);
        if self.start.is_none() {
            self.start = Some(now);
            self.first = reference;
            self.latest = reference;
        }
        let ahead = (reference - self.latest) & 0xff_ffff;
        let moved = if ahead < 1 << 23 {
            ahead
        } else {
            ahead - (1 << 24)
        };
        self.latest += moved;
        (self.latest - self.first) << 8
    }

    fn instant(&self, ticks: i64) -> Instant {
        let Some(start) = self.start else {
            return crate::util::already_happened();
        };
        let by = Duration::from_micros(ticks.unsigned_abs().saturating_mul(250));
        let at = if ticks < 0 {
            start.checked_sub(by)
        } else {
            start.checked_add(by)
        };
        at.unwrap_or(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewers_clock_goes_on_over_its_wrap_and_back() {
        let now = Instant::now();
        let mut clock = RemoteClock::default();
        let mut at = |reference| clock.reference(reference, now) >> 8;
        assert_eq!(at(0xff_fff0), 0);
        assert_eq!(at(0xff_ffff), 15);
        assert_eq!(at(3), 19);
        // A report that was overtaken.
        assert_eq!(at(0xff_fffe), 14);
        assert_eq!(at(4), 20);
        assert_eq!(clock.instant(8) - now, Duration::from_millis(2));
        assert_eq!(now - clock.instant(-8), Duration::from_millis(2));
    }

    #[test]
    fn a_probe_does_not_outlast_what_it_was_for() {
        let now = Instant::now();
        let mut estimator = Estimator::new(500_000);
        estimator.set_target(now, 0, 3_000_000);
        assert!(estimator.padding.cluster().is_some());
        estimator.set_target(now, 0, 0);
        assert_eq!(estimator.padding.cluster(), None);
        assert_eq!(estimator.poll_padding(now), None);
        assert_eq!(estimator.poll_timeout(), None);
    }

    #[test]
    fn who_cannot_be_padded_is_not_woken_for_it() {
        let mut now = Instant::now();
        let mut estimator = Estimator::new(500_000);
        estimator.set_target(now, 3_000_000, 3_000_000);
        estimator.set_padded(now, false);
        let mut woken = 0;
        let end = now + Duration::from_secs(5);
        while let Some(at) = estimator.poll_timeout().filter(|at| *at < end) {
            now = at.max(now + Duration::from_millis(1));
            estimator.handle_timeout(now);
            assert_eq!(estimator.poll_padding(now), None);
            woken += 1;
        }
        assert!(woken <= 50, "{woken}");
        estimator.set_padded(now, true);
        assert!(estimator.poll_padding(now).is_some());
    }

    #[test]
    fn a_reset_leaves_no_probe_behind() {
        let now = Instant::now();
        let mut estimator = Estimator::new(500_000);
        estimator.set_target(now, 0, 3_000_000);
        assert!(estimator.padding.cluster().is_some());
        let seq = estimator.sent(now, 200, SentKind::Padding);
        estimator.reset(now, 300_000);
        let sent = estimator.history.came(i64::from(seq), now);
        assert_eq!(sent.map(|sent| sent.cluster), Some(None));
        assert_eq!(estimator.bwe.last_estimate(), Some(Bitrate::kbps(300)));
    }
}
