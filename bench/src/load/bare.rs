//! The bare loop around a run: the machine is not the same all the time.

use serde::Serialize;

use super::calibration::{Paced, Raw};

/// Before and after.
#[derive(Debug, Clone, Copy, Serialize)]
#[allow(missing_docs)]
pub struct BareLoops {
    /// On average.
    pub packets_per_cpu_second: f64,
    /// Of the paced ones, on average.
    pub paced_packets_per_cpu_second: Option<f64>,
    /// By how much the faster one was above the slower one, as a share of the slower one.
    pub spread: f64,
    pub before: Raw,
    pub after: Raw,
}

impl BareLoops {
    pub(super) fn new(before: Raw, after: Raw) -> Self {
        let (one, other) = (before.packets_per_cpu_second, after.packets_per_cpu_second);
        let slower = one.min(other);
        let paced = before.paced.zip(after.paced);
        let speed = |paced: Paced| paced.packets_per_cpu_second;
        Self {
            paced_packets_per_cpu_second: paced
                .map(|(one, other)| (speed(one) + speed(other)) / 2.0),
            packets_per_cpu_second: (one + other) / 2.0,
            spread: if slower > 0.0 {
                one.max(other) / slower - 1.0
            } else {
                0.0
            },
            before,
            after,
        }
    }
}
