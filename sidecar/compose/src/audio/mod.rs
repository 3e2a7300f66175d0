//! All voices and screen sounds, mixed into one Opus stream.
//!
//! | module | idea |
//! |---|---|
//! | [`track`] | one track's packets to samples where they belong on the timeline |
//! | [`stretch`] | a little longer or shorter, so that sound follows the capture clock |
//! | [`limiter`] | a sum that fits |
//! | [`mixer`] | the sum, encoded |

pub(crate) mod limiter;
pub(crate) mod mixer;
pub(crate) mod stretch;
pub(crate) mod track;

/// Samples per second and channel.
pub(crate) const RATE: i64 = 48_000;
/// Samples per channel of what is mixed and encoded at once: 20 ms.
pub(crate) const FRAME: usize = 960;
/// A frame's time, µs.
pub(crate) const FRAME_US: i64 = 20_000;

/// Samples per channel in so many µs.
pub(crate) fn samples(micros: i64) -> i64 {
    micros * RATE / 1_000_000
}
