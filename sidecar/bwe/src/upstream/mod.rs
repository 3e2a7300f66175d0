//! str0m's estimator as it is, and the little of str0m that it leans on. See README.md.
#![allow(dead_code)] // What only str0m's session asks for.
#![allow(unexpected_cfgs)] // str0m's features.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

#[allow(warnings, clippy::all, clippy::expect_used, clippy::unwrap_used)] // Not ours to tidy.
#[rustfmt::skip]
mod average;
#[allow(warnings, clippy::all, clippy::expect_used, clippy::unwrap_used)]
#[rustfmt::skip]
pub(crate) mod bwe;
mod rtp;

/// str0m's own statistics for graphs, which are compiled out in a release of it, too.
macro_rules! log_stat {
    ($name:expr, $($arg:expr),+) => {};
}
pub(crate) use log_stat;

/// What `crate::rtp_` is in str0m.
pub(crate) mod rtp_ {
    #[cfg(test)]
    pub(crate) use super::rtp::TwccPacketId;
    pub(crate) use super::rtp::{TwccClusterId, TwccSendRecord, TwccSeq};
    pub(crate) use str0m_proto::{Bitrate, DataSize};
}

/// What `crate::util` is in str0m.
pub(crate) mod util {
    pub(crate) use super::average::MovingAverage;
    pub(crate) use super::{Soonest, already_happened, not_happening};
}

/// Why a deadline is there: of str0m's reasons those that the estimator gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Reason {
    #[default]
    NotHappening,
    BweDelayControl,
    BweProbeControl,
    BweProbeEstimator,
}

/// Takes the earlier of two deadlines.
pub(crate) trait Soonest {
    fn soonest(self, other: Self) -> Self;
}

impl<T: Default> Soonest for (Option<Instant>, T) {
    fn soonest(self, other: Self) -> Self {
        match (self, other) {
            ((Some(v1), s1), (Some(v2), s2)) => {
                if v1 < v2 {
                    (Some(v1), s1)
                } else {
                    (Some(v2), s2)
                }
            }
            ((None, _), (None, _)) => (None, T::default()),
            ((None, _), (v, s)) => (v, s),
            ((v, s), (None, _)) => (v, s),
        }
    }
}

/// Later than anything.
pub(crate) fn not_happening() -> Instant {
    const YEARS_100: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 100);
    static FUTURE: LazyLock<Instant> = LazyLock::new(|| Instant::now() + YEARS_100);
    *FUTURE
}

/// Earlier than anything: up to an hour before the first question, as far as the clock goes back.
pub(crate) fn already_happened() -> Instant {
    static PAST: LazyLock<Instant> = LazyLock::new(|| {
        let now = Instant::now();
        let back = |secs| now.checked_sub(Duration::from_secs(secs));
        (1..=3600).rev().find_map(back).unwrap_or(now)
    });
    *PAST
}
