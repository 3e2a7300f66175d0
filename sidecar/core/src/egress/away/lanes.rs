//! The home shard's side: who is away, and the batches to the other shards.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use crate::crypto::SendKey;
use crate::demux::Owner;
use crate::egress::{EgressError, Path};
use crate::ids::{Arena, Key};

use super::placement::{self, SPILL_ABOVE};
use super::record::{Order, Record, Records};

/// A batch is given out from this size on, bytes: the other shard begins while home still orders.
const BATCH_BYTES: usize = 16 * 1024;
/// Packets wait in the core up to this, bytes per shard; what is more is lost.
const WAITING_BYTES_MAX: usize = 1024 * 1024;
/// What must arrive waits up to this, bytes per shard.
const CONTROL_BYTES_MAX: usize = 4 * WAITING_BYTES_MAX;
/// What fits into a new batch, bytes: one that is to be given out, and a usual payload with an order.
const BATCH_CAPACITY: usize = BATCH_BYTES + 2048;
/// A lane that was full is left alone for so long.
const PAUSE: Duration = Duration::from_millis(1);
/// Empty buffers kept for the next batches.
const SPARE_MAX: usize = 16;

/// Where a session's voices are encrypted and sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) shard: u8,
    key: Key,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Lanes {
    own: u8,
    /// By shard; the own one only counts.
    lanes: Vec<Lane>,
    /// Egresses that the other cores have placed, by shard.
    pub(crate) others: Vec<u32>,
    /// This shard can hardly keep up.
    pub(crate) strained: bool,
    /// Sessions of a room whose egress is at home in any case.
    pub(crate) spill_above: usize,
    /// Counts what came in: orders of one packet share a payload.
    packet: u64,
    /// The batch that the shell looks at, and for whom.
    lent: Option<(u8, Batch)>,
    /// Some lane may have something to give out.
    ready: bool,
    spare: Vec<Batch>,
    /// Packets ordered, those included that the lane then had no room for.
    pub(crate) ordered: u64,
    /// Words that should have arrived, for which there was no room any more; for whom counts them.
    pub(crate) control_lost: u64,
}

/// Records, in memory that is not moved as a rule. Keys stand in it: it is not printed, and leaves none
/// behind.
struct Batch(Vec<u8>);

/// To one shard.
#[derive(Debug, Default)]
struct Lane {
    /// Whose egress is there. The keys are those of the other side's guests.
    routes: Arena<Owner>,
    full: VecDeque<Batch>,
    /// In `full`, bytes.
    waiting: usize,
    open: Batch,
    /// What `open` has as its last payload: number of the packet, and where it lies.
    payload: Option<(u64, usize)>,
    /// It was full: nothing is given out before.
    paused: Option<Instant>,
}

impl Lanes {
    pub(crate) fn new(own: u8) -> Self {
        let lanes = (0..=own).map(|_| Lane::default()).collect();
        Self {
            own,
            lanes,
            others: Vec::new(),
            strained: false,
            spill_above: SPILL_ABOVE,
            packet: 0,
            lent: None,
            ready: false,
            spare: Vec::new(),
            ordered: 0,
            control_lost: 0,
        }
    }

    /// How many shards there are, this one included. Before the first session.
    pub(crate) fn set_shards(&mut self, shards: u8) {
        let shards = usize::from(shards.max(self.own.saturating_add(1)));
        self.lanes.resize_with(shards, Lane::default);
    }

    /// Egresses that this core has placed, by shard.
    pub(crate) fn placed(&self) -> impl Iterator<Item = u32> {
        self.lanes.iter().map(|lane| lane.routes.len() as u32)
    }

    /// Of those, the ones that stayed here.
    pub(crate) fn at_home(&self) -> u32 {
        self.placed().nth(usize::from(self.own)).unwrap_or(0)
    }

    /// Places an egress of a room with so many sessions. A key that leaves is not given back: it is the
    /// other shard's from now on.
    pub(crate) fn place(
        &mut self,
        owner: Owner,
        sessions: usize,
        secret: Option<SendKey>,
        path: Option<Path>,
    ) -> (Route, Option<SendKey>) {
        let others = self.others.iter().copied().chain(std::iter::repeat(0));
        let carried = self
            .placed()
            .zip(others)
            .map(|(ours, theirs)| ours + theirs);
        let (above, strained) = (self.spill_above, self.strained);
        let mut shard = placement::choose(sessions, above, strained, self.own, carried);
        let takes = |lane: &Lane| lane.waiting < WAITING_BYTES_MAX && lane.paused.is_none();
        if secret.is_none() || !self.lanes.get(usize::from(shard)).is_some_and(takes) {
            shard = self.own;
        }
        let key = self.lanes[usize::from(shard)].routes.insert(owner);
        let route = Route { shard, key };
        match secret {
            Some(secret) if shard != self.own => {
                self.control(shard, &Record::Open(key, secret, path));
                (route, None)
            }
            secret => (route, secret),
        }
    }

    /// The client has another address now.
    pub(crate) fn follow(&mut self, route: Route, path: Path) {
        self.control(route.shard, &Record::Path(route.key, path));
    }

    /// Whoever was there is gone. Orders that are still on their way find nobody then.
    pub(crate) fn close(&mut self, route: Route) {
        let lane = self.lanes.get_mut(usize::from(route.shard));
        if lane
            .and_then(|lane| lane.routes.remove(route.key))
            .is_some()
        {
            self.control(route.shard, &Record::Close(route.key));
        }
    }

