//! A recording's published files out of its journal: mixed Opus, passed-through VP8, WebM.
//!
//! [`Composer`] takes the journal's entries in their order and writes one WebM (more only where a limit
//! of size asks for it) and the speakers' names over time as WebVTT. A pure function of the journal:
//! whether the entries come live or hours later after a crash, the same pictures and sounds come out.

#![forbid(unsafe_code)]

mod composer;
mod finished;

pub use composer::{Composer, Options, Parts};
pub use finished::{Finished, FinishedFile, Lost};
