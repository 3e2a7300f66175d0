//! The host: mechanism around the sandboxed plugin. No policy lives here.

pub mod hooks;
pub mod platform;
