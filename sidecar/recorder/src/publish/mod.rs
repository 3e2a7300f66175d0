//! How a closed recording gets to the platform: which step may follow on which (R5), who may do it now,
//! and when it is tried again. Pure: no file, no clock.
//!
//! ```text
//! IN_PROGRESS -> CLOSED -> READY -> UPLOADING -> POSTED -> VERIFIED -> (deleted)
//!                  ^ split  |           ^ file lost  |
//!                  +--------+           +------------+        READY, UPLOADING, POSTED -> PARKED
//! ```
//!
//! A recording whose file was lost after the post stands is uploaded again, and keeps its `post_id`: the
//! plugin puts the new file's id into that post instead of making another.

mod backoff;
mod claims;
mod step;

pub use backoff::Backoff;
pub use claims::{Claims, LEASE};
pub use step::{Refused, Step, recovered_stage};
