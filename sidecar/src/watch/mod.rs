//! What happened in the rooms, on its way to the hosts: at least once, in order per room, acknowledged.
//!
//! [`hub::Hub`] holds the rules as a state machine without clock, task or socket; [`pump`] runs it.

pub mod hub;
pub mod pump;
mod room;

pub use hub::{CloseReason, HostKey, ToHost};
pub use pump::{EventPump, HubStatus, Watcher, WatcherLink};
