//! When a packet was captured, on the recording's timeline.
//!
//! A track's RTP clock says how far apart its packets were captured, not when. Before anything else is
//! known, the least delayed of its recent packets tells: capture = arrival. A sender report tells where
//! the RTP clock stands on the sender's clock, which all tracks of a session share; how far that one is
//! from ours is again the least of (arrival - sender's time), now over all of its tracks. So what was
//! captured together comes out together, although pictures travel longer than sound.
//!
//! Nobody is believed further than the arrivals go: a report that would move a track by more than
//! [`LEAD_MAX`] is not followed, a leap of an RTP clock is taken for a new beginning. What changes while
//! a track is used is slewed by [`SLEW`], so nothing jumps.
//!
//! A busy sender's microphone may stand still for a moment without a leap of its RTP clock: what follows is
//! captured later by as much, which its arrivals show long before its next report. Where all packets of a
//! track come later than before while another track of the session is as prompt as ever, the track's clock
//! stood still at the first of them, and only from that one on it is moved.

mod filter;
#[cfg(test)]
mod tests;

use filter::{MinFilter, STEP};

/// µs by which a track may have been slower than its session's fastest one, at its best.
const LEAD_MAX: i64 = 300_000;
/// µs by which a report may put a track later than its arrivals do (drift between two reports).
const LAG_MAX: i64 = 20_000;
/// Slewing, µs per second.
const SLEW: i64 = 10_000;
/// An RTP clock that leaves the arrivals by more than this, µs, within two packets, leapt.
const LEAP: i64 = 1_000_000;
/// After a pause of this, µs …
const PAUSE: i64 = 500_000;
/// … an RTP clock that stays behind by more than this, µs, stood still meanwhile.
const STOOD: i64 = 100_000;
/// A report that contradicts the one before by more than this, µs: the sender's clock was set.
const SET: i64 = 100_000;
/// A track whose packets all come later than its promptest by this, µs, is late …
const LATE: i64 = 25_000;
/// … and stood still when that goes on for so long, µs: less than composing waits …
const LATE_FOR: i64 = 600_000;
/// … for so many packets, too many for jitter …
const LATE_PACKETS: u32 = 25;
/// … and another track was prompt after so much of it, µs …
const LATE_ALONE: i64 = 150_000;
/// … before so much of it, µs: what goes on is the path, which the tracks do not notice together.
const LATE_PATH: i64 = 1_200_000;
/// A report about an instant further than this from the newest packet, µs, is nonsense.
const REPORT_FAR: i64 = 60_000_000;

/// A sender's clock against ours.
#[derive(Debug)]
pub(crate) struct SessionClock {
    /// arrival - sender's time.
    delay: MinFilter,
    /// Goes up whenever the sender's clock was set: reports before say nothing any more.
    epoch: u32,
    /// When a track that is not late brought a packet last, µs.
    prompt: i64,
}

/// A track's RTP clock against the recording's timeline.
#[derive(Debug)]
pub(crate) struct TrackClock {
    /// Hz.
    rate: i64,
    newest: Option<Newest>,
    /// arrival - media time.
    delay: MinFilter,
    report: Option<Report>,
    /// From media time to the timeline.
    offset: i64,
    /// Somebody asked: from now on `offset` is slewed.
    used: bool,
    /// Up to when, µs.
    slewed: i64,
    late: Option<Late>,
    /// What is before these ticks was captured earlier by these µs than `offset` says.
    stood: Option<(i64, i64)>,
}

/// Packets that all came late.
#[derive(Debug, Clone, Copy)]
struct Late {
    /// Of the first of them.
    ticks: i64,
    arrival: i64,
    packets: u32,
    /// µs that the promptest of them was late.
    least: i64,
}

/// The newest packet.
#[derive(Debug, Clone, Copy)]
struct Newest {
    rtp: u32,
    ticks: i64,
    arrival: i64,
}

/// A sender report.
#[derive(Debug, Clone, Copy)]
struct Report {
    /// µs on the sender's clock at `ticks`.
    ntp: i64,
    ticks: i64,
    epoch: u32,
}

impl SessionClock {
    pub(crate) fn new() -> Self {
        Self {
            delay: MinFilter::new(),
            epoch: 0,
            prompt: i64::MIN,
        }
    }

    fn set_anew(&mut self) {
        self.delay = MinFilter::new();
        self.epoch = self.epoch.wrapping_add(1);
    }
}

impl TrackClock {
    pub(crate) fn new(rate: u32) -> Self {
        Self {
            rate: i64::from(rate.max(1)),
            newest: None,
            delay: MinFilter::new(),
            report: None,
            offset: 0,
            used: false,
            slewed: 0,
            late: None,
            stood: None,
        }
    }

