use crate::held::Held;
use crate::record::Scratch;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, PerCpuArray, ProgramArray, RingBuf, Stack};
use tracewell_event_abi::body::FileId;
use tracewell_event_abi::collapse::{Key, Sum};
use tracewell_event_abi::config::{Config, Folder, IGNORED_MAX};
use tracewell_event_abi::count::{Counts, Used};
use tracewell_event_abi::head::OPS;
use tracewell_event_abi::hooks::PLACES_MAX;

/// Sizes are those of the memory ledger; the agent may set others when it loads.
#[map]
pub static RING: RingBuf = RingBuf::with_byte_size(4 << 20, 0);
#[map]
pub static CONFIG: Array<Config> = Array::with_max_entries(1, 0);
#[map]
pub static COUNTS: PerCpuArray<Counts> = PerCpuArray::with_max_entries(OPS as u32, 0);
/// Where records are built: one slot for system calls, one for tracepoints that may interrupt them.
#[map]
pub static SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(2, 0);

/// Handlers of system calls by number; those of 32-bit programs from 512 on.
#[map]
pub static SYSCALLS: ProgramArray = ProgramArray::with_max_entries(1024, 0);

/// Two generations of sums: one is added to while the other is fetched. Never evict: what has no room is sent.
#[map]
pub static SUMS_0: HashMap<Key, Sum> = HashMap::with_max_entries(8192, 0);
#[map]
pub static SUMS_1: HashMap<Key, Sum> = HashMap::with_max_entries(8192, 0);

/// What each cgroup sent in a generation. A cgroup for which there is no room has no limit.
#[map]
pub static USED_0: HashMap<u64, Used> = HashMap::with_max_entries(1024, 0);
#[map]
pub static USED_1: HashMap<u64, Used> = HashMap::with_max_entries(1024, 0);

/// What the agent's threads last opened with `O_PATH`, by thread: how it learns the identity of what a path means.
#[map]
pub static IDENTIFIED: HashMap<u32, FileId> = HashMap::with_max_entries(64, 0);

/// What hooks keep of calls that have not ended: the place of each thread that is in one, the places, and those that are free,
/// which the agent fills in.
#[map]
pub static HELD: HashMap<u32, u32> = HashMap::with_max_entries(PLACES_MAX, 0);
#[map]
pub static PLACES: Array<Held> = Array::with_max_entries(PLACES_MAX, 0);
#[map]
pub static FREE_PLACES: Stack<u32> = Stack::with_max_entries(PLACES_MAX, 0);
/// By op, the inode that a hook saw last in a call of the agent itself: how it tries the hooks.
#[map]
pub static TRIED: Array<u64> = Array::with_max_entries(OPS as u32, 0);

/// What is not wanted. The agent adds its own process; children inherit it.
#[map]
pub static IGNORED_PROCESSES: HashMap<u32, u8> = HashMap::with_max_entries(1024, 0);
#[map]
pub static IGNORED_CGROUPS: HashMap<u64, u8> = HashMap::with_max_entries(IGNORED_MAX, 0);
#[map]
pub static IGNORED_UIDS: HashMap<u32, u8> = HashMap::with_max_entries(IGNORED_MAX, 0);
#[map]
pub static IGNORED_FOLDERS: HashMap<Folder, u8> = HashMap::with_max_entries(IGNORED_MAX, 0);
