//! Which layer of a picture each viewer gets, by its estimate; switched at key frames.

use std::time::{Duration, Instant};

use parley_media::channel::SlotKind;
use parley_media::sequence::StreamKey;
use parley_media::video::{Priority, Want};

use crate::ids::Key;
use crate::session::Session;
use crate::session::downlink::{Occupant, PublicationId};
use crate::session::lines::Offered;
use crate::shared::Shared;

use super::Room;

/// A layer's rate before it was measured, bit/s; each further layer counts three times as much.
const RATE_ASSUMED: u64 = 150_000;
/// Height of a camera of which the client did not say how large it shows it.
const HEIGHT_ASSUMED: u16 = 360;
/// A slot that still waits for its key frame asks again after this.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// A layer of so much more than the estimate stops at once when it is left, in tenths.
const TOO_MUCH_TENTHS: u64 = 15;
/// While a viewer's first pictures start, padding may fill the link up to what is wanted.
const RAMP_UP: Duration = Duration::from_secs(5);

impl Room {
    /// Chooses what each of one viewer's slots shall show, by its estimate.
    pub(super) fn retarget(&mut self, seat: Key, shared: &mut Shared) {
        let now = shared.now.instant;
        let Some(viewer) = self.sessions.get(seat) else {
            return;
        };
        let mut wants = Vec::new();
        let mut layers: Vec<(usize, Key, Vec<StreamKey>, Vec<u64>)> = Vec::new();
        for (place, slot) in viewer.down.videos.iter().enumerate() {
            let shown = slot.line.kind != SlotKind::Screen || viewer.shows_screen();
            let Some(occupant) = slot.occupant.filter(|_| slot.ready && shown) else {
                continue;
            };
            let publisher = occupant.publication.seat;
            let Some((want, keys)) = self.want(viewer, place, occupant, now) else {
                continue;
            };
            layers.push((place, publisher, keys, want.layers_bps.clone()));
            wants.push(want);
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
        let too_much = match viewer.down.estimate_bps {
            0 => u64::MAX,
            estimate => estimate.saturating_mul(TOO_MUCH_TENTHS) / 10,
        };
        for (place, publisher, keys, rates) in layers {
            let slot = &mut viewer.down.videos[place];
            let screen = slot.line.kind == SlotKind::Screen;
            let layer = allocation
                .layers
                .get(&(place as u64))
                .copied()
                // A screen, or the only picture, is never taken off: better slow than black.
                .or((lonely || screen).then_some(0));
            let target = layer.and_then(|layer| keys.get(layer)).copied();
            // The present layer would only fill the way for the next one's key frame.
            let present = slot.rewriter.current();
            let rate = keys.iter().position(|key| Some(*key) == present);
            let rate = rate.and_then(|layer| rates.get(layer));
            if target != present && rate.is_some_and(|bps| *bps > too_much) {
                slot.rewriter.set_target(None);
            }
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

/// Tells the viewer's estimator what it is for. Without pictures it sleeps.
fn steer_estimator(
    viewer: &mut Session,
    shows: bool,
    allocation: &parley_media::video::Allocation,
    shared: &mut Shared,
) {
    let now = shared.now.instant;
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
    // Once the link is known to take what is wanted, there is nothing to find out.
    let minimum = if ramping && viewer.down.estimate_bps < desired {
        desired
    } else {
        0
    };
    let anew = viewer.down.steer_again && desired > 0;
    let changed = viewer.down.steered != (minimum, desired);
    let target = (anew || changed).then_some((minimum, desired));
    if target.is_none() && allocation.raise_estimate_bps.is_none() {
        return;
    }
    viewer.down.steered = (minimum, desired);
    viewer.down.steer_again = false;
    let Some(peer) = viewer.peer.as_mut() else {
        return;
    };
    if let Err(fault) = peer.steer(target, allocation.raise_estimate_bps, shared) {
        viewer.fail(fault, shared);
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
