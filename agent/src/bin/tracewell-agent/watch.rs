//! A running agent: the live source, what its records go through, and what can be asked and changed meanwhile.

use crate::alerts::Alerts;
use crate::checkpoint::Checkpoints;
use crate::config::{Config, ConfigError};
use crate::detectors::Detectors;
use crate::ends::Ends;
use crate::failure::{Failure, Printed};
use crate::inventory::Inventories;
use crate::pressure::{Pressure, STEPS, Use};
use crate::record::Recording;
use crate::requests::{Answer, Request};
use crate::status::{
    ConfigurationStatus, IgnoredStatus, NotAttached, PipelineStatus, PressureStatus, SkippedStatus, SourceStatus,
    Status, ThrottledStatus, TierStatus, counts_programs, operations, resident_bytes, written_bytes,
};
use crate::yara::Yara;
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};
use tracewell_agent::Pipeline;
use tracewell_agent::live::Live;
use tracewell_agent::sensor::SensorError;
use tracewell_agent::sensor::attach::Group;
use tracewell_graph_core::history::Noted;
use tracewell_model::{HistoryRecord, LossCause, LossRecord, Record};

pub struct Watch {
    config: Config,
    live: Live,
    stream: Stream,
    alerts: Alerts,
    checkpoints: Option<Checkpoints>,
    pressure: Pressure,
    inventories: Inventories,
    started: Instant,
    n_turns: u64,
    /// What came of the configuration since the start.
    reloaded: ConfigurationStatus,
}

/// What a record goes through.
pub struct Stream {
    pub pipeline: Pipeline,
    pub ends: Ends,
    pub recording: Option<Recording>,
    /// Why the recording has ended, if it has.
    pub recording_ended: Option<String>,
    /// What the pipeline reads of its history from before the recording.
    pub noted: Noted,
    /// What looks at it.
    pub detectors: Detectors,
    /// What looks into files.
    pub yara: Yara,
}

impl Stream {
    pub fn take(&mut self, record: &Record) -> Result<(), Failure> {
        let done = self.pipeline.record(record, &mut self.ends);
        // A replay needs them before the record.
        self.record_history();
        self.write(|recording, _| recording.put(record));
        self.yara.look(record);
        Ok(done?)
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// When the pipeline fails.
    pub fn finish(&mut self) -> Result<(), Failure> {
        let done = self.pipeline.finish(&mut self.ends);
        self.record_history();
        Ok(done?)
    }

    /// Tells that the spool had to drop something, as a gap: nobody knows what it would have said.
    pub fn tell_dropped(&mut self) -> Result<(), Failure> {
        let Some(spool) = &self.ends.spool else { return Ok(()) };
        spool.let_go();
        let Some(dropped) = spool.dropped() else { return Ok(()) };
        let (host, time) = (self.pipeline.host(), self.pipeline.now());
        self.take(&Record::Loss(LossRecord { host, time, cause: LossCause::Gap, n_events: 0 }))?;
        if let Some(spool) = &self.ends.spool {
            spool.told_dropped(dropped);
        }
        Ok(())
    }

    /// Takes what was found in files since. It stands in the stream where it is taken, so that a replay says the same.
    pub fn take_found(&mut self) -> Result<(), Failure> {
        let now = self.pipeline.now();
        self.yara.found(now).iter().try_for_each(|record| self.take(record))
    }

    /// The same, and waits a little for what is being looked at.
    pub fn take_last_found(&mut self) -> Result<(), Failure> {
        let now = self.pipeline.now();
        self.yara.last_found(now).iter().try_for_each(|record| self.take(record))
    }

    fn record_history(&mut self) {
        if self.recording.is_none() {
            return;
        }
        for piece in self.noted.take() {
            let rows = HistoryRecord { host: self.pipeline.host(), bytes: piece.into() };
            self.write(|recording, _| recording.put(&Record::History(rows)));
        }
    }

    /// Has the recording begin with what is known.
    pub fn record_checkpoint(&mut self) {
        if self.recording.is_some() {
            self.noted.begin(self.pipeline.next_seq());
            self.write(|recording, pipeline| pipeline.checkpoint_records(|record| recording.put(record)));
        }
    }

    /// Writes to the recording, if there is one. One that cannot be written is given up: what watches goes on.
    fn write(&mut self, write: impl FnOnce(&mut Recording, &mut Pipeline) -> io::Result<()>) {
        let Some(recording) = &mut self.recording else { return };
        if let Err(error) = write(recording, &mut self.pipeline) {
            tracing::error!(%error, "the recording is given up");
            self.end_recording(error.to_string());
        }
    }

    fn end_recording(&mut self, why: String) -> Option<Recording> {
        self.recording_ended = Some(why);
        self.noted.end();
        self.recording.take()
    }
}

impl Watch {
    pub fn new(config: Config, live: Live, stream: Stream, alerts: Alerts, checkpoints: Option<Checkpoints>) -> Self {
        let (started, reloaded) = (Instant::now(), ConfigurationStatus::default());
        let pressure = Pressure::new(config.limits, started, used(&live));
        let inventories = Inventories::default();
        Self { config, live, stream, alerts, checkpoints, pressure, inventories, started, n_turns: 0, reloaded }
    }

