//! How loud a source is and whether it speaks, in integers: the same on every machine.

use super::AudioPacket;
use std::time::{Duration, Instant};

/// Fractions of a dB that levels are counted in.
const UNIT: i32 = 16;
/// What a source without the level extension counts as, dBov.
const LEVEL_UNKNOWN: i8 = -40;
/// How far above its noise floor a source speaks, dB.
const ABOVE_FLOOR_DB: i32 = 10;
/// The floor is never believed to be higher, dBov: a steady tone stays a candidate.
const FLOOR_MAX: i32 = -36 * UNIT;
/// What the floor is before anything is known, dBov.
const FLOOR_START: i32 = -50 * UNIT;
/// The floor rises by 3 dB per second of packets, and falls at once.
const FLOOR_RISE: i32 = 1;
/// Quieter than this is never voice, dBov.
const SILENCE: i32 = -90;
/// Voice in so many of the last [`RECENT`] packets makes a candidate.
const VOICE_MIN: u32 = 3;
const RECENT: u32 = 5;
/// After a longer pause the loudness is measured anew.
const SPOKEN_KEPT: Duration = Duration::from_secs(2);
/// After more silent packets a source counts as pausing (DTX).
const SILENT_MAX: u8 = 6;

/// Running figures of one source.
#[derive(Debug, Clone)]
pub(super) struct SourceLevel {
    average: i32,
    /// Average over packets with voice: a pause between words does not make a speaker quiet.
    spoken: i32,
    floor: i32,
    /// Voice flags of the last packets, newest in the lowest bit.
    voice: u8,
    silent: u8,
    started: bool,
    last_voice: Option<Instant>,
}

impl Default for SourceLevel {
    fn default() -> Self {
        Self {
            average: -127 * UNIT,
            spoken: -127 * UNIT,
            floor: FLOOR_START,
            voice: 0,
            silent: 0,
            started: false,
            last_voice: None,
        }
    }
}

impl SourceLevel {
    /// Decibels in the unit of [`Self::loudness`].
    pub(super) fn db(db: i32) -> i32 {
        db * UNIT
    }

    pub(super) fn handle(&mut self, packet: AudioPacket, now: Instant) {
        let level = i32::from(packet.level.unwrap_or(LEVEL_UNKNOWN).clamp(-127, 0));
        let scaled = level * UNIT;
        if self.started {
            self.average += (scaled - self.average) / 4;
            self.floor = (self.floor + FLOOR_RISE).min(FLOOR_MAX).min(scaled);
        } else {
            self.started = true;
            self.average = scaled;
            self.floor = self.floor.min(scaled);
        }
        // Without the extension every packet counts: there is nothing to judge by.
        let is_voice = packet.level.is_none()
            || level > SILENCE
                && (packet.voice == Some(true) || self.is_above_floor() && packet.voice.is_none());
        self.voice = self.voice << 1 | u8::from(is_voice);
        if is_voice || level > SILENCE && self.is_above_floor() {
            let speaks_already = self.had_voice_since(now, SPOKEN_KEPT);
            let step = (scaled - self.spoken) / 4;
            self.spoken = if speaks_already {
                self.spoken + step
            } else {
                scaled
            };
            self.silent = 0;
            self.last_voice = Some(now);
        } else {
            self.silent = self.silent.saturating_add(1);
        }
    }

    /// Speaks clearly enough to ask for a slot.
    pub(super) fn is_candidate(&self) -> bool {
        let recent = self.voice & ((1 << RECENT) - 1);
        let is_audible = self.average > SILENCE * UNIT;
        is_audible
            && (recent.count_ones() >= VOICE_MIN || self.silent == 0 && self.is_above_floor())
    }

    pub(super) fn is_dtx(&self) -> bool {
        self.silent > SILENT_MAX
    }

    /// Average level while speaking, dBov x 16.
    pub(super) fn loudness(&self) -> i32 {
        self.spoken
    }

    pub(super) fn last_voice(&self) -> Option<Instant> {
        self.last_voice
    }

    pub(super) fn had_voice_since(&self, now: Instant, within: Duration) -> bool {
        self.last_voice
            .is_some_and(|then| now.saturating_duration_since(then) < within)
    }

    fn is_above_floor(&self) -> bool {
        self.average >= self.floor + ABOVE_FLOOR_DB * UNIT
    }
}
