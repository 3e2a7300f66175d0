//! How long an embedded sidecar lives without a host: a state machine without clock or task.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::LeaseRules;

/// See the module. Without a host from its start on.
#[derive(Debug, Clone)]
pub struct Lease {
    rules: LeaseRules,
    /// Since when no host is attached.
    alone_since: Option<Instant>,
    said_goodbye: bool,
    /// Sessions and recordings.
    busy: u64,
}

impl Lease {
    /// Starts without a host.
    #[must_use]
    pub fn new(rules: LeaseRules, now: Instant) -> Self {
        Self {
            rules,
            alone_since: Some(now),
            said_goodbye: false,
            busy: 0,
        }
    }

    /// How many connections are attached, and whether the last host's last word was Goodbye.
    pub fn handle_attached(&mut self, attached: usize, said_goodbye: bool, now: Instant) {
        self.said_goodbye = said_goodbye;
        if attached > 0 {
            self.alone_since = None;
        } else if self.alone_since.is_none() {
            self.alone_since = Some(now);
        }
    }

    /// How many sessions live, and how many recordings go on.
    pub fn handle_busy(&mut self, sessions: u64, recordings: u64) {
        self.busy = sessions + recordings;
    }

    /// When the process ends unless something changes.
    #[must_use]
    pub fn ends_at(&self) -> Option<Instant> {
        Some(self.alone_since? + self.patience())
    }

    fn patience(&self) -> Duration {
        if self.said_goodbye {
            self.rules.goodbye
        } else if self.busy > 0 {
            self.rules.sessions
        } else {
            self.rules.idle
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_host_that_never_comes_is_awaited_for_half_a_minute() {
        let now = Instant::now();
        let lease = Lease::new(LeaseRules::default(), now);
        assert_eq!(lease.ends_at(), Some(now + SECOND * 30));
    }

    #[test]
    fn an_attached_host_keeps_it() {
        let now = Instant::now();
        let mut lease = Lease::new(LeaseRules::default(), now);
        lease.handle_attached(1, false, now + SECOND);
        assert_eq!(lease.ends_at(), None);
    }

    #[test]
    fn after_goodbye_twenty_seconds_even_with_sessions() {
        let now = Instant::now();
        let mut lease = Lease::new(LeaseRules::default(), now);
        lease.handle_attached(1, false, now);
        lease.handle_busy(3, 0);
        lease.handle_attached(0, true, now + SECOND);
        assert_eq!(lease.ends_at(), Some(now + SECOND * 21));
        lease.handle_attached(1, false, now + SECOND * 2);
        assert_eq!(lease.ends_at(), None);
    }

    #[test]
    fn a_lost_connection_gives_ten_minutes_while_there_are_sessions_or_recordings() {
        let now = Instant::now();
        let mut lease = Lease::new(LeaseRules::default(), now);
        lease.handle_attached(2, false, now);
        lease.handle_busy(1, 0);
        lease.handle_attached(0, false, now + SECOND);
        assert_eq!(lease.ends_at(), Some(now + SECOND * 601));
        lease.handle_busy(0, 1);
        assert_eq!(lease.ends_at(), Some(now + SECOND * 601));
        lease.handle_busy(0, 0);
        assert_eq!(lease.ends_at(), Some(now + SECOND * 31));
    }

    #[test]
    fn repeated_news_do_not_prolong_it() {
        let now = Instant::now();
        let mut lease = Lease::new(LeaseRules::default(), now);
        lease.handle_attached(0, false, now + SECOND * 20);
        assert_eq!(lease.ends_at(), Some(now + SECOND * 30));
    }
}
