//! A repeated request id gets the first answer again and changes nothing.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tonic::{Code, Status};
use tracing::Instrument as _;

/// How long an answer is kept.
pub(super) const KEPT_FOR: Duration = Duration::from_secs(5 * 60);
/// Answers kept; beyond, the oldest goes early and is counted.
pub(super) const ANSWERS_MAX: usize = 50_000;
/// Longest request id.
pub(super) const REQUEST_ID_CHARS_MAX: usize = 64;

/// What happened so far; absolute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DedupCounters {
    /// Answers given again.
    pub repeated: u64,
    /// Answers dropped before their time.
    pub evicted: u64,
}

type Key = (&'static str, String);
/// The answer as the method's own message; `None` while the first call runs.
type Answer = Option<Result<Arc<dyn Any + Send + Sync>, Status>>;

#[derive(Debug, Clone, Default)]
pub(super) struct Dedup {
    table: Arc<Mutex<Table>>,
}

#[derive(Debug, Default)]
struct Table {
    answers: HashMap<Key, watch::Receiver<Answer>>,
    by_age: VecDeque<(Instant, Key)>,
    counters: DedupCounters,
}

impl Dedup {
    pub(super) fn counters(&self) -> DedupCounters {
        self.lock().counters
    }

    /// Runs `call` unless this id was used for this method; then waits for, or repeats, the first answer.
    ///
    /// The call runs as its own task: a caller that goes away neither stops it half-way nor loses the
    /// answer for its next try. Answers that say "not now" (RESOURCE_EXHAUSTED, UNAVAILABLE) changed
    /// nothing and are not kept, so that a try with the same id can succeed.
    pub(super) async fn run<T, F>(
        &self,
        method: &'static str,
        request_id: &str,
        call: F,
    ) -> Result<T, Status>
    where
        T: Clone + Send + Sync + 'static,
        F: Future<Output = Result<T, Status>> + Send + 'static,
    {
        let length = request_id.chars().count();
        if length == 0 || length > REQUEST_ID_CHARS_MAX {
            return Err(Status::invalid_argument(format!(
                "request_id: must have 1 to {REQUEST_ID_CHARS_MAX} characters"
            )));
        }
        let key = (method, request_id.to_owned());
        let mut answer = match self.claim(&key) {
            Claim::Repeated(answer) => answer,
            Claim::First(sender, answer) => {
                let dedup = self.clone();
                let run = async move {
                    let result = call.await;
                    let lasting = match &result {
                        Ok(_) => true,
                        Err(s) => !matches!(s.code(), Code::ResourceExhausted | Code::Unavailable),
                    };
                    if !lasting {
                        dedup.lock().answers.remove(&key);
                    }
                    let result = result.map(|value| Arc::new(value) as Arc<dyn Any + Send + Sync>);
                    sender.send_replace(Some(result));
                };
                tokio::spawn(run.in_current_span());
                answer
            }
        };
        let answer = answer
            .wait_for(Option::is_some)
            .await
            .map(|answer| answer.clone());
        match answer {
            Ok(Some(Ok(value))) => value
                .downcast_ref::<T>()
                .cloned()
                .ok_or_else(|| Status::internal("an answer of another method")),
            Ok(Some(Err(status))) => Err(status),
            // The task panicked or the runtime ends.
            Ok(None) | Err(_) => Err(Status::internal(
                "the first call with this request id failed",
            )),
        }
    }

    fn claim(&self, key: &Key) -> Claim {
        let now = Instant::now();
        let mut table = self.lock();
        table.expire(now);
        if let Some(answer) = table.answers.get(key).cloned() {
            table.counters.repeated += 1;
            return Claim::Repeated(answer);
        }
        let (sender, answer) = watch::channel(None);
        table.answers.insert(key.clone(), answer.clone());
        table.by_age.push_back((now, key.clone()));
        Claim::First(sender, answer)
    }

    /// A panic while the lock is held cannot leave the table half-changed in a way that matters.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Claim {
    First(watch::Sender<Answer>, watch::Receiver<Answer>),
    Repeated(watch::Receiver<Answer>),
}

impl Table {
    fn expire(&mut self, now: Instant) {
        while let Some((since, _)) = self.by_age.front() {
            let old = now.duration_since(*since) >= KEPT_FOR;
            if !old && self.by_age.len() < ANSWERS_MAX {
                return;
            }
            if let Some((_, key)) = self.by_age.pop_front() {
                self.answers.remove(&key);
                self.counters.evicted += u64::from(!old);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn counted(
        calls: &Arc<AtomicU32>,
    ) -> impl Future<Output = Result<u32, Status>> + Send + 'static {
        let calls = Arc::clone(calls);
        async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(calls.fetch_add(1, Ordering::SeqCst) + 1)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_answer_comes_again_for_five_minutes() {
        let (dedup, calls) = (Dedup::default(), Arc::default());
        assert_eq!(dedup.run("m", "a", counted(&calls)).await.unwrap(), 1);
        assert_eq!(dedup.run("m", "a", counted(&calls)).await.unwrap(), 1);
        assert_eq!(dedup.run("m", "b", counted(&calls)).await.unwrap(), 2);
        assert_eq!(dedup.run("other", "a", counted(&calls)).await.unwrap(), 3);
        tokio::time::advance(KEPT_FOR).await;
        assert_eq!(dedup.run("m", "a", counted(&calls)).await.unwrap(), 4);
        assert_eq!(dedup.counters().repeated, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_goes_away_does_not_make_it_run_twice() {
        let (dedup, calls) = (Dedup::default(), Arc::default());
        let first = dedup.run("m", "a", counted(&calls));
        assert!(
            tokio::time::timeout(Duration::from_millis(10), first)
                .await
                .is_err()
        );
        assert_eq!(dedup.run("m", "a", counted(&calls)).await.unwrap(), 1);
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn refusals_last_but_not_now_does_not() {
        let dedup = Dedup::default();
        let refused = |code| async move { Err::<u32, _>(Status::new(code, "no")) };
        let not_found = dedup.run("m", "a", refused(Code::NotFound)).await;
        assert_eq!(not_found.unwrap_err().code(), Code::NotFound);
        let again = dedup.run("m", "a", async { Ok(1) }).await;
        assert_eq!(again.unwrap_err().code(), Code::NotFound);
        let busy = dedup.run("m", "b", refused(Code::ResourceExhausted)).await;
        assert_eq!(busy.unwrap_err().code(), Code::ResourceExhausted);
        assert_eq!(dedup.run("m", "b", async { Ok(1) }).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn an_id_must_be_there_and_short() {
        let dedup = Dedup::default();
        for id in [String::new(), "x".repeat(REQUEST_ID_CHARS_MAX + 1)] {
            let refused = dedup.run("m", &id, async { Ok(()) }).await;
            assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_cache_is_bounded() {
        let dedup = Dedup::default();
        for n in 0..ANSWERS_MAX + 10 {
            dedup
                .run("m", &n.to_string(), async { Ok(()) })
                .await
                .unwrap();
        }
        assert!(dedup.lock().answers.len() <= ANSWERS_MAX);
        assert!(dedup.counters().evicted >= 10);
    }
}
