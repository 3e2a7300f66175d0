//! What belongs to one request while its guest lives.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime::{StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::cpu::CpuMeter;
use super::error::HostCallsSpent;
use super::limits::{CORE_INSTANCES_MAX, Limits, MEMORIES_MAX, TABLES_MAX};
use super::stderr::LastWords;
use crate::environment::Environment;
use crate::media::MediaLink;
use crate::platform::Platform;
use crate::sabotage;
use crate::trace::TraceId;

/// What the guest reaches through its imports.
#[derive(Clone)]
pub struct Services {
    /// The chat platform.
    pub platform: Arc<dyn Platform>,
    /// The way to the sidecar.
    pub media: Arc<dyn MediaLink>,
    /// Time and randomness.
    pub environment: Arc<dyn Environment>,
}

/// The store's data: dropped with the guest.
pub(crate) struct RequestState {
    pub(super) services: Services,
    pub(super) trace: TraceId,
    pub(super) store_limits: StoreLimits,
    pub(super) cpu: Arc<CpuMeter>,
    pub(super) last_words: LastWords,
    pub(super) limits: Arc<Limits>,
    pub(super) log_lines: u32,
    host_calls: u32,
    wasi: WasiCtx,
    table: ResourceTable,
}

impl RequestState {
    pub(super) fn new(services: Services, limits: Arc<Limits>, trace: TraceId) -> Self {
        let last_words = LastWords::default();
        let mut seed = [0; 16];
        // Hash maps only: without randomness they still work.
        let _ = services.environment.fill_random(&mut seed);
        let mut wasi = WasiCtxBuilder::new();
        wasi.insecure_random_seed(u128::from_le_bytes(seed))
            .stderr(last_words.clone());
        if let Some(fault) = sabotage::requested() {
            wasi.env(sabotage::FAULT_VARIABLE, fault);
        }
        let wasi = wasi.build();
        let store_limits = StoreLimitsBuilder::new()
            .memory_size(limits.memory_bytes_max)
            .table_elements(limits.table_elements_max)
            .instances(CORE_INSTANCES_MAX as usize)
            .tables(TABLES_MAX as usize)
            .memories(MEMORIES_MAX as usize)
            .trap_on_grow_failure(true)
            .build();
        Self {
            services,
            trace,
            store_limits,
            cpu: Arc::default(),
            last_words,
            limits,
            log_lines: 0,
            host_calls: 0,
            wasi,
            table: ResourceTable::new(),
        }
    }

    /// Takes one host call from the request's quota. Every import begins with it.
    pub(super) fn charge(&mut self) -> wasmtime::Result<()> {
        self.host_calls += 1;
        if self.host_calls > self.limits.host_calls_max {
            return Err(wasmtime::Error::from(HostCallsSpent));
        }
        Ok(())
    }
}

impl WasiView for RequestState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}
