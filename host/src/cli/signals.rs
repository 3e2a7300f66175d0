//! How a person or a supervisor tells the process to end.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::Failure;

/// What told the process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// Ctrl-C: somebody sits there.
    Interrupt,
    /// SIGTERM: a supervisor, which perhaps starts the next one at once.
    Terminate,
}

/// Both signals, taken over for as long as this lives.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes them over. Must run inside the runtime.
    pub(super) fn install() -> Result<Self, Failure> {
        let take = |kind| signal(kind).map_err(|error| Failure::system("signals", error));
        Ok(Self {
            interrupt: take(SignalKind::interrupt())?,
            terminate: take(SignalKind::terminate())?,
        })
    }

    /// Done at the next one of either.
    pub(super) async fn told_to_end(&mut self) -> Told {
        let told = tokio::select! {
            _ = self.interrupt.recv() => Told::Interrupt,
            _ = self.terminate.recv() => Told::Terminate,
        };
        tracing::info!(by = ?told, "told to end");
        told
    }

    /// Done at the next Ctrl-C.
    pub(super) async fn interrupted(&mut self) {
        self.interrupt.recv().await;
    }

    /// From now on a Ctrl-C ends the process at once: somebody lost patience.
    pub(super) fn end_at_once_when_interrupted(mut self) {
        tokio::spawn(async move {
            self.interrupt.recv().await;
            std::process::exit(130);
        });
    }
}
