//! Recordings on the disk: one directory each under `<data>/recordings/`.
//!
//! ```text
//! <recording id>/about.json       what never changes; written once
//!                state.json       how far it is; replaced whole with each step
//!                000001.journal   ... one file per segment
//!                out/             the files that are published; complete only from READY on
//!                recover          asks the sidecar to take the recording up again
//! ```
//!
//! Where the state is not READY or later, `out/` has what the composer works at, and is made anew from the
//! journals after a restart. So the state alone says whether files are complete.

mod files;
pub(crate) mod hex;
mod lock;
pub mod state;
mod survey;
pub(crate) mod words;

pub use files::{
    Broken, clear_out, create, dir_of, disk_bytes, load, load_about, out_of, remove, save,
};
pub use lock::RootLock;
pub use survey::{Surveyed, survey};

#[cfg(test)]
mod tests;
