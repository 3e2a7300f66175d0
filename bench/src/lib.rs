//! A str0m client that behaves as the web client does, the load generator built on it, and the demo's robot.

pub mod client;
pub mod load;
pub mod robot;
