//! Log, clock and randomness, and the platform's facts that need no asking.

use super::super::bindings::parley::plugin::{clock, log, random};
use super::super::limits::grant;
use super::super::state::RequestState;

impl log::Host for RequestState {
    async fn write(
        &mut self,
        level: log::Level,
        target: String,
        message: String,
    ) -> wasmtime::Result<()> {
        self.charge()?;
        self.log_lines = self.log_lines.saturating_add(1);
        if self.log_lines > self.limits.log_lines_max {
            return Ok(());
        }
        let message = cut(&message, self.limits.log_line_bytes_max);
        let target = cut(&target, grant::ID_BYTES_MAX);
        // The target of a tracing event is fixed when it is compiled: the guest's own is a field. The
        // trace id is a field of the span around the call.
        match level {
            log::Level::Error => tracing::error!(target: "parley::guest", part = target, "{message}"),
            log::Level::Warn => tracing::warn!(target: "parley::guest", part = target, "{message}"),
            log::Level::Info => tracing::info!(target: "parley::guest", part = target, "{message}"),
            log::Level::Debug => tracing::debug!(target: "parley::guest", part = target, "{message}"),
            log::Level::Trace => tracing::trace!(target: "parley::guest", part = target, "{message}"),
        }
        Ok(())
    }
}

impl clock::Host for RequestState {
    async fn now_ms(&mut self) -> wasmtime::Result<u64> {
        self.charge()?;
        Ok(self.services.environment.now_ms())
    }
}

impl random::Host for RequestState {
    async fn bytes(&mut self, len: u32) -> wasmtime::Result<Vec<u8>> {
        self.charge()?;
        // No way to refuse in the interface, and fewer bytes than asked for would be worse than a trap.
        if len > grant::RANDOM_BYTES_MAX {
            anyhow_trap(format!("random.bytes: {len} is more than {}", grant::RANDOM_BYTES_MAX))?;
        }
        let mut bytes = vec![0; len as usize];
        self.services.environment.fill_random(&mut bytes).map_err(wasmtime::Error::from)?;
        Ok(bytes)
    }
}

fn anyhow_trap(reason: String) -> wasmtime::Result<()> {
    Err(wasmtime::Error::msg(reason))
}

/// The longest beginning of at most `max` bytes that is still text.
fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}
