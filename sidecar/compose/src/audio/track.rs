//! One track's packets, decoded to samples where they belong on the timeline.
//!
//! Packets wait in order of their numbers until their time is mixed; what is missing by then is lost and
//! concealed (RFC 6716 section 4.4, with the next packet's redundancy if it carries some). Decoded
//! samples follow each other without seams; how far their end is from the capture clock decides whether
//! a packet is made a little longer or shorter, or, where nothing is to hear, cut.

use std::collections::BTreeMap;

use opus::{Channels, Decoder};
use parley_media::recording::TrackKind;

use super::stretch::stretch;
use super::{FRAME, RATE, samples};
use crate::Lost;
use crate::clock::{SessionClock, TrackClock};

/// Packets that wait at most: more than two seconds of the usual 20 ms.
const WAITING_MAX: usize = 128;
/// Bytes of the largest packet of 120 ms (RFC 6716 section 3.4).
const PAYLOAD_MAX: usize = 1275 * 6 + 7;
/// Samples per channel of the longest packet.
const PACKET_MAX: i64 = 5_760;
/// Discontinuous transmission: packets up to this many bytes say "still nothing".
const DTX_BYTES: usize = 2;
/// So many of them are decoded, for the background noise to fade; the rest are silence.
const DTX_DECODED: u32 = 3;
/// Samples: within this of the capture clock nothing is corrected …
const TOLERANCE: i64 = 480;
/// … and then until within this.
const SETTLED: i64 = 48;
/// Samples: further away than this is set right at once.
const FAR: i64 = 9_600;
/// Samples: a source that stood still for longer left a hole, which is concealed like a loss.
const STOOD: i64 = 1_440;
/// Below this peak a frame can be cut without being heard.
const QUIET: f32 = 0.003;
/// Samples without a packet after which the decoder is given back.
const IDLE: i64 = 10 * RATE;
/// What a decoder gives beyond this is no sound (bogus payloads).
const PEAK_MAX: f32 = 4.0;

struct Packet {
    ticks: i64,
    payload: Box<[u8]>,
}

/// See the module.
pub(crate) struct SoundTrack {
    pub(crate) kind: TrackKind,
    clock: TrackClock,
    waiting: BTreeMap<u64, Packet>,
    decoder: Option<Decoder>,
    /// Decoded and not mixed yet, interleaved.
    decoded: Vec<f32>,
    /// Where `decoded` ends, samples on the timeline.
    tail: i64,
    /// The packet after the last decoded one; `None`: nothing plays.
    next: Option<Next>,
    correcting: bool,
    dtx: u32,
    scratch: Vec<f32>,
}

#[derive(Clone, Copy)]
struct Next {
    sequence: u64,
    ticks: i64,
}

/// How loud a frame was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Heard {
    /// Mean of the squares.
    pub(crate) power: f32,
}

impl SoundTrack {
    pub(crate) fn new(kind: TrackKind) -> Self {
        Self {
            kind,
            clock: TrackClock::new(RATE as u32),
            waiting: BTreeMap::new(),
            decoder: None,
            decoded: Vec::new(),
            tail: 0,
            next: None,
            correcting: false,
            dtx: 0,
            scratch: Vec::new(),
        }
    }

    /// A packet arrived at `arrival`, µs.
    pub(crate) fn push(
        &mut self,
        session: &mut SessionClock,
        arrival: u64,
        sequence: u64,
        rtp: u32,
        payload: &[u8],
        lost: &mut Lost,
    ) {
        let ticks = self.clock.observe(session, arrival, rtp);
        if payload.is_empty() || payload.len() > PAYLOAD_MAX {
            lost.malformed += 1;
            return;
        }
        let payload = payload.into();
        self.waiting
            .entry(sequence)
            .or_insert(Packet { ticks, payload });
        if self.waiting.len() > WAITING_MAX {
            self.waiting.pop_first();
            lost.audio_packets += 1;
        }
    }

    pub(crate) fn report(&mut self, session: &mut SessionClock, ntp: u64, rtp: u32) -> bool {
        self.clock.report(session, ntp, rtp)
    }

    /// Nothing goes on here: what comes next stands for itself.
    pub(crate) fn interrupt(&mut self) {
        self.next = None;
    }

