//! Loading the programs into the kernel and letting them run.

use super::attach::{Group, HANDLERS, Handler, TRACEPOINTS};
use super::btf::Btf;
use super::counts::Counters;
use super::error::{attach_error, bpf_error, full, load_error};
use super::filters::Filters;
use super::object::{is_built, object, program, take};
use super::order::Order;
use super::ring_wait::RingWait;
use super::sums::Sums;
use super::throttle::Throttling;
use super::tier::{Asked, Tier};
use super::{Identifier, Options, Sensor, SensorError, boot_now, options_bits, tier};
use aya::EbpfLoader;
use aya::maps::{HashMap as BpfHashMap, ProgramArray, RingBuf};
use std::fs;
use std::path::Path;
use tracewell_event_abi::config::{Config, filter};
use tracewell_event_abi::head::OPS;
use tracewell_event_abi::offsets::Offsets;
use zerocopy::IntoBytes;

/// The fields of the running kernel that the programs read.
///
/// # Errors
/// When the kernel's BTF is missing or cannot be read.
pub fn offsets() -> Result<Offsets, SensorError> {
    let bytes = fs::read("/sys/kernel/btf/vmlinux").map_err(|error| SensorError::NoBtf(error.to_string()))?;
    let btf = Btf::parse(&bytes).map_err(|error| SensorError::NoBtf(error.to_string()))?;
    Ok(Offsets::look_up(|path| btf.find(path)))
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
        let [identifier, own_identifier, content_identifier] = Identifier::three(take(&mut bpf, "IDENTIFIED")?)?;
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
            content_identifier: Some(content_identifier),
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
    pub(super) fn switch_handler(&mut self, handler: &Handler) -> Result<(), SensorError> {
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
}

fn own_process() -> u32 {
    rustix::process::getpid().as_raw_nonzero().get().cast_unsigned()
}

/// `confidentiality` in brackets is the level in force (Documentation/security/lockdown).
fn is_locked_down() -> bool {
    let level = fs::read_to_string(Path::new("/sys/kernel/security/lockdown"));
    level.is_ok_and(|level| level.contains("[confidentiality]"))
}
