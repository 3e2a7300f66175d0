//! Recordings: who may have one made, what everybody is told of it, and its post.
//!
//! The media server makes and keeps a recording; the call's record only says which one is in progress, so
//! that a restarted media server goes on with it. That is written by the event that tells of the recording,
//! before anybody in the call hears of it.

mod changes;
mod claim;
mod control;
mod job;
mod message;
mod posting;
mod resume;

pub(crate) use job::recording_of_call;
