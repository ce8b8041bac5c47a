//! The sensor: eBPF programs in the kernel, and what they say, in the order of its times.
//!
//! [`Sensor::start`] finds the fields of the running kernel ([`btf`]), loads the programs ([`attach`]) and lets them run (`start.rs`);
//! [`Sensor::poll`] takes what waits in the ring, fetches the sums of repeated operations ([`sums`]) and puts both in
//! [`order`]. [`filters`] says what is left out, [`tier`] what is hooked beside the tracepoints. [`counts`] is the arithmetic of
//! what was seen and what was lost, [`throttle`] who was over a budget.

pub mod attach;
pub mod btf;
pub mod counts;
mod error;
pub mod filters;
mod identify;
mod object;
mod options;
mod order;
mod ring_wait;
mod start;
mod sums;
mod sys;
pub mod throttle;
pub mod tier;

pub use error::SensorError;
pub use filters::Ignored;
pub use identify::Identifier;
pub use object::is_built;
pub use options::Options;
pub use order::{BYTES_MAX as ORDER_BYTES_MAX, Item, WINDOW_NS};
pub use start::offsets;

use attach::{Group, HANDLERS, TRACEPOINTS};
use aya::Ebpf;
use aya::maps::{HashMap as BpfHashMap, MapData, ProgramArray, RingBuf};
use counts::{Counters, Counts};
use filters::Filters;
use order::{Order, RECORD_BYTES_MAX};
use ring_wait::RingWait;
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;
use sums::Sums;
use throttle::Throttling;
use tier::Tier;
use tracewell_event_abi::collapse::{Key, Sum};
use tracewell_event_abi::config::{filter, option};
use tracewell_event_abi::count::Used;
use tracewell_event_abi::head::{Head, OPS, Op};
use zerocopy::FromBytes;

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
    content_identifier: Option<Identifier>,
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

    /// Asks the kernel what files are, for the live source.
    ///
    /// # Errors
    /// When it was taken before.
    pub fn take_identifier(&mut self) -> Result<Identifier, SensorError> {
        self.identifier.take().ok_or_else(|| SensorError::Object("its map of identified files was taken before".into()))
    }

    /// The same for a thread that looks into files; `None` if it was taken before.
    pub fn take_content_identifier(&mut self) -> Option<Identifier> {
        self.content_identifier.take()
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