    /// Adds what is to hear in the frame that begins at `start` (samples) to `sum`, interleaved stereo.
    /// `None`: nothing.
    pub(crate) fn mix(&mut self, start: i64, sum: &mut [f32], lost: &mut Lost) -> Option<Heard> {
        let end = start + FRAME as i64;
        while self.tail < end && self.decode_next(start, end, lost) {}
        let channels = self.channels();
        let head = self.tail - (self.decoded.len() / channels) as i64;
        let (from, to) = (head.max(start), self.tail.min(end));
        let mut power = None;
        if from < to {
            let input =
                &self.decoded[(from - head) as usize * channels..(to - head) as usize * channels];
            let output = &mut sum[(from - start) as usize * 2..(to - start) as usize * 2];
            let mut squares = 0.0;
            for (pair, input) in output.chunks_exact_mut(2).zip(input.chunks_exact(channels)) {
                pair[0] += input[0];
                pair[1] += input[channels - 1];
                squares += input[0] * input[0];
            }
            power = Some(Heard {
                power: squares / FRAME as f32,
            });
        }
        let done = (end - head).clamp(0, self.tail - head) as usize * channels;
        self.decoded.drain(..done);
        power
    }

    /// Gives back what a silent track does not need; `start`: of the next frame, samples.
    pub(crate) fn rest(&mut self, start: i64) {
        if !self.is_busy() && start - self.tail > IDLE {
            self.decoder = None;
            self.decoded = Vec::new();
            self.scratch = Vec::new();
        }
    }

    /// True: there may be something to hear before the waiting packets are through.
    pub(crate) fn is_busy(&self) -> bool {
        !self.waiting.is_empty() || !self.decoded.is_empty() || self.next.is_some()
    }

    fn channels(&self) -> usize {
        match self.kind {
            TrackKind::ScreenAudio => 2,
            _ => 1,
        }
    }

    /// Decodes or conceals what belongs at `tail`. False: there is nothing before `end`.
    fn decode_next(&mut self, start: i64, end: i64, lost: &mut Lost) -> bool {
        let Some((&sequence, packet)) = self.waiting.first_key_value() else {
            if self.next.take().is_some() && self.dtx == 0 {
                // It broke off: a short fade instead of a click.
                self.conceal(FRAME as i64);
                return true;
            }
            return false;
        };
        let ticks = packet.ticks;
        let Some(next) = self.next else {
            return self.begin(sequence, ticks, start, end, lost);
        };
        if sequence < next.sequence {
            self.waiting.pop_first();
            return true;
        }
        let missing = ticks - next.ticks;
        if sequence > next.sequence {
            lost.audio_packets += (sequence - next.sequence).min(missing.max(0) as u64 / 120 + 1);
        }
        if missing != 0 {
            let concealable = sequence > next.sequence && (1..=PACKET_MAX).contains(&missing);
            if !concealable || self.dtx > 0 {
                // A pause, or more than can be guessed: on where the clock says.
                self.next = None;
                return true;
            }
            self.conceal_before(sequence, missing);
        }
        let stood = samples(self.clock.capture(ticks)) - self.tail;
        if (STOOD..=FAR).contains(&stood) {
            self.conceal(stood);
        }
        self.decode(sequence, lost);
        true
    }

    /// Nothing plays: places the first packet by its capture time.
    fn begin(&mut self, sequence: u64, ticks: i64, start: i64, end: i64, lost: &mut Lost) -> bool {
        let at = samples(self.clock.capture(ticks));
        if at >= end {
            return false;
        }
        if at + PACKET_MAX <= start || at + FRAME as i64 <= start.min(self.tail) {
            self.waiting.pop_first();
            lost.audio_packets += 1;
            return true;
        }
        if at > self.tail {
            // Samples that wait are older than `end`: the pause between is filled with nothing.
            let channels = self.channels();
            if self.decoded.is_empty() {
                self.tail = at;
            } else {
                let pause = (at - self.tail).min(PACKET_MAX) as usize;
                self.decoded
                    .extend(std::iter::repeat_n(0.0, pause * channels));
                self.tail += pause as i64;
            }
        }
        self.correcting = false;
        self.next = Some(Next { sequence, ticks });
        true
    }

