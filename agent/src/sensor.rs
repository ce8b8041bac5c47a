//! The sensor: eBPF programs in the kernel, and what they say, in the order of its times.
//!
//! [`Sensor::start`] finds the fields of the running kernel ([`btf`]), loads the programs ([`attach`]) and lets them run;
//! [`Sensor::poll`] takes what waits in the ring, fetches the sums of repeated operations ([`sums`]) and puts both in
//! [`order`]. [`filters`] says what is left out, [`tier`] what is hooked beside the tracepoints. [`counts`] is the arithmetic of
//! what was seen and what was lost, [`throttle`] who was over a budget.

pub mod attach;
pub mod btf;
pub mod counts;
pub mod filters;
mod identify;
mod order;
mod ring_wait;
mod sums;
mod sys;
pub mod throttle;
pub mod tier;

pub use filters::Ignored;
pub use identify::Identifier;
pub use order::{BYTES_MAX as ORDER_BYTES_MAX, Item, WINDOW_NS};

use crate::redact::RedactError;
use attach::{Group, HANDLERS, Handler, TRACEPOINTS};
use aya::maps::{HashMap as BpfHashMap, Map, MapData, ProgramArray, RingBuf};
use aya::programs::{ProgramError, RawTracePoint};
use aya::{Ebpf, EbpfLoader};
use btf::Btf;
use counts::{Counters, Counts};
use filters::Filters;
use flate2::read::ZlibDecoder;
use order::{Order, RECORD_BYTES_MAX};
use ring_wait::RingWait;
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;
use sums::Sums;
use throttle::Throttling;
use tier::{Asked, Tier};
use tracewell_event_abi::collapse::{Key, Sum};
use tracewell_event_abi::config::{Config, filter, option};
use tracewell_event_abi::count::Used;
use tracewell_event_abi::head::{Head, OPS, Op};
use tracewell_event_abi::offsets::Offsets;
use zerocopy::{FromBytes, IntoBytes};

/// The eBPF programs, built by `cargo xtask`, as zlib compresses them; empty where they were not built.
static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/programs.o.zlib"));

/// How often sums are fetched while records come, in ns.
const SUMS_EVERY_NS: u64 = 250_000_000;
/// How often while none come, in ns.
const IDLE_SUMS_EVERY_NS: u64 = 1_000_000_000;
/// How often it is looked up what ignored cgroups and folders mean, in ns.
const FILTERS_EVERY_NS: u64 = 5_000_000_000;
/// How long at most the ring is left alone while records wait for their order, in ns.
const LOOK_EVERY_NS: u64 = 100_000_000;
/// Records taken from the ring before anything else is looked after.
const RECORDS_AT_ONCE: usize = 20_000;
/// Items given before the ring is looked at again.
const ITEMS_BETWEEN_LOOKS: u64 = 256;

#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes of the ring: a power of two, at least a page.
    pub ring_bytes: u32,
    /// Sums that are kept at once, in each of two generations.
    pub sums_max: u32,
    /// Records that a cgroup may send within 250 ms; 0 for no limit.
    pub budget: u64,
    pub groups: BTreeSet<Group>,
    pub tier: Asked,
    /// Processes that are not watched, with all they start. The agent itself is always among them.
    pub ignored_processes: Vec<u32>,
    pub ignored: Ignored,
    /// Names of environment variables that are kept of a program that is started; none by default.
    pub environment: Vec<String>,
    /// Patterns of secrets in command lines and environment, beside the shipped ones (docs/redaction.md).
    pub secrets: Vec<String>,
    /// Where the names of containers come from.
    #[cfg(feature = "program")]
    pub containers: crate::container::Options,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ring_bytes: 4 << 20,
            sums_max: 8192,
            budget: 0,
            groups: Group::ALL.into(),
            tier: Asked::Auto,
            ignored_processes: Vec::new(),
            ignored: Ignored::default(),
            environment: Vec::new(),
            secrets: Vec::new(),
            #[cfg(feature = "program")]
            containers: crate::container::Options::default(),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SensorError {
    #[error(
        "this agent was built without the live sensor: run `cargo xtask setup`, then build it with `cargo xtask build`"
    )]
    NotBuilt,
    #[error(
        "watching a host needs root, or CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH and what lets it write to /run: {0}"
    )]
    NotPermitted(String),
    #[error(
        "the kernel does not describe its structures: /sys/kernel/btf/vmlinux is missing (CONFIG_DEBUG_INFO_BTF): {0}"
    )]
    NoBtf(String),
    #[error("the kernel is locked down to confidentiality, which forbids all tracing: boot with lockdown=integrity")]
    LockedDown,
    #[error("the kernel lacks {0}, without which nothing can be watched")]
    Kernel(String),
    #[error("the eBPF object is not as expected: {0}")]
    Object(String),
    #[error("{0} failed: {1}")]
    Bpf(String, String),
    #[error(transparent)]
    Secrets(#[from] RedactError),
}

