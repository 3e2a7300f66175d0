//! Which layer of each shown publication one viewer gets, by its estimated bandwidth
//! (media-plane.md, "Video").

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Going up is judged by the lowest estimate of so long,
const UP_WINDOW: Duration = Duration::from_secs(5);
/// or of so long where none fell meanwhile: at the start, and after what was too little, it only rises.
const RISING_WINDOW: Duration = Duration::from_secs(1);
/// Least time between two steps up.
const UP_INTERVAL: Duration = Duration::from_secs(1);
/// So many times what is needed is ample.
const AMPLE: u64 = 2;
/// Estimates closer than this count as one.
const ESTIMATE_STEP: Duration = Duration::from_millis(100);
/// A stuck estimate is raised after so long.
const STARVING_AFTER: Duration = Duration::from_secs(3);

/// Who goes first when bandwidth is short. Greater is more important.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Priority {
    /// A shared screen.
    pub screen: bool,
    /// Pinned by the viewer.
    pub pinned: bool,
    /// Speaks.
    pub speaker: bool,
    /// Height shown, pixels.
    pub height: u16,
}

/// One publication that the viewer shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// The caller's name for it.
    pub id: u64,
    /// Who goes first.
    pub priority: Priority,
    /// Measured bit rates of the layers it may get, cheapest first; not empty.
    pub layers_bps: Vec<u64>,
}

/// The result of a pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allocation {
    /// Layer index per wanted id; absent = paused.
    pub layers: BTreeMap<u64, usize>,
    /// Rates of what is given, sum.
    pub granted_bps: u64,
    /// Rates of every best layer wanted, sum: what to tell the estimator as desired.
    pub desired_bps: u64,
    /// The estimate is stuck: raise it to this (starvation reset).
    pub raise_estimate_bps: Option<u64>,
}

/// Chooses layers for one viewer, recomputed each time.
///
/// Base layers for everybody first, then one rung per pass by priority. What the viewer has is judged
/// by the present estimate; what it would get beyond by the lowest of the last five seconds, or of one
/// while estimates only rise. Down at once, up at most one rung a second, for all together where the
/// estimate is twice of what that takes.
#[derive(Debug, Clone, Default)]
pub struct LayerAllocator {
    /// Estimates that held within the last [`UP_WINDOW`], oldest first.
    estimates: VecDeque<Estimate>,
    latest: u64,
    has_estimate: bool,
    /// Layer of each want of the last pass; `None`: unfunded.
    held: BTreeMap<u64, Option<usize>>,
    last_up: Option<Instant>,
    starving: Option<Starving>,
}

#[derive(Debug, Clone, Copy)]
struct Estimate {
    at: Instant,
    bps: u64,
    /// Clearly less than the one before.
    fell: bool,
}

/// Somebody gets nothing while the link is idle and the estimate does not move.
#[derive(Debug, Clone, Copy)]
struct Starving {
    since: Instant,
    estimate_bps: u64,
}

impl LayerAllocator {
    /// No estimate yet: everybody gets the base layer.
    pub fn new() -> Self {
        Self::default()
    }

    /// A new estimate of what the viewer's link takes, bits per second.
    pub fn handle_estimate(&mut self, bps: u64, now: Instant) {
        self.forget(now);
        // Many estimates in one interval: the lowest is enough.
        let fell = bps < self.latest - self.latest / 8;
        match self.estimates.back_mut() {
            Some(last) if now.saturating_duration_since(last.at) < ESTIMATE_STEP => {
                last.bps = bps.min(last.bps);
                last.fell |= fell;
            }
            _ => self.estimates.push_back(Estimate { at: now, bps, fell }),
        }
        self.latest = bps;
        self.has_estimate = true;
    }

    /// Call on every change of wants or estimate and each second. `sent_bps` is what went out to this
    /// viewer over the last second.
    pub fn allocate(&mut self, wants: &[Want], sent_bps: u64, now: Instant) -> Allocation {
        self.forget(now);
        let mut order: Vec<&Want> = wants.iter().filter(|w| !w.layers_bps.is_empty()).collect();
        order.sort_by_key(|want| (std::cmp::Reverse(want.priority), want.id));

        let mut pass = Pass {
            stay_bps: if self.has_estimate {
                self.latest
            } else {
                u64::MAX
            },
            up_bps: self.lowest(now),
            spent_bps: 0,
            may_go_up: self.may_go_up(now),
            went_up: false,
        };
        let mut layers = BTreeMap::new();
        for want in &order {
            let was = self.held.get(&want.id).copied();
            if pass.fund_base(want, was) {
                layers.insert(want.id, 0);
            }
        }
        // Without an estimate nobody climbs.
        while self.has_estimate && pass.climb(&order, &mut layers, &self.held) {}

        if pass.went_up {
            self.last_up = Some(now);
        }
        self.held = order
            .iter()
            .map(|want| (want.id, layers.get(&want.id).copied()))
            .collect();
        Allocation {
            raise_estimate_bps: self.starvation(&order, &layers, pass.spent_bps, sent_bps, now),
            granted_bps: pass.spent_bps,
            desired_bps: order.iter().filter_map(|w| w.layers_bps.last()).sum(),
            layers,
        }
    }

