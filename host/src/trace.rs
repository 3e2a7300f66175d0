//! One id for the whole way of a request: platform, host, guest, gRPC metadata, sidecar.
//!
//! An adapter that has an id for its request runs the hook inside [`scope`]; otherwise the plugin makes one.
//! It travels in the task, not in every signature.

use std::fmt;
use std::future::Future;

/// The gRPC metadata key and HTTP header that carry the id.
pub const TRACE_HEADER: &str = "x-trace-id";
/// Length of an id in hexadecimal digits.
const DIGITS: usize = 32;

tokio::task_local! {
    static CURRENT: TraceId;
}

/// 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

impl TraceId {
    /// A new one. Ids are for logs: a machine without randomness gets a poor one, not an error.
    #[must_use]
    pub fn random() -> Self {
        let mut bytes = [0; 16];
        if getrandom::fill(&mut bytes).is_err() {
            use std::hash::{BuildHasher, RandomState};
            let half = RandomState::new().hash_one(std::time::Instant::now());
            bytes[..8].copy_from_slice(&half.to_be_bytes());
        }
        Self(u128::from_be_bytes(bytes))
    }

    /// Reads one; `None` if it is not 32 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed = text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_hexdigit());
        well_formed
            .then(|| u128::from_str_radix(text, 16).ok().map(Self))
            .flatten()
    }

    /// The id of the request that this task works for.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|id| *id).ok()
    }

    /// The id of the request that this task works for, or a new one.
    #[must_use]
    pub fn current_or_random() -> Self {
        Self::current().unwrap_or_else(Self::random)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Runs `work` under `id`.
pub async fn scope<F: Future>(id: TraceId, work: F) -> F::Output {
    CURRENT.scope(id, work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text() {
        let id = TraceId::random();
        assert_eq!(TraceId::parse(&id.to_string()), Some(id));
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in [
            "",
            "12",
            "+1234567890123456789012345678901",
            &"g".repeat(32),
        ] {
            assert_eq!(TraceId::parse(text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn the_task_knows_its_id() {
        let id = TraceId::random();
        assert_eq!(scope(id, async { TraceId::current() }).await, Some(id));
        assert_eq!(TraceId::current(), None);
    }
}
