//! What clients got of voices and of a camera while the way to them changed, part by part of a window.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::percentiles::percentile;
use super::summary::median;
use super::window::per;
use crate::client::Received;

/// Packets that are kept at most; each client's further ones are not.
pub(super) const ARRIVALS_MAX: usize = 2_000_000;
/// RTP ticks of a voice frame (RFC 7587 section 4.1).
const VOICE_TICKS: u32 = 960;
/// A longer gap of a voice is another voice.
const VOICE_GAP_MAX: u32 = 500;
/// Pictures further apart than this are a freeze.
const FREEZE: Duration = Duration::from_millis(300);
/// The rate is back when so long a stretch ...
const STRETCH: Duration = Duration::from_secs(1);
/// ... has this share of the rate before.
const BACK: f64 = 0.9;
/// Stretches begin so often.
const STEP: Duration = Duration::from_millis(100);

/// A packet that a client's media stack told; repaired ones too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) client: usize,
    /// Since the clients' epoch.
    pub(super) at: Duration,
    pub(super) ssrc: u32,
    pub(super) sequence: u64,
    pub(super) rtp_time: u32,
    /// Of the payload.
    pub(super) bytes: usize,
    /// Packets of the picture; 0: a voice.
    pub(super) parts: u8,
    pub(super) latency_us: u32,
}

impl Arrival {
    pub(super) fn new(
        client: usize,
        at: Duration,
        received: &Received,
        sent: Duration,
        parts: u8,
    ) -> Self {
        let latency = at.saturating_sub(sent).as_micros();
        Self {
            client,
            at,
            ssrc: received.ssrc,
            sequence: received.sequence,
            rtp_time: received.rtp_time,
            bytes: received.payload.len(),
            parts,
            latency_us: u32::try_from(latency).unwrap_or(u32::MAX),
        }
    }
}

/// How a window is cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts {
    /// Since the clients' epoch.
    pub(super) begun: Duration,
    /// Of each part.
    pub(super) length: Duration,
    pub(super) rates_kbps: &'static [u64],
}

impl Parts {
    fn of(&self, at: Duration) -> Option<usize> {
        let since = at.checked_sub(self.begun)?;
        // What came just after the end belongs to the last.
        let part = (since.as_secs_f64() / self.length.as_secs_f64()) as usize;
        Some(part.min(self.rates_kbps.len().saturating_sub(1)))
    }

    fn start(&self, part: usize) -> Duration {
        self.begun + self.length * u32::try_from(part).unwrap_or(u32::MAX)
    }
}

/// One part.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Phase {
    /// Since the window began.
    pub from_seconds: f64,
    #[allow(missing_docs)]
    pub to_seconds: f64,
    /// Width of each client's way.
    pub rate_kbps: u64,
    /// Payload that came in packets of pictures, for each viewer on average.
    pub video_kbps: f64,
    /// The same of the viewer with the least.
    pub video_kbps_least: f64,
    /// By simulcast id, of the pictures that came whole.
    pub layers: BTreeMap<&'static str, f64>,
    /// That came whole, for each viewer on average.
    pub pictures_per_second: f64,
    /// Of which something came, but not all.
    pub pictures_incomplete: u64,
    /// Of voice frames that were sent: lost on the way to the sidecar, in it, or on the way from it.
    pub voice_lost_share: f64,
    /// From the speaker's call to the arrival.
    pub voice_p50_ms: f64,
    #[allow(missing_docs)]
    pub voice_p95_ms: f64,
    /// Times that a viewer's pictures, shown in order as they came whole, were more than 300 ms apart; each
    /// belongs to the part in which its middle is. A new layer waits for nothing of the one before.
    pub freezes: u64,
    /// Length of all of them.
    pub frozen_seconds: f64,
}

/// After the last step up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Recovery {
    #[allow(missing_docs)]
    pub viewers: usize,
    /// Of them so many got their rate back: a second with 90 % of what the second half of the first part had.
    pub recovered: usize,
    /// From the step to the end of that second; 0 of none.
    pub median_seconds: f64,
    #[allow(missing_docs)]
    pub most_seconds: f64,
}

