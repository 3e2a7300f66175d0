//! What viewers of pictures get beside them: lost packets again, padding that shows what their links take,
//! and what their estimators say of it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use parley_media::sequence::StreamKey;

use crate::egress::EgressError;
use crate::egress::pictures::{Picture, Refused, Sent, To};
use crate::ids::Key;
use crate::session::downlink::VideoSlot;
use crate::session::peer::{Peer, PeerFault};
use crate::shared::Shared;

use super::Room;
use super::reel::Reel;

/// An estimate that fell to so much of what it was counts at once, in tenths.
const FALLEN_TENTHS: u64 = 7;
/// Packets of padding in one go.
const PADDING_MAX: usize = 64;

/// Why packets were not sent again, and how many.
type Refusals = BTreeMap<&'static str, u64>;

impl Room {
    /// A timer entry of a session's pictures came up.
    pub(crate) fn wake_pictures(&mut self, seat: Key, at: Instant, shared: &mut Shared) {
        let Some(session) = self.sessions.get_mut(seat) else {
            return;
        };
        let Some(peer) = session.peer.as_mut() else {
            return;
        };
        if peer.compact.pictures.scheduled.came_up(at) {
            self.serve_pictures(seat, shared);
        }
    }

    /// What this viewer's link takes is estimated here.
    pub(super) fn is_estimated(&mut self, seat: Key) -> bool {
        let session = self.sessions.get_mut(seat);
        let peer = session.and_then(|session| session.peer.as_mut());
        peer.is_some_and(|peer| peer.compact.pictures.estimator_mut().is_some())
    }

    /// A report came in, which may have been about pictures.
    pub(super) fn serve_stirred(&mut self, seat: Key, shared: &mut Shared) {
        let session = self.sessions.get_mut(seat);
        let peer = session.and_then(|session| session.peer.as_mut());
        if peer.is_some_and(|peer| std::mem::take(&mut peer.compact.pictures.stirred)) {
            self.serve_pictures(seat, shared);
        }
    }

    /// Does what reports of a viewer and its estimator ask for.
    pub(super) fn serve_pictures(&mut self, seat: Key, shared: &mut Shared) {
        let Some(viewer) = self.sessions.get_mut(seat) else {
            return;
        };
        let Some(peer) = viewer.peer.as_mut() else {
            return;
        };
        let mut refusals = Refusals::new();
        let (reels, slots) = (&self.reels, &viewer.down.videos);
        let told = viewer.down.estimate_bps;
        let served = catch_unwind(AssertUnwindSafe(|| {
            serve(peer, slots, (reels, told), &mut refusals, shared)
        }));
        for (cause, count) in refusals {
            viewer.drop_many(cause, count, shared);
        }
        match served {
            Err(_) => viewer.fail(PeerFault::Panicked, shared),
            Ok(Some(bps)) => self.handle_estimate(seat, bps, shared),
            Ok(None) => {}
        }
    }
}

/// The estimate, if it moved.
fn serve(
    peer: &mut Peer,
    slots: &[VideoSlot],
    (reels, told): (&BTreeMap<StreamKey, Reel>, u64),
    refusals: &mut Refusals,
    shared: &mut Shared,
) -> Option<u64> {
    let now = shared.now.instant;
    let malformed = std::mem::take(&mut peer.compact.pictures.malformed);
    if malformed > 0 {
        refusals.insert("twcc_malformed", malformed);
    }
    let nacked = peer.compact.pictures.take_nacked();
    for (ssrc, lost) in &nacked {
        let shown = |sent: &Sent| {
            let mut slots = slots.iter();
            let slot = slots.find(|slot| slot.line.ssrc.is_some_and(|known| *known == *ssrc));
            slot.and_then(|slot| slot.rewriter.current()) == Some(sent.stream)
        };
        let result = match peer.compact.pictures.again(*ssrc, *lost, now) {
            // A key frame of another stream has made up for it, or will.
            Ok(sent) if !shown(&sent) => Err("retransmit_gone"),
            Ok(sent) => repeat(peer, *ssrc, &sent, true, reels, shared),
            Err(Refused::Gone) => Err("retransmit_gone"),
            Err(Refused::TooSoon) => Err("retransmit_soon"),
        };
        if let Err(cause) = result {
            *refusals.entry(cause).or_default() += 1;
        }
    }
    peer.compact.pictures.give_back(nacked);
    let estimator = peer.compact.pictures.estimator_mut()?;
    if estimator.poll_timeout().is_some_and(|at| at <= now) {
        estimator.handle_timeout(now);
    }
    while let Some(wanted) = peer.compact.pictures.estimator_mut()?.poll_padding(now) {
        if let Err(cause) = pad(peer, wanted, slots, reels, shared) {
            *refusals.entry(cause).or_default() += 1;
            break;
        }
    }
    let mut estimate = None;
    let estimator = peer.compact.pictures.estimator_mut()?;
    while let Some(bps) = estimator.poll_estimate() {
        estimate = Some(bps);
    }
    // It is an average over seconds: what a link that became narrow holds up meanwhile is lost.
    if let Some(momentary) = estimator.momentary_bps() {
        let told = estimate.unwrap_or(told);
        if momentary < told.saturating_mul(FALLEN_TENTHS) / 10 {
            estimate = Some(momentary);
        }
    }
    peer.schedule_pictures(shared);
    estimate
}