    /// Decodes the first waiting packet, which is the one that was waited for.
    fn decode(&mut self, sequence: u64, lost: &mut Lost) {
        let Some(packet) = self.waiting.remove(&sequence) else {
            return;
        };
        let channels = self.channels();
        self.dtx = if packet.payload.len() <= DTX_BYTES {
            self.dtx.saturating_add(1)
        } else {
            0
        };
        let mut scratch = std::mem::take(&mut self.scratch);
        let frames = if self.dtx > DTX_DECODED {
            let frames = opus::packet::get_nb_samples(&packet.payload, RATE as u32).ok();
            scratch.clear();
            scratch.resize(
                frames.unwrap_or(FRAME).min(PACKET_MAX as usize) * channels,
                0.0,
            );
            frames.map(|_| scratch.len() / channels)
        } else {
            self.run(&packet.payload, PACKET_MAX as usize, false, &mut scratch)
        };
        let frames = match frames {
            Some(frames) => {
                self.place(packet.ticks, &scratch);
                frames as i64
            }
            None => {
                lost.malformed += 1;
                self.conceal(FRAME as i64);
                FRAME as i64
            }
        };
        self.scratch = scratch;
        self.next = Some(Next {
            sequence: sequence.saturating_add(1),
            ticks: packet.ticks + frames,
        });
    }

    /// Appends what was decoded, made to fit the capture clock.
    fn place(&mut self, ticks: i64, sound: &[f32]) {
        let channels = self.channels();
        let frames = (sound.len() / channels) as i64;
        let away = samples(self.clock.capture(ticks)) - self.tail;
        let quiet = sound.iter().all(|x| x.abs() < QUIET);
        let mut from = 0;
        let mut change = 0;
        if away.abs() > FAR || quiet && away.abs() > SETTLED {
            let pause = away.clamp(0, PACKET_MAX);
            self.decoded
                .extend(std::iter::repeat_n(0.0, pause as usize * channels));
            self.tail += pause;
            from = (-away).clamp(0, frames);
            self.correcting = false;
        } else {
            self.correcting = away.abs() > if self.correcting { SETTLED } else { TOLERANCE };
            if self.correcting {
                change = away.clamp(-frames / 100, frames / 100);
            }
        }
        let sound = &sound[from as usize * channels..];
        let frames = frames - from + change;
        stretch(sound, channels, frames as usize, &mut self.decoded);
        self.tail += frames;
    }

    /// Fills `missing` samples before the first waiting packet.
    fn conceal_before(&mut self, sequence: u64, missing: i64) {
        let redundant = self
            .waiting
            .get(&sequence)
            .map(|packet| packet.payload.clone())
            .and_then(|payload| {
                let frames = opus::packet::get_nb_samples(&payload, RATE as u32).ok()? as i64;
                (frames <= missing).then_some((payload, frames))
            });
        let guessed = missing - redundant.as_ref().map_or(0, |(_, frames)| *frames);
        self.conceal(guessed);
        if let Some((payload, frames)) = redundant {
            let mut scratch = std::mem::take(&mut self.scratch);
            if self
                .run(&payload, frames as usize, true, &mut scratch)
                .is_none()
            {
                scratch.clear();
                scratch.resize(frames as usize * self.channels(), 0.0);
            }
            self.decoded.extend_from_slice(&scratch);
            self.tail += frames;
            self.scratch = scratch;
        }
    }

    /// Appends `frames` samples of what the decoder thinks came next.
    fn conceal(&mut self, frames: i64) {
        // libopus wants multiples of 2.5 ms.
        let frames = frames.clamp(0, PACKET_MAX) as usize;
        let whole = frames / 120 * 120;
        let mut scratch = std::mem::take(&mut self.scratch);
        if whole == 0 || self.run(&[], whole, false, &mut scratch).is_none() {
            scratch.clear();
        }
        scratch.resize(frames * self.channels(), 0.0);
        self.decoded.extend_from_slice(&scratch);
        self.tail += frames as i64;
        self.scratch = scratch;
    }

    /// Samples per channel of what came out, which is in `output`; `None`: refused.
    fn run(
        &mut self,
        payload: &[u8],
        frames: usize,
        redundancy: bool,
        output: &mut Vec<f32>,
    ) -> Option<usize> {
        let channels = self.channels();
        if self.decoder.is_none() {
            let layout = if channels == 2 {
                Channels::Stereo
            } else {
                Channels::Mono
            };
            self.decoder = Decoder::new(RATE as u32, layout).ok();
        }
        output.clear();
        output.resize(frames * channels, 0.0);
        let decoder = self.decoder.as_mut()?;
        let count = decoder.decode_float(payload, output, redundancy).ok()?;
        output.truncate(count * channels);
        for x in output.iter_mut() {
            if x.is_nan() || x.abs() > PEAK_MAX {
                *x = 0.0;
            }
        }
        Some(count)
    }
}

#[cfg(test)]
#[path = "track_tests.rs"]
mod tests;
