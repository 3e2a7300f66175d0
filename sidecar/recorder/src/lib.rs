//! Recordings on the disk: tap, journal, composing, publishing state, recovery.

#![forbid(unsafe_code)]

mod clock;
pub mod composing;
mod counters;
mod io;
pub mod journal;
pub mod publish;
mod recorder;
pub mod shelf;
pub mod store;
mod tap;
#[cfg(test)]
mod testing;
pub mod vfs;

pub use clock::{Clock, ManualClock, SystemClock};
pub use counters::IoCounts;
pub use recorder::{PrepareError, PrepareRequest, Prepared, Recorder, RecorderConfig, Tap};
pub use tap::{Pushed, RecordingKey, Report, TapWriter};
