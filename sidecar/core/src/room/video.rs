//! Pictures through the room: per viewer a layer by its estimate, switched at key frames.

use std::time::{Duration, Instant};

use parley_media::channel::SlotKind;
use parley_media::sequence::StreamKey;
use parley_media::video::{
    PictureId, Priority, VideoIn, VideoOut, Vp8Header, Vp8Numbers, Want, av1_starts_sequence,
};
use str0m::bwe::Bitrate;
use str0m::rtp::{RtpPacket, Vp8Descriptor, Vp8Patch};

use crate::egress::Packet;
use crate::ids::Key;
use crate::session::Session;
use crate::session::downlink::{Occupant, PublicationId, VideoSlot};
use crate::session::lines::Offered;
use crate::session::peer::{SendFault, Sent, VideoCodec};
use crate::shared::Shared;

use super::Room;

/// A layer's rate before it was measured, bit/s; each further layer counts three times as much.
const RATE_ASSUMED: u64 = 150_000;
/// Height of a camera of which the client did not say how large it shows it.
const HEIGHT_ASSUMED: u16 = 360;
/// A slot that still waits for its key frame asks again after this.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// While a viewer's first pictures start, padding may fill the link up to what is wanted.
const RAMP_UP: Duration = Duration::from_secs(5);

impl Room {
    pub(super) fn forward_video(
        &mut self,
        seat: Key,
        at: usize,
        kind: SlotKind,
        packet: &RtpPacket,
        shared: &mut Shared,
    ) {
        let Some(session) = self.sessions.get_mut(seat) else {
            return;
        };
        if !session.is_announced(kind) {
            session.drop_one("media_unannounced", shared);
            return;
        }
        let pts = session.peer.as_ref().map(|peer| peer.pts);
        let Some(codec) = pts.and_then(|pts| pts.codec_of(packet.header.payload_type)) else {
            session.drop_one("video_codec", shared);
            return;
        };
        let Some(header) = PictureHeader::parse(codec, &packet.payload) else {
            session.drop_one("video_malformed", shared);
            return;
        };
        let csrc = session.csrcs.of(kind);
        let stream = session.up.stream_mut(at);
        if header.keyframe {
            stream.keyframes.handle_keyframe();
        }
        let mut new = false;
        if let Some(height) = header.height {
            new = std::mem::replace(&mut stream.height, height) != height;
        }
        let key = stream.key;
        // The first packet of a publication, or of an encoding of it: viewers need a target and a key
        // frame.
        if stream.codec.replace(codec) != Some(codec) {
            self.unsettle_for(seat, shared);
            new = true;
        }
        if self.tap.is_some() {
            if new {
                self.choose_picture(shared);
            }
            if codec == VideoCodec::Vp8 {
                self.tap_picture(seat, at, header.keyframe, packet, shared);
            }
        }
        let input = VideoIn {
            sequence: *packet.seq_no,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            keyframe: header.keyframe,
            vp8: header.vp8,
        };
        let descriptor = (codec == VideoCodec::Vp8)
            .then(|| Vp8Descriptor::parse(&packet.payload).ok())
            .flatten();
        let publication = PublicationId { seat, kind };
        for (_, viewer) in self.sessions.iter_mut() {
            send_video(
                viewer,
                publication,
                (key, input, csrc),
                (codec, descriptor.as_ref()),
                packet,
                shared,
            );
        }
    }

    /// Chooses what each of one viewer's slots shall show, by its estimate.
    pub(super) fn retarget(&mut self, seat: Key, shared: &mut Shared) {
        let now = shared.now.instant;
        let Some(viewer) = self.sessions.get(seat) else {
            return;
        };
        let mut wants = Vec::new();
        let mut layers: Vec<(usize, Key, Vec<StreamKey>)> = Vec::new();
        for (place, slot) in viewer.down.videos.iter().enumerate() {
            let shown = slot.line.kind != SlotKind::Screen || viewer.shows_screen();
            let Some(occupant) = slot.occupant.filter(|_| slot.ready && shown) else {
                continue;
            };
            let publisher = occupant.publication.seat;
            let Some((want, keys)) = self.want(viewer, place, occupant, now) else {
                continue;
            };
            wants.push(want);
            layers.push((place, publisher, keys));
        }
        let lonely = wants.len() == 1;
        let Some(viewer) = self.sessions.get_mut(seat) else {
            return;
        };
        let sent_bps = viewer
            .down
            .videos
            .iter_mut()
            .map(|slot| slot.line.rate.bps(now))
            .sum();
        let allocation = viewer.down.allocator.allocate(&wants, sent_bps, now);
        if !viewer.shows_screen() {
            let mut slots = viewer.down.videos.iter_mut();
            if let Some(slot) = slots.find(|slot| slot.line.kind == SlotKind::Screen) {
                slot.rewriter.set_target(None);
            }
        }
        let mut ask = Vec::new();
        for (place, publisher, keys) in layers {
            let slot = &mut viewer.down.videos[place];
            let screen = slot.line.kind == SlotKind::Screen;
            let layer = allocation
                .layers
                .get(&(place as u64))
                .copied()
                // A screen, or the only picture, is never taken off: better slow than black.
                .or((lonely || screen).then_some(0));
            let target = layer.and_then(|layer| keys.get(layer)).copied();
            let changed = slot.rewriter.set_target(target);
            let waits = slot.rewriter.waiting_for();
            let again = slot
                .asked
                .is_none_or(|asked| now.saturating_duration_since(asked) >= ASK_AGAIN);
            if let Some(stream) = waits.filter(|_| changed || again) {
                slot.asked = Some(now);
                ask.push((publisher, stream));
            }
        }
        steer_estimator(viewer, !wants.is_empty(), &allocation, shared);
        for (publisher, stream) in ask {
            self.ask_keyframe(publisher, stream, shared);
        }
    }

