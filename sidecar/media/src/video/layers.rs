//! Which layer of each shown publication one viewer gets, by its estimated bandwidth
//! (media-plane.md, "Video").

use std::collections::BTreeMap;
use std::time::Instant;

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
#[derive(Debug, Clone, Default)]
pub struct LayerAllocator {
    _p: (),
}

impl LayerAllocator {
    /// No estimate yet: everybody gets the base layer.
    pub fn new() -> Self {
        Self::default()
    }

    /// A new estimate of what the viewer's link takes, bits per second.
    pub fn handle_estimate(&mut self, bps: u64, now: Instant) {
        let _ = (bps, now);
        todo!()
    }

    /// Call on every change of wants or estimate and each second. `sent_bps` is what went out to this
    /// viewer over the last second.
    pub fn allocate(&mut self, wants: &[Want], sent_bps: u64, now: Instant) -> Allocation {
        let _ = (wants, sent_bps, now);
        todo!()
    }
}
