//! Turns with the plugin: one user has few at a time, so that the others never stand behind many of one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Above so many users those without a turn are forgotten.
const REMEMBERED: usize = 1_024;

/// Who has turns, or waits for one.
#[derive(Debug)]
pub(crate) struct Turns {
    each: usize,
    users: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Turns {
    /// So many at a time for each.
    pub(crate) fn new(each: usize) -> Self {
        Self {
            each,
            users: Mutex::default(),
        }
    }

    /// Waits for a turn of this user, in the order of asking. It ends when it is dropped.
    pub(crate) async fn of(&self, user_id: &str) -> Option<OwnedSemaphorePermit> {
        let turns = self.semaphore(user_id);
        // Never closed.
        turns.acquire_owned().await.ok()
    }

    /// A turn that is free now.
    pub(crate) fn try_of(&self, user_id: &str) -> Option<OwnedSemaphorePermit> {
        self.semaphore(user_id).try_acquire_owned().ok()
    }

    fn semaphore(&self, user_id: &str) -> Arc<Semaphore> {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if users.len() >= REMEMBERED {
            // Turns and those who wait for them hold it too.
            users.retain(|_, turns| Arc::strong_count(turns) > 1);
        }
        let new = || Arc::new(Semaphore::new(self.each));
        Arc::clone(users.entry(user_id.to_owned()).or_insert_with(new))
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn one_waits_for_oneself_only() {
        let turns = Turns::new(4);
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(turns.of("a").now_or_never().expect("free"));
        }
        assert!(turns.of("a").now_or_never().is_none());
        assert!(turns.of("b").now_or_never().is_some());
        held.pop();
        assert!(turns.of("a").now_or_never().is_some());
    }

    #[tokio::test]
    async fn only_those_with_turns_are_remembered() {
        let turns = Turns::new(4);
        let _held = turns.of("busy").await;
        for n in 0..2 * REMEMBERED {
            turns.of(&n.to_string()).await;
        }
        let users = turns.users.lock().unwrap();
        assert!(users.len() <= REMEMBERED && users.contains_key("busy"));
    }
}