/// All parts. `layers` has names by the packets of a picture.
pub(super) fn phases(
    arrivals: &[Arrival],
    parts: &Parts,
    viewers: &[usize],
    layers: &BTreeMap<u8, &'static str>,
) -> Vec<Phase> {
    let rates = parts.rates_kbps.iter().enumerate();
    let mut phases: Vec<Phase> = rates
        .map(|(part, rate)| Phase {
            from_seconds: (parts.start(part) - parts.begun).as_secs_f64(),
            to_seconds: (parts.start(part + 1) - parts.begun).as_secs_f64(),
            rate_kbps: *rate,
            ..Phase::default()
        })
        .collect();
    voices(&mut phases, arrivals, parts);
    let count = viewers.len() as f64;
    for (part, phase) in phases.iter_mut().enumerate() {
        let (from, to) = (parts.start(part), parts.start(part + 1));
        let each = viewers
            .iter()
            .map(|viewer| kbps(arrivals, *viewer, from, to));
        let each: Vec<f64> = each.collect();
        phase.video_kbps = per(each.iter().sum(), count);
        phase.video_kbps_least = each.iter().copied().reduce(f64::min).unwrap_or(0.0);
    }
    for viewer in viewers {
        show(&mut phases, arrivals, parts, *viewer, layers);
    }
    for phase in &mut phases {
        let whole: f64 = phase.layers.values().sum();
        phase.layers.values_mut().for_each(|n| *n = per(*n, whole));
        phase.pictures_per_second = per(whole, count * parts.length.as_secs_f64());
    }
    phases
}

fn voices(phases: &mut [Phase], arrivals: &[Arrival], parts: &Parts) {
    let mut last: BTreeMap<(usize, u32), u32> = BTreeMap::new();
    let mut due = vec![0_u64; phases.len()];
    let mut latencies: Vec<Vec<u32>> = vec![Vec::new(); phases.len()];
    for arrival in arrivals.iter().filter(|arrival| arrival.parts == 0) {
        let Some(part) = parts.of(arrival.at) else {
            continue;
        };
        latencies[part].push(arrival.latency_us);
        let of_slot = last.entry((arrival.client, arrival.ssrc));
        let before = of_slot.or_insert(arrival.rtp_time.wrapping_sub(VOICE_TICKS));
        let ahead = arrival.rtp_time.wrapping_sub(*before);
        // What is missing is the part's in which the next one came.
        match ahead / VOICE_TICKS {
            frames @ 1..=VOICE_GAP_MAX => due[part] += u64::from(frames),
            _ if ahead.cast_signed() <= 0 => continue,
            _ => due[part] += 1,
        }
        *before = arrival.rtp_time;
    }
    for ((phase, due), latencies) in phases.iter_mut().zip(due).zip(&mut latencies) {
        latencies.sort_unstable();
        let ms = |share| f64::from(percentile(latencies, share).unwrap_or(0)) / 1e3;
        let lost = due.saturating_sub(latencies.len() as u64);
        phase.voice_lost_share = per(lost as f64, due as f64);
        (phase.voice_p50_ms, phase.voice_p95_ms) = (ms(0.5), ms(0.95));
    }
}

fn pictures_of(arrivals: &[Arrival], viewer: usize) -> impl Iterator<Item = &Arrival> {
    let own = arrivals.iter();
    own.filter(move |arrival| arrival.client == viewer && arrival.parts > 0)
}

fn kbps(arrivals: &[Arrival], viewer: usize, from: Duration, to: Duration) -> f64 {
    let within = pictures_of(arrivals, viewer).filter(|a| (from..to).contains(&a.at));
    let bytes: usize = within.map(|arrival| arrival.bytes).sum();
    per(
        bytes as f64 * 8.0 / 1e3,
        to.saturating_sub(from).as_secs_f64(),
    )
}

/// A picture as it comes in.
#[derive(Default)]
struct Picture {
    parts: u8,
    sequences: Vec<u64>,
    /// When it was whole.
    whole: Option<Duration>,
    began: Duration,
}

