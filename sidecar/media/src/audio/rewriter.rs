//! Renumbering of a room's voice slot, once for all listeners (media-plane.md, "Rewriting").

use super::{FRAME_TICKS, OPUS_HZ};
use crate::bucket::TokenBucket;
use crate::sequence::{SequenceLine, StreamKey};
use std::time::{Duration, Instant};

/// How far a source's own clock may run away from arrival before it counts as restarted.
const DRIFT_MAX: Duration = Duration::from_secs(5);
/// Packets that may be out of order: 128, more than two seconds.
const WINDOW_WORDS: usize = 2;

/// Lost packets that are passed on as gaps, per second and at once: frames of 10 ms, for 5 s.
const GAPS_PER_SECOND: u64 = 100;
const GAPS_BURST: u64 = 500;

/// A source's packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioIn {
    /// Extended sequence number (with rollover), as str0m's `SeqNo`.
    pub sequence: u64,
    /// RTP time, 48 kHz.
    pub timestamp: u32,
    /// The source began a talk spurt.
    pub marker: bool,
}

/// The slot's packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioOut {
    /// The slot's index; map it per listener with [`crate::sequence::ListenerSequence`].
    pub index: u64,
    /// RTP time, 48 kHz.
    pub timestamp: u32,
    /// Start of a talk spurt, or of another owner.
    pub marker: bool,
}

/// Numbers one slot's packets across owners.
///
/// A tenancy is anchored once on arrival, then the source's own steps are added unchanged. Following
/// capture time across sources instead would put the difference of their path delays into the
/// listeners' jitter buffers.
#[derive(Debug, Clone)]
pub struct SlotRewriter {
    line: SequenceLine<WINDOW_WORDS>,
    first_timestamp: u32,
    tenancy: Option<Tenancy>,
}

#[derive(Debug, Clone, Copy)]
struct Tenancy {
    source: StreamKey,
    /// Outgoing minus incoming RTP time (wrapping).
    shift: u32,
    /// Outgoing RTP time of the first packet.
    first: u32,
    /// Outgoing RTP time of the packet with the highest index, and its arrival.
    last: u32,
    last_at: Instant,
}

impl SlotRewriter {
    /// `first_timestamp` should be random.
    pub fn new(first_timestamp: u32) -> Self {
        Self {
            line: SequenceLine::new(0, TokenBucket::new(GAPS_PER_SECOND, GAPS_BURST)),
            first_timestamp,
            tenancy: None,
        }
    }

    /// The slot's numbers for a packet of its present owner; `None`: drop it (a repetition, older
    /// than the owner's first, or too old to tell). Another `source` than last time is a switch.
    pub fn rewrite(
        &mut self,
        source: StreamKey,
        packet: AudioIn,
        now: Instant,
    ) -> Option<AudioOut> {
        let tenancy = match self.tenancy {
            Some(tenancy) if tenancy.source == source => tenancy,
            _ => return Some(self.begin(source, packet, now)),
        };
        if self.line.leaps(packet.sequence, now) {
            return Some(self.begin(source, packet, now));
        }
        let timestamp = packet.timestamp.wrapping_add(tenancy.shift);
        let step = timestamp.wrapping_sub(tenancy.last).cast_signed();
        let expected = ticks(now.saturating_duration_since(tenancy.last_at));
        let is_honest = (i64::from(step) - i64::from(expected)).unsigned_abs()
            <= DRIFT_MAX.as_secs() * u64::from(OPUS_HZ);
        let placed = self.line.place(packet.sequence)?;
        if placed.newest {
            if step <= 0 || !is_honest {
                // Its clock stands still or jumped: anchor anew under the index it has.
                self.anchor(source, packet.timestamp, now);
            } else {
                self.tenancy = Some(Tenancy {
                    last: timestamp,
                    last_at: now,
                    ..tenancy
                });
            }
        } else if step >= 0 || timestamp.wrapping_sub(tenancy.first).cast_signed() <= 0 {
            // An older number with a newer time cannot be put in order.
            return None;
        }
        let timestamp = match self.tenancy {
            Some(tenancy) if placed.newest => tenancy.last,
            _ => timestamp,
        };
        Some(AudioOut {
            index: placed.index,
            timestamp,
            marker: packet.marker,
        })
    }

    fn begin(&mut self, source: StreamKey, packet: AudioIn, now: Instant) -> AudioOut {
        let placed = self.line.restart(packet.sequence, false);
        let timestamp = self.anchor(source, packet.timestamp, now);
        AudioOut {
            index: placed.index,
            timestamp,
            marker: true,
        }
    }

    /// Puts this packet where the slot's line is by the time of arrival, at least a frame after the
    /// last.
    fn anchor(&mut self, source: StreamKey, incoming: u32, now: Instant) -> u32 {
        let timestamp = match self.tenancy {
            None => self.first_timestamp,
            Some(before) => {
                let elapsed = ticks(now.saturating_duration_since(before.last_at));
                before.last.wrapping_add(elapsed.max(FRAME_TICKS))
            }
        };
        self.tenancy = Some(Tenancy {
            source,
            shift: timestamp.wrapping_sub(incoming),
            first: timestamp,
            last: timestamp,
            last_at: now,
        });
        timestamp
    }
}

/// A time span in RTP ticks, at most half the number space so that "later" stays decidable.
fn ticks(span: Duration) -> u32 {
    // Asked for each listener of each packet: a division of 128 bits would cost more than all else.
    let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    let ticks = micros.saturating_mul(u64::from(OPUS_HZ)) / 1_000_000;
    u32::try_from(ticks).unwrap_or(u32::MAX).min(u32::MAX / 4)
}

#[cfg(test)]
mod tests;
