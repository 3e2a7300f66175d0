//! A shard's lanes of orders to and from all others: voices of one large room leave by several shards.
//!
//! Unlike datagrams that are handed on, what does not fit here is known to the core at once, which loses
//! packets and keeps what must arrive. Who carries how much is read without any lane: each shard writes a
//! row of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parley_core::Core;

use super::lane::{Bell, LaneReader, LaneSize, LaneWriter, Part, lane};

/// Of one direction between two shards. An order for a listener takes 32 bytes: so much is sent in less
/// than 100 ms, and voices that have waited for longer are worth nothing.
const SIZE: LaneSize = LaneSize {
    entries: 512,
    bytes: 512 * 1024,
};
/// Batches per tick from each other shard, so that commands and datagrams get their turn: some thousand
/// packets.
const BATCHES_PER_TICK: usize = 8;
/// How often shards look at what the others carry.
const EXCHANGE_EVERY: Duration = Duration::from_millis(10);
/// Busy share from which a shard gives egress away earlier.
const STRAINED: f64 = 0.7;

/// See the module.
#[derive(Debug)]
pub(super) struct AwayLanes {
    shard: usize,
    /// By shard; nothing at its own place.
    to: Vec<Option<LaneWriter<()>>>,
    from: Vec<Option<LaneReader<()>>>,
    carried: Arc<Carried>,
    others: Vec<u32>,
    exchange_at: Option<Instant>,
}

/// Egresses, by who has placed them and by who carries them.
#[derive(Debug)]
struct Carried(Vec<Vec<AtomicU32>>);

impl AwayLanes {
    /// The lanes of all shards, each with every other one, by the bells of their threads.
    pub(super) fn mesh(bells: &[Arc<Bell>]) -> Vec<Self> {
        let count = bells.len();
        let row = || (0..count).map(|_| AtomicU32::new(0)).collect();
        let carried = Arc::new(Carried((0..count).map(|_| row()).collect()));
        let alone = |shard| Self {
            shard,
            to: (0..count).map(|_| None).collect(),
            from: (0..count).map(|_| None).collect(),
            carried: carried.clone(),
            others: vec![0; count],
            exchange_at: None,
        };
        let mut all: Vec<Self> = (0..count).map(alone).collect();
        for from in 0..count {
            for (to, bell) in bells.iter().enumerate().filter(|(to, _)| *to != from) {
                let (writer, reader) = lane(SIZE, bell.clone());
                all[from].to[to] = Some(writer);
                all[to].from[from] = Some(reader);
            }
        }
        all
    }

    /// Passes orders on; false: there was no room.
    pub(super) fn push(&mut self, shard: u8, batch: &[u8]) -> bool {
        match self.to.get_mut(usize::from(shard)) {
            Some(Some(lane)) => lane.push((), batch, Part::All),
            _ => false,
        }
    }

    /// Wakes those that have something to do.
    pub(super) fn flush(&mut self) {
        for lane in self.to.iter_mut().flatten() {
            lane.flush();
        }
    }

    /// Something waits.
    pub(super) fn wait(&self) -> bool {
        self.from.iter().flatten().any(|lane| !lane.is_empty())
    }

    /// Hands what waits to `work`, with whose orders they are; true: some are left.
    pub(super) fn take(&mut self, mut work: impl FnMut(u8, &[u8])) -> bool {
        let mut left = false;
        for (from, lane) in (0..).zip(&mut self.from) {
            let Some(lane) = lane else { continue };
            let mut taken = 0;
            while taken < BATCHES_PER_TICK && lane.take(|(), batch| work(from, batch)).is_some() {
                taken += 1;
            }
            left |= !lane.is_empty();
        }
        left
    }

    /// Tells the others what this core has placed, and it what they have.
    pub(super) fn exchange(&mut self, core: &mut Core, load: f64, now: Instant) {
        if self.others.len() < 2 || self.exchange_at.is_some_and(|at| now < at) {
            return;
        }
        self.exchange_at = Some(now + EXCHANGE_EVERY);
        for (cell, placed) in self.carried.0[self.shard].iter().zip(core.egresses()) {
            cell.store(placed, Ordering::Relaxed);
        }
        let rows = || self.carried.0.iter().enumerate();
        for (shard, sum) in self.others.iter_mut().enumerate() {
            let theirs = rows().filter(|(row, _)| *row != self.shard);
            *sum = theirs
                .map(|(_, row)| row[shard].load(Ordering::Relaxed))
                .sum();
        }
        core.handle_loads(&self.others, load > STRAINED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mesh(shards: usize) -> (Vec<AwayLanes>, Vec<mio::Poll>) {
        let polls: Vec<mio::Poll> = (0..shards).map(|_| mio::Poll::new().unwrap()).collect();
        let bell = |poll: &mio::Poll| {
            let waker = mio::Waker::new(poll.registry(), mio::Token(0)).unwrap();
            Arc::new(Bell::new(waker))
        };
        let bells: Vec<Arc<Bell>> = polls.iter().map(bell).collect();
        (AwayLanes::mesh(&bells), polls)
    }

    #[test]
    fn orders_reach_whom_they_are_for_and_never_oneself() {
        let (mut all, _polls) = mesh(3);
        for from in 0..3_u8 {
            for to in 0..4_u8 {
                let pushed = all[usize::from(from)].push(to, &[from, to]);
                assert_eq!(pushed, from != to && to < 3);
            }
        }
        for (to, lanes) in (0..).zip(&mut all) {
            assert!(lanes.wait());
            let mut got = vec![];
            assert!(!lanes.take(|from, batch| got.push((from, batch.to_vec()))));
            let others = (0..3).filter(|from| *from != to);
            let expected: Vec<_> = others.map(|from| (from, vec![from, to])).collect();
            assert_eq!(got, expected);
            assert!(!lanes.wait());
        }
    }

    #[test]
    fn a_slow_shard_is_told_no_more_than_it_can_make_good() {
        let (mut all, _polls) = mesh(2);
        let [first, second] = &mut all[..] else {
            unreachable!()
        };
        let batch = vec![7; 16 * 1024];
        let pushed = (0..100).filter(|_| first.push(1, &batch)).count();
        assert_eq!(pushed, 32);
        let mut taken = 0;
        // In turns.
        assert!(second.take(|_, bytes| taken += usize::from(bytes == batch)));
        assert_eq!(taken, BATCHES_PER_TICK);
        while second.take(|_, bytes| taken += usize::from(bytes == batch)) {}
        assert_eq!(taken, pushed);
    }
}
