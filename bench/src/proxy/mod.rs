//! A bad network on loopback: datagrams of clients go through it to a media server and back, and some are
//! lost, late, or wait for a narrow link. Seeded: the same datagrams at the same times meet the same fate.

mod course;
mod link;
mod relay;

pub use course::{Conditions, Course};
pub use link::{Fates, Link};
pub use relay::Proxy;
