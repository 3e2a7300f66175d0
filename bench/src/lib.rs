//! A str0m client that behaves as the web client does, the load generator built on it, the demo's robot, and a
//! bad network to send through.

pub mod client;
pub mod load;
pub mod proxy;
pub mod robot;