/// What one viewer sees of the one camera.
fn show(
    phases: &mut [Phase],
    arrivals: &[Arrival],
    parts: &Parts,
    viewer: usize,
    layers: &BTreeMap<u8, &'static str>,
) {
    let mut pictures: BTreeMap<i64, Picture> = BTreeMap::new();
    let mut highest = None;
    for arrival in pictures_of(arrivals, viewer) {
        let time = unwrapped(highest, arrival.rtp_time);
        highest = highest.max(Some(time));
        let picture = pictures.entry(time).or_insert_with(|| Picture {
            parts: arrival.parts,
            began: arrival.at,
            ..Picture::default()
        });
        if !picture.sequences.contains(&arrival.sequence) {
            picture.sequences.push(arrival.sequence);
            if picture.sequences.len() == usize::from(picture.parts) {
                picture.whole = Some(arrival.at);
            }
        }
    }
    let (mut shown, end) = (parts.begun, parts.start(phases.len()));
    let mut freeze = |from: Duration, to: Duration| {
        let gap = to.saturating_sub(from);
        if let Some(part) = parts.of(from + gap / 2).filter(|_| gap > FREEZE) {
            phases[part].freezes += 1;
            phases[part].frozen_seconds += gap.as_secs_f64();
        }
    };
    for at in decoded(pictures.values()) {
        // One that was repaired late holds up those after it.
        let next = shown.max(at);
        freeze(shown, next);
        shown = next;
    }
    freeze(shown, end);
    for picture in pictures.values() {
        let Some(part) = parts.of(picture.whole.unwrap_or(picture.began)) else {
            continue;
        };
        match picture.whole {
            Some(_) => {
                let layer = layers.get(&picture.parts).copied().unwrap_or("other");
                *phases[part].layers.entry(layer).or_default() += 1.0;
            }
            None => phases[part].pictures_incomplete += 1,
        }
    }
}

/// When those were whole that a decoder uses, in order. A new layer begins with a key frame: once that is
/// there, nothing of the layer before is waited for.
fn decoded<'a>(pictures: impl DoubleEndedIterator<Item = &'a Picture>) -> Vec<Duration> {
    let whole = pictures.filter_map(|picture| Some((picture.parts, picture.whole?)));
    // The first of the layer at hand, and the first of any later one.
    let (mut first, mut too_late) = (None, Duration::MAX);
    let mut times = Vec::new();
    for (parts, at) in whole.rev() {
        if let Some((_, begun)) = first.filter(|(layer, _)| *layer != parts) {
            too_late = too_late.min(begun);
        }
        first = Some((parts, at));
        if at <= too_late {
            times.push(at);
        }
    }
    times.reverse();
    times
}

/// As if RTP times had no end.
fn unwrapped(highest: Option<i64>, rtp_time: u32) -> i64 {
    highest.map_or(i64::from(rtp_time), |highest| {
        highest + i64::from(rtp_time.wrapping_sub(highest as u32).cast_signed())
    })
}

/// How long the last step up took to be used; `None`: there was none.
pub(super) fn recovery(arrivals: &[Arrival], parts: &Parts, viewers: &[usize]) -> Option<Recovery> {
    let rates = parts.rates_kbps;
    let up = (1..rates.len()).rfind(|part| rates[*part] > rates[part - 1])?;
    let (begun, stepped) = (parts.begun, parts.start(up));
    let end = parts.start(rates.len());
    let mut after = Vec::new();
    for viewer in viewers {
        let before = kbps(arrivals, *viewer, begun + parts.length / 2, parts.start(1));
        let starts = (0_u32..).map(|n| stepped + STEP * n);
        let mut starts = starts.take_while(|start| *start + STRETCH <= end);
        let back = starts
            .find(|from| kbps(arrivals, *viewer, *from, *from + STRETCH) >= before * BACK)
            .filter(|_| before > 0.0);
        after.extend(back.map(|from| (from + STRETCH - stepped).as_secs_f64()));
    }
    Some(Recovery {
        viewers: viewers.len(),
        recovered: after.len(),
        median_seconds: median(&after),
        most_seconds: after.iter().copied().fold(0.0, f64::max),
    })
}

#[cfg(test)]
mod tests;
