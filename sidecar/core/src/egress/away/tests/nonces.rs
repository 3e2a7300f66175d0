//! No history of sessions and no misbehaviour of a lane makes two packets share a nonce.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{Shards, datagrams};

#[derive(Debug, Clone)]
enum Step {
    Join {
        away: bool,
    },
    Write {
        who: usize,
        index: u64,
    },
    Close {
        who: usize,
    },
    /// Ends a media connection and begins another in its place.
    Replace {
        who: usize,
        away: bool,
    },
    Deliver,
    /// What a lane must not do, and a nonce has to survive nevertheless.
    DeliverAgain {
        which: usize,
    },
    Refuse,
    Wake,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => any::<bool>().prop_map(|away| Step::Join { away }),
        12 => (0usize..8, 0u64..60).prop_map(|(who, index)| Step::Write { who, index }),
        1 => (0usize..8).prop_map(|who| Step::Close { who }),
        1 => (0usize..8, any::<bool>()).prop_map(|(who, away)| Step::Replace { who, away }),
        3 => Just(Step::Deliver),
        1 => (0usize..20).prop_map(|which| Step::DeliverAgain { which }),
        1 => Just(Step::Refuse),
        1 => Just(Step::Wake),
    ]
}

proptest! {
    /// Each association has a key of its own, and a port that nobody else has: a port, an SSRC and an
    /// index (all below the first rollover) are a nonce.
    #[test]
    fn no_nonce_is_used_twice(steps in proptest::collection::vec(step(), 1..400)) {
        let mut shards = Shards::new();
        let mut sessions = Vec::new();
        let mut delivered = Vec::new();
        let mut number = 0;
        let mut join = |shards: &mut Shards, away| {
            number += 1;
            // A lane that is full keeps everybody at home.
            shards.lanes.wake(Instant::now() + Duration::from_secs(1));
            shards.session(number, away)
        };
        for step in steps {
            match step {
                Step::Join { away } if sessions.len() < 8 => sessions.push(join(&mut shards, away)),
                Step::Write { who, index } => {
                    if let Some(session) = sessions.get_mut(who) {
                        // Not even the line's guard is in between.
                        let _ = shards.write(session, index);
                    }
                }
                Step::Close { who } if who < sessions.len() => {
                    sessions.remove(who).close(&mut shards.lanes);
                }
                Step::Replace { who, away } if who < sessions.len() => {
                    sessions[who].close(&mut shards.lanes);
                    sessions[who] = join(&mut shards, away);
                }
                Step::Deliver => {
                    for batch in shards.batches() {
                        shards.take(&batch);
                        delivered.push(batch);
                    }
                }
                Step::DeliverAgain { which } => {
                    if let Some(batch) = delivered.get(which) {
                        shards.take(batch);
                    }
                }
                Step::Refuse if shards.lanes.poll() => {
                    shards.lanes.refuse(Instant::now());
                }
                Step::Wake => shards.lanes.wake(Instant::now() + Duration::from_secs(1)),
                _ => {}
            }
        }
        shards.take_all();
        let mut used = BTreeSet::new();
        for (port, datagram) in datagrams(&mut shards.away_out) {
            prop_assert!(used.insert((port, datagram[2..12].to_vec())));
        }
        let away: BTreeSet<u16> = used.iter().map(|(port, _)| *port).collect();
        for (port, _) in datagrams(&mut shards.home_out) {
            prop_assert!(!away.contains(&port), "one key on both sides");
        }
    }
}