fn bpf_error<E: Display>(doing: &str) -> impl Fn(E) -> SensorError {
    move |error| SensorError::Bpf(doing.to_owned(), error.to_string())
}

/// Whether the object with the programs is part of this build.
pub fn is_built() -> bool {
    !OBJECT.is_empty()
}

fn object() -> Result<Vec<u8>, SensorError> {
    let mut object = Vec::new();
    let read = ZlibDecoder::new(OBJECT).read_to_end(&mut object);
    read.map_err(|error| SensorError::Object(format!("it cannot be unpacked ({error})")))?;
    Ok(object)
}

/// The fields of the running kernel that the programs read.
///
/// # Errors
/// When the kernel's BTF is missing or cannot be read.
pub fn offsets() -> Result<Offsets, SensorError> {
    let bytes = fs::read("/sys/kernel/btf/vmlinux").map_err(|error| SensorError::NoBtf(error.to_string()))?;
    let btf = Btf::parse(&bytes).map_err(|error| SensorError::NoBtf(error.to_string()))?;
    Ok(Offsets::look_up(|path| btf.find(path)))
}

/// ns of `CLOCK_BOOTTIME`: the clock of the kernel side.
pub fn boot_now() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

pub struct Sensor {
    ring: RingBuf<MapData>,
    sums: Sums,
    order: Order,
    counters: Counters,
    handlers: ProgramArray<MapData>,
    ignored: BpfHashMap<MapData, u32, u8>,
    groups: BTreeSet<Group>,
    filters: Filters,
    next_filters: u64,
    identifier: Option<Identifier>,
    ring_wait: RingWait,
    /// When sums were fetched last.
    fetched: u64,
    /// Whether records came since then.
    has_records: bool,
    n_given: u64,
    received: [u64; OPS],
    merged: [u64; OPS],
    throttling: Throttling,
    /// What could not be attached, and why.
    missing: Vec<(&'static str, String)>,
    tier: Tier,
    bpf: Ebpf,
}

impl Sensor {
    /// Loads the programs and lets them run.
    ///
    /// # Errors
    /// One sentence for each thing that can be missing: [`SensorError`].
    pub fn start(options: &Options) -> Result<Self, SensorError> {
        if !is_built() {
            return Err(SensorError::NotBuilt);
        }
        if is_locked_down() {
            return Err(SensorError::LockedDown);
        }
        let offsets = offsets()?;
        let mut loader = EbpfLoader::new();
        loader.override_global("OFFSETS", offsets.as_bytes(), true);
        loader.map_max_entries("RING", options.ring_bytes);
        for name in ["SUMS_0", "SUMS_1"] {
            loader.map_max_entries(name, options.sums_max);
        }
        if options.tier == Asked::Base {
            for name in ["HELD", "PLACES", "FREE_PLACES"] {
                loader.map_max_entries(name, 1);
            }
        }
        let mut bpf = loader.load(&object()?).map_err(load_error)?;
        // It holds the types of the whole kernel, which trying the hooks reads once more.
        drop(loader);
        let config = Config {
            // Nothing, until what is left out is known.
            ops: 0,
            hooked: 0,
            budget: options.budget,
            generation: 0,
            filters: filter::PROCESSES,
            own: own_process(),
            options: options_bits(&options.environment),
        };
        let sums = Sums::new(&mut bpf, config)?;
        let map = take(&mut bpf, "RING")?;
        let ring = RingBuf::try_from(map).map_err(bpf_error("opening the ring"))?;
        let ring_wait =
            RingWait::new(&ring).map_err(|error| SensorError::Bpf("waiting for the ring".into(), error.to_string()))?;
        let handlers =
            ProgramArray::try_from(take(&mut bpf, "SYSCALLS")?).map_err(bpf_error("the table of handlers"))?;
        let ignored = take(&mut bpf, "IGNORED_PROCESSES")?;
        let ignored = BpfHashMap::try_from(ignored).map_err(bpf_error("the map of ignored processes"))?;
        let counters = Counters::new(&mut bpf)?;
        let (identifier, own_identifier) = Identifier::two(take(&mut bpf, "IDENTIFIED")?)?;
        let filters = Filters::new(&mut bpf, own_identifier)?;
        let mut sensor = Self {
            ring,
            sums,
            order: Order::default(),
            counters,
            handlers,
            ignored,
            groups: options.groups.clone(),
            filters,
            next_filters: 0,
            identifier: Some(identifier),
            ring_wait,
            fetched: boot_now(),
            has_records: false,
            n_given: 0,
            received: [0; OPS],
            merged: [0; OPS],
            throttling: Throttling::default(),
            missing: Vec::new(),
            tier: Tier::base(),
            bpf,
        };
        for process in options.ignored_processes.iter().copied().chain([own_process()]) {
            sensor.ignored.insert(process, 1, 0).map_err(bpf_error("ignoring the agent itself"))?;
        }
        sensor.load()?;
        if options.tier == Asked::Auto {
            sensor.tier = tier::attach(&mut sensor.bpf)?;
            sensor.sums.config.hooked = sensor.tier.bits();
        }
        sensor.set_ignored(options.ignored.clone())?;
        Ok(sensor)
    }

