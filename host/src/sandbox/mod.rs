//! The wasmtime embedding: a fresh guest per request, with a budget for everything.
//!
//! Nouns: [`Services`] is what the guest reaches through its imports, [`Limits`] what it may use up,
//! [`Sandbox`] runs it. A guest that traps takes nothing with it: its store is dropped, the next request gets
//! a new one.

mod bindings;
mod cpu;
mod engine;
mod epoch;
mod error;
mod imports;
mod limits;
mod linker;
mod state;
mod stderr;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::Instrument as _;
use wasmtime::component::Component;
use wasmtime::{Engine, Store, Trap, UpdateDeadline};

pub(crate) use self::bindings::parley::plugin::types as wit;
pub(crate) use self::bindings::{Plugin as Guest, PluginPre as GuestPre};
pub use self::error::{CallError, LoadError};
pub(crate) use self::imports::one_line;
pub use self::limits::Limits;
pub(crate) use self::limits::grant;
pub use self::state::Services;

use self::cpu::Metered;
use self::epoch::Heartbeat;
use self::error::{CpuSpent, HostCallsSpent};
pub(crate) use self::error::{ReplyInvalid, ReplyTooLarge};
use self::state::RequestState;
use crate::trace::{self, TraceId};

/// Runs one component, as often as asked.
pub struct Sandbox {
    engine: Engine,
    guest: GuestPre<RequestState>,
    heartbeat: Heartbeat,
    services: Services,
    limits: Arc<Limits>,
    instances: Semaphore,
    /// Instances that work without a waiting user may have.
    background: Semaphore,
    /// Running and waiting requests.
    admitted: Semaphore,
    calls: AtomicU64,
    failures: AtomicU64,
}

/// How a call of the guest ended, for whoever counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Calls that ended.
    pub calls: u64,
    /// Calls without a result.
    pub failures: u64,
}

/// One call of an export.
pub(crate) type GuestFuture<'a, R> = Pin<Box<dyn Future<Output = wasmtime::Result<R>> + Send + 'a>>;

/// A guest's exports and the store it lives in, for the time of one call.
pub(crate) struct Instance<'a> {
    pub(crate) guest: &'a Guest,
    pub(crate) store: &'a mut Store<RequestState>,
    pub(crate) context: &'a wit::Context,
}

impl Sandbox {
    /// Compiles the component and checks that it asks for nothing beyond its grants.
    pub fn new(component: &[u8], services: Services, limits: Limits) -> Result<Self, LoadError> {
        let engine = engine::build(&limits).map_err(|e| LoadError::Engine(e.into()))?;
        let component =
            Component::new(&engine, component).map_err(|e| LoadError::Compile(e.into()))?;
        let guest = linker::strict_linker(&engine)
            .and_then(|linker| linker.instantiate_pre(&component))
            .and_then(GuestPre::new)
            .map_err(|e| LoadError::Link(e.into()))?;
        let heartbeat = Heartbeat::start(&engine).map_err(|e| LoadError::Engine(e.into()))?;
        let instances = limits.instances_max as usize;
        Ok(Self {
            engine,
            guest,
            heartbeat,
            services,
            instances: Semaphore::new(instances),
            background: Semaphore::new((instances * 3 / 4).max(1)),
            admitted: Semaphore::new(instances + limits.waiting_max),
            limits: Arc::new(limits),
            calls: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        })
    }

