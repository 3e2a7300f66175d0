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

/// An estimate that fell to so much of what it was counts at once, in tenths ...
const FALLEN_TENTHS: u64 = 7;
/// ... until it is back at so much of the average.
const BACK_TENTHS: u64 = 9;
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
        if peer.are_pictures_due(at, shared) {
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
        let result = match peer.compact.pictures.lost(*ssrc, *lost, now) {
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
    let estimator = peer.compact.pictures.estimator_mut()?;
    let mut moved = None;
    while let Some(bps) = estimator.poll_estimate() {
        moved = Some(bps);
    }
    let average = estimator.estimate_bps();
    let estimate = worth_telling(told, moved, average, estimator.momentary_bps());
    peer.schedule_pictures(shared);
    estimate
}

/// The estimate that counts from now on, if that is another than what was `told` (0: none yet). All in bit/s:
/// the average if it has `moved`, the average, what the estimate is at this moment.
///
/// The average is over seconds: what a link that became narrow holds up meanwhile is lost. So what is far below
/// it counts at once; and when that was over soon, the average, which may not have moved at all, is told again.
fn worth_telling(
    told: u64,
    moved: Option<u64>,
    average: u64,
    momentary: Option<u64>,
) -> Option<u64> {
    let Some(momentary) = momentary else {
        return moved;
    };
    let is_below = |bps: u64, tenths| momentary < bps.saturating_mul(tenths) / 10;
    if is_below(moved.unwrap_or(told), FALLEN_TENTHS) {
        return Some(momentary);
    }
    let dipped = told > 0 && told < average;
    moved.or((dipped && !is_below(average, BACK_TENTHS)).then_some(average))
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
    // Nothing of what the slot showed before.
    let current = slot.rewriter.current();
    let reel = current.and_then(|stream| reels.get(&stream));
    let size = |sent: &Sent| {
        let reel = reel.filter(|_| current == Some(sent.stream))?;
        Some(reel.get(sent.place)?.payload.len())
    };
    let mut left = wanted;
    for _ in 0..PADDING_MAX {
        if left == 0 {
            break;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told along a course of (average, whether it moved, momentary).
    fn told(course: &[(u64, bool, u64)]) -> Vec<Option<u64>> {
        let mut told = 0;
        let tell = |(average, moved, momentary): &(u64, bool, u64)| {
            let moved = moved.then_some(*average);
            let news = worth_telling(told, moved, *average, Some(*momentary));
            told = news.unwrap_or(told);
            news
        };
        course.iter().map(tell).collect()
    }

    #[test]
    fn a_dip_counts_at_once_and_until_it_is_over() {
        let news = told(&[
            (1_000, true, 1_000),
            (990, false, 600),
            (980, false, 600),
            // It was over before the average moved by enough to be told.
            (970, false, 800),
            (970, false, 900),
            (970, false, 900),
        ]);
        assert_eq!(news, [Some(1_000), Some(600), None, None, Some(970), None]);
    }

    #[test]
    fn a_fall_that_lasts_is_told_as_the_average_follows_it() {
        let news = told(&[
            (1_000, true, 1_000),
            (900, true, 400),
            (600, true, 400),
            (420, true, 400),
            (410, false, 405),
        ]);
        assert_eq!(news, [Some(1_000), Some(400), Some(400), Some(420), None]);
    }

    #[test]
    fn nothing_is_told_before_there_is_an_estimate() {
        assert_eq!(worth_telling(0, None, 500_000, None), None);
        assert_eq!(worth_telling(0, None, 500_000, Some(500_000)), None);
        assert_eq!(worth_telling(0, Some(5), 5, None), Some(5));
    }
}
