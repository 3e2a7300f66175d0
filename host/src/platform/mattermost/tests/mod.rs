//! The adapter against the recorded streams of a plugin written in Go.

mod recorded;
