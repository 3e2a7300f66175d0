//! A second core that the first may let send voices of its room: another shard of the same process, behind
//! a lane as slow and as narrow as a test wants.

use std::time::{Duration, Instant};

use parley_core::Core;
use parley_core::api::*;

use super::{Flight, SERVER, Sim};

/// Where the simulated network delivers batches.
pub const LANE: &str = "10.99.0.2:1";
/// Number of the first core's shard.
const HOME: u8 = 0;

pub struct Neighbour {
    pub core: Core,
    /// Until the other thread looks at a batch.
    pub delay: Duration,
    /// The lane takes nothing.
    pub full: bool,
    /// Real time spent in the core's calls.
    pub core_time: Duration,
}

impl Sim {
    /// Gives the core a neighbour that takes egress of rooms with more than `above` sessions. Before the
    /// first session.
    pub fn with_neighbour(mut self, above: usize) -> Self {
        let config = CoreConfig {
            node: 1,
            shard: 1,
            seed: 8,
            media_addresses: vec![SERVER.parse().unwrap()],
            limits: Limits::default(),
        };
        let core = Core::new(config, self.time());
        self.core.spread_over(2);
        self.core.spill_above(above);
        self.neighbour = Some(Neighbour {
            core,
            delay: Duration::ZERO,
            full: false,
            core_time: Duration::ZERO,
        });
        self
    }

    pub fn neighbour(&mut self) -> &mut Neighbour {
        self.neighbour.as_mut().expect("asked for one")
    }

    pub(super) fn pass_orders(&mut self, shard: u8, batch: Vec<u8>) {
        assert_eq!(shard, 1);
        let neighbour = self.neighbour();
        if neighbour.full {
            self.core.refuse_orders();
            return;
        }
        let delay = neighbour.delay;
        let at = self.now + delay;
        self.order += 1;
        self.flights.push(std::cmp::Reverse(Flight {
            at,
            order: self.order,
            from: SERVER.parse().unwrap(),
            to: LANE.parse().unwrap(),
            bytes: batch,
        }));
    }

    pub(super) fn take_orders(&mut self, batch: &[u8]) {
        let now = self.time();
        let begun = Instant::now();
        let neighbour = self.neighbour();
        neighbour.core.handle_orders(HOME, batch, now);
        neighbour.core_time += begun.elapsed();
        loop {
            let begun = Instant::now();
            let neighbour = self.neighbour();
            let output = neighbour.core.poll_output();
            neighbour.core_time += begun.elapsed();
            match output {
                Output::Transmit {
                    source,
                    destination,
                    payload,
                } => {
                    let payload = payload.to_vec();
                    self.transmit(source, destination, payload);
                }
                Output::Timeout(_) => break,
                other => panic!("{other:?}"),
            }
        }
    }
}
