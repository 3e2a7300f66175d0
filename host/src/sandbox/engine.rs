//! The engine's configuration: pooled instances, an epoch to interrupt by.

use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::limits::{CORE_INSTANCES_MAX, Limits, MEMORIES_MAX, TABLES_MAX};

/// Memory of a finished guest that stays resident for the next one, bytes.
const KEEP_RESIDENT_BYTES: usize = 64 * 1024;
/// Stack of one guest, bytes; deeper recursion traps.
const STACK_BYTES_MAX: usize = 512 * 1024;
/// Stack of one guest and of the host functions it calls, bytes.
const ASYNC_STACK_BYTES: usize = 2 << 20;

pub(super) fn build(limits: &Limits) -> wasmtime::Result<Engine> {
    let instances = limits.instances_max;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES_MAX))
        .total_memories(instances.saturating_mul(MEMORIES_MAX))
        .total_tables(instances.saturating_mul(TABLES_MAX))
        .total_stacks(instances)
        .max_core_instances_per_component(CORE_INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .max_memory_size(limits.memory_bytes_max)
        .table_elements(limits.table_elements_max)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(KEEP_RESIDENT_BYTES);

    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .epoch_interruption(true)
        // Address space, not memory: without this the pool would reserve 4 GiB for each instance.
        .memory_reservation(limits.memory_bytes_max as u64)
        .memory_guard_size(KEEP_RESIDENT_BYTES as u64)
        .max_wasm_stack(STACK_BYTES_MAX)
        .async_stack_size(ASYNC_STACK_BYTES)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}
