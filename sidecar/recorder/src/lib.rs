//! Recordings on the disk: tap, journal, composing, publishing state, recovery.

#![forbid(unsafe_code)]

pub mod publish;
pub mod store;
