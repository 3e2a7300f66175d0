//! Pictures through the room. The packets of one are kept until it is whole, for a moment at most, and leave
//! viewer by viewer: what a viewer's packets need of memory is fetched once per picture, and the kernel gets
//! them as one run to one address. Nobody can show a picture before its last packet. They are made for a few
//! viewers at a time, when what was made before is gone ([`FanOut`]): all at once would not fit a cache.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use parley_media::channel::SlotKind;
use parley_media::sequence::StreamKey;
use parley_media::video::{
    CounterPlaces, PictureId, VideoIn, VideoOut, Vp8Header, Vp8Numbers, av1_starts_sequence,
};
use str0m::rtp::{RtpPacket, Vp8Descriptor, Vp8Patch};

use crate::demux::Owner;
use crate::egress::pictures::{Outgoing, Picture};
use crate::egress::{EgressError, Packet};
use crate::ids::Key;
use crate::prefetch::prefetch;
use crate::session::Session;
use crate::session::downlink::{PublicationId, VideoSlot};
use crate::session::peer::{PeerFault, SendFault, VideoCodec};
use crate::shared::Shared;

use super::Room;
use super::reel::{Frame, Reel};

/// A picture whose end does not come is sent as far as it is there. Publishers that pace their packets
/// spread a picture over some of these; at a bottleneck it is the most that a picture may be later.
const HELD: Duration = Duration::from_millis(4);
/// Places of one reel begin so far from those of the one before: more than any holds.
const PLACES_APART: u32 = 0x0100_0001;
/// So many packets of a stream do not wait any longer.
const HELD_MAX: usize = 64;
/// When so many bytes are there for the shell, further viewers wait until it has taken them.
const MADE_AT_ONCE: usize = 32 * 1024;

/// Packets of a stream on their way to its viewers.
#[derive(Debug)]
pub(crate) struct FanOut {
    /// Whose pictures they are.
    pub(crate) owner: Owner,
    publication: PublicationId,
    key: StreamKey,
    /// In the stream's reel.
    places: Range<u32>,
    /// Seats before this one have got them.
    next: usize,
}

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
        let frame = Frame {
            input: VideoIn {
                sequence: *packet.seq_no,
                timestamp: packet.header.timestamp,
                marker: packet.header.marker,
                keyframe: header.keyframe,
                vp8: header.vp8,
            },
            counters: header.counters,
            csrc,
            codec,
            arrived: shared.now.instant,
            payload: packet.payload.clone(),
        };
        self.hold(key, PublicationId { seat, kind }, frame, shared);
    }

    /// Keeps a packet until its picture is whole.
    fn hold(
        &mut self,
        key: StreamKey,
        publication: PublicationId,
        frame: Frame,
        shared: &mut Shared,
    ) {
        let whole = frame.input.marker;
        let rebound = |reel: &Reel| reel.publication != publication && reel.waiting() > 0;
        if self.reels.get(&key).is_some_and(rebound) {
            self.release(key, shared);
        }
        let reel = self.reels.entry(key).or_insert_with(|| {
            self.reel_places = self.reel_places.wrapping_add(PLACES_APART);
            Reel::new(publication, self.reel_places)
        });
        reel.publication = publication;
        reel.push(frame);
        if whole || reel.waiting() >= HELD_MAX {
            self.release(key, shared);
        } else if reel.due.is_none() {
            let due = shared.now.instant + HELD;
            reel.due = Some(due);
            self.pictures_due = Some(self.pictures_due.map_or(due, |at| at.min(due)));
            self.wake_at(due, shared);
        }
    }

    /// What was held for long enough leaves.
    pub(super) fn release_due(&mut self, shared: &mut Shared) {
        let now = shared.now.instant;
        self.pictures_due = None;
        let over = |reel: &Reel| reel.due.is_some_and(|due| due <= now);
        let due = self.reels.iter().filter(|(_, reel)| over(reel));
        let due: Vec<StreamKey> = due.map(|(key, _)| *key).collect();
        for key in due {
            self.release(key, shared);
        }
        self.pictures_due = self.reels.values().filter_map(|reel| reel.due).min();
    }

    fn release(&mut self, key: StreamKey, shared: &mut Shared) {
        let Some(reel) = self.reels.get_mut(&key) else {
            return;
        };
        let publication = reel.publication;
        let owner = Owner {
            room: self.key,
            seat: publication.seat,
        };
        shared.fan_outs.push_back(FanOut {
            owner,
            publication,
            key,
            places: reel.release(),
            next: 0,
        });
    }

    /// Makes packets for the next viewers. True: all have got theirs.
    pub(crate) fn fan_out(&mut self, packets: &mut FanOut, shared: &mut Shared) -> bool {
        let Some(reel) = self.reels.get(&packets.key) else {
            return true;
        };
        while shared.out.made() < MADE_AT_ONCE {
            self.expect_viewers(packets);
            let Some(viewer) = self.sessions.next_mut(&mut packets.next) else {
                return true;
            };
            show(viewer, packets, reel, shared);
        }
        false
    }

    /// Asks for what the next viewers' packets will need, in the order in which one leads to the other.
    fn expect_viewers(&self, packets: &FanOut) {
        let ahead = |viewers: usize| self.sessions.at(packets.next + viewers);
        if let Some(session) = ahead(4) {
            prefetch(&session.down.videos);
            prefetch(&session.peer);
        }
        if let Some(session) = ahead(3) {
            if let Some(slot) = session.down.videos.first() {
                prefetch(slot);
            }
            if let Some(peer) = &session.peer {
                prefetch(&peer.pts);
                prefetch(&peer.compact);
            }
        }
        if let Some(peer) = ahead(2).and_then(|session| session.peer.as_ref()) {
            peer.compact.expect_pictures();
        }
        if let Some(peer) = ahead(1).and_then(|session| session.peer.as_ref()) {
            peer.compact.pictures.expect();
        }
    }

    /// Payloads that nobody asks for any more are let go.
    pub(super) fn forget_pictures(&mut self, now: Instant) {
        self.reels.retain(|_, reel| reel.forget(now));
    }
}