    /// Waits a little, takes what happened through the pipeline and shows what stands out.
    ///
    /// # Errors
    /// When sensor, pipeline or output fails.
    pub fn turn(&mut self) -> Result<Printed, Failure> {
        self.n_turns += 1;
        let stream = &mut self.stream;
        stream.detectors.swap(&mut stream.pipeline);
        self.live.turn(|record| stream.take(&record))?;
        stream.take_found()?;
        stream.tell_dropped()?;
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.write_if_due(&mut stream.pipeline);
        }
        self.keep_limits()?;
        self.tell_inventory()?;
        self.alerts.show()
    }

    /// Tells the aggregator, if there is one, what it does not know yet of what is run here.
    fn tell_inventory(&mut self) -> Result<(), Failure> {
        if self.stream.ends.spool.is_none() || !self.inventories.is_due(Instant::now()) {
            return Ok(());
        }
        let status = self.status()?;
        let Stream { pipeline, ends, .. } = &mut self.stream;
        match self.inventories.news(pipeline.epoch(), &status, pipeline.view()) {
            Some(inventory) => Ok(pipeline.tell(inventory, ends)?),
            None => Ok(()),
        }
    }

    /// Takes in less where the agent takes too much of the machine, and ends a recording that has got too large.
    fn keep_limits(&mut self) -> Result<(), Failure> {
        let (now, before) = (Instant::now(), self.pressure.step());
        if self.pressure.is_due(now) && self.pressure.look(now, used(&self.live)) {
            let (step, budget) = (self.pressure.step(), self.pressure.budget(self.config.sensor.budget));
            self.live.sensor().set_budget(budget)?;
            let cause = self.pressure.cause().map_or_else(|| "none".into(), |cause| cause.to_string());
            let now = if step > before { "takes in less" } else { "takes in more again" };
            tracing::warn!(step, steps = STEPS, cause, budget, "{now}");
        }
        let why = match &self.stream.recording {
            Some(recording) if recording.is_full() => "it is as large as it may be",
            Some(_) if self.pressure.has_written_too_much() => "more was written than limits.disk_bytes_per_day",
            _ => return Ok(()),
        };
        let recording = self.stream.end_recording(why.to_owned());
        let host = self.stream.pipeline.host();
        recording.map_or(Ok(()), |recording| recording.finish_early(host, why))
    }

    pub fn answer(&mut self, request: Request) -> Answer {
        let answer = match request {
            Request::Status => self.status().map(|status| Answer::Status(Box::new(status))),
            Request::Probes { on, off } => match switched(self.live.sensor().groups(), &on, &off) {
                Err(message) => return Answer::Error(message),
                Ok(groups) => self.switch(groups).map(|()| Answer::Groups(self.group_names())),
            },
            Request::Detectors(wish) => {
                let Stream { detectors, pipeline, .. } = &mut self.stream;
                detectors.swap(pipeline);
                self.inventories.look_soon();
                match detectors.grant(&wish, &self.config.detectors, pipeline) {
                    Ok(()) => return Answer::Detectors(detectors.status()),
                    Err(message) => return Answer::Error(message),
                }
            }
        };
        answer.unwrap_or_else(|error| Answer::Error(error.to_string()))
    }

