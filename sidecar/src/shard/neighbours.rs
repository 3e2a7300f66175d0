//! A shard's lanes to and from all others: datagrams that arrived at the wrong one, and what shards tell
//! each other of 5-tuples.

use std::net::SocketAddr;
use std::sync::Arc;

use parley_core::api::{HandOver, TupleNews};

use super::lane::{Bell, LaneReader, LaneSize, LaneWriter, Part, lane};

/// Of one direction between two shards: what comes in within some milliseconds at 100 Mbit/s.
const SIZE: LaneSize = LaneSize {
    entries: 1024,
    bytes: 256 * 1024,
};

/// What goes with each payload.
#[derive(Debug, Clone, Copy)]
pub(super) enum Passed {
    /// The payload is a datagram.
    Datagram {
        local: SocketAddr,
        remote: SocketAddr,
    },
    /// There is no payload.
    News {
        local: SocketAddr,
        remote: SocketAddr,
        is_theirs: bool,
    },
}

/// See the module.
#[derive(Debug)]
pub(super) struct Neighbours {
    /// By shard; nothing at its own place.
    to: Vec<Option<LaneWriter<Passed>>>,
    from: Vec<Option<LaneReader<Passed>>>,
}

impl Neighbours {
    /// The lanes of all shards, each with every other one, by the bells of their threads.
    pub(super) fn mesh(bells: &[Arc<Bell>]) -> Vec<Self> {
        let alone = |_: &Arc<Bell>| Self {
            to: bells.iter().map(|_| None).collect(),
            from: bells.iter().map(|_| None).collect(),
        };
        let mut all: Vec<Self> = bells.iter().map(alone).collect();
        for from in 0..bells.len() {
            for (to, bell) in bells.iter().enumerate().filter(|(to, _)| *to != from) {
                let (writer, reader) = lane(SIZE, bell.clone());
                all[from].to[to] = Some(writer);
                all[to].from[from] = Some(reader);
            }
        }
        all
    }

    /// How many shards there are.
    pub(super) fn shards(&self) -> usize {
        self.from.len()
    }

    /// Hands a datagram on. What anybody may have sent leaves room for what comes from clients.
    pub(super) fn hand_over(
        &mut self,
        to: HandOver,
        local: SocketAddr,
        remote: SocketAddr,
        datagram: &[u8],
    ) {
        // A fragment of ours names no shard that is not there.
        if let Some(Some(lane)) = self.to.get_mut(usize::from(to.shard)) {
            let part = if to.proven { Part::Most } else { Part::Half };
            lane.push(Passed::Datagram { local, remote }, datagram, part);
        }
    }

    /// Tells a shard of a tuple. What is lost of it is said again with the client's next check, or becomes
    /// true by itself.
    pub(super) fn tell(&mut self, news: TupleNews) {
        let TupleNews {
            shard,
            local,
            remote,
            is_theirs,
        } = news;
        if let Some(Some(lane)) = self.to.get_mut(usize::from(shard)) {
            let passed = Passed::News {
                local,
                remote,
                is_theirs,
            };
            lane.push(passed, &[], Part::All);
        }
    }

    /// Wakes those that were sent something.
    pub(super) fn flush(&mut self) {
        for lane in self.to.iter_mut().flatten() {
            lane.flush();
        }
    }

    /// Something waits.
    pub(super) fn wait(&self) -> bool {
        self.from.iter().flatten().any(|lane| !lane.is_empty())
    }

    /// Hands the next entry from a shard to `work`; false: there is none.
    pub(super) fn take(&mut self, from: usize, work: impl FnOnce(Passed, &[u8])) -> bool {
        match self.from.get_mut(from) {
            Some(Some(lane)) => lane.take(work).is_some(),
            _ => false,
        }
    }

    /// What found a lane full so far.
    pub(super) fn full(&self) -> u64 {
        self.to.iter().flatten().map(LaneWriter::full).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mesh(shards: usize) -> (Vec<Neighbours>, Vec<mio::Poll>) {
        let polls: Vec<mio::Poll> = (0..shards).map(|_| mio::Poll::new().unwrap()).collect();
        let bell = |poll: &mio::Poll| {
            let waker = mio::Waker::new(poll.registry(), mio::Token(0)).unwrap();
            Arc::new(Bell::new(waker))
        };
        let bells: Vec<Arc<Bell>> = polls.iter().map(bell).collect();
        (Neighbours::mesh(&bells), polls)
    }

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn each_shard_reaches_each_other_one_and_never_itself() {
        let (mut all, _polls) = mesh(3);
        for from in 0..3_u8 {
            for shard in 0..4_u8 {
                let to = HandOver {
                    shard,
                    proven: true,
                };
                let datagram = [from, shard];
                all[usize::from(from)].hand_over(to, address(1), address(2), &datagram);
            }
        }
        for to in 0..3_u8 {
            for from in 0..3_u8 {
                let mut got = vec![];
                let lanes = &mut all[usize::from(to)];
                while lanes.take(from.into(), |passed, bytes| {
                    assert!(
                        matches!(passed, Passed::Datagram { local, .. } if local == address(1))
                    );
                    got.push(bytes.to_vec());
                }) {}
                let expected = if from == to {
                    vec![]
                } else {
                    vec![vec![from, to]]
                };
                assert_eq!(got, expected);
            }
            assert!(!all[usize::from(to)].wait());
        }
    }

    #[test]
    fn a_flood_of_strangers_leaves_room_for_clients_and_for_news() {
        let (mut all, _polls) = mesh(2);
        let [first, second] = &mut all[..] else {
            unreachable!()
        };
        let to = |proven| HandOver { shard: 1, proven };
        for _ in 0..10_000 {
            first.hand_over(to(false), address(1), address(2), &[0; 100]);
        }
        let lost = first.full();
        assert!(lost > 9_000, "{lost}");
        for _ in 0..300 {
            first.hand_over(to(true), address(1), address(3), &[1; 100]);
        }
        assert_eq!(first.full(), lost, "no client's datagram is lost");
        for _ in 0..10_000 {
            first.hand_over(to(true), address(1), address(3), &[1; 100]);
        }
        let lost = first.full();
        first.tell(TupleNews {
            shard: 1,
            local: address(1),
            remote: address(4),
            is_theirs: true,
        });
        assert_eq!(first.full(), lost);
        let (mut clients, mut news) = (0, 0);
        while second.take(0, |passed, _| match passed {
            Passed::Datagram { remote, .. } => clients += u32::from(remote == address(3)),
            Passed::News { .. } => news += 1,
        }) {}
        assert!(clients >= 300, "{clients}");
        assert_eq!(news, 1);
    }
}
