//! The live source: what the sensor and /proc say, as one stream of records.
//!
//! [`Live::start`] lets the sensor run and then takes stock of what ran before ([`snapshot`]); each [`Live::turn`] gives the
//! records that are ready. The stream is what a recording holds, so that replaying it does what the live run did.

#[cfg(feature = "program")]
mod belonging;
pub mod snapshot;

#[cfg(feature = "program")]
use crate::container::Source;
use crate::redact::Redactor;
use crate::sensor::counts::Counts;
use crate::sensor::throttle::{Change, Throttled};
use crate::sensor::{Options, Sensor, SensorError, WINDOW_NS, boot_now};
use crate::translate::{Clock, Machine, Translator};
use std::collections::BTreeMap;
use std::time::Duration;
use tracewell_model::{EventNs, HostId, HostRecord, LossCause, Record, Str};

/// Time between two ticks of the stream, in ns.
const TICK_NS: u64 = 1_000_000_000;
/// Items given before whoever turns the loop may look after other things: some 50 ms.
const ITEMS_A_TURN: usize = 5_000;

pub struct Live {
    sensor: Sensor,
    clock: Clock,
    translator: Translator,
    #[cfg(feature = "program")]
    belongings: belonging::Belongings,
    next_tick: u64,
    /// Losses told so far.
    told: BTreeMap<LossCause, u64>,
}

impl Live {
    /// Starts the sensor and takes stock.
    ///
    /// # Errors
    /// [`SensorError`], one sentence for each thing that can be missing.
    pub fn start(host: HostId, options: &Options) -> Result<Self, SensorError> {
        let mut sensor = Sensor::start(options)?;
        let mut identifier = sensor.take_identifier()?;
        let clock = Clock::of_this_machine();
        let now = boot_now();
        let snapshot = snapshot::take(&mut identifier);
        #[cfg(feature = "program")]
        let belongings = belonging::Belongings::start(options.containers.clone());
        let machine = Machine {
            identify: Box::new(move |path| identifier.identify(path, false)),
            #[cfg(feature = "program")]
            workload: Box::new(belongings.asker()),
            #[cfg(not(feature = "program"))]
            workload: Box::new(|_, _| None),
            redactor: Redactor::new(&options.secrets)?,
            environment: options.environment.clone(),
        };
        let mut translator = Translator::new(host, clock, machine);
        translator.take_stock(snapshot, now);
        Ok(Self {
            sensor,
            clock,
            translator,
            #[cfg(feature = "program")]
            belongings,
            next_tick: now + WINDOW_NS,
            told: BTreeMap::new(),
        })
    }

    /// Changes which variables are kept and what counts as a secret, as `options` say. What was seen before and still waits
    /// is treated by the new rules.
    ///
    /// # Errors
    /// When a pattern or the kernel refuses; then all stays as it was.
    pub fn set_texts(&mut self, options: &Options) -> Result<(), SensorError> {
        let redactor = Redactor::new(&options.secrets)?;
        self.sensor.set_environment(&options.environment)?;
        self.translator.set_texts(redactor, options.environment.clone());
        Ok(())
    }

    /// What the stream begins with.
    pub fn host(host: HostId, name: &str) -> Record {
        Record::Host(HostRecord { host, name: Str::from(name) })
    }

    /// The time that an event would have now.
    pub fn now(&self) -> EventNs {
        self.clock.time(boot_now())
    }

    /// Gives what ran before, as far as it was not given yet.
    pub fn stock(&mut self, take: impl FnMut(Record)) {
        self.translator.records().for_each(take);
    }

    /// Waits a little and gives the records that are ready, in order.
    ///
    /// # Errors
    /// When the sensor fails, or `take` does.
    pub fn turn<E: From<SensorError>>(&mut self, mut take: impl FnMut(Record) -> Result<(), E>) -> Result<(), E> {
        #[cfg(feature = "program")]
        self.belongings.keep_fresh();
        self.sensor.poll()?;
        let now = boot_now();
        self.give(now, ITEMS_A_TURN, &mut take)?;
        let given = self.sensor.given_until(now);
        self.tell_throttling(given)?;
        if given >= self.next_tick {
            self.next_tick = given + TICK_NS;
            #[cfg(feature = "program")]
            if self.belongings.has_news() {
                self.translator.ask_again(given);
            }
            self.tell_losses(given)?;
            self.translator.tick(given);
        }
        self.translator.records().try_for_each(take)
    }

