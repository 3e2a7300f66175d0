//! How much may be sent to one viewer: the send side of transport-wide congestion control
//! ([draft-holmer-rmcat-transport-wide-cc-extensions-01]), without sockets or clock.
//!
//! - [`Estimator`] is what an egress has one of per viewer: it numbers what is sent, reads the
//!   viewer's reports, estimates, and says when padding or a probe is to be sent;
//! - `report` reads a report without allocating, `history` keeps what was sent, `padding` says how
//!   much to pad;
//! - `upstream` is the algorithm itself: str0m's, as it is there (see its README.md).
//!
//! [draft-holmer-rmcat-transport-wide-cc-extensions-01]: https://datatracker.ietf.org/doc/html/draft-holmer-rmcat-transport-wide-cc-extensions-01

#[macro_use]
extern crate tracing;

mod estimator;
mod history;
mod padding;
mod report;
mod upstream;

pub use estimator::{Estimator, Feedback, SentKind};
pub use report::Malformed;

#[cfg(test)]
use upstream::bwe as bwe_;
// The copy of str0m's module names things as it does at home.
#[allow(unused_imports)] // The copy's.
use upstream::rtp_::{Bitrate, DataSize};
use upstream::{Reason, bwe, log_stat, rtp_, util};