/// Sends a viewer what waits of a stream, if that is what it is shown.
fn show(viewer: &mut Session, packets: &FanOut, reel: &Reel, shared: &mut Shared) {
    let Some(slot) = viewer.down.video_of(packets.publication) else {
        return;
    };
    let key = packets.key;
    let places = packets.places.clone();
    let concerned =
        slot.rewriter.current() == Some(key) || slot.rewriter.waiting_for() == Some(key);
    if !slot.ready || !concerned {
        return;
    }
    let Some(peer) = viewer.peer.as_mut() else {
        return;
    };
    // No number is used up for what cannot leave: half of all without one sent, and the client's count of
    // their rollovers is wrong for good.
    if peer.is_hushed() || peer.compact.path().is_none() {
        let count = reel.range(places).count() as u64;
        return viewer.drop_many(EgressError::Disconnected.name(), count, shared);
    }
    if peer.compact.is_left_to_rtc() {
        return show_by_rtc(viewer, packets, reel, shared);
    }
    let now = shared.now.instant;
    let packets = slot.line.packets;
    // The estimator counts each packet, and may panic.
    let mut lost: Option<(EgressError, u64)> = None;
    let sending = catch_unwind(AssertUnwindSafe(|| {
        for (place, frame) in reel.range(places) {
            let Some(pt) = peer.pts.of(frame.codec) else {
                continue;
            };
            if frame.codec != VideoCodec::Vp8 && !slot.takes_av1 {
                continue;
            }
            let Some(out) = slot.rewriter.rewrite(key, frame.input, frame.arrived) else {
                continue;
            };
            let numbers = Outgoing {
                index: out.index,
                stream: key,
                place,
                timestamp: out.timestamp,
                vp8: out.vp8,
                marker: out.marker,
                codec: frame.codec,
            };
            let picture = Picture {
                pt: *pt,
                csrc: frame.csrc,
                counters: frame.counters,
                payload: &frame.payload,
            };
            let sent = slot.line.claim(out.index).and_then(|ssrc| {
                if peer.is_hushed() {
                    return Err(EgressError::Disconnected);
                }
                let to = (&mut shared.out, now);
                peer.compact
                    .write_picture(ssrc, &numbers, &picture, frame.arrived, to)
            });
            match sent {
                Ok(()) => {
                    slot.line.count(frame.payload.len(), now);
                    shared.counters.packets_forwarded += 1;
                }
                Err(error) => lost = Some((error, lost.map_or(1, |(_, count)| count + 1))),
            }
        }
    }));
    let ssrc = slot
        .line
        .ssrc
        .filter(|_| packets == 0 && slot.line.packets > 0);
    let begun = match (&sending, ssrc) {
        (Ok(()), Some(ssrc)) => peer.begin(ssrc),
        (Ok(()), None) => Ok(()),
        (Err(_), _) => Err(PeerFault::Panicked),
    };
    if let Some((error, count)) = lost {
        viewer.drop_many(error.name(), count, shared);
    }
    match begun {
        Ok(()) if ssrc.is_some() => viewer.mark_dirty(shared),
        Ok(()) => {}
        Err(fault) => viewer.fail(fault, shared),
    }
}