    /// Stops watching and gives everything that still waits: the end of the stream.
    ///
    /// # Errors
    /// As [`Self::turn`].
    pub fn finish<E: From<SensorError>>(&mut self, mut take: impl FnMut(Record) -> Result<(), E>) -> Result<(), E> {
        self.sensor.quiesce()?;
        self.give(u64::MAX, usize::MAX, &mut take)?;
        let now = boot_now();
        self.tell_throttling(now)?;
        self.tell_losses(now)?;
        self.translator.tick(now);
        self.translator.records().try_for_each(take)
    }

    /// Gives at most `most` of the items that are due at `now`.
    fn give<E>(&mut self, now: u64, most: usize, take: &mut impl FnMut(Record) -> Result<(), E>) -> Result<(), E> {
        for _ in 0..most {
            let Some((_, item)) = self.sensor.next(now) else { break };
            self.translator.item(&item);
            self.translator.records().try_for_each(&mut *take)?;
        }
        Ok(())
    }

    /// Which cgroups are over their budget from now on, and which are not any more. What was lost until now is told at once.
    fn tell_throttling(&mut self, now: u64) -> Result<(), SensorError> {
        let changes = self.sensor.throttling().take_changes();
        for change in &changes {
            let (Change::Started(of) | Change::Ended(of)) = change;
            let (cgroup, path, lost) = (of.cgroup, of.path.as_deref().unwrap_or("?"), of.n_operations);
            let workload = self.workload_of(of);
            let workload = workload.as_deref().unwrap_or("the host");
            match change {
                Change::Started(_) => {
                    tracing::warn!(cgroup, path, workload, "over its budget: seen incompletely from now on");
                }
                Change::Ended(_) => {
                    let seconds = (of.last - of.since) / 1_000_000_000;
                    tracing::warn!(cgroup, path, workload, lost, seconds, "within its budget again: all of it is seen");
                }
            }
        }
        if changes.is_empty() { Ok(()) } else { self.tell_losses(now) }
    }

    /// The workload that a cgroup belongs to; `None` for the host itself.
    pub fn workload_of(&self, of: &Throttled) -> Option<Str> {
        #[cfg(feature = "program")]
        return self.belongings.workload_of(of.path.as_deref()?);
        #[cfg(not(feature = "program"))]
        return of.path.as_deref().and(None);
    }

    /// Where names of containers come from, and how their last reading went.
    #[cfg(feature = "program")]
    pub fn container_sources(&self) -> Vec<Source> {
        self.belongings.sources()
    }

    /// What was lost since the last time, by cause.
    fn tell_losses(&mut self, now: u64) -> Result<(), SensorError> {
        let counts = self.sensor.counts()?;
        let skipped = self.sensor.skipped_runs().filter_map(|(_, n)| n).sum::<u64>();
        for (cause, total) in [
            (LossCause::RingFull, counts.sum(|op| op.kernel.ring_full)),
            (LossCause::Throttled, counts.sum(|op| op.kernel.throttled)),
            (LossCause::Oversize, counts.sum(|op| op.kernel.oversize)),
            (LossCause::Unknown, counts.sum(|op| op.kernel.unreadable) + self.translator.malformed() + skipped),
        ] {
            let told = self.told.entry(cause).or_default();
            if total > *told {
                self.translator.lost(now, cause, total - *told);
                *told = total;
            }
        }
        Ok(())
    }

    /// How long the programs ran in the kernel so far ([`Sensor::run_time`]).
    pub fn run_time(&self) -> Duration {
        self.sensor.run_time()
    }

    /// # Errors
    /// When the kernel's counts cannot be read.
    pub fn counts(&self) -> Result<Counts, SensorError> {
        self.sensor.counts()
    }

    pub fn sensor(&mut self) -> &mut Sensor {
        &mut self.sensor
    }

    /// Records of the kernel side that could not be understood.
    pub fn malformed(&self) -> u64 {
        self.translator.malformed()
    }

    /// Processes remembered now.
    pub fn processes(&self) -> usize {
        self.translator.processes()
    }
}
