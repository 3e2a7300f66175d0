//! A load that stays for long: what grows, what is dropped, what gets slower.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::control::Control;
use super::process::Sidecar;
use super::window::{Load, Window, per};

/// One stretch of it.
#[derive(Debug, Clone, Serialize)]
pub struct Slice {
    /// Since the first one began.
    pub at_seconds: f64,
    /// Of the sidecar at the end of the slice.
    pub resident_bytes: u64,
    #[allow(missing_docs)]
    pub load: Load,
    /// Sequence numbers that did not come.
    pub lost: u64,
    /// What the sidecar dropped, by cause.
    pub drops: BTreeMap<String, u64>,
}

/// All of it.
#[derive(Debug, Clone, Serialize)]
pub struct Soak {
    /// By a straight line through the slices, bytes.
    pub growth_per_hour_bytes: f64,
    #[allow(missing_docs)]
    pub slices: Vec<Slice>,
}

impl Soak {
    pub(super) async fn run(
        sidecar: &Sidecar,
        control: &mut Control,
        slice: Duration,
        total: Duration,
        cores: usize,
        progress: &impl Fn(&str),
    ) -> anyhow::Result<Self> {
        let began = Instant::now();
        let mut slices = Vec::new();
        while began.elapsed() < total {
            let at = began.elapsed();
            let mut window = Window::measure(sidecar, control, slice).await?;
            let load = window.load(&control.scenario, cores);
            let resident_bytes = sidecar.resident_bytes()?;
            progress(&format!(
                "{:.0} s: {} KiB, p99 {:.0} us, {} lost",
                began.elapsed().as_secs_f64(),
                resident_bytes / 1024,
                load.latency.p99_us,
                window.tally.lost
            ));
            slices.push(Slice {
                at_seconds: at.as_secs_f64(),
                resident_bytes,
                load,
                lost: window.tally.lost,
                drops: window.after.drops_since(&window.before),
            });
        }
        let points: Vec<(f64, f64)> = slices
            .iter()
            .map(|slice| (slice.at_seconds, slice.resident_bytes as f64))
            .collect();
        Ok(Self {
            growth_per_hour_bytes: slope(&points) * 3600.0,
            slices,
        })
    }
}

/// Of the straight line with the least squares of errors; 0 of fewer than two points.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean_x = per(points.iter().map(|(x, _)| x).sum(), count);
    let mean_y = per(points.iter().map(|(_, y)| y).sum(), count);
    let both = points
        .iter()
        .map(|(x, y)| (x - mean_x) * (y - mean_y))
        .sum();
    per(both, points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum())
}

#[cfg(test)]
mod tests {
    use super::slope;

    #[test]
    fn growth_is_the_slope_of_the_line_through_all_points() {
        assert_eq!(slope(&[]), 0.0);
        assert_eq!(slope(&[(5.0, 7.0)]), 0.0);
        assert_eq!(slope(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]), 2.0);
        assert_eq!(slope(&[(0.0, 1.0), (1.0, 4.0), (2.0, 1.0)]), 0.0);
    }
}
