//! A viewer behind a link, on a clock of the test's own.

#![allow(dead_code)] // Each test uses some of it.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use parley_bwe::{Estimator, SentKind};

/// What a viewer noted: which packets came when, in 250 µs of its own clock.
#[derive(Default)]
pub(crate) struct Reporter {
    came: BTreeMap<u64, i64>,
    next: u64,
    reports: u8,
}

impl Reporter {
    pub(crate) fn came(&mut self, seq: u64, ticks: i64) {
        self.came.insert(seq, ticks);
        self.next = self.next.min(seq);
    }

    /// A report on what came since the one before, as libwebrtc would make it.
    pub(crate) fn report(&mut self) -> Option<Vec<u8>> {
        let came = std::mem::take(&mut self.came);
        let (first, last) = (*came.keys().next()?, *came.keys().last()?);
        let base = self.next.min(first);
        self.next = last + 1;
        // A run may be too long for one report after a long outage.
        let base = base.max(last.saturating_sub(30_000));
        let reference = came[&first] >> 8;
        self.reports = self.reports.wrapping_add(1);
        let mut at = reference << 8;
        let mut symbols = Vec::new();
        let mut deltas = Vec::new();
        for seq in base..=last {
            let Some(ticks) = came.get(&seq) else {
                symbols.push(0);
                continue;
            };
            let delta = ticks - at;
            at = *ticks;
            if let Ok(small) = u8::try_from(delta) {
                symbols.push(1);
                deltas.push(small);
            } else {
                let large = delta.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16;
                symbols.push(2);
                deltas.extend(large.to_be_bytes());
            }
        }
        let mut fci = Vec::new();
        fci.extend((base as u16).to_be_bytes());
        fci.extend((symbols.len() as u16).to_be_bytes());
        fci.extend(&(reference as u32).to_be_bytes()[1..]);
        fci.push(self.reports);
        fci.extend(chunks(&symbols).iter().flat_map(|c| c.to_be_bytes()));
        fci.extend(deltas);
        Some(fci)
    }
}

fn chunks(symbols: &[u16]) -> Vec<u16> {
    let mut chunks = Vec::new();
    let mut rest = symbols;
    while let Some(first) = rest.first() {
        let run = rest.iter().take_while(|s| *s == first).count().min(0x1fff);
        let used = if run >= 7 || run == rest.len() {
            chunks.push(first << 13 | run as u16);
            run
        } else {
            let symbol = |i| rest.get(i).copied().unwrap_or(0);
            chunks.push((0..7).fold(0b11, |bits, i| bits << 2 | symbol(i)));
            7.min(rest.len())
        };
        rest = &rest[used..];
    }
    chunks
}

/// Per mille of packets lost, drawn from a seed.
pub(crate) struct Link {
    pub(crate) bps: u64,
    pub(crate) queue_bytes_max: usize,
    pub(crate) delay: Duration,
    pub(crate) loss_per_mille: u32,
    queue: VecDeque<(usize, Instant)>,
    arriving: VecDeque<(Instant, u64)>,
    queued_bytes: usize,
    free_at: Option<Instant>,
    random: fastrand::Rng,
    /// The longest that a packet waited in the queue.
    pub(crate) waited_max: Duration,
    pub(crate) dropped: u64,
}

impl Link {
    pub(crate) fn new(bps: u64) -> Self {
        Self {
            bps,
            queue_bytes_max: 64_000,
            delay: Duration::from_millis(20),
            loss_per_mille: 0,
            queue: VecDeque::new(),
            arriving: VecDeque::new(),
            queued_bytes: 0,
            free_at: None,
            random: fastrand::Rng::with_seed(7),
            waited_max: Duration::ZERO,
            dropped: 0,
        }
    }

    fn send(&mut self, now: Instant, seq: u64, bytes: usize) {
        while let Some((bytes, left)) = self.queue.front()
            && *left <= now
        {
            self.queued_bytes -= bytes;
            self.queue.pop_front();
        }
        let lost = self.random.u32(0..1000) < self.loss_per_mille;
        if lost || self.queued_bytes + bytes > self.queue_bytes_max {
            self.dropped += 1;
            return;
        }
        let start = self.free_at.map_or(now, |free| free.max(now));
        self.waited_max = self.waited_max.max(start - now);
        let takes = Duration::from_secs_f64((bytes * 8) as f64 / self.bps as f64);
        self.free_at = Some(start + takes);
        self.queued_bytes += bytes;
        self.queue.push_back((bytes, start + takes));
        self.arriving.push_back((start + takes + self.delay, seq));
    }
}

