//! One call of a detector in an instance of its own, and what can come of it.

use crate::admission::flat;
use crate::code::Code;
use crate::contract::{self, DetectorWorld};
use crate::engine::{Limited, Runtime};
use crate::limits::{DEADLINE, FUEL_MAX, MEMORY_BYTES_MAX, OUTPUT_BYTES_MAX, STACK_BYTES_MAX};
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::{Store, Trap};

/// Why a call gave nothing. It cost that one call and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("it used up its {FUEL_MAX} steps: an endless loop, or too much work for one event")]
    Fuel,
    #[error("it ran for {} s without using up its steps; this run cannot be repeated exactly", DEADLINE.as_secs())]
    Deadline,
    #[error("it asked for more than {} MiB of memory", MEMORY_BYTES_MAX >> 20)]
    Memory,
    #[error("it used up its stack of {} KiB: a recursion without end", STACK_BYTES_MAX >> 10)]
    Stack,
    #[error("it panicked")]
    Panic,
    #[error("it trapped: {0}")]
    Trap(String),
    #[error("it returned more than {} KiB", OUTPUT_BYTES_MAX >> 10)]
    OutputSize,
    #[error("what it returned cannot be read: {0}")]
    OutputForm(String),
    #[error("what it returned is refused: {0}")]
    Output(String),
    #[error("its machine code cannot be read again: {0}")]
    Code(String),
}

impl Failure {
    /// One word to count by.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Fuel => "fuel",
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::Panic => "panic",
            Self::Trap(_) => "trap",
            Self::OutputSize | Self::OutputForm(_) | Self::Output(_) => "output",
            Self::Code(_) => "code",
        }
    }
}

/// What a call took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Steps of the guest, those of taking over what it is shown included. The same in every run.
    pub fuel: u64,
    /// For the instance, and for its machine code where that was not in memory.
    pub instantiation: Duration,
    /// From the neighbourhood to what was returned, in all.
    pub whole: Duration,
}

pub(crate) fn info(runtime: &Runtime, code: &Arc<Code>) -> Result<contract::Metadata, Failure> {
    call(runtime, code, |detector, store| detector.tracewell_detector_detector().call_info(store)).0
}

pub(crate) fn detect(
    runtime: &Runtime,
    code: &Arc<Code>,
    neighbourhood: contract::Neighbourhood<'_>,
) -> (Result<Vec<contract::Finding>, Failure>, Spent) {
    call(runtime, code, |detector, store| detector.tracewell_detector_detector().call_detect(store, neighbourhood))
}

fn call<T>(
    runtime: &Runtime,
    code: &Arc<Code>,
    call: impl FnOnce(&DetectorWorld, &mut Store<Limited>) -> Result<T, wasmtime::Error>,
) -> (Result<T, Failure>, Spent) {
    let started = Instant::now();
    let mut spent = Spent::default();
    let ready = match code.ready(runtime) {
        Ok(ready) => ready,
        Err(error) => return (Err(Failure::Code(flat(&error))), spent),
    };
    let mut store = match runtime.store() {
        Ok(store) => store,
        Err(error) => return (Err(Failure::Trap(flat(&error))), spent),
    };
    let returned = ready.instantiate(&mut store).and_then(|detector| {
        spent.instantiation = started.elapsed();
        call(&detector, &mut store)
    });
    let returned = returned.map_err(|error| failure(&error, store.data()));
    spent.fuel = FUEL_MAX - store.get_fuel().unwrap_or(0).min(FUEL_MAX);
    // The instance goes as well.
    drop(store);
    spent.whole = started.elapsed();
    (returned, spent)
}

fn failure(error: &wasmtime::Error, limited: &Limited) -> Failure {
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => Failure::Fuel,
        Some(Trap::Interrupt) => Failure::Deadline,
        _ if limited.was_refused => Failure::Memory,
        Some(Trap::StackOverflow) => Failure::Stack,
        Some(Trap::UnreachableCodeReached) => Failure::Panic,
        Some(trap) => Failure::Trap(trap.to_string().trim_start_matches("wasm trap: ").to_owned()),
        None => match flat(error) {
            text if text.contains("hostcall") => Failure::OutputSize,
            text => Failure::OutputForm(text),
        },
    }
}
