//! The event pump.

use std::future::Future;
use std::pin::Pin;

use parley_proto::v1::Event;

/// One handling of something by the guest.
pub type HandlerFuture<'a> = Pin<Box<dyn Future<Output = Result<(), NotHandled>> + Send + 'a>>;

/// Why something is not handled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotHandled {
    /// The guest wants it again later.
    #[error("{0}")]
    Later(String),
    /// The guest broke over it.
    #[error("{0}")]
    Broken(String),
}

/// Who handles what the sidecar tells: the plugin, or a test.
pub trait EventHandler: Send + Sync + 'static {
    /// One event. `Ok` = it may be acked.
    fn media_event<'a>(&'a self, event: &'a Event) -> HandlerFuture<'a>;
    /// The sidecar is a new one.
    fn media_restart<'a>(&'a self, start_id: &'a str) -> HandlerFuture<'a>;
    /// Ten seconds went by.
    fn tick(&self) -> HandlerFuture<'_>;
}
