//! Recordings on the disk: tap, journal, composing, publishing state, recovery.

#![forbid(unsafe_code)]

mod clock;
pub mod composing;
pub mod journal;
pub mod publish;
pub mod shelf;
pub mod store;
mod tap;
pub mod vfs;

pub use clock::{Clock, ManualClock, SystemClock};
pub use tap::{Pushed, RecordingKey, Report, TapWriter};
