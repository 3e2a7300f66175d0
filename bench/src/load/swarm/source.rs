//! What a publishing client sends, and when. The time of sending travels in every packet.

use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

use crate::client::{Client, Track, VideoFrame, synthetic_picture};
use crate::load::scenario::{Layer, PICTURES_PER_SECOND, VOICE_INTERVAL, phase};

/// How loud speakers are, dBov.
const VOICE_LEVEL: i8 = -25;
/// Bytes of a voice frame.
pub(in crate::load) const VOICE_BYTES: std::ops::RangeInclusive<usize> = 80..=100;
/// Bytes of a picture in one packet, as the client splits it.
const CHUNK_BYTES: usize = 1_100;
/// First byte of a voice frame: CELT, full band, 20 ms, mono, one frame (RFC 6716 section 3.1), so that
/// whoever decodes it has as much to do as with a voice.
const VOICE_TOC: u8 = 0xf8;
/// Ends every payload: a magic number, of how many packets the picture is, then nanoseconds since the swarm's
/// epoch.
const STAMP_BYTES: usize = 12;
const MAGIC: [u8; 3] = *b"PBn";

/// What was sent, in packets.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::load) struct Sent {
    /// Of voices.
    pub(in crate::load) voices: u64,
    /// Of pictures, in all layers.
    pub(in crate::load) pictures: u64,
}

/// One track of a client.
pub(super) struct Source {
    track: Track,
    layers: &'static [Layer],
    phase: Duration,
    next: Instant,
    rng: SmallRng,
    pictures: u32,
    keyframe: bool,
    sent: Sent,
}

impl Source {
    /// Starts at `start`, each client with its own phase within the packet interval.
    pub(super) fn new(
        track: Track,
        layers: &'static [Layer],
        index: usize,
        start: Instant,
    ) -> Self {
        let mut source = Self {
            track,
            layers,
            phase: phase(interval(track), index),
            next: start,
            rng: SmallRng::seed_from_u64(index as u64),
            pictures: 0,
            keyframe: true,
            sent: Sent::default(),
        };
        source.restart(start);
        source
    }

    /// Begins now, in its phase.
    pub(super) fn restart(&mut self, now: Instant) {
        self.next = now + self.phase;
    }

    /// When it sends next.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    pub(super) fn track(&self) -> Track {
        self.track
    }

    /// The next picture is a key frame, in all layers.
    pub(super) fn want_keyframe(&mut self) {
        self.keyframe = true;
    }

    /// What was sent since this was asked last.
    pub(super) fn take_sent(&mut self) -> Sent {
        std::mem::take(&mut self.sent)
    }

    /// Sends what is due; false: nothing was.
    pub(super) fn send_due(
        &mut self,
        client: &mut Client,
        epoch: Instant,
        now: Instant,
    ) -> anyhow::Result<bool> {
        if now < self.next {
            return Ok(false);
        }
        let sent = now.saturating_duration_since(epoch);
        self.next += interval(self.track);
        if self.track == Track::Voice {
            let mut frame = vec![0; self.rng.random_range(VOICE_BYTES)];
            self.rng.fill(&mut frame[..]);
            frame[0] = VOICE_TOC;
            write_stamp(&mut frame, Stamp { sent, parts: 0 });
            client.send_voice(&frame, Some(VOICE_LEVEL), now)?;
            self.sent.voices += 1;
        } else {
            self.send_picture(client, sent, now)?;
        }
        // After a stall: go on from here, not with a burst.
        self.next = self.next.max(now);
        Ok(true)
    }

    fn send_picture(
        &mut self,
        client: &mut Client,
        sent: Duration,
        now: Instant,
    ) -> anyhow::Result<()> {
        let keyframe = std::mem::take(&mut self.keyframe);
        self.pictures = self.pictures.wrapping_add(1);
        for layer in self.layers {
            let mut body = synthetic_picture(keyframe, &[]);
            if keyframe {
                // Its size is told by key frames (RFC 6386 section 9.1), four by three.
                let (width, height) = (layer.height / 3 * 4, layer.height);
                body[6..8].copy_from_slice(&width.to_le_bytes());
                body[8..10].copy_from_slice(&height.to_le_bytes());
            }
            body.resize(CHUNK_BYTES * layer.packets_per_picture, 0x55);
            let parts = layer.parts();
            for chunk in body.chunks_mut(CHUNK_BYTES) {
                write_stamp(chunk, Stamp { sent, parts });
            }
            let frame = VideoFrame {
                rid: layer.rid,
                picture: (self.pictures & 0x7fff) as u16,
                body: &body,
                rtp_time: self.pictures.wrapping_mul(90_000 / PICTURES_PER_SECOND),
            };
            client.send_video(self.track, frame, now)?;
            self.sent.pictures += layer.packets_per_picture as u64;
        }
        Ok(())
    }
}

fn interval(track: Track) -> Duration {
    if track == Track::Voice {
        VOICE_INTERVAL
    } else {
        Duration::from_secs(1) / PICTURES_PER_SECOND
    }
}

/// What a payload tells of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// When, since the swarm's epoch.
    pub(super) sent: Duration,
    /// Packets of the picture, which tells its layer too; 0: a voice.
    pub(super) parts: u8,
}

fn write_stamp(payload: &mut [u8], stamp: Stamp) {
    if let Some(end) = payload.last_chunk_mut::<STAMP_BYTES>() {
        let nanos = u64::try_from(stamp.sent.as_nanos()).unwrap_or(u64::MAX);
        end[..3].copy_from_slice(&MAGIC);
        end[3] = stamp.parts;
        end[4..].copy_from_slice(&nanos.to_be_bytes());
    }
}

/// What a payload of ours tells.
pub(super) fn read_stamp(payload: &[u8]) -> Option<Stamp> {
    let stamp: &[u8; STAMP_BYTES] = payload.last_chunk()?;
    let (magic, rest) = stamp.split_first_chunk::<3>()?;
    let (parts, nanos) = rest.split_first()?;
    let nanos = u64::from_be_bytes(nanos.try_into().ok()?);
    (*magic == MAGIC).then(|| Stamp {
        sent: Duration::from_nanos(nanos),
        parts: *parts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_sending_survives_the_way() {
        let mut payload = vec![7; 80];
        let stamp = Stamp {
            sent: Duration::from_micros(1_234),
            parts: 6,
        };
        write_stamp(&mut payload, stamp);
        assert_eq!(read_stamp(&payload), Some(stamp));
        assert_eq!(read_stamp(&[0; 80]), None);
        assert_eq!(read_stamp(&[0; 3]), None);
    }
}
