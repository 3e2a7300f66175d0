//! Who handles what the pump delivers: the plugin, or a test.

use std::future::Future;
use std::pin::Pin;

use parley_proto::v1::Event;

/// One handling of something by the guest.
pub type HandlerFuture<'a> = Pin<Box<dyn Future<Output = Result<(), NotHandled>> + Send + 'a>>;

/// Why something is not handled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotHandled {
    /// The guest wants it again later: the platform or the sidecar was not reachable.
    #[error("{0}")]
    Later(String),
    /// The guest broke over it; it will most likely break again.
    #[error("{0}")]
    Broken(String),
}

/// Handles events, restarts and ticks.
pub trait EventHandler: Send + Sync + 'static {
    /// One event. `Ok` = it may be acked. The same event may come again: handling is idempotent.
    fn media_event<'a>(&'a self, event: &'a Event) -> HandlerFuture<'a>;
    /// The sidecar is a new one: rooms of former starts are gone.
    fn media_restart<'a>(&'a self, start_id: &'a str) -> HandlerFuture<'a>;
    /// Ten seconds went by.
    fn tick(&self) -> HandlerFuture<'_>;
}
