//! A str0m client that behaves as the web client does, and the load generator built on it.

pub mod client;