    /// Handlers first, so that the dispatcher finds them when it begins.
    fn load(&mut self) -> Result<(), SensorError> {
        for handler in HANDLERS {
            if let Err(error) = program(&mut self.bpf, handler.program)?.load() {
                self.missing.push((handler.program, full(&error)));
            }
        }
        for handler in HANDLERS {
            self.switch_handler(handler)?;
        }
        for tracepoint in TRACEPOINTS {
            let program = program(&mut self.bpf, tracepoint.program)?;
            let attached = program.load().and_then(|()| program.attach(tracepoint.tracepoint));
            match attached {
                Ok(_) => {}
                Err(error) if tracepoint.is_required => return Err(attach_error(tracepoint.tracepoint, &error)),
                Err(error) => self.missing.push((tracepoint.program, full(&error))),
            }
        }
        Ok(())
    }

    /// Puts a handler into the table if any of its groups is on, else takes it out.
    fn switch_handler(&mut self, handler: &Handler) -> Result<(), SensorError> {
        if self.missing.iter().any(|(name, _)| *name == handler.program) {
            return Ok(());
        }
        let is_on = handler.ops.iter().any(|op| self.groups.contains(&Group::of(*op)));
        for place in handler.places() {
            if is_on {
                let fd = program(&mut self.bpf, handler.program)?.fd().map_err(bpf_error(handler.program))?;
                self.handlers.set(place, fd, 0).map_err(bpf_error("setting a handler"))?;
            } else {
                // It may not have been there.
                let _ = self.handlers.clear_index(&place);
            }
        }
        Ok(())
    }

    /// Switches groups of probes on and off. The others go on without a gap.
    ///
    /// # Errors
    /// When the kernel refuses; the old groups may be partly on.
    pub fn set_groups(&mut self, groups: BTreeSet<Group>) -> Result<(), SensorError> {
        self.groups = groups;
        self.groups.insert(Group::Process);
        HANDLERS.iter().try_for_each(|handler| self.switch_handler(handler))?;
        // Folders can be looked up only where files are watched.
        self.set_ignored(self.filters.ignored().clone())
    }

    /// Changes what is left out. The rest goes on without a gap.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_ignored(&mut self, ignored: Ignored) -> Result<(), SensorError> {
        self.sums.config.ops = wanted(&self.groups, &ignored);
        self.filters.set(ignored);
        self.refresh_filters()
    }

    fn refresh_filters(&mut self) -> Result<(), SensorError> {
        self.next_filters = boot_now() + FILTERS_EVERY_NS;
        self.sums.config.filters = filter::PROCESSES | self.filters.refresh()?;
        self.sums.tell()
    }

    /// What is left out, and the cgroups and folders of it that are not there: they will be once they are.
    pub fn ignored(&self) -> (&Ignored, &[PathBuf]) {
        (self.filters.ignored(), self.filters.absent())
    }

