//! How the services reach the core: by a thread in production, by a simulation in scenario tests.

use std::future::Future;
use std::net::SocketAddr;

use parley_core::api::{Command, CommandError, NodeCounters, Reply};

/// Runs commands on a core.
pub trait CoreClient: Clone + Send + Sync + 'static {
    /// Runs one command. Once this was called the command may take effect even if the future is dropped.
    fn command(&self, command: Command) -> impl Future<Output = Result<Reply, CallError>> + Send;

    /// What is known of the core's state without asking it.
    fn health(&self) -> CoreHealth;
}

/// See [`CoreClient::health`].
#[derive(Debug, Clone, Default)]
pub struct CoreHealth {
    /// The core answers and nothing was lost on the way to the event stream.
    pub ready: bool,
    /// Busy share over the last second, 0..1.
    pub load: f64,
    /// Addresses given to clients.
    pub media_addresses: Vec<SocketAddr>,
    /// As of the last second.
    pub counters: NodeCounters,
}

/// Why a command has no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The core refused it.
    #[error(transparent)]
    Refused(#[from] CommandError),
    /// Too many commands wait; nothing was done.
    #[error("limit reached: commands waiting")]
    Busy,
    /// The core is gone; the process is about to end.
    #[error("the media thread is gone")]
    Gone,
}