    /// A packet arrived at `arrival`, µs. Returns its time in ticks of the track, which go on where
    /// the RTP clock wraps or leaps.
    pub(crate) fn observe(&mut self, session: &mut SessionClock, arrival: u64, rtp: u32) -> i64 {
        let arrival = micros(arrival);
        let Some(newest) = self.newest else {
            self.newest = Some(Newest {
                rtp,
                ticks: 0,
                arrival,
            });
            self.delay.observe(arrival, arrival);
            self.offset = arrival;
            self.slewed = arrival;
            return 0;
        };
        let ahead = i64::from(rtp.wrapping_sub(newest.rtp) as i32);
        let elapsed = (arrival - newest.arrival).max(0);
        let mut ticks = newest.ticks + ahead;
        let behind = elapsed - self.micros_of(ahead);
        if behind.abs() > LEAP || elapsed > PAUSE && behind > STOOD {
            ticks = newest.ticks + (elapsed * self.rate / 1_000_000).max(1);
            self.report = None;
            self.late = None;
        }
        if ticks > newest.ticks {
            self.newest = Some(Newest {
                rtp,
                ticks,
                arrival: arrival.max(newest.arrival),
            });
        }
        let media = self.micros_of(ticks);
        self.watch_for_standing(session, ticks, arrival);
        self.delay.observe(arrival, arrival - media);
        if let Some(ntp) = self.ntp(session, ticks) {
            session.delay.observe(arrival, arrival - ntp);
        }
        self.follow(session, ticks, arrival);
        ticks
    }

    /// The track's sender says that its clock showed `ntp` (seconds in the upper half) at `rtp`.
    /// False: not believed.
    pub(crate) fn report(&mut self, session: &mut SessionClock, ntp: u64, rtp: u32) -> bool {
        let Some(newest) = self.newest else {
            return true; // The next one will be told about packets that are here.
        };
        let ahead = i64::from(rtp.wrapping_sub(newest.rtp) as i32);
        if self.micros_of(ahead).abs() > REPORT_FAR {
            return false;
        }
        let ticks = newest.ticks + ahead;
        let seconds = (ntp >> 32) as i64;
        let fraction = (((ntp & 0xffff_ffff) * 1_000_000) >> 32) as i64;
        let ntp = seconds * 1_000_000 + fraction;
        if self.late.is_none()
            && let Some(expected) = self.ntp(session, ticks)
            && (expected - ntp).abs() > SET
        {
            session.set_anew();
        }
        self.report = Some(Report {
            ntp,
            ticks,
            epoch: session.epoch,
        });
        true
    }

    /// When that was captured: µs on the timeline.
    pub(crate) fn capture(&mut self, ticks: i64) -> i64 {
        self.used = true;
        let before = self.stood.filter(|(from, _)| ticks < *from);
        let early = before.map_or(0, |(_, early)| early);
        (self.micros_of(ticks) + self.offset - early).max(0)
    }

    /// Whether the track's clock has stood still. See the module.
    fn watch_for_standing(&mut self, session: &mut SessionClock, ticks: i64, arrival: i64) {
        let Some(least) = self.delay.least() else {
            return;
        };
        let by = arrival - self.micros_of(ticks) - least;
        if by < LATE {
            self.late = None;
            session.prompt = session.prompt.max(arrival);
            return;
        }
        let late = self.late.get_or_insert(Late {
            ticks,
            arrival,
            packets: 0,
            least: by,
        });
        late.packets = late.packets.saturating_add(1);
        late.least = late.least.min(by);
        let late = *late;
        let long = (LATE_FOR..LATE_PATH).contains(&(arrival - late.arrival));
        if !long
            || late.packets < LATE_PACKETS
            || session.prompt < late.arrival.saturating_add(LATE_ALONE)
        {
            return;
        }
        self.late = None;
        self.offset += late.least;
        self.delay.raise(late.least);
        // A report from after it knows already.
        if let Some(report) = self
            .report
            .as_mut()
            .filter(|report| report.ticks < late.ticks)
        {
            report.ntp += late.least;
        }
        self.stood = Some((late.ticks, late.least));
    }

    fn follow(&mut self, session: &SessionClock, ticks: i64, arrival: i64) {
        let Some((own, recent)) = self.delay.least().zip(self.delay.recent()) else {
            return;
        };
        let reported = self
            .ntp(session, ticks)
            .zip(session.delay.least())
            .map(|(ntp, delay)| ntp - self.micros_of(ticks) + delay)
            .filter(|reported| (own - LEAD_MAX..=recent + LAG_MAX).contains(reported));
        let target = reported.unwrap_or(own);
        let away = target - self.offset;
        let elapsed = (arrival - self.slewed).max(0);
        self.slewed = self.slewed.max(arrival);
        if !self.used || away.abs() > STEP {
            self.offset = target;
        } else {
            let most = elapsed.min(1_000_000) * SLEW / 1_000_000;
            self.offset += away.clamp(-most, most);
        }
    }

    /// What the sender's clock showed then, if it told since it was last set.
    fn ntp(&self, session: &SessionClock, ticks: i64) -> Option<i64> {
        let report = self.report.filter(|report| report.epoch == session.epoch)?;
        Some(report.ntp + self.micros_of(ticks - report.ticks))
    }

    fn micros_of(&self, ticks: i64) -> i64 {
        // Ticks are within hours of each other's arrivals: no overflow.
        ticks * 1_000_000 / self.rate
    }
}

/// Twelve days are more than any recording has; keeps the sums above from overflowing.
fn micros(at: u64) -> i64 {
    at.min(1 << 40) as i64
}
