//! The load generator: str0m clients over real sockets against the real sidecar process.
//!
//! The caller's thread, an asynchronous one, plays host and platform over gRPC ([`control`]); each swarm's
//! thread owns clients and their sockets and runs on a core of its own.

mod bare;
mod calibration;
mod compare;
mod control;
mod cores;
mod figures;
mod impaired;
mod metrics;
mod pairs;
mod percentiles;
mod phases;
mod process;
mod scenario;
mod soak;
mod storm;
mod summary;
mod swarm;
mod sweep;
mod threads;
mod trust;
mod window;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::ensure;

pub use bare::BareLoops;
pub use calibration::{Paced, Raw, calibrate};
pub use compare::{Baseline, COMPARED, Measures, Verdict};
pub use cores::{Cpus, CpusAsked};
pub use figures::Figures;
pub use impaired::{Impaired, Network};
pub use pairs::Pairs;
pub use percentiles::Latency;
pub use phases::{Phase, Recovery};
pub use process::{Sidecar, SidecarOptions};
pub use scenario::{Course, Role, Scenario};
pub use soak::{Slice, Soak};
pub use storm::Storm;
pub use summary::{Spread, Summary};
pub use sweep::{Limit, Sweep};
pub use window::Load;

use control::Control;
use cores::machine_load;
use figures::Costs;
use impaired::Way;
use window::Window;

/// Between the last join and looking at what the sessions cost.
const SETTLE: Duration = Duration::from_millis(500);
/// Until then the estimates of the viewers' links have grown to what cameras need.
const CAMERAS_WARM_UP: Duration = Duration::from_secs(12);

/// How a run goes.
#[derive(Debug, Clone)]
pub struct Options {
    /// Media flows so long before anything is measured.
    pub warm_up: Duration,
    /// What is measured; of a soak each slice, of a sweep each load.
    pub measure: Duration,
    /// Length of a soak.
    pub soak: Duration,
    /// One of so many of those who only hear takes each packet through its media stack and tells its
    /// latency; the others count RTP by its header. 1: everybody.
    pub sample: usize,
    /// Clients send here instead of to the sidecar, and what comes from here is taken as the sidecar's:
    /// something that impairs the way.
    pub via: Option<SocketAddr>,
    /// System calls are counted after the window.
    pub syscalls: bool,
    /// The load is raised to saturation after it.
    pub sweep: bool,
}

impl Options {
    /// Just a window.
    pub fn window(warm_up: Duration, measure: Duration) -> Self {
        Self {
            warm_up,
            measure,
            soak: Duration::ZERO,
            sample: 10,
            via: None,
            syscalls: false,
            sweep: false,
        }
    }
}

/// Runs a scenario against a started sidecar. `progress` gets a line now and then.
pub async fn run(
    sidecar: &Sidecar,
    scenario: &Scenario,
    options: &Options,
    cpus: &Cpus,
    progress: impl Fn(&str),
) -> anyhow::Result<Figures> {
    let progress = &progress;
    let mut options = options.clone();
    let mut way = None;
    if let Course::Impaired(network) = scenario.course {
        ensure!(options.via.is_none(), "--via: this workload has its own");
        ensure!(!options.sweep, "--load: the way is the limit, not the load");
        let begun = Way::start(network, sidecar, cpus, options.measure)?;
        options.via = Some(begun.address());
        way = Some(begun);
    }
    let options = &options;
    let mut control = Control::connect(sidecar, scenario, options, cpus).await?;
    let mut costs = Costs {
        cores: cpus.sidecar.len().max(1),
        ..Costs::default()
    };
    let empty_bytes = sidecar.resident_bytes()?;
    let who = control.at_first();
    let (began, cpu) = (Instant::now(), sidecar.cpu_times()?);
    control.join_all(&who, progress).await?;
    costs.joins = who.len();
    costs.join = began.elapsed();
    costs.join_cpu = sidecar.cpu_times()?.since(&cpu).all;
    control.attend(SETTLE).await?;
    costs.idle_bytes = sidecar.resident_bytes()?.saturating_sub(empty_bytes);
    progress(&format!("{} joined in {:.1?}", who.len(), costs.join));

    control.record(scenario.recordings).await?;
    control.start_media()?;
    let warm_up = if scenario.is_exact() {
        options.warm_up
    } else {
        options.warm_up.max(CAMERAS_WARM_UP)
    };
    control.attend(warm_up).await?;
    progress(&format!("measuring for {:?}", options.measure));
    let (mut storm, mut soak, mut sweep) = (None, None, None);
    let window = match scenario.course {
        Course::Storm(rate) => {
            let (told, window) = Storm::run(sidecar, &mut control, rate, options.measure).await?;
            storm = Some(told);
            window
        }
        Course::Steady | Course::Soak | Course::Impaired(_) => {
            if let Some(way) = &mut way {
                way.begin();
            }
            Window::measure(sidecar, &mut control, options.measure).await?
        }
    };
    costs.grown_bytes = sidecar.resident_bytes()?.saturating_sub(empty_bytes);
    if options.syscalls {
        tokio::select! {
            counted = sidecar.syscalls_in_a_second() => costs.syscalls_per_second = counted,
            // It ends only with an error.
            ended = control.attend(Duration::MAX) => ended?,
        }
    }
    if scenario.course == Course::Soak {
        let (slice, total) = (options.measure, options.soak);
        soak = Some(Soak::run(sidecar, &mut control, slice, total, costs.cores, progress).await?);
    }
    costs.machine_load = machine_load()?;
    let impaired = way.map(|way| way.end(scenario, &window.tally, control.epoch));
    let mut figures = Figures::new(scenario, &costs, window);
    figures.impaired = impaired.transpose()?;
    if options.sweep {
        sweep = Some(
            Sweep::run(
                sidecar,
                &mut control,
                options.measure,
                costs.cores,
                progress,
            )
            .await?,
        );
    }
    (figures.storm, figures.soak, figures.sweep) = (storm, soak, sweep);
    Ok(figures.examined())
}
