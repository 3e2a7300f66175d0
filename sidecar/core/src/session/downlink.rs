//! What a client receives: slots, each with one SSRC for the session's life, and who is in them.

use std::time::Instant;

use parley_media::audio::{AudioIn, SlotRewriter};
use parley_media::channel::SlotKind;
use parley_media::sequence::{ListenerSequence, StreamKey};
use parley_media::video::{LayerAllocator, VideoRewriter};
use rand::Rng;
use str0m::media::Mid;
use str0m::rtp::Ssrc;

use crate::egress::{Egress, EgressError, IndexGuard, Packet};
use crate::ids::Key;
use crate::shared::Shared;
use crate::stats::{RateMeter, RtcTrackStats};

/// Voice slots of a room, and the most a session can have.
pub(crate) const VOICES_MAX: usize = 10;
/// Cameras a session can show.
pub(crate) const CAMERAS_MAX: usize = 9;

/// RTP header with the CSRC that every packet of ours carries (RFC 3550 section 5.1).
const HEADER_BYTES: usize = 16;

/// A publication of a session in the same room: the seat, and what it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PublicationId {
    pub(crate) seat: Key,
    pub(crate) kind: SlotKind,
}

/// Who is in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Occupant {
    pub(crate) publication: PublicationId,
    /// Changes with every share or camera start: tells two publications of one seat apart.
    pub(crate) csrc: u32,
}

/// An m-line that we send on.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) kind: SlotKind,
    pub(crate) mid: Mid,
    /// Known once the m-line is answered.
    pub(crate) ssrc: Option<Ssrc>,
    guard: IndexGuard,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) rate: RateMeter,
    pub(crate) reported: RtcTrackStats,
}

impl Line {
    pub(crate) fn new(kind: SlotKind, mid: Mid) -> Self {
        Self {
            kind,
            mid,
            ssrc: None,
            guard: IndexGuard::default(),
            packets: 0,
            bytes: 0,
            rate: RateMeter::default(),
            reported: RtcTrackStats::default(),
        }
    }

    pub(crate) fn is_audio(&self) -> bool {
        matches!(self.kind, SlotKind::Voice | SlotKind::ScreenAudio)
    }

    /// Sends a packet whose numbers are those of this line: on which SSRC.
    pub(crate) fn send(
        &mut self,
        egress: &mut impl Egress,
        packet: &Packet<'_>,
        now: Instant,
    ) -> Result<Ssrc, EgressError> {
        let ssrc = self.claim(packet.index)?;
        egress.write(ssrc, packet)?;
        self.count(packet.payload.len(), now);
        Ok(ssrc)
    }

    /// On which SSRC a packet with this index may leave: now and never again.
    pub(crate) fn claim(&mut self, index: u64) -> Result<Ssrc, EgressError> {
        let ssrc = self.ssrc.ok_or(EgressError::NoStream)?;
        if !self.guard.claim(index) {
            return Err(EgressError::IndexReused);
        }
        Ok(ssrc)
    }

    /// A packet left.
    pub(crate) fn count(&mut self, payload: usize, now: Instant) {
        self.packets += 1;
        self.bytes += (HEADER_BYTES + payload) as u64;
        self.rate.add(payload, now);
    }
}

/// A slot for voices or a screen's sound.
#[derive(Debug)]
pub(crate) struct AudioSlot {
    pub(crate) line: Line,
    pub(crate) occupant: Option<Occupant>,
    /// Counts who sat here. Somebody who comes back after a mute sits here anew: what was withheld
    /// meanwhile must not look like loss.
    tenancy: u8,
    rewriter: SlotRewriter,
    sequence: ListenerSequence,
}

impl AudioSlot {
    pub(crate) fn new(line: Line, shared: &mut Shared) -> Self {
        Self {
            line,
            occupant: None,
            tenancy: 0,
            rewriter: SlotRewriter::new(shared.rng.random()),
            sequence: ListenerSequence::new(shared.rng.random_range(1..1 << 15)),
        }
    }

    pub(crate) fn seat(&mut self, occupant: Option<Occupant>) {
        if occupant.is_some() && occupant != self.occupant {
            self.tenancy = self.tenancy.wrapping_add(1);
        }
        self.occupant = occupant;
    }

    /// The slot's index, RTP time and marker for a packet of its occupant.
    pub(crate) fn rewrite(
        &mut self,
        source: StreamKey,
        packet: AudioIn,
        now: Instant,
    ) -> Option<(u64, u32, bool)> {
        // Only compared with the source before: eight bits of the connection's number are enough.
        let source = StreamKey(source.0 ^ (u64::from(self.tenancy) << 56));
        let out = self.rewriter.rewrite(source, packet, now)?;
        let index = self.sequence.forward(out.index)?;
        Some((index, out.timestamp, out.marker))
    }
}

/// A slot for pictures.
#[derive(Debug)]
pub(crate) struct VideoSlot {
    pub(crate) line: Line,
    pub(crate) occupant: Option<Occupant>,
    pub(crate) rewriter: VideoRewriter,
    /// The m-line is active. Fixed slots are always; on demand only while a publication is live.
    pub(crate) active: bool,
    /// The client has answered the m-line as it is now: media may flow.
    pub(crate) ready: bool,
    /// ... in AV1 too.
    pub(crate) takes_av1: bool,
    /// When a key frame was last asked for on behalf of this slot.
    pub(crate) asked: Option<Instant>,
}

