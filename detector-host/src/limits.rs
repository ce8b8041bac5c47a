//! What a detector may use. Each limit ends one call or refuses one file, with the reason, and costs nobody else.

use std::time::Duration;

/// Bytes of a component that an agent loads: Rust and C make tens of kilobytes.
pub const COMPONENT_BYTES_MAX: u64 = 4 << 20;
/// Bytes of a component that a replay loads: an interpreter that is brought along takes 20 MB.
pub const COMPONENT_BYTES_MAX_IN_REPLAY: u64 = 64 << 20;
/// Detectors that are loaded at once.
pub const DETECTORS_MAX: usize = 256;
/// Detectors whose machine code is in memory at once, of those whose code lies in a file. A call of another one begins with mapping its
/// code, and the code of the one that was not called for longest is let go.
pub const READY_MAX: usize = 16;

/// Steps of one call, roughly one for each WebAssembly instruction: some 10 ms.
pub const FUEL_MAX: u64 = 10_000_000;
/// What ends a call that fuel does not: it should never fire, and the run it fires in cannot be repeated exactly.
pub const DEADLINE: Duration = Duration::from_secs(2);
/// How often it is looked at.
pub const DEADLINE_TICK: Duration = Duration::from_millis(100);
/// Memory of one instance.
pub const MEMORY_BYTES_MAX: usize = 16 << 20;
/// Entries of its tables together.
pub const TABLE_ELEMENTS_MAX: usize = 10_000;
/// Core instances, memories and tables of one component: an adapter or an interpreter brings several.
pub const INSTANCES_MAX: u32 = 64;
pub const MEMORIES_MAX: u32 = 1;
pub const TABLES_MAX: u32 = 16;
/// Stack of one call.
pub const STACK_BYTES_MAX: usize = 256 << 10;
/// What a detector may return in one call, as it is taken over by the host.
pub const OUTPUT_BYTES_MAX: usize = 256 << 10;

/// Findings of one call, and the parts of each.
pub const FINDINGS_MAX: usize = 8;
pub const TITLE_BYTES_MAX: usize = 120;
pub const REASON_BYTES_MAX: usize = 1_000;
pub const NODES_MAX: usize = 32;
pub const TECHNIQUES_MAX: usize = 16;

/// So many failures within so much event time park a detector.
pub const FAILURES_MAX: usize = 5;
pub const FAILURES_WITHIN_NS: u64 = 600 * 1_000_000_000;