    /// Calls so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            calls: self.calls.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
        }
    }

    /// Makes a guest and lets `work` call one of its exports. `export` is for the logs.
    pub(crate) async fn run<R, W>(&self, export: &'static str, work: W) -> Result<R, CallError>
    where
        R: Send,
        W: for<'a> FnOnce(Instance<'a>) -> GuestFuture<'a, R> + Send,
    {
        let trace = TraceId::current_or_random();
        let span = tracing::info_span!(target: "parley::guest", "guest", export, %trace);
        let outcome = trace::scope(trace, self.run_one(trace, work))
            .instrument(span.clone())
            .await;
        self.calls.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = &outcome {
            self.failures.fetch_add(1, Ordering::Relaxed);
            span.in_scope(|| tracing::error!(target: "parley::guest", %error, "no result"));
        }
        outcome
    }

    /// As [`Self::run`], for work that no user waits for: it leaves a quarter of the instances to those.
    pub(crate) async fn run_in_background<R, W>(
        &self,
        export: &'static str,
        work: W,
    ) -> Result<R, CallError>
    where
        R: Send,
        W: for<'a> FnOnce(Instance<'a>) -> GuestFuture<'a, R> + Send,
    {
        let _turn = self
            .background
            .acquire()
            .await
            .map_err(|_| CallError::Busy)?;
        self.run(export, work).await
    }

    async fn run_one<R, W>(&self, trace: TraceId, work: W) -> Result<R, CallError>
    where
        R: Send,
        W: for<'a> FnOnce(Instance<'a>) -> GuestFuture<'a, R> + Send,
    {
        let wall_max = self.limits.wall_max;
        let (_admitted, _instance) = self.admit(wall_max).await?;
        let _beating = self.heartbeat.running();

        let state = RequestState::new(self.services.clone(), Arc::clone(&self.limits), trace);
        let (cpu, last_words) = (Arc::clone(&state.cpu), state.last_words.clone());
        let mut store = self.store(state);
        let call = async {
            let guest = self.guest.instantiate_async(&mut store).await?;
            let context = wit::Context {
                trace_id: trace.to_string(),
            };
            work(Instance {
                guest: &guest,
                store: &mut store,
                context: &context,
            })
            .await
        };
        let outcome = tokio::time::timeout(wall_max, Metered::new(call, cpu)).await;
        self.report(&store, &last_words.text());
        match outcome {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(error)) => Err(self.explain(&error)),
            Err(_) => Err(CallError::Timeout(wall_max)),
        }
    }

    /// Waits for a free instance; refuses at once when too many wait already.
    async fn admit(
        &self,
        wall_max: Duration,
    ) -> Result<(SemaphorePermit<'_>, SemaphorePermit<'_>), CallError> {
        let admitted = self.admitted.try_acquire().map_err(|_| CallError::Busy)?;
        let instance = tokio::time::timeout(wall_max, self.instances.acquire())
            .await
            .map_err(|_| CallError::Busy)?
            .map_err(|_| CallError::Busy)?;
        Ok((admitted, instance))
    }

    fn store(&self, state: RequestState) -> Store<RequestState> {
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.store_limits);
        store.set_hostcall_fuel(self.limits.transfer_bytes_max);
        store.set_epoch_deadline(1);
        let cpu_max = self.limits.cpu_max;
        store.epoch_deadline_callback(move |store| {
            if store.data().cpu.spent() >= cpu_max {
                return Err(CpuSpent.into());
            }
            // Not only fair: the wall-clock timeout fires only when the guest gives way.
            Ok(UpdateDeadline::Yield(1))
        });
        store
    }

    /// Logs what the guest could not: panics on standard error, lines over its quota.
    fn report(&self, store: &Store<RequestState>, last_words: &str) {
        if !last_words.is_empty() {
            let last_words = imports::one_line(last_words, limits::STDERR_BYTES_MAX);
            tracing::error!(target: "parley::guest", "standard error: {last_words}");
        }
        let dropped = store
            .data()
            .log_lines
            .saturating_sub(self.limits.log_lines_max);
        if dropped > 0 {
            tracing::warn!(target: "parley::guest", dropped, "log lines over the quota");
        }
    }

    fn explain(&self, error: &wasmtime::Error) -> CallError {
        if error.downcast_ref::<CpuSpent>().is_some() {
            return CallError::CpuBudget(self.limits.cpu_max);
        }
        if error.downcast_ref::<HostCallsSpent>().is_some() {
            return CallError::HostCalls(self.limits.host_calls_max);
        }
        if let Some(too_large) = error.downcast_ref::<ReplyTooLarge>() {
            return CallError::ReplyTooLarge(too_large.0);
        }
        if let Some(invalid) = error.downcast_ref::<ReplyInvalid>() {
            return CallError::InvalidReply(invalid.0);
        }
        // Without the backtrace: it names functions of the guest, not of interest above debug.
        tracing::debug!(target: "parley::guest", "{error:?}");
        match error.downcast_ref::<Trap>() {
            Some(trap) => CallError::Trap(trap.to_string()),
            None => CallError::Trap(error.root_cause().to_string()),
        }
    }
}
