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
        let message = one_line(&message, self.limits.log_line_bytes_max);
        let target = one_line(&target, grant::ID_BYTES_MAX);
        // The target of a tracing event is fixed when it is compiled: the guest's own is a field. The
        // trace id is a field of the span around the call.
        match level {
            log::Level::Error => {
                tracing::error!(target: "parley::guest", part = target, "{message}")
            }
            log::Level::Warn => tracing::warn!(target: "parley::guest", part = target, "{message}"),
            log::Level::Info => tracing::info!(target: "parley::guest", part = target, "{message}"),
            log::Level::Debug => {
                tracing::debug!(target: "parley::guest", part = target, "{message}")
            }
            log::Level::Trace => {
                tracing::trace!(target: "parley::guest", part = target, "{message}")
            }
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
            let reason = format!(
                "random.bytes: {len} is more than {}",
                grant::RANDOM_BYTES_MAX
            );
            return Err(wasmtime::Error::msg(reason));
        }
        let mut bytes = vec![0; len as usize];
        self.services
            .environment
            .fill_random(&mut bytes)
            .map_err(wasmtime::Error::from)?;
        Ok(bytes)
    }
}

/// The longest beginning of at most `max` bytes that is still text, in one line: a line break or an escape
/// sequence would let the guest write log lines in others' names.
pub(crate) fn one_line(text: &str, max: usize) -> String {
    let text = &text[..text.floor_char_boundary(max)];
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn lines_are_cut_between_characters_and_stay_one_line() {
        assert_eq!(one_line("ab\ncd\u{1b}[0m", 100), "ab cd [0m");
        assert_eq!(one_line("aäb", 2), "a");
        assert_eq!(one_line("aäb", 3), "aä");
    }
}
