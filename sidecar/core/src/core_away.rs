//! What the core does with its neighbours: voices of one large room leave by several shards. See
//! `egress::away`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::api::Now;
use crate::core::Core;

impl Core {
    /// The process has so many shards, numbered from 0, this one included: large rooms may have voices
    /// sent by the others. Before the first session.
    pub fn spread_over(&mut self, shards: u8) {
        self.shared.lanes.set_shards(shards);
    }

    /// A room keeps its egress to itself up to so many sessions; the default is 128.
    pub fn spill_above(&mut self, sessions: usize) {
        self.shared.lanes.spill_above = sessions;
    }

    /// Egresses that this core has placed, by shard; for the others.
    pub fn egresses(&self) -> impl Iterator<Item = u32> {
        self.shared.lanes.placed()
    }

    /// What the other cores' [`Self::egresses`] add up to, by shard, and whether this shard can hardly
    /// keep up. New egresses are placed accordingly; an old one never moves.
    pub fn handle_loads(&mut self, others: &[u32], strained: bool) {
        let lanes = &mut self.shared.lanes;
        lanes.others.clear();
        lanes.others.extend_from_slice(others);
        lanes.strained = strained;
    }

    /// Orders of another shard's core.
    pub fn handle_orders(&mut self, from: u8, batch: &[u8], now: Now) {
        self.shared.now = now;
        let shared = &mut self.shared;
        let handled = catch_unwind(AssertUnwindSafe(|| {
            let (guests, out) = (&mut shared.guests, &mut shared.out);
            guests.handle(from, batch, out, &mut shared.counters);
        }));
        if handled.is_err() {
            tracing::error!("panic in orders of another shard");
            self.shared.counters.panics += 1;
        }
    }

    /// The other shard had no room for the last [`Output::Orders`](crate::api::Output::Orders). Its
    /// packets are lost; what must arrive comes again.
    pub fn refuse_orders(&mut self) {
        let now = self.shared.now.instant;
        let lost = self.shared.lanes.refuse(now);
        self.shared.counters.drop_many("egress_lane_full", lost);
    }
}
