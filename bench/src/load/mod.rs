//! The load generator: str0m clients over real sockets against the real sidecar process.
//!
//! Two threads: the caller's, an asynchronous one, plays host and platform over gRPC
//! ([`control`]); the swarm's owns all clients and their sockets and runs on a core of its own.

mod calibration;
mod control;
mod figures;
mod pairs;
mod process;
mod scenario;
mod summary;
mod swarm;

use std::time::Duration;

pub use calibration::{Raw, calibrate};
pub use figures::Figures;
pub use pairs::Pairs;
pub use process::{Cpus, Sidecar, SidecarOptions};
pub use scenario::{Role, Scenario};
pub use summary::{Spread, Summary};
pub use swarm::{Notice, Tally};

/// How long a run lasts.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Media flows so long before anything is measured.
    pub warm_up: Duration,
    /// What is measured.
    pub measure: Duration,
}

/// Runs a scenario against a started sidecar. `progress` gets a line now and then.
pub async fn run(
    sidecar: &Sidecar,
    scenario: &Scenario,
    pace: Pace,
    cpus: Cpus,
    progress: impl Fn(&str),
) -> anyhow::Result<Figures> {
    control::run(sidecar, scenario, pace, cpus, &progress).await
}