/// As [`show`], for a session whose encryption is left to its media stack.
fn show_by_rtc(viewer: &mut Session, packets: &FanOut, reel: &Reel, shared: &mut Shared) {
    let key = packets.key;
    for (_, frame) in reel.range(packets.places.clone()) {
        let takes = |slot: &&mut VideoSlot| frame.codec == VideoCodec::Vp8 || slot.takes_av1;
        let Some(slot) = viewer.down.video_of(packets.publication).filter(takes) else {
            continue;
        };
        let Some(out) = slot.rewriter.rewrite(key, frame.input, frame.arrived) else {
            continue;
        };
        let Some(peer) = viewer.peer.as_mut() else {
            return;
        };
        let Some(pt) = peer.pts.of(frame.codec) else {
            return;
        };
        let packet = Packet {
            index: out.index,
            timestamp: out.timestamp,
            marker: out.marker,
            pt,
            csrc: frame.csrc,
            level: None,
            nackable: true,
            vp8: patch(frame, &out),
            payload: &frame.payload,
            captured: frame.arrived,
        };
        match peer.send(&mut slot.line, &packet, shared) {
            Ok(_) => viewer.mark_dirty(shared),
            Err(SendFault::Packet(error)) => viewer.drop_one(error.name(), shared),
            Err(SendFault::Peer(fault)) => return viewer.fail(fault, shared),
        }
    }
}

/// The picture counters of the slot, in the widths they came in.
fn patch(frame: &Frame, out: &VideoOut) -> Option<Vp8Patch> {
    if frame.codec != VideoCodec::Vp8 {
        return None;
    }
    let descriptor = Vp8Descriptor::parse(&frame.payload).ok()?;
    let mut builder = descriptor.patch();
    if let Some(PictureId { value, .. }) = out.vp8.picture_id {
        builder = builder.picture_id(value);
    }
    if let Some(tl0) = out.vp8.tl0 {
        builder = builder.tl0_pic_idx(tl0);
    }
    builder.build().ok()
}

/// What forwarding reads of a packet, whatever it is encoded with.
struct PictureHeader {
    keyframe: bool,
    /// Of a key frame that starts here, where the codec tells it cheaply.
    height: Option<u16>,
    vp8: Vp8Numbers,
    counters: CounterPlaces,
}

impl PictureHeader {
    fn parse(codec: VideoCodec, payload: &[u8]) -> Option<Self> {
        match codec {
            VideoCodec::Vp8 => Vp8Header::parse_places(payload).map(|(header, counters)| Self {
                keyframe: header.keyframe,
                height: header.size.map(|(_, height)| height),
                vp8: Vp8Numbers {
                    picture_id: header.picture_id,
                    tl0: header.tl0,
                },
                counters,
            }),
            VideoCodec::Av1 => av1_starts_sequence(payload).map(|keyframe| Self {
                keyframe,
                height: None,
                vp8: Vp8Numbers::default(),
                counters: CounterPlaces::default(),
            }),
        }
    }
}
