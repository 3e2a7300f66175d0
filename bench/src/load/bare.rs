//! The bare loop around a run: the machine is not the same all the time.

use serde::Serialize;

use super::calibration::Raw;

/// Before and after.
#[derive(Debug, Clone, Copy, Serialize)]
#[allow(missing_docs)]
pub struct BareLoops {
    /// On average.
    pub packets_per_cpu_second: f64,
    /// By how much the faster one was above the slower one, as a share of the slower one.
    pub spread: f64,
    pub before: Raw,
    pub after: Raw,
}

impl BareLoops {
    pub(super) fn new(before: Raw, after: Raw) -> Self {
        let (one, other) = (before.packets_per_cpu_second, after.packets_per_cpu_second);
        let slower = one.min(other);
        Self {
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