/// An egress, the link, and a viewer that reports each 50 ms.
pub(crate) struct Call {
    pub(crate) estimator: Estimator,
    pub(crate) link: Link,
    pub(crate) now: Instant,
    start: Instant,
    viewer: Reporter,
    sent: u64,
    /// What pictures are to amount to; what the estimate does not allow is not sent.
    pub(crate) wanted_bps: u64,
    /// Pictures are layers: of those the largest that fits is sent. Empty: any rate.
    pub(crate) layers_bps: Vec<u64>,
    reports: VecDeque<(Instant, Vec<u8>)>,
    next_frame: Instant,
    next_report: Instant,
    pub(crate) wakeups: u64,
    pub(crate) padding_bytes: usize,
    pub(crate) media_bytes: usize,
}

const FRAME: Duration = Duration::from_millis(33);
const REPORT: Duration = Duration::from_millis(50);
const STEP: Duration = Duration::from_micros(500);

impl Call {
    pub(crate) fn new(link: Link, wanted_bps: u64) -> Self {
        let start = Instant::now();
        let mut estimator = Estimator::new(500_000);
        estimator.set_target(start, 0, wanted_bps);
        Self {
            estimator,
            link,
            now: start,
            start,
            viewer: Reporter::default(),
            sent: 0,
            wanted_bps,
            layers_bps: Vec::new(),
            reports: VecDeque::new(),
            next_frame: start,
            next_report: start + REPORT,
            wakeups: 0,
            padding_bytes: 0,
            media_bytes: 0,
        }
    }

    /// Lets this much time pass; returns the lowest and the highest estimate within.
    pub(crate) fn run(&mut self, time: Duration) -> (u64, u64) {
        let end = self.now + time;
        let mut least = u64::MAX;
        let mut most = 0;
        while self.now < end {
            self.step();
            least = least.min(self.estimator.estimate_bps());
            most = most.max(self.estimator.estimate_bps());
        }
        (least, most)
    }

    fn step(&mut self) {
        self.now += STEP;
        let now = self.now;
        while let Some((_, seq)) = self.link.arriving.pop_front_if(|(at, _)| *at <= now) {
            let ticks = (now - self.start).as_micros() as i64 / 250;
            self.viewer.came(seq, ticks);
        }
        if now >= self.next_report {
            self.next_report += REPORT;
            if let Some(report) = self.viewer.report() {
                self.reports.push_back((now + self.link.delay, report));
            }
        }
        while let Some((_, report)) = self.reports.pop_front_if(|(at, _)| *at <= now) {
            let told = self.estimator.feedback(now, &report);
            assert!(told.is_ok(), "a report of ours is well-formed: {told:?}");
        }
        if self.estimator.poll_timeout().is_some_and(|due| now >= due) {
            self.wakeups += 1;
            self.estimator.handle_timeout(now);
        }
        while let Some(bytes) = self.estimator.poll_padding(now) {
            let mut left = bytes;
            while left > 0 {
                let packet = left.min(240);
                left -= packet;
                self.padding_bytes += packet;
                self.send(packet, SentKind::Padding);
            }
        }
        self.estimator.poll_estimate();
        if now >= self.next_frame {
            self.next_frame += FRAME;
            let mut left = (self.picture_bps() as f64 * FRAME.as_secs_f64() / 8.0) as usize;
            while left > 0 {
                let packet = left.min(1_100);
                left -= packet;
                self.media_bytes += packet;
                self.send(packet, SentKind::Media);
            }
        }
    }

    fn picture_bps(&self) -> u64 {
        let allowed = self.estimator.estimate_bps().min(self.wanted_bps);
        let fits = self.layers_bps.iter().filter(|bps| **bps <= allowed);
        if self.layers_bps.is_empty() {
            allowed
        } else {
            fits.max().copied().unwrap_or(0)
        }
    }

    fn send(&mut self, bytes: usize, kind: SentKind) {
        let seq = self.estimator.sent(self.now, bytes, kind);
        assert_eq!(seq, self.sent as u16, "each has the next number");
        self.link.send(self.now, self.sent, bytes + 50);
        self.sent += 1;
    }
}
