//! The network between clients and the sidecar: seeded delay, loss, duplication and reordering.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// How a link treats a datagram.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// One way.
    pub delay: Duration,
    /// Added to the delay, uniformly between zero and this: reorders when larger than the packet spacing.
    pub jitter: Duration,
    /// Share of datagrams lost, 0 to 1.
    pub loss: f64,
    /// Share of datagrams that arrive twice, 0 to 1.
    pub duplication: f64,
}

impl Link {
    /// A local network: 1 ms, nothing lost.
    pub const LAN: Self = Self {
        delay: Duration::from_millis(1),
        jitter: Duration::ZERO,
        loss: 0.0,
        duplication: 0.0,
    };
    /// A bad wireless network.
    pub const WIFI: Self = Self {
        delay: Duration::from_millis(15),
        jitter: Duration::from_millis(20),
        loss: 0.05,
        duplication: 0.01,
    };
}

/// A datagram under way.
#[derive(Debug, Clone)]
pub struct Datagram {
    /// Sender's address.
    pub from: SocketAddr,
    /// Receiver's address.
    pub to: SocketAddr,
    /// What.
    pub payload: Vec<u8>,
}

/// All links, and what is under way on them. The same seed and inputs give the same deliveries.
#[derive(Debug)]
pub struct Network {
    link: Link,
    rng: SmallRng,
    // The counter keeps datagrams of one instant in order.
    under_way: BTreeMap<(Instant, u64), Datagram>,
    counter: u64,
    cut: Vec<SocketAddr>,
}

impl Network {
    /// A network whose every link behaves as `link`.
    pub fn new(link: Link, seed: u64) -> Self {
        Self {
            link,
            rng: SmallRng::seed_from_u64(seed),
            under_way: BTreeMap::new(),
            counter: 0,
            cut: Vec::new(),
        }
    }

    /// Changes all links from now on.
    pub fn set_link(&mut self, link: Link) {
        self.link = link;
    }

    /// Nothing to or from this address passes any more (until [`Network::mend`]).
    pub fn cut(&mut self, address: SocketAddr) {
        self.cut.push(address);
    }

    /// Undoes [`Network::cut`].
    pub fn mend(&mut self, address: SocketAddr) {
        self.cut.retain(|a| *a != address);
    }

    /// Sends; the datagram may never arrive.
    pub fn send(&mut self, now: Instant, datagram: Datagram) {
        let Link {
            delay,
            jitter,
            loss,
            duplication,
        } = self.link;
        if self.cut.contains(&datagram.from) || self.cut.contains(&datagram.to) {
            return;
        }
        // Every draw is made each time, so that one link's setting does not shift the others' luck.
        let (lost, twice) = (
            self.rng.random::<f64>() < loss,
            self.rng.random::<f64>() < duplication,
        );
        let spread: [f64; 2] = self.rng.random();
        if lost {
            return;
        }
        for share in &spread[..if twice { 2 } else { 1 }] {
            self.counter += 1;
            let at = now + delay + jitter.mul_f64(*share);
            self.under_way.insert((at, self.counter), datagram.clone());
        }
    }

    /// When the next datagram arrives.
    pub fn next_arrival(&self) -> Option<Instant> {
        self.under_way.keys().next().map(|(at, _)| *at)
    }

    /// The next datagram that has arrived by `now`.
    pub fn receive(&mut self, now: Instant) -> Option<Datagram> {
        let entry = self.under_way.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }
}