    /// What one slot could show: the publication's layers, cheapest first.
    fn want(
        &self,
        viewer: &Session,
        place: usize,
        occupant: Occupant,
        now: Instant,
    ) -> Option<(Want, Vec<StreamKey>)> {
        let PublicationId { seat, kind } = occupant.publication;
        let publisher = self.sessions.get(seat)?;
        let takes_av1 = viewer.down.videos.get(place)?.takes_av1;
        let mut layers = publisher.up.layers(kind, takes_av1, now);
        if layers.is_empty() {
            return None;
        }
        let shown = viewer.shown_height(&publisher.id.0);
        if kind == SlotKind::Video {
            layers.truncate(enough_for(shown, layers.iter().map(|layer| layer.height)));
        }
        let mut assumed = RATE_ASSUMED;
        let mut layers_bps = Vec::with_capacity(layers.len());
        for layer in &layers {
            layers_bps.push(match layer.rate.last_bps() {
                0 => assumed,
                measured => measured,
            });
            assumed = layers_bps
                .last()
                .copied()
                .unwrap_or(assumed)
                .saturating_mul(3);
        }
        let want = Want {
            id: place as u64,
            priority: Priority {
                screen: kind == SlotKind::Screen,
                pinned: false,
                speaker: publisher.activity.is_on(),
                height: shown,
            },
            layers_bps,
        };
        Some((want, layers.iter().map(|layer| layer.key).collect()))
    }

    /// Looks at every viewer anew: rates and estimates move without events.
    pub(super) fn reallocate_all(&mut self, shared: &mut Shared) {
        let now = shared.now.instant;
        for (_, session) in self.sessions.iter_mut() {
            for stream in session.up.streams_mut() {
                stream.rate.bps(now);
            }
        }
        for seat in self.order.clone() {
            if self
                .sessions
                .get(seat)
                .is_some_and(|s| !s.down.videos.is_empty())
            {
                self.retarget(seat, shared);
            }
        }
    }

    pub(super) fn handle_estimate(&mut self, seat: Key, bps: u64, shared: &mut Shared) {
        if let Some(session) = self.sessions.get_mut(seat) {
            session.down.estimate_bps = bps;
            session
                .down
                .allocator
                .handle_estimate(bps, shared.now.instant);
            // Down at once; up when the room looks after its sessions.
            self.retarget(seat, shared);
        }
    }
}

impl Session {
    /// The cameras of others that this client shows, in the order it named them; without a view of its
    /// own the earliest joiners'.
    pub(crate) fn shown_cameras(&self, cameras: &[Offered], own: Key) -> Vec<Offered> {
        let others = cameras
            .iter()
            .filter(|c| c.occupant.publication.seat != own);
        match self.view.as_ref().filter(|_| self.capabilities.slots_v1) {
            None => others
                .take(crate::session::downlink::CAMERAS_MAX)
                .cloned()
                .collect(),
            Some(view) => view
                .cameras
                .iter()
                .filter_map(|wanted| others.clone().find(|c| c.session == wanted.session))
                .cloned()
                .collect(),
        }
    }

    /// A client of ours that shows no screen stays told of it, but gets none.
    fn shows_screen(&self) -> bool {
        let view = self.view.as_ref().filter(|_| self.capabilities.slots_v1);
        view.is_none_or(|view| view.screen)
    }

    fn shown_height(&self, session: &str) -> u16 {
        let shown = self.view.as_ref().and_then(|view| {
            let mut cameras = view.cameras.iter();
            cameras.find(|camera| camera.session == session)
        });
        shown.map_or(HEIGHT_ASSUMED, |camera| camera.height)
    }
}

/// What forwarding reads of a packet, whatever it is encoded with.
struct PictureHeader {
    keyframe: bool,
    /// Of a key frame that starts here, where the codec tells it cheaply.
    height: Option<u16>,
    vp8: Vp8Numbers,
}