    /// As [`Self::close`], for all of a room that went down without taking leave.
    pub(crate) fn close_room(&mut self, room: Key) {
        for shard in 0..self.lanes.len() {
            let routes = self.lanes[shard].routes.iter();
            let of_room = routes.filter(|(_, owner)| owner.room == room);
            let keys: Vec<Key> = of_room.map(|(key, _)| key).collect();
            for key in keys {
                let shard = shard as u8;
                self.close(Route { shard, key });
            }
        }
    }

    /// What is ordered from now on has another payload.
    pub(crate) fn next_packet(&mut self) {
        self.packet += 1;
    }

    /// Lets the shard of `route` send a packet.
    pub(crate) fn order(
        &mut self,
        route: Route,
        order: &Order,
        payload: &[u8],
    ) -> Result<(), EgressError> {
        let lane = self.lanes.get_mut(usize::from(route.shard));
        let lane = lane.ok_or(EgressError::NoStream)?;
        if lane.paused.is_some() || lane.waiting >= WAITING_BYTES_MAX {
            return Err(EgressError::LaneFull);
        }
        let place = Some((self.packet, payload.as_ptr().addr()));
        if lane.payload != place {
            if !Record::Payload(payload).write(&mut lane.open.0) {
                return Err(EgressError::NotSealed);
            }
            lane.payload = place;
        }
        Record::Order(route.key, *order).write(&mut lane.open.0);
        lane.cut_if_full(&mut self.spare);
        self.ready = true;
        self.ordered += 1;
        Ok(())
    }

    /// Writes what must arrive. The own shard needs not be told.
    fn control(&mut self, shard: u8, record: &Record<'_>) {
        if shard == self.own {
            return;
        }
        let Some(lane) = self.lanes.get_mut(usize::from(shard)) else {
            return;
        };
        if lane.waiting + lane.open.0.len() >= CONTROL_BYTES_MAX {
            self.control_lost += 1;
            return;
        }
        record.write(&mut lane.open.0);
        // However much there is: what is larger than the lane would never get through.
        lane.cut_if_full(&mut self.spare);
        self.ready = true;
    }

    /// Whether there is another batch: see [`Self::lent`]. The one before has been taken, unless
    /// [`Self::refuse`] was called.
    pub(crate) fn poll(&mut self) -> bool {
        if let Some((_, batch)) = self.lent.take() {
            keep(batch, &mut self.spare);
        }
        if !self.ready {
            return false;
        }
        self.lent = (0..).zip(&mut self.lanes).find_map(|(shard, lane)| {
            if lane.paused.is_some() {
                return None;
            }
            if lane.full.is_empty() && !lane.open.0.is_empty() {
                lane.cut(self.spare.pop().unwrap_or_default());
            }
            let batch = lane.full.pop_front()?;
            lane.waiting = lane.waiting.saturating_sub(batch.0.len());
            Some((shard, batch))
        });
        self.ready = self.lent.is_some();
        self.ready
    }

    /// The batch that [`Self::poll`] told of, and for which shard.
    pub(crate) fn lent(&self) -> Option<(u8, &[u8])> {
        let (shard, batch) = self.lent.as_ref()?;
        Some((*shard, &batch.0))
    }

    /// The shell could not take the last batch. What must arrive is tried again after a pause,
    /// packets are lost: how many.
    pub(crate) fn refuse(&mut self, now: Instant) -> u64 {
        let Some((shard, batch)) = self.lent.take() else {
            return 0;
        };
        let Some(lane) = self.lanes.get_mut(usize::from(shard)) else {
            return 0;
        };
        let later = std::mem::take(&mut lane.full);
        let next = self.spare.pop().unwrap_or_default();
        let open = std::mem::replace(&mut lane.open, next);
        lane.waiting = 0;
        let mut lost = 0;
        for batch in [batch].into_iter().chain(later).chain([open]) {
            for record in Records::new(&batch.0).flatten() {
                if record.is_control() {
                    record.write(&mut lane.open.0);
                    lane.cut_if_full(&mut self.spare);
                } else if matches!(record, Record::Order(..)) {
                    lost += 1;
                }
            }
            keep(batch, &mut self.spare);
        }
        lane.payload = None;
        lane.paused = Some(now + PAUSE);
        lost
    }

    /// When [`Self::wake`] has something to do.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        self.lanes.iter().filter_map(|lane| lane.paused).min()
    }

    /// Ends pauses.
    pub(crate) fn wake(&mut self, now: Instant) {
        for lane in &mut self.lanes {
            if lane.paused.is_some_and(|until| until <= now) {
                lane.paused = None;
                self.ready = true;
            }
        }
    }
}

impl Lane {
    /// What is written from now on belongs to another batch, which begins with `next`.
    fn cut(&mut self, next: Batch) {
        let batch = std::mem::replace(&mut self.open, next);
        self.waiting += batch.0.len();
        self.full.push_back(batch);
        self.payload = None;
    }

    fn cut_if_full(&mut self, spare: &mut Vec<Batch>) {
        if self.open.0.len() >= BATCH_BYTES {
            self.cut(spare.pop().unwrap_or_default());
        }
    }
}

/// For another batch.
fn keep(mut batch: Batch, spare: &mut Vec<Batch>) {
    if spare.len() < SPARE_MAX {
        batch.wipe();
        spare.push(batch);
    }
}

impl Batch {
    fn wipe(&mut self) {
        self.0.fill(0);
        // Otherwise it need not be done in memory that is given back next.
        std::hint::black_box(&self.0);
        self.0.clear();
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self(Vec::with_capacity(BATCH_CAPACITY))
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}
