//! The guest's processor time, measured where it is spent.
//!
//! A request is polled by several threads one after another and waits in between, so neither the wall clock
//! nor one thread's clock tells its cost. [`Metered`] adds up the thread's processor time over the polls; the
//! epoch callback, which runs inside a poll, asks for the sum so far. A machine that is busy with other
//! things does not make a guest look guilty.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Processor time of one request.
#[derive(Debug, Default)]
pub(super) struct CpuMeter {
    /// Spent in finished polls, ns.
    finished_ns: AtomicU64,
    /// Thread clock at the start of the running poll, ns.
    started_ns: AtomicU64,
}

impl CpuMeter {
    /// Spent so far. Only right inside a poll of the [`Metered`] future, on its thread.
    pub(super) fn spent(&self) -> Duration {
        let running = thread_cpu_ns().saturating_sub(self.started_ns.load(Ordering::Relaxed));
        Duration::from_nanos(self.finished_ns.load(Ordering::Relaxed) + running)
    }
}

/// A future whose processor time is measured.
pub(super) struct Metered<F> {
    inner: Pin<Box<F>>,
    meter: Arc<CpuMeter>,
}

impl<F: Future> Metered<F> {
    pub(super) fn new(inner: F, meter: Arc<CpuMeter>) -> Self {
        Self {
            inner: Box::pin(inner),
            meter,
        }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let started_ns = thread_cpu_ns();
        self.meter.started_ns.store(started_ns, Ordering::Relaxed);
        let outcome = self.inner.as_mut().poll(context);
        let spent_ns = thread_cpu_ns().saturating_sub(started_ns);
        self.meter
            .finished_ns
            .fetch_add(spent_ns, Ordering::Relaxed);
        outcome
    }
}

/// Processor time of the calling thread, ns.
fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let whole = u64::try_from(time.tv_sec)
        .unwrap_or(0)
        .saturating_mul(1_000_000_000);
    whole.saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}
