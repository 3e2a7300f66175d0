//! 5-tuples whose sessions live on other shards of the process.
//!
//! The kernel gives each 5-tuple one shard to arrive at, for as long as the process lives. A STUN request
//! says by its user fragment where its session lives; everything else goes where that shard said, after it
//! had checked a request's signature, that the tuple belongs to it ([`Claim`]). So strangers can neither
//! fill this table nor steer what others send, and the tuple of one who lives is nobody else's on any shard.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::{TUPLE_KEPT, Tuple};

/// Tuples that are kept in mind; beyond, no more are learned until some are over. Twice those of all
/// sessions that a node is meant for.
pub(super) const TUPLES_MAX: usize = 64 * 1024;
/// Looked through for what is over so often.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// What a shard tells the one where a 5-tuple arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// A session here has just proven that it is there.
    Proven,
    /// It is no session's here any more.
    Released,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    /// Where each lives, and when its client proved it last.
    tuples: HashMap<Tuple, (u8, Instant)>,
    swept_at: Option<Instant>,
}

impl Elsewhere {
    /// Where the session of a tuple lives, if that is known to hold.
    pub(super) fn shard_of(&self, tuple: &Tuple, now: Instant) -> Option<u8> {
        let (shard, proven) = self.tuples.get(tuple)?;
        (now.saturating_duration_since(*proven) < TUPLE_KEPT).then_some(*shard)
    }

    /// A shard said whose a tuple is. Nobody's tuple is taken as long as its client lives.
    pub(super) fn learn(&mut self, tuple: Tuple, shard: u8, claim: Claim, now: Instant) {
        let holder = self.shard_of(&tuple, now);
        if holder.is_some_and(|holder| holder != shard) {
            return;
        }
        if claim == Claim::Released {
            // What is over stays in nobody's way, so it may go, too.
            self.tuples.remove(&tuple);
            return;
        }
        self.sweep(now);
        if self.tuples.len() < TUPLES_MAX || self.tuples.contains_key(&tuple) {
            self.tuples.insert(tuple, (shard, now));
        }
    }

    /// At most once a second: it looks at each.
    fn sweep(&mut self, now: Instant) {
        let due = |swept: Instant| now.saturating_duration_since(swept) >= SWEEP_EVERY;
        if self.swept_at.is_none_or(due) {
            self.swept_at = Some(now);
            let lives = |proven: Instant| now.saturating_duration_since(proven) < TUPLE_KEPT;
            self.tuples.retain(|_, (_, proven)| lives(*proven));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn tuple(port: u32) -> Tuple {
        let [a, b, c, d] = port.to_be_bytes();
        Tuple {
            local: "10.0.0.1:8443".parse().unwrap(),
            remote: SocketAddr::from(([198, 51, a, b], u16::from_be_bytes([c, d]))),
        }
    }

    #[test]
    fn a_tuple_stays_with_the_shard_that_proved_it_while_its_client_lives() {
        let mut elsewhere = Elsewhere::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(elsewhere.shard_of(&tuple(1), start), None);
        elsewhere.learn(tuple(1), 2, Claim::Proven, start);
        elsewhere.learn(tuple(1), 3, Claim::Proven, at(5));
        elsewhere.learn(tuple(1), 3, Claim::Released, at(5));
        assert_eq!(elsewhere.shard_of(&tuple(1), at(5)), Some(2));
        elsewhere.learn(tuple(1), 2, Claim::Proven, at(9));
        assert_eq!(elsewhere.shard_of(&tuple(1), at(18)), Some(2));
        assert_eq!(elsewhere.shard_of(&tuple(1), at(19)), None, "silent");
        elsewhere.learn(tuple(1), 3, Claim::Proven, at(19));
        assert_eq!(elsewhere.shard_of(&tuple(1), at(19)), Some(3));
        elsewhere.learn(tuple(1), 3, Claim::Released, at(20));
        assert_eq!(elsewhere.shard_of(&tuple(1), at(20)), None);
    }

    #[test]
    fn the_table_is_bounded_and_what_is_over_makes_room() {
        let mut elsewhere = Elsewhere::default();
        let start = Instant::now();
        for n in 0..TUPLES_MAX as u32 + 10 {
            elsewhere.learn(tuple(n), 1, Claim::Proven, start);
        }
        assert_eq!(elsewhere.tuples.len(), TUPLES_MAX);
        assert_eq!(elsewhere.shard_of(&tuple(TUPLES_MAX as u32), start), None);
        let later = start + TUPLE_KEPT;
        elsewhere.learn(tuple(TUPLES_MAX as u32), 1, Claim::Proven, later);
        assert_eq!(elsewhere.tuples.len(), 1);
    }
}
