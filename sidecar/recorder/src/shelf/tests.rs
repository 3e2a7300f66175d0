//! What hosts, restarts, crashes and time do to recordings.

mod crashes;
mod hosts;
mod recovery;
