//! A recording's published files out of its journal: mixed Opus, passed-through VP8, WebM.
//!
//! [`Composer`] takes the journal's entries in their order and writes one WebM (more only where a limit
//! of size asks for it) and the speakers' names over time as WebVTT. A pure function of the journal:
//! whether the entries come live or hours later after a crash, the same pictures and sounds come out.
//!
//! | module | idea |
//! |---|---|
//! | [`composer`] | entries in, files out |
//! | [`clock`] | when a packet was captured, by sender reports and arrivals |
//! | [`audio`] | packets to samples, mixed and encoded |
//! | [`video`] | packets to frames, and which of them are shown |
//! | [`webm`] | the container |
//! | [`captions`] | who spoke when |

#![forbid(unsafe_code)]

mod audio;
mod captions;
mod clock;
mod composer;
mod finished;
mod video;
mod webm;

pub use composer::{Composer, Options, Parts};
pub use finished::{Finished, FinishedFile, Lost};
