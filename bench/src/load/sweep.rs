//! More and more of a workload until the sidecar is saturated: where that is, and what latency costs before.

use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;

use super::control::Control;
use super::percentiles::Latency;
use super::process::Sidecar;
use super::window::{Load, Window};

/// Less delivered: saturated.
const DELIVERED_MIN: f64 = 0.999;
/// More of its cores used: saturated.
const CPU_MAX: f64 = 0.95;
/// More of a core used by the clients: they are the limit.
const GENERATOR_MAX: f64 = 0.9;
/// Latency is told at this share of saturation.
const COMFORTABLE: f64 = 0.7;
/// Of all steps.
const PARTICIPANTS_MAX: usize = 4_000;
/// A load at which packets are missing is measured so often before that counts: what is under way when a
/// window ends is missing in it, and on a busy machine, where all wait for their cores, that is more than the
/// bar allows.
const TRIES: u32 = 3;
/// Between joining more and measuring.
const SETTLE: Duration = Duration::from_secs(1);

/// Why a sweep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The sidecar's cores are busy.
    Cpu,
    /// Packets are missing.
    Delivery,
    /// The clients are: the figure is a lower bound.
    Generator,
    /// More participants than are tried: a lower bound, too.
    Participants,
}

/// What a sweep found.
#[derive(Debug, Clone, Serialize)]
pub struct Sweep {
    /// What ended it.
    pub limit: Limit,
    /// Media packets per second at the last load that was carried whole.
    pub saturation_packets_per_second: f64,
    /// At 70 % of that, interpolated between steps; below the first step its own.
    pub latency_at_70_percent: Latency,
    /// All loads.
    pub steps: Vec<Load>,
}

impl Sweep {
    pub(super) async fn run(
        sidecar: &Sidecar,
        control: &mut Control,
        time: Duration,
        cores: usize,
        progress: &impl Fn(&str),
    ) -> anyhow::Result<Self> {
        let mut steps: Vec<Load> = Vec::new();
        loop {
            let mut tries = 1;
            let load = loop {
                let mut window = Window::measure(sidecar, control, time).await?;
                let load = window.load(&control.scenario, cores);
                if tries == TRIES || limit(&load) != Some(Limit::Delivery) {
                    break load;
                }
                tries += 1;
            };
            progress(&format!(
                "{} participants: {:.0} packets/s, {:.2} % delivered, {:.0} % CPU, p99 {:.0} us",
                load.participants,
                load.packets_per_second,
                load.delivered_share.unwrap_or(1.0) * 100.0,
                load.cpu_share * 100.0,
                load.latency.p99_us
            ));
            steps.push(load);
            if let Some(limit) = limit(&load) {
                return Self::of(limit, steps).context("no step");
            }
            let before = control.scenario.roles.len();
            control.scenario.grow();
            let more: Vec<usize> = (before..control.scenario.roles.len()).collect();
            control.join_all(&more, progress).await?;
            control.attend(SETTLE).await?;
        }
    }

    fn of(limit: Limit, steps: Vec<Load>) -> Option<Self> {
        let carried = match limit {
            Limit::Cpu | Limit::Delivery => steps.len().saturating_sub(1).max(1),
            Limit::Generator | Limit::Participants => steps.len(),
        };
        let saturation = steps.get(carried - 1)?.packets_per_second;
        Some(Self {
            limit,
            saturation_packets_per_second: saturation,
            latency_at_70_percent: latency_at(&steps, saturation * COMFORTABLE)?,
            steps,
        })
    }
}

fn limit(load: &Load) -> Option<Limit> {
    // First whether the figure means something.
    if load.generator_cpu_share > GENERATOR_MAX {
        Some(Limit::Generator)
    } else if load.cpu_share > CPU_MAX || load.busiest_thread_share > CPU_MAX {
        Some(Limit::Cpu)
    } else if load
        .delivered_share
        .is_some_and(|share| share < DELIVERED_MIN)
    {
        Some(Limit::Delivery)
    } else if load.participants >= PARTICIPANTS_MAX {
        Some(Limit::Participants)
    } else {
        None
    }
}

/// Between the two steps around a load.
fn latency_at(steps: &[Load], packets_per_second: f64) -> Option<Latency> {
    let above = steps
        .iter()
        .position(|step| step.packets_per_second >= packets_per_second);
    let above = above.unwrap_or(steps.len().checked_sub(1)?);
    let to = steps.get(above)?;
    let Some(from) = above.checked_sub(1).and_then(|below| steps.get(below)) else {
        return Some(to.latency);
    };
    let span = to.packets_per_second - from.packets_per_second;
    let way = (packets_per_second - from.packets_per_second) / span;
    let way = if way.is_finite() {
        way.clamp(0.0, 1.0)
    } else {
        1.0
    };
    Some(from.latency.towards(to.latency, way))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(packets_per_second: f64, cpu_share: f64, delivered: f64) -> Load {
        Load {
            participants: 50,
            packets_per_second,
            packets_per_cpu_second: packets_per_second / cpu_share,
            cpu_share,
            busiest_thread_share: cpu_share,
            generator_cpu_share: 0.2,
            lost_core_share: 0.0,
            generator_lost_core_share: 0.0,
            delivered_share: Some(delivered),
            latency: Latency {
                p50_us: packets_per_second / 100.0,
                p99_us: packets_per_second,
                p999_us: packets_per_second,
            },
        }
    }

    #[test]
    fn a_load_has_one_limit() {
        assert_eq!(limit(&step(1.0, 0.5, 0.9995)), None);
        assert_eq!(limit(&step(1.0, 0.96, 0.9995)), Some(Limit::Cpu));
        assert_eq!(limit(&step(1.0, 0.5, 0.99)), Some(Limit::Delivery));
        let mut slow = step(1.0, 0.96, 0.5);
        slow.generator_cpu_share = 0.95;
        assert_eq!(limit(&slow), Some(Limit::Generator));
        let mut many = step(1.0, 0.1, 1.0);
        many.participants = PARTICIPANTS_MAX;
        assert_eq!(limit(&many), Some(Limit::Participants));
        many.delivered_share = None;
        many.participants = 3;
        assert_eq!(limit(&many), None, "unknown is not missing");
    }

    #[test]
    fn saturation_is_the_last_load_carried_whole() {
        let steps = vec![
            step(1_000.0, 0.3, 1.0),
            step(2_000.0, 0.6, 1.0),
            step(2_500.0, 0.97, 0.9),
        ];
        let sweep = Sweep::of(Limit::Cpu, steps.clone()).expect("steps");
        assert_eq!(sweep.saturation_packets_per_second, 2_000.0);
        assert_eq!(sweep.latency_at_70_percent.p99_us, 1_400.0);
        let sweep = Sweep::of(Limit::Generator, steps[..2].to_vec()).expect("steps");
        assert_eq!(sweep.saturation_packets_per_second, 2_000.0);
        // The first step is too much already: nothing better is known.
        let sweep = Sweep::of(Limit::Delivery, steps[2..].to_vec()).expect("a step");
        assert_eq!(sweep.saturation_packets_per_second, 2_500.0);
        assert_eq!(sweep.latency_at_70_percent.p99_us, 2_500.0);
        assert!(Sweep::of(Limit::Cpu, Vec::new()).is_none());
    }
}