impl VideoSlot {
    pub(crate) fn new(line: Line, shared: &mut Shared) -> Self {
        Self {
            line,
            occupant: None,
            rewriter: VideoRewriter::new(shared.rng.random_range(1..1 << 15), shared.rng.random()),
            active: true,
            ready: false,
            takes_av1: false,
            asked: None,
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Downlink {
    /// In the order they were made.
    pub(crate) voices: Vec<AudioSlot>,
    pub(crate) screen_audio: Option<AudioSlot>,
    pub(crate) videos: Vec<VideoSlot>,
    /// Room voice slot -> place in `voices`.
    pub(crate) routes: [Option<u8>; VOICES_MAX],
    /// Counts the maps sent.
    pub(crate) map_epoch: u64,
    /// The client's map is out of date.
    pub(crate) map_stale: bool,
    pub(crate) allocator: LayerAllocator,
    /// Estimate of what the client can receive, bit/s; 0 = none yet.
    pub(crate) estimate_bps: u64,
    /// Since when at least one picture is shown.
    pub(crate) shows_since: Option<Instant>,
    /// Minimum and desired rate that the estimator was told last.
    pub(crate) steered: (u64, u64),
    /// It is to be told them once more: another one may be there since, or what it may do is another.
    pub(crate) steer_again: bool,
}

impl Downlink {
    pub(crate) fn lines(&self) -> impl Iterator<Item = &Line> {
        let audio = self
            .voices
            .iter()
            .chain(&self.screen_audio)
            .map(|slot| &slot.line);
        audio.chain(self.videos.iter().map(|slot| &slot.line))
    }

    pub(crate) fn lines_mut(&mut self) -> impl Iterator<Item = &mut Line> {
        let audio = self
            .voices
            .iter_mut()
            .chain(&mut self.screen_audio)
            .map(|slot| &mut slot.line);
        audio.chain(self.videos.iter_mut().map(|slot| &mut slot.line))
    }

    /// Mids of audio lines: before each of our offers they are set to send and receive.
    pub(crate) fn audio_mids(&self) -> Vec<Mid> {
        let slots = self.voices.iter().chain(&self.screen_audio);
        slots.map(|slot| slot.line.mid).collect()
    }

    /// Puts the owners of the room's voice slots into this client's slots: whoever is in one stays in
    /// it, newcomers take free ones. With fewer slots than owners the later ones of `owners` wait.
    /// `owners`: per room slot, but for the client's own. True: somebody moved.
    pub(crate) fn seat_voices(&mut self, owners: &[Option<Occupant>]) -> bool {
        let mut changed = false;
        for slot in &mut self.voices {
            let stays = |occupant: &Occupant| owners.contains(&Some(*occupant));
            if slot
                .occupant
                .as_ref()
                .is_some_and(|occupant| !stays(occupant))
            {
                slot.seat(None);
                changed = true;
            }
        }
        self.routes = [None; VOICES_MAX];
        for (room_slot, owner) in owners.iter().enumerate().take(VOICES_MAX) {
            let Some(owner) = owner else { continue };
            let known = self
                .voices
                .iter()
                .position(|slot| slot.occupant.as_ref() == Some(owner));
            let place = known.or_else(|| {
                let free = self
                    .voices
                    .iter()
                    .position(|slot| slot.occupant.is_none())?;
                self.voices[free].seat(Some(*owner));
                changed = true;
                Some(free)
            });
            self.routes[room_slot] = place.map(|place| place as u8);
        }
        self.map_stale |= changed;
        changed
    }

    pub(crate) fn video_of(&mut self, publication: PublicationId) -> Option<&mut VideoSlot> {
        self.videos.iter_mut().find(|slot| {
            slot.occupant
                .is_some_and(|occupant| occupant.publication == publication)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{CoreConfig, Limits, Now};

    fn shared() -> Shared {
        let config = CoreConfig {
            node: 0,
            shard: 0,
            seed: 1,
            media_addresses: vec![],
            limits: Limits::default(),
        };
        let now = Now {
            instant: Instant::now(),
            wall_ms: 0,
        };
        Shared::new(config, now)
    }

    fn voice(slot: u32) -> Option<Occupant> {
        Some(Occupant {
            publication: PublicationId {
                seat: Key { slot, epoch: 0 },
                kind: SlotKind::Voice,
            },
            csrc: slot,
        })
    }

    #[test]
    fn whoever_has_a_slot_keeps_it_and_newcomers_take_free_ones() {
        let mut shared = shared();
        let mut down = Downlink::default();
        for n in 0..2 {
            let line = Line::new(SlotKind::Voice, Mid::from(n.to_string().as_str()));
            down.voices.push(AudioSlot::new(line, &mut shared));
        }
        assert!(down.seat_voices(&[voice(1), None, voice(3)]));
        assert_eq!(down.routes[..3], [Some(0), None, Some(1)]);
        // A third finds no place; nobody moves.
        assert!(!down.seat_voices(&[voice(1), voice(2), voice(3)]));
        assert_eq!(down.routes[..3], [Some(0), None, Some(1)]);
        // The first leaves: only now the waiting one comes in, in its place.
        assert!(down.seat_voices(&[None, voice(2), voice(3)]));
        assert_eq!(down.routes[..3], [None, Some(0), Some(1)]);
    }
}
