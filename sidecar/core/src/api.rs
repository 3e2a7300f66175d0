//! The words in which the shell and the core talk: commands in, replies, events and datagrams out.

mod commands;
mod config;
mod events;
mod ids;
mod output;
mod recording;
mod shards;
mod views;

pub use commands::*;
pub use config::*;
pub use events::*;
pub use ids::*;
pub use output::*;
pub use recording::*;
pub use shards::*;
pub use views::*;