    fn switch(&mut self, groups: BTreeSet<Group>) -> Result<(), SensorError> {
        if *self.live.sensor().groups() != groups {
            self.live.sensor().set_groups(groups.clone())?;
            self.config.set_groups(groups);
            tracing::info!(groups = self.group_names().join(" "), "probes switched");
        }
        Ok(())
    }

    fn group_names(&mut self) -> Vec<String> {
        self.live.sensor().groups().iter().map(|group| group.name().to_owned()).collect()
    }

    /// Takes up a configuration that was read anew. What is wrong with it, or cannot change now, is said, and stays.
    ///
    /// # Errors
    /// When the sensor fails.
    pub fn reload(&mut self, new: Result<Config, ConfigError>) -> Result<(), Failure> {
        let new = match new {
            Ok(new) => new,
            Err(error) => {
                tracing::error!(%error, "the configuration stays as it was");
                self.reloaded.failed_reloads += 1;
                self.reloaded.error = Some(error.to_string());
                return Ok(());
            }
        };
        let stay = self.config.take_over(new);
        let sensor = self.live.sensor();
        if *sensor.groups() != self.config.sensor.groups {
            sensor.set_groups(self.config.sensor.groups.clone())?;
        }
        self.pressure.set_limits(self.config.limits);
        sensor.set_budget(self.pressure.budget(self.config.sensor.budget))?;
        sensor.set_ignored(self.config.sensor.ignored.clone())?;
        self.live.set_texts(&self.config.sensor)?;
        self.alerts.set_form(self.config.form);
        let Stream { detectors, pipeline, .. } = &mut self.stream;
        detectors.set(&self.config.detectors).map_err(Failure::internal)?;
        detectors.set_sigma(self.config.sigma.as_deref(), pipeline);
        self.stream.yara.set(self.config.yara.as_ref());
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.set_every(self.config.checkpoint_every);
        }
        if !stay.is_empty() {
            tracing::warn!(fields = stay.join(", "), "these change with the next start only");
        }
        tracing::info!(hash = self.config.hash(), "configuration read anew");
        self.inventories.look_soon();
        self.reloaded.reloads += 1;
        (self.reloaded.error, self.reloaded.needs_restart) = (None, stay);
        Ok(())
    }

    /// # Errors
    /// When the kernel's counts cannot be read.
    fn status(&mut self) -> Result<Status, SensorError> {
        let counts = self.live.counts()?;
        let pipeline = self.stream.pipeline.stats();
        let (n_processes, malformed_records, groups) =
            (self.live.processes(), self.live.malformed(), self.group_names());
        let running: Vec<_> = self.live.sensor().throttling().running().cloned().collect();
        let throttled = running.into_iter().map(|of| ThrottledStatus {
            workload: self.live.workload_of(&of).map(|workload| workload.to_string()),
            cgroup: of.cgroup,
            path: of.path,
            operations: of.n_operations,
        });
        let throttled = throttled.collect();
        let container_sources = self.live.container_sources().into_iter().map(SourceStatus::of).collect();
        let sensor = self.live.sensor();
        let (throttlings_started, throttlings_ended) = (sensor.throttling().n_started, sensor.throttling().n_ended);
        let skipped_runs = sensor.skipped_runs();
        let skipped_runs =
            skipped_runs.map(|(program, runs)| SkippedStatus { program: program.into(), runs }).collect();
        let (not_attached, tier) = (sensor.missing().iter(), TierStatus::of(sensor.tier()));
        let ignored = IgnoredStatus::of(sensor.ignored());
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").into(),
            host: self.config.host_name.clone(),
            uptime_seconds: self.started.elapsed().as_secs(),
            configuration: ConfigurationStatus {
                file: self.config.file.as_ref().map(|file| file.display().to_string()),
                hash: self.config.hash(),
                parameters_hash: self.config.parameters.hash(),
                ..self.reloaded.clone()
            },
            groups,
            ignored,
            tier,
            container_sources,
            not_attached: not_attached
                .map(|(program, reason)| NotAttached { program: (*program).into(), reason: reason.clone() })
                .collect(),
            throttled,
            throttlings_started,
            throttlings_ended,
            skipped_runs,
            adds_up: counts.iter().all(|(_, counts)| counts.adds_up()),
            operations: operations(&counts),
            ring_records: counts.sum(|op| op.kernel.submitted).saturating_sub(counts.sum(|op| op.received)),
            waiting_items: sensor.waiting() as u64,
            late_items: sensor.late(),
            malformed_records,
            pipeline: PipelineStatus {
                events: pipeline.graph.events,
                failed_events: pipeline.graph.failed,
                edges: pipeline.graph.edges,
                lost_events: pipeline.lost_events,
                clamped_records: pipeline.clamped,
                sent_bytes: pipeline.bytes_sent,
                graph_bytes: pipeline.graph_bytes as u64,
                profile_bytes: pipeline.profile_bytes as u64,
                readiness_permille: pipeline.readiness_permille.into(),
            },
            detectors: self.stream.detectors.status(),
            yara: self.stream.yara.status(),
            checkpoint: self.checkpoints.as_ref().map(Checkpoints::status),
            uplink: self.stream.ends.spool.as_ref().map(|spool| spool.status().into()),
            pressure: self.pressure_status(),
            alerts: self.alerts.n_alerts(),
            failed_alerts: self.alerts.n_failed(),
            processes: n_processes as u64,
            resident_bytes: resident_bytes(),
            turns: self.n_turns,
        })
    }

    fn pressure_status(&self) -> PressureStatus {
        let used = used(&self.live);
        PressureStatus {
            step: self.pressure.step(),
            steps: STEPS,
            cause: self.pressure.cause().map(|cause| cause.to_string()),
            budget: self.pressure.budget(self.config.sensor.budget),
            cpu_permille: self.pressure.cpu_permille(),
            cpu_counts_kernel: counts_programs(),
            cpu_milliseconds: u64::try_from(used.cpu.as_millis()).unwrap_or(u64::MAX),
            written_bytes: used.disk_bytes,
            recording_ended: self.stream.recording_ended.clone(),
        }
    }

    /// Stops watching, takes what is left through the pipeline, shows it, writes a last checkpoint and ends the recording.
    ///
    /// # Errors
    /// As [`Self::turn`], or when the recording cannot be ended.
    pub fn finish(mut self) -> Result<(), Failure> {
        let stream = &mut self.stream;
        self.live.finish(|record| stream.take(&record))?;
        stream.take_last_found()?;
        stream.finish()?;
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.write_and_wait(&mut stream.pipeline);
        }
        self.alerts.show()?;
        let status = self.status()?;
        for op in status.operations.iter().filter(|op| !op.adds_up) {
            tracing::warn!(counts = ?op, "does not add up");
        }
        tracing::info!(
            events = status.pipeline.events,
            edges = status.pipeline.edges,
            alerts = status.alerts,
            lost = self.live.counts()?.sum(|op| op.lost()),
            adds_up = status.adds_up,
            "stopped"
        );
        match self.stream.recording {
            Some(recording) => recording.finish(),
            None => Ok(()),
        }
    }
}