    /// Changes what a cgroup may send within 250 ms; 0 for no limit.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_budget(&mut self, budget: u64) -> Result<(), SensorError> {
        self.sums.config.budget = budget;
        self.sums.tell()
    }

    /// Changes whether the kernel side takes environments along: only where some of it is wanted.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_environment(&mut self, names: &[String]) -> Result<(), SensorError> {
        self.sums.config.options = options_bits(names);
        self.sums.tell()
    }

    /// How long the programs ran in the kernel so far. Counted only while `kernel.bpf_stats_enabled` is 1.
    pub fn run_time(&self) -> Duration {
        let programs = self.bpf.programs().filter_map(|(_, program)| program.info().ok());
        programs.map(|program| program.run_time()).sum()
    }

    pub fn groups(&self) -> &BTreeSet<Group> {
        &self.groups
    }

    /// What could not be attached, with the kernel's reason.
    pub fn missing(&self) -> &[(&'static str, String)] {
        &self.missing
    }

    /// What is hooked beside the tracepoints.
    pub fn tier(&self) -> &Tier {
        &self.tier
    }

    /// Waits for records and takes what is there: up to 200 ms, and up to a second where nothing happens.
    ///
    /// # Errors
    /// When a map cannot be read.
    pub fn poll(&mut self) -> Result<(), SensorError> {
        let now = boot_now();
        let until_sums = (self.fetched + IDLE_SUMS_EVERY_NS).saturating_sub(now);
        let until_due = self.order.next_due().map_or(u64::MAX, |due| due.saturating_sub(now).max(LOOK_EVERY_NS));
        self.ring_wait.wait(Duration::from_nanos(until_sums.min(until_due)));
        self.take_ring();
        let now = boot_now();
        if now >= self.next_filters {
            self.refresh_filters()?;
        }
        let every = if self.has_records { SUMS_EVERY_NS } else { IDLE_SUMS_EVERY_NS };
        if now >= self.fetched + every {
            self.has_records = false;
            self.take_sums()?;
            self.take_ring();
        }
        Ok(())
    }

    /// Asks for nothing any more, and takes all that was seen until now: then the counts add up.
    ///
    /// # Errors
    /// When a map cannot be read.
    pub fn quiesce(&mut self) -> Result<(), SensorError> {
        self.sums.config.ops = 0;
        self.sums.tell()?;
        // Returns when no program that still had the old configuration runs.
        self.take_sums()?;
        while self.take_record() {}
        self.fetched = u64::MAX;
        self.throttling.turn(u64::MAX);
        Ok(())
    }

    fn take_sums(&mut self) -> Result<(), SensorError> {
        let Self { sums, order, merged, throttling, .. } = self;
        let add = |key: &Key, sum: &Sum| {
            // A sum of nothing stands for one operation, which was sent.
            if sum.count > 0 {
                if let Some(n) = merged.get_mut(key.op as usize) {
                    *n += sum.count;
                }
                // What is not wanted was found out when another CPU had added to it.
                if sum.is_unwanted == 0 {
                    order.add_sum(key, sum);
                }
            }
        };
        let now = boot_now();
        let used = |cgroup, used: &Used| {
            if used.throttled > 0 {
                throttling.add(cgroup, used.throttled, now, throttle::path_of);
            }
        };
        sums.take(add, used)?;
        self.throttling.turn(now);
        self.fetched = now;
        Ok(())
    }

    /// Takes what is in the ring, as far as there is room for it.
    fn take_ring(&mut self) {
        for _ in 0..RECORDS_AT_ONCE {
            if self.order.is_full() || !self.take_record() {
                break;
            }
        }
    }

    /// Gives whether there was one.
    fn take_record(&mut self) -> bool {
        let Some(record) = self.ring.next() else { return false };
        self.has_records = true;
        // What is no record of ours was put there by nobody; it is left out, and shows as not received.
        if let Ok((head, _)) = Head::read_from_prefix(&record)
            && record.len() <= RECORD_BYTES_MAX
        {
            if let Some(n) = self.received.get_mut(usize::from(head.op)) {
                *n += 1;
            }
            self.order.add_record(head.time, &record);
        }
        true
    }

    /// Asks the kernel what files are. There is one.
    ///
    /// # Errors
    /// When it was taken before.
    pub fn take_identifier(&mut self) -> Result<Identifier, SensorError> {
        self.identifier.take().ok_or_else(|| SensorError::Object("its map of identified files was taken before".into()))
    }

    /// The next item in the order of times, if it has waited long enough at `now` (`u64::MAX` for all).
    ///
    /// Looks at the ring now and then, which would fill up while many items are worked on.
    pub fn next(&mut self, now: u64) -> Option<(u64, Item<'_>)> {
        self.n_given += 1;
        if self.n_given.is_multiple_of(ITEMS_BETWEEN_LOOKS) {
            self.take_ring();
        }
        self.order.next(self.known_at(now))
    }

    /// All that happened before this moment, in ns of `CLOCK_BOOTTIME`, was given.
    pub fn given_until(&self, now: u64) -> u64 {
        self.order.given_until(self.known_at(now))
    }

    /// Nothing is given that a sum not fetched yet may belong before.
    fn known_at(&self, now: u64) -> u64 {
        now.min(self.fetched.saturating_add(WINDOW_NS))
    }

    /// What each op came to since the start.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn counts(&self) -> Result<Counts, SensorError> {
        self.counters.read(&self.received, &self.merged)
    }

    /// Which cgroups are over their budget.
    pub fn throttling(&mut self) -> &mut Throttling {
        &mut self.throttling
    }

    /// Runs that the kernel skipped of each program that runs by itself, since it was running on that CPU already; `None`
    /// where the kernel does not tell. System calls are counted under the program that hands them out.
    pub fn skipped_runs(&self) -> impl Iterator<Item = (&'static str, Option<u64>)> {
        TRACEPOINTS.iter().filter_map(|tracepoint| {
            let fd = self.bpf.program(tracepoint.program)?.fd().ok()?.as_fd();
            Some((tracepoint.program, sys::skipped_runs(fd).unwrap_or(None)))
        })
    }

    /// Items that came too late for their place.
    pub fn late(&self) -> u64 {
        self.order.late()
    }

    /// Items held for their order now.
    pub fn waiting(&self) -> usize {
        self.order.len()
    }
}

