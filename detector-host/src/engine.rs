//! The engine that all detectors of a process share. It runs machine code and makes none: the compiler, with all that it needs, is there while
//! it compiles.

use crate::code::Recent;
use crate::contract::DetectorWorldPre;
use crate::limits::{
    DEADLINE, DEADLINE_TICK, FUEL_MAX, INSTANCES_MAX, MEMORIES_MAX, MEMORY_BYTES_MAX, OUTPUT_BYTES_MAX,
    STACK_BYTES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX,
};
use std::hash::{Hash, Hasher};
use std::num::NonZeroUsize;
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, PoolingAllocationConfig, ResourceLimiter, Store};

/// Calls are made one after the other; there is room for as many threads as run pipelines side by side.
const CALLS_AT_ONCE: u32 = 8;
/// Says how [`Runtime::compile`] compiles, as far as the engine that runs the code does not know of it.
const COMPILED_AS: &str = "cranelift, canonical NaNs";
/// What of an instance's memory is kept and wiped, instead of being given back to the system.
const KEPT_BYTES: usize = 128 << 10;

#[derive(Clone)]
pub(crate) struct Runtime {
    engine: Engine,
    recent: Recent,
}

impl Runtime {
    /// An engine, and a thread that moves its clock on for as long as it lives.
    pub(crate) fn new() -> Result<Self, wasmtime::Error> {
        let engine = Engine::new(config().enable_compiler(false))?;
        let weak = engine.weak();
        std::thread::Builder::new().name("detector-clock".into()).spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::park_timeout(DEADLINE_TICK);
            }
        })?;
        Ok(Self { engine, recent: Recent::default() })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Machine code of a component.
    ///
    /// # Errors
    /// When it is no sound one.
    pub(crate) fn compile(component: &[u8]) -> Result<Vec<u8>, wasmtime::Error> {
        let mut config = config();
        // The same input gives the same output on every machine.
        config.cranelift_nan_canonicalization(true);
        Engine::new(&config)?.precompile_component(component)
    }

    /// What of the engine decides whether it can run machine code of another one; whether it fits this processor is found when it is loaded.
    pub(crate) fn digest(&self) -> blake3::Hash {
        struct Digest(blake3::Hasher);
        impl Hasher for Digest {
            fn write(&mut self, bytes: &[u8]) {
                self.0.update(bytes);
            }
            fn finish(&self) -> u64 {
                let hash = self.0.finalize();
                u64::from_le_bytes(*hash.as_bytes().first_chunk().expect("it has 32 bytes"))
            }
        }
        let mut digest = Digest(blake3::Hasher::new());
        (COMPILED_AS, std::env::consts::ARCH).hash(&mut digest);
        self.engine.precompile_compatibility_hash().hash(&mut digest);
        digest.0.finalize()
    }

    /// The detectors that were called last.
    pub(crate) fn recent(&self) -> &Recent {
        &self.recent
    }

    /// What instances of a component are made of. `types` are its imports, each of which holds nothing but types.
    pub(crate) fn prepare(
        &self,
        component: &Component,
        types: &[String],
    ) -> Result<DetectorWorldPre<Limited>, wasmtime::Error> {
        let mut linker = Linker::new(&self.engine);
        for name in types {
            linker.instance(name)?;
        }
        DetectorWorldPre::new(linker.instantiate_pre(component)?)
    }

    /// What one call runs in.
    pub(crate) fn store(&self) -> Result<Store<Limited>, wasmtime::Error> {
        let mut store = Store::new(&self.engine, Limited::default());
        store.limiter(|limited| limited);
        store.set_fuel(FUEL_MAX)?;
        let n_ticks = DEADLINE.as_millis() / DEADLINE_TICK.as_millis();
        store.set_epoch_deadline(u64::try_from(n_ticks).expect("a few"));
        store.set_hostcall_fuel(OUTPUT_BYTES_MAX);
        Ok(store)
    }
}

/// The memory of one call.
#[derive(Default)]
pub(crate) struct Limited {
    /// It asked for more than there is.
    pub(crate) was_refused: bool,
}

impl ResourceLimiter for Limited {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool, wasmtime::Error> {
        let fits = desired <= MEMORY_BYTES_MAX;
        self.was_refused |= !fits;
        Ok(fits)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool, wasmtime::Error> {
        let fits = desired <= TABLE_ELEMENTS_MAX;
        self.was_refused |= !fits;
        Ok(fits)
    }
}

fn config() -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(CALLS_AT_ONCE)
        .total_core_instances(CALLS_AT_ONCE * INSTANCES_MAX)
        .total_memories(CALLS_AT_ONCE * MEMORIES_MAX)
        .total_tables(CALLS_AT_ONCE * TABLES_MAX)
        .max_core_instances_per_component(INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .max_memory_size(MEMORY_BYTES_MAX)
        .table_elements(TABLE_ELEMENTS_MAX)
        .max_unused_warm_slots(2)
        .linear_memory_keep_resident(KEPT_BYTES)
        .table_keep_resident(4096);
    let mut config = Config::new();
    config
        .allocation_strategy(pool)
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES_MAX)
        .wasm_relaxed_simd(false)
        // Nobody reads it, and it would be kept for each detector.
        .wasm_backtrace_max_frames(None::<NonZeroUsize>)
        .generate_address_map(false)
        .native_unwind_info(false);
    config
}
