//! Recordings on the disk: one directory each under `<data>/recordings/`.
//!
//! ```text
//! <recording id>/about.json       what never changes; written once
//!                state.json       how far it is; replaced whole with each step
//!                000001.journal   ... one file per segment
//!                composing/       files in the making; thrown away by a restart
//!                out/             files as they are published
//!                recover          asks the running sidecar to take the recording up again
//! ```

pub(crate) mod hex;
pub mod state;
pub(crate) mod words;
