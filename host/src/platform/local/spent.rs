//! Sessions whose user has no request left. For a moment they are refused without asking the database: a
//! flood would make everybody else's questions wait behind its own.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use super::limits;

/// Hashes of tokens, and when they are looked up again.
#[derive(Debug, Default)]
pub(crate) struct Spent(Mutex<HashMap<Vec<u8>, Instant>>);

impl Spent {
    /// Is it refused at the moment?
    pub(crate) fn is(&self, token_hash: &[u8], now: Instant) -> bool {
        let spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spent.get(token_hash).is_some_and(|until| now < *until)
    }

    /// From now on, for [`limits::REQUESTS_PAUSE`].
    pub(crate) fn begin(&self, token_hash: Vec<u8>, now: Instant) {
        let mut spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.len() >= limits::REQUESTS_USERS_MAX {
            spent.retain(|_, until| now < *until);
        }
        // Whom it has no room for is looked up each time.
        if spent.len() < limits::REQUESTS_USERS_MAX {
            spent.insert(token_hash, now + limits::REQUESTS_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_refused_for_a_moment_only() {
        let (spent, now) = (Spent::default(), Instant::now());
        spent.begin("a".into(), now);
        assert!(spent.is(b"a", now));
        assert!(!spent.is(b"b", now));
        assert!(!spent.is(b"a", now + limits::REQUESTS_PAUSE));
    }

    #[test]
    fn no_more_are_remembered_than_allowed() {
        let (spent, now) = (Spent::default(), Instant::now());
        for n in 0..=limits::REQUESTS_USERS_MAX {
            spent.begin(n.to_string().into(), now);
        }
        assert_eq!(spent.0.lock().unwrap().len(), limits::REQUESTS_USERS_MAX);
        let later = now + limits::REQUESTS_PAUSE;
        spent.begin("late".into(), later);
        assert!(spent.is(b"late", later));
    }
}
