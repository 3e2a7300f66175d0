//! Requests that a client signed, so that nobody else can use one of them again.

use std::collections::VecDeque;

use super::stun::Transaction;

/// Requests remembered per session: more than half an hour at a check each 2 s. Who replays an older one
/// is admitted, and finds DTLS finished and media authenticated: see docs/security.md, N1.
const SEEN_MAX: usize = 1024;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Seen(VecDeque<Transaction>);

impl Seen {
    /// Remembers a request. False: it was here before.
    pub(super) fn insert(&mut self, transaction: Transaction) -> bool {
        // From behind: a retransmission follows soon.
        if self.0.iter().rev().any(|known| *known == transaction) {
            return false;
        }
        if self.0.len() >= SEEN_MAX {
            self.0.pop_front();
        }
        self.0.push_back(transaction);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_remembered_in_bounded_memory() {
        let mut seen = Seen::default();
        // Whichever part of it a client counts up in.
        let transaction = |n: usize| {
            let mut id = [7; 12];
            id[n % 10..][..2].copy_from_slice(&(n as u16 + 2_000).to_be_bytes());
            id
        };
        for n in 0..5_000 {
            assert!(seen.insert(transaction(n)), "{n}");
        }
        assert_eq!(seen.0.len(), SEEN_MAX);
        assert!(!seen.insert(transaction(4_999)));
        assert!(!seen.insert(transaction(5_000 - SEEN_MAX)));
        assert!(seen.insert(transaction(0)), "forgotten");
    }
}
