//! Which host works on which recording: leases by the monotonic clock, in memory. A restart forgets them,
//! hence a host that lost its sidecar claims again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long a recording is a host's after its last call about it.
pub const LEASE: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Lease {
    host_id: String,
    until: Instant,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Claims {
    by_recording: HashMap<String, Lease>,
}

impl Claims {
    /// Nobody else works on it.
    #[must_use]
    pub fn is_free_for(&self, recording_id: &str, host_id: &str, now: Instant) -> bool {
        self.by_recording
            .get(recording_id)
            .is_none_or(|lease| lease.host_id == host_id || lease.until <= now)
    }

    /// It is this host's already.
    #[must_use]
    pub fn is_held_by(&self, recording_id: &str, host_id: &str, now: Instant) -> bool {
        self.by_recording
            .get(recording_id)
            .is_some_and(|lease| lease.host_id == host_id && lease.until > now)
    }

    /// Gives it to the host for [`LEASE`] from now, unless it is another's. A lease that ran out and that
    /// nobody else took goes on. `false`: it is another's.
    pub fn take(&mut self, recording_id: &str, host_id: &str, now: Instant) -> bool {
        if !self.is_free_for(recording_id, host_id, now) {
            return false;
        }
        let lease = Lease {
            host_id: host_id.to_owned(),
            until: now + LEASE,
        };
        self.by_recording.insert(recording_id.to_owned(), lease);
        true
    }

    /// Nobody works on it any more.
    pub fn release(&mut self, recording_id: &str) {
        self.by_recording.remove(recording_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_host_gets_it_when_the_lease_ran_out() {
        let (mut claims, start) = (Claims::default(), Instant::now());
        assert!(claims.take("r", "a", start));
        assert!(!claims.take("r", "b", start + LEASE - Duration::from_millis(1)));
        assert!(claims.is_held_by("r", "a", start));
        assert!(claims.take("r", "b", start + LEASE));
        assert!(!claims.take("r", "a", start + LEASE));
    }

    #[test]
    fn each_call_prolongs_it() {
        let (mut claims, start) = (Claims::default(), Instant::now());
        assert!(claims.take("r", "a", start));
        let later = start + Duration::from_secs(59);
        assert!(claims.take("r", "a", later));
        assert!(!claims.take("r", "b", start + LEASE));
        assert!(claims.take("r", "b", later + LEASE));
    }

    #[test]
    fn one_that_ran_out_goes_on_while_nobody_took_it() {
        let (mut claims, start) = (Claims::default(), Instant::now());
        assert!(claims.take("r", "a", start));
        let late = start + LEASE * 3;
        assert!(!claims.is_held_by("r", "a", late));
        assert!(claims.take("r", "a", late));
        assert!(!claims.take("r", "b", late));
    }

    #[test]
    fn a_released_one_is_anybodys() {
        let (mut claims, now) = (Claims::default(), Instant::now());
        assert!(claims.take("r", "a", now));
        claims.release("r");
        assert!(claims.take("r", "b", now));
    }
}