fn used(live: &Live) -> Use {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    let cpu = Duration::new(cpu.tv_sec.cast_unsigned(), u32::try_from(cpu.tv_nsec).unwrap_or(0));
    Use { cpu: cpu + live.run_time(), disk_bytes: written_bytes(), resident_bytes: resident_bytes() }
}

fn switched(groups: &BTreeSet<Group>, on: &[String], off: &[String]) -> Result<BTreeSet<Group>, String> {
    let group = |name: &String| {
        let group = Group::ALL.into_iter().find(|group| group.name() == name);
        group.ok_or_else(|| format!("there is no group {name:?}; there are process, file, network and system"))
    };
    let mut groups = groups.clone();
    for name in off {
        match group(name)? {
            Group::Process => return Err("the group process is always on: without it nobody knows who did what".into()),
            group => groups.remove(&group),
        };
    }
    for name in on {
        groups.insert(group(name)?);
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_switched_by_name_but_for_processes() {
        let check = |on: &[&str], off: &[&str]| {
            let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            switched(&[Group::Process, Group::File].into(), &names(on), &names(off))
        };
        assert_eq!(check(&["network"], &["file"]), Ok([Group::Process, Group::Network].into()));
        assert_eq!(check(&[], &[]), Ok([Group::Process, Group::File].into()));
        assert!(check(&[], &["process"]).unwrap_err().contains("always on"));
        assert!(check(&["flie"], &[]).unwrap_err().contains("\"flie\""));
    }
}