    fn forget(&mut self, now: Instant) {
        // An estimate holds until the next one: the first is needed until the second is too old.
        while let Some(next) = self.estimates.get(1) {
            if now.saturating_duration_since(next.at) <= UP_WINDOW {
                break;
            }
            self.estimates.pop_front();
        }
    }

    fn lowest(&self, now: Instant) -> u64 {
        let fell = self.estimates.iter().any(|estimate| estimate.fell);
        let window = if fell { UP_WINDOW } else { RISING_WINDOW };
        let mut lowest = self.latest;
        let mut until = now;
        for estimate in self.estimates.iter().rev() {
            if now.saturating_duration_since(until) > window {
                break;
            }
            lowest = lowest.min(estimate.bps);
            until = estimate.at;
        }
        lowest
    }

    fn may_go_up(&self, now: Instant) -> bool {
        self.last_up
            .is_none_or(|then| now.saturating_duration_since(then) >= UP_INTERVAL)
    }

    /// str0m's estimate can stick while little is sent: after a while, advise to raise it to what the
    /// cheapest unfunded layer needs.
    fn starvation(
        &mut self,
        order: &[&Want],
        layers: &BTreeMap<u64, usize>,
        spent_bps: u64,
        sent_bps: u64,
        now: Instant,
    ) -> Option<u64> {
        let cheapest = order
            .iter()
            .filter(|want| !layers.contains_key(&want.id))
            .filter_map(|want| want.layers_bps.first())
            .min();
        let is_idle = self.has_estimate && sent_bps < self.latest / 2;
        let (Some(cheapest), true) = (cheapest, is_idle) else {
            self.starving = None;
            return None;
        };
        match self.starving {
            Some(starving) if starving.estimate_bps.abs_diff(self.latest) <= self.latest / 50 => {
                if now.saturating_duration_since(starving.since) < STARVING_AFTER {
                    return None;
                }
                self.starving = None;
                Some(spent_bps + cheapest)
            }
            _ => {
                self.starving = Some(Starving {
                    since: now,
                    estimate_bps: self.latest,
                });
                None
            }
        }
    }
}

/// Budget of one pass.
struct Pass {
    stay_bps: u64,
    up_bps: u64,
    spent_bps: u64,
    may_go_up: bool,
    went_up: bool,
}

impl Pass {
    /// A want seen first, or one that had a picture, is judged by the present estimate; one that was
    /// taken off has to wait for a steady one.
    fn fund_base(&mut self, want: &Want, was: Option<Option<usize>>) -> bool {
        let budget = if was == Some(None) {
            self.up_bps
        } else {
            self.stay_bps
        };
        let base = want.layers_bps[0];
        let fits = fits(self.spent_bps + base, budget);
        if fits {
            self.spent_bps += base;
        }
        fits
    }

    /// One rung for everybody who can afford it, in order. False: nobody climbed.
    fn climb(
        &mut self,
        order: &[&Want],
        layers: &mut BTreeMap<u64, usize>,
        held: &BTreeMap<u64, Option<usize>>,
    ) -> bool {
        let mut climbed = false;
        for want in order {
            let Some(layer) = layers.get_mut(&want.id) else {
                continue;
            };
            let Some(next_bps) = want.layers_bps.get(*layer + 1) else {
                continue;
            };
            let had = held.get(&want.id).copied().flatten();
            let is_up = had.is_none_or(|had| *layer + 1 > had);
            let total = (self.spent_bps - want.layers_bps[*layer]).saturating_add(*next_bps);
            let budget = match (is_up, self.went_up) {
                (false, _) => self.stay_bps,
                (true, false) => self.up_bps,
                // Where there is ample room, all may go up at once, but none by two rungs.
                (true, true) if *layer <= had.unwrap_or(0) => self.up_bps / AMPLE,
                (true, true) => continue,
            };
            if is_up && !self.may_go_up || !fits(total, budget) {
                continue;
            }
            self.spent_bps = total;
            *layer += 1;
            climbed = true;
            self.went_up |= is_up;
        }
        climbed
    }
}

/// As upstream: an estimate of 90 % of the need is enough, since estimates stay below what is sent.
fn fits(need_bps: u64, budget_bps: u64) -> bool {
    need_bps.saturating_mul(9) / 10 <= budget_bps
}

#[cfg(test)]
mod tests;