impl PictureHeader {
    fn parse(codec: VideoCodec, payload: &[u8]) -> Option<Self> {
        match codec {
            VideoCodec::Vp8 => Vp8Header::parse(payload).map(|header| Self {
                keyframe: header.keyframe,
                height: header.size.map(|(_, height)| height),
                vp8: Vp8Numbers {
                    picture_id: header.picture_id,
                    tl0: header.tl0,
                },
            }),
            VideoCodec::Av1 => av1_starts_sequence(payload).map(|keyframe| Self {
                keyframe,
                height: None,
                vp8: Vp8Numbers::default(),
            }),
        }
    }
}

/// How many layers, cheapest first, a picture of this height on the display can make use of: up to the
/// first that fills it. A layer whose height no key frame has told yet (0) ends nothing.
fn enough_for(shown: u16, heights: impl Iterator<Item = u16>) -> usize {
    let mut count = 0;
    for height in heights {
        count += 1;
        if height >= shown {
            break;
        }
    }
    count
}

fn send_video(
    viewer: &mut Session,
    publication: PublicationId,
    (key, input, csrc): (StreamKey, VideoIn, u32),
    (codec, descriptor): (VideoCodec, Option<&Vp8Descriptor>),
    packet: &RtpPacket,
    shared: &mut Shared,
) {
    let now = shared.now.instant;
    let takes = |slot: &&mut VideoSlot| slot.ready && (codec == VideoCodec::Vp8 || slot.takes_av1);
    let Some(slot) = viewer.down.video_of(publication).filter(takes) else {
        return;
    };
    let Some(out) = slot.rewriter.rewrite(key, input, now) else {
        return;
    };
    let Some(peer) = viewer.peer.as_mut() else {
        return;
    };
    let Some(pt) = peer.pts.of(codec) else {
        return;
    };
    let packet = Packet {
        index: out.index,
        timestamp: out.timestamp,
        marker: out.marker,
        pt,
        csrc,
        level: None,
        nackable: true,
        vp8: descriptor.and_then(|descriptor| patch(descriptor, &out)),
        payload: &packet.payload,
        captured: now,
    };
    match peer.send(&mut slot.line, &packet, shared) {
        Ok(Sent::Away) => {}
        Ok(Sent::Queued) => viewer.mark_dirty(shared),
        Err(SendFault::Packet(error)) => viewer.drop_one(error.name(), shared),
        Err(SendFault::Peer(fault)) => viewer.fail(fault, shared),
    }
}

/// The picture counters of the slot, in the widths they came in.
fn patch(descriptor: &Vp8Descriptor, out: &VideoOut) -> Option<Vp8Patch> {
    let mut builder = descriptor.patch();
    if let Some(PictureId { value, .. }) = out.vp8.picture_id {
        builder = builder.picture_id(value);
    }
    if let Some(tl0) = out.vp8.tl0 {
        builder = builder.tl0_pic_idx(tl0);
    }
    builder.build().ok()
}

/// Tells the viewer's estimator what it is for. Without video its timers are switched off.
fn steer_estimator(
    viewer: &mut Session,
    shows: bool,
    allocation: &parley_media::video::Allocation,
    shared: &mut Shared,
) {
    let now = shared.now.instant;
    let publishes = viewer.publishes_video();
    let since = match (shows, viewer.down.shows_since) {
        (true, since) => Some(since.unwrap_or(now)),
        (false, _) => None,
    };
    viewer.down.shows_since = since;
    let ramping = since.is_some_and(|since| now.saturating_duration_since(since) < RAMP_UP);
    let desired = if shows {
        allocation.desired_bps.saturating_mul(6) / 5
    } else {
        0
    };
    let minimum = if ramping { desired } else { 0 };
    let Some(peer) = viewer.peer.as_mut() else {
        return;
    };
    let awake = shows || publishes;
    let mut touched = peer.wants_bwe != awake;
    peer.wants_bwe = awake;
    let mut result = Ok(());
    if viewer.down.steered != (minimum, desired) {
        viewer.down.steered = (minimum, desired);
        touched = true;
        result = peer.set_bitrate(minimum, desired);
    }
    if let Some(bps) = allocation.raise_estimate_bps {
        touched = true;
        result = result.and(peer.guard(|rtc| rtc.bwe().reset(Bitrate::bps(bps))));
    }
    match result {
        Ok(()) if touched => viewer.mark_dirty(shared),
        Ok(()) => {}
        Err(fault) => viewer.fail(fault, shared),
    }
}

#[cfg(test)]
mod tests {
    use super::enough_for;

    #[test]
    fn a_small_tile_needs_no_large_layer() {
        assert_eq!(enough_for(90, [180, 360].into_iter()), 1);
        assert_eq!(enough_for(180, [180, 360].into_iter()), 1);
        assert_eq!(enough_for(181, [180, 360].into_iter()), 2);
        assert_eq!(enough_for(1080, [180, 360].into_iter()), 2);
        assert_eq!(enough_for(90, [0, 0].into_iter()), 2);
    }
}
