//! Fetching what the kernel side summed up.
//!
//! Two maps take turns. The agent tells the kernel side to use the other one, waits until no program can still be
//! adding to the first, and empties it: so no addition is ever lost.

use super::SensorError;
use super::error::bpf_error;
use super::sys::{Cursor, take_batch};
use aya::Ebpf;
use aya::maps::{Array, Map, MapData};
use rustix::thread::{MembarrierCommand, membarrier};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;
use tracewell_event_abi::collapse::{Key, Sum};
use tracewell_event_abi::config::Config;
use tracewell_event_abi::count::Used;
use zerocopy::{FromZeros, IntoBytes};

/// Entries fetched by one call.
const BATCH: usize = 512;
/// Longest time a program could run, where the kernel cannot be asked to wait for it.
const GRACE: Duration = Duration::from_millis(50);

pub struct Sums {
    config_map: Array<MapData, [u8; size_of::<Config>()]>,
    pub config: Config,
    sums: [MapData; 2],
    used: [MapData; 2],
    /// Maps that may still hold what was used of an earlier budget.
    n_used_left: u32,
    keys: Vec<Key>,
    values: Vec<Sum>,
}

impl Sums {
    pub fn new(bpf: &mut Ebpf, config: Config) -> Result<Self, SensorError> {
        let mut hash = |name: &str| match bpf.take_map(name) {
            Some(Map::HashMap(map)) => Ok(map),
            _ => Err(SensorError::Object(format!("it has no hash map {name}"))),
        };
        let (sums, used) = ([hash("SUMS_0")?, hash("SUMS_1")?], [hash("USED_0")?, hash("USED_1")?]);
        let config_map = bpf.take_map("CONFIG").ok_or_else(|| SensorError::Object("it has no map CONFIG".into()))?;
        let config_map = Array::try_from(config_map).map_err(bpf_error("the map CONFIG"))?;
        let mut sums = Self {
            config_map,
            config,
            sums,
            used,
            n_used_left: 0,
            keys: vec![Key::new_zeroed(); BATCH],
            values: vec![Sum::new_zeroed(); BATCH],
        };
        sums.tell()?;
        Ok(sums)
    }

    /// Tells the kernel side the configuration.
    pub fn tell(&mut self) -> Result<(), SensorError> {
        let bytes: [u8; size_of::<Config>()] = self.config.as_bytes().try_into().expect("it is as long as itself");
        self.config_map.set(0, bytes, 0).map_err(bpf_error("telling the kernel side its configuration"))
    }

    /// Turns to the other generation and gives what the last one holds, each sum once, and what each cgroup sent while
    /// there is a budget.
    ///
    /// # Errors
    /// When a map cannot be read.
    pub fn take(
        &mut self,
        mut sum: impl FnMut(&Key, &Sum),
        mut used: impl FnMut(u64, &Used),
    ) -> Result<(), SensorError> {
        let last = self.config.generation as usize & 1;
        self.config.generation = 1 - last as u32;
        self.tell()?;
        // Programs run with preemption off; this returns when every CPU has been elsewhere since.
        if membarrier(MembarrierCommand::Global).is_err() {
            #[expect(clippy::disallowed_methods, reason = "the time is longer than any program can run")]
            thread::sleep(GRACE);
        }
        let mut cursor = Cursor::default();
        loop {
            let taken = take_batch(self.sums[last].fd().as_fd(), &mut cursor, &mut self.keys, &mut self.values);
            let (n, is_end) = taken.map_err(|error| SensorError::Bpf("fetching sums".into(), error.to_string()))?;
            for (key, value) in self.keys.iter().zip(&self.values).take(n) {
                sum(key, value);
            }
            if is_end {
                break;
            }
        }
        if self.config.budget > 0 {
            self.n_used_left = 2;
        } else if self.n_used_left == 0 {
            return Ok(());
        } else {
            self.n_used_left -= 1;
        }
        let (mut cursor, mut keys, mut values) = (Cursor::default(), [0u64; BATCH], [Used::default(); BATCH]);
        loop {
            let taken = take_batch(self.used[last].fd().as_fd(), &mut cursor, &mut keys, &mut values);
            let (n, is_end) = taken.map_err(|error| SensorError::Bpf("emptying budgets".into(), error.to_string()))?;
            keys.iter().zip(&values).take(n).for_each(|(cgroup, value)| used(*cgroup, value));
            if is_end {
                return Ok(());
            }
        }
    }
}
