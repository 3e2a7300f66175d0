//! The host: mechanism around the sandboxed plugin. No policy lives here.
//!
//! A platform adapter ([`platform`]) calls the plugin through [`hooks::Hooks`]; [`plugin::Plugin`] answers
//! them by running the guest in the [`sandbox`]. The guest's calls to the sidecar leave over a
//! [`media::MediaLink`]; the sidecar's events come back through [`media::pump`]. [`sidecar`] starts, adopts
//! and watches the embedded sidecar's process.

pub mod cli;
pub mod environment;
mod folder;
pub mod hooks;
pub mod installed;
pub mod media;
pub mod platform;
pub mod plugin;
pub mod sabotage;
pub mod sandbox;
pub mod settings;
pub mod sidecar;
pub mod trace;

#[cfg(test)]
mod test_memory;
#[cfg(test)]
pub(crate) mod testing;
