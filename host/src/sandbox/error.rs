//! Why a guest could not be loaded, or a call of it did not come back.

use std::time::Duration;

/// Why the component was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The engine refused its configuration.
    #[error("the WebAssembly engine cannot be set up: {0:#}")]
    Engine(anyhow::Error),
    /// The bytes are no component of this engine.
    #[error("the plugin is no valid component: {0:#}")]
    Compile(anyhow::Error),
    /// It imports what is not granted, or lacks an export.
    #[error("the plugin does not fit its sandbox: {0:#}")]
    Link(anyhow::Error),
}

/// Why one call of the guest has no result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Too many requests wait already.
    #[error("too many requests are waiting for the plugin")]
    Busy,
    /// It used up its processor time.
    #[error("the guest used up its {0:?} of processor time")]
    CpuBudget(Duration),
    /// It used up its time by the wall clock.
    #[error("the guest did not answer within {0:?}")]
    Timeout(Duration),
    /// It called the host too often.
    #[error("the guest called the host more than {0} times")]
    HostCalls(u32),
    /// What it gave back is larger than granted.
    #[error("the guest's reply is too large: {0}")]
    ReplyTooLarge(&'static str),
    /// What it gave back is none of what was asked for.
    #[error("the guest's reply is invalid: {0}")]
    InvalidReply(&'static str),
    /// It trapped: memory limit, stack, panic, an invalid reply.
    #[error("the guest trapped: {0}")]
    Trap(String),
}

/// Raised inside a guest call when its processor time is spent.
#[derive(Debug, thiserror::Error)]
#[error("processor time spent")]
pub(super) struct CpuSpent;

/// Raised inside a guest call when its host calls are spent.
#[derive(Debug, thiserror::Error)]
#[error("host calls spent")]
pub(super) struct HostCallsSpent;

/// Raised when the guest's result is beyond its grant; names the part.
#[derive(Debug, thiserror::Error)]
#[error("{0} too large")]
pub(crate) struct ReplyTooLarge(pub(crate) &'static str);

/// Raised when the guest's result means nothing; names the part.
#[derive(Debug, thiserror::Error)]
#[error("{0} invalid")]
pub(crate) struct ReplyInvalid(pub(crate) &'static str);