/// Sends one packet again.
fn repeat(
    peer: &mut Peer,
    ssrc: u32,
    sent: &Sent,
    asked: bool,
    reels: &BTreeMap<StreamKey, Reel>,
    shared: &mut Shared,
) -> Result<(), &'static str> {
    let frame = reels
        .get(&sent.stream)
        .and_then(|reel| reel.get(sent.place));
    let frame = frame.ok_or("retransmit_gone")?;
    let pt = peer.pts.rtx_of(sent.codec).ok_or("retransmit_gone")?;
    let path = peer.compact.path().filter(|_| !peer.is_hushed());
    let path = path.ok_or(EgressError::Disconnected.name())?;
    let picture = Picture {
        pt: *pt,
        csrc: frame.csrc,
        counters: frame.counters,
        payload: &frame.payload,
    };
    let to = To {
        path,
        out: &mut shared.out,
        now: shared.now.instant,
    };
    let repeated = peer
        .compact
        .pictures
        .repeat(ssrc, sent, &picture, asked, to);
    match repeated {
        Ok(true) => Ok(()),
        Ok(false) => Err("retransmit_budget"),
        Err(error) => Err(error.name()),
    }
}

/// Sends about so many bytes of padding on a slot that is in use.
fn pad(
    peer: &mut Peer,
    wanted: usize,
    slots: &[VideoSlot],
    reels: &BTreeMap<StreamKey, Reel>,
    shared: &mut Shared,
) -> Result<(), &'static str> {
    let used = slots.iter().filter(|slot| slot.ready);
    let best = used.max_by_key(|slot| (slot.rewriter.current().is_some(), slot.line.packets > 0));
    let Some((slot, ssrc)) = best.and_then(|slot| Some((slot, slot.line.ssrc?))) else {
        return Ok(());
    };
    let Some(pt) = peer.pts.rtx() else {
        return Ok(());
    };
    let mut left = wanted;
    for _ in 0..PADDING_MAX {
        if left == 0 {
            break;
        }
        let size = |sent: &Sent| {
            // Nothing of what the slot showed before.
            if slot.rewriter.current() != Some(sent.stream) {
                return None;
            }
            let frame = reels.get(&sent.stream)?.get(sent.place)?;
            Some(frame.payload.len())
        };
        let again = peer.compact.pictures.padding(*ssrc, left, size);
        let bytes = match &again {
            Some(sent) => {
                repeat(peer, *ssrc, sent, false, reels, shared)?;
                size(sent).unwrap_or(left)
            }
            None => {
                let path = peer.compact.path().filter(|_| !peer.is_hushed());
                let to = To {
                    path: path.ok_or(EgressError::Disconnected.name())?,
                    out: &mut shared.out,
                    now: shared.now.instant,
                };
                let blank = peer.compact.pictures.blank(*ssrc, *pt, left, to);
                blank
                    .map_err(EgressError::name)?
                    .ok_or("retransmit_budget")?
            }
        };
        left = left.saturating_sub(bytes);
    }
    Ok(())
}
