//! The guest as a whole, against the small world of `testing`: one subject per file.

mod commands;
mod ending;
mod failures;
mod flavours;
mod host_controls;
mod joining;
mod link;
mod logs;
mod model;
mod moved;
mod push;
mod recording;
mod recording_moved;
mod recording_post;
mod rights;
mod robust;
mod routes;
mod starting;
mod states;
mod statistics;