fn own_process() -> u32 {
    rustix::process::getpid().as_raw_nonzero().get().cast_unsigned()
}

fn options_bits(environment: &[String]) -> u32 {
    if environment.is_empty() { 0 } else { option::ENVIRONMENT }
}

fn wanted(groups: &BTreeSet<Group>, ignored: &Ignored) -> u64 {
    let is_on = |op: &&Op| match Group::of(**op) {
        Group::Process => true,
        group => groups.contains(&group) && !ignored.operations.contains(op),
    };
    Op::ALL.iter().filter(is_on).fold(0, |ops, op| ops | 1 << *op as u8)
}

fn take(bpf: &mut Ebpf, name: &str) -> Result<Map, SensorError> {
    bpf.take_map(name).ok_or_else(|| SensorError::Object(format!("it has no map {name}")))
}

fn program<'a>(bpf: &'a mut Ebpf, name: &str) -> Result<&'a mut RawTracePoint, SensorError> {
    let program = bpf.program_mut(name).ok_or_else(|| SensorError::Object(format!("it has no program {name}")))?;
    program.try_into().map_err(|_| SensorError::Object(format!("its program {name} is no raw tracepoint")))
}

/// `confidentiality` in brackets is the level in force (Documentation/security/lockdown).
fn is_locked_down() -> bool {
    let level = fs::read_to_string(Path::new("/sys/kernel/security/lockdown"));
    level.is_ok_and(|level| level.contains("[confidentiality]"))
}

fn is_denied(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(this) = error {
        if let Some(io) = this.downcast_ref::<io::Error>()
            && io.kind() == io::ErrorKind::PermissionDenied
        {
            return true;
        }
        error = this.source();
    }
    false
}

/// An error with all its causes; the verifier's words are in the last.
fn full(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn load_error(error: aya::EbpfError) -> SensorError {
    if is_denied(&error) {
        return SensorError::NotPermitted(full(&error));
    }
    SensorError::Bpf("loading the eBPF object".into(), full(&error))
}

fn attach_error(tracepoint: &str, error: &ProgramError) -> SensorError {
    if is_denied(error) {
        return SensorError::NotPermitted(full(error));
    }
    SensorError::Kernel(format!("the tracepoint {tracepoint} ({})", full(error)))
}
