//! One host's records through all steps of the agent, from the event to the message that leaves.

mod checkpoint;

use crate::checkpoint::CheckpointError;
use crate::contribute::Contributor;
use crate::detect::{Detection, finding_of};
use crate::funnel::Funnel;
use crate::loss::LossLog;
use crate::normalise::{Normaliser, Vetted, split_rename};
use crate::profiling::{Profiling, Told};
use crate::uplink::{Uplink, UplinkError};
use std::sync::Arc;
use tracewell_graph_core::fleet::FleetView;
use tracewell_graph_core::follow::Connections;
use tracewell_graph_core::graph::{Graph, GraphCounts, Rare};
use tracewell_graph_core::history::{History, HistoryError};
use tracewell_graph_core::link::Linker;
use tracewell_graph_core::neighbourhood::Detectors;
use tracewell_graph_core::profile::Observation;
use tracewell_graph_core::structure::Structure;
use tracewell_graph_core::summary::Summariser;
use tracewell_model::{
    Event, EventNs, FindingRecord, HostId, HostRecord, Millibits, Object, Operation, Reason, Record, Str,
};
use tracewell_parameters::Parameters;
use tracewell_wire::{Heartbeat, Hello, Inventory, Payload, Transport};

/// Event time between two heartbeats of a host. Most of what an idle host sends, so it is long.
const HEARTBEAT_NS: u64 = 6 * 3600 * EventNs::SECOND;

pub struct Pipeline {
    name: Str,
    parameters: Parameters,
    normaliser: Normaliser,
    graph: Graph,
    structure: Structure,
    profiling: Profiling,
    contributor: Contributor,
    linker: Linker,
    detection: Detection,
    summariser: Summariser,
    losses: LossLog,
    /// Where alerts of other hosts may lead.
    connections: Connections,
    /// What they lead to is shown when the stream has ended.
    follows_at_end: bool,
    uplink: Uplink,
    alert_min: Millibits,
    funnel: Funnel,
    next_heartbeat: EventNs,
    /// Until here the profile only learns (`--train-until`).
    train_until: EventNs,
    retention_ns: u64,
    /// What is said before anything else.
    hello: Option<Hello>,
    /// The watermark of the checkpoint that it began with; zero without one.
    begun: EventNs,
    parts: checkpoint::Parts,
}

#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error(transparent)]
    Uplink(#[from] UplinkError),
    #[error("the recording's checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
}

/// What a pipeline has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PipelineStats {
    pub graph: GraphCounts,
    pub funnel: Funnel,
    /// Events that the source lost, as far as it counted them.
    pub lost_events: u64,
    /// Records whose time was clamped.
    pub clamped: u64,
    /// Application bytes sent to the aggregator.
    pub bytes_sent: u64,
    /// Accounted bytes of the hot window and of the profile.
    pub graph_bytes: usize,
    pub profile_bytes: usize,
    /// How settled the least settled workload is, in thousandths.
    pub readiness_permille: u16,
    /// First believed time, or that of the checkpoint it began with, and last; both zero before any record with a time.
    pub first: EventNs,
    pub last: EventNs,
}

impl Pipeline {
    pub fn new(host: &HostRecord, parameters: &Parameters, history: Box<dyn History>) -> Self {
        let retention_ns = u64::from(parameters.graph.retention_days).saturating_mul(EventNs::DAY);
        Self {
            name: host.name.clone(),
            parameters: parameters.clone(),
            normaliser: Normaliser::new(parameters.graph.future_slack_ns, retention_ns),
            graph: Graph::new(host.host, &parameters.graph, history),
            structure: Structure::new(&parameters.structure, parameters.score.detector_millibits),
            profiling: Profiling::new(parameters),
            contributor: Contributor::default(),
            linker: Linker::new(&parameters.link),
            detection: Detection::new(parameters),
            summariser: Summariser::new(&parameters.link, &parameters.structure),
            losses: LossLog::default(),
            connections: Connections::default(),
            follows_at_end: false,
            uplink: Uplink::new(host.host),
            alert_min: Millibits(parameters.link.alert_min_millibits),
            funnel: Funnel::default(),
            next_heartbeat: EventNs::ZERO,
            train_until: EventNs::ZERO,
            retention_ns,
            hello: Some(hello(&host.name, parameters)),
            begun: EventNs::ZERO,
            parts: checkpoint::Parts::default(),
        }
    }

    /// Learns without alerting from events before `time`.
    pub fn train_until(&mut self, time: EventNs) {
        self.train_until = time;
    }

    /// Leaves what the aggregator asks about connections for [`Self::respond`]: what the stream itself gives then does not depend on when
    /// it was asked.
    pub fn follow_at_end(&mut self) {
        self.follows_at_end = true;
    }

    /// Has `detectors` look at what is new from now on, beside those who do already.
    pub fn add_detectors(&mut self, detectors: Box<dyn Detectors>) {
        self.detection.add(detectors);
    }

    /// Of those who look at what is new the first that is a `T`; to be changed between two records.
    pub fn detectors_mut<T: Detectors>(&mut self) -> Option<&mut T> {
        self.detection.detectors_mut()
    }

    /// The host's enrolments and recoveries so far.
    pub fn epoch(&self) -> u32 {
        self.uplink.epoch()
    }

    /// Sends under the numbers of this epoch from now on, none of which was used before.
    pub fn begin_epoch(&mut self, epoch: u32) {
        self.uplink.begin_epoch(epoch);
    }

    pub fn host(&self) -> HostId {
        self.graph.host()
    }

    /// Takes one record through the pipeline. A record of another host must not be given.
    ///
    /// # Errors
    /// When the history or the transport fails. The pipeline stays usable; the record may be in the graph already.
    pub fn record(&mut self, record: &Record, transport: &mut dyn Transport) -> Result<(), PipelineError> {
        match record {
            Record::Host(_) => return Ok(()),
            Record::Checkpoint(part) => return Ok(self.restore_part(part)?),
            Record::History(rows) => return Ok(self.take_up_history(rows)?),
            _ => {}
        }
        self.greet(transport)?;
        match self.normaliser.vet(record) {
            Vetted::Pass => self.step(record, transport),
            Vetted::Held => Ok(()),
            Vetted::Release(records) => records.iter().try_for_each(|record| self.step(record, transport)),
        }
    }

    /// Ends the stream: what was held is let go, the last window closed, a last heartbeat sent.
    ///
    /// # Errors
    /// As [`Self::record`].
    pub fn finish(&mut self, transport: &mut dyn Transport) -> Result<(), PipelineError> {
        self.greet(transport)?;
        for record in self.normaliser.finish() {
            self.step(&record, transport)?;
        }
        let now = self.normaliser.watermark();
        self.close_window(now, transport)?;
        self.heartbeat(now, transport)
    }

    /// Takes up what the aggregator asked for since the stream ended, and sends what came of it.
    ///
    /// # Errors
    /// As [`Self::record`].
    pub fn respond(&mut self, transport: &mut dyn Transport) -> Result<(), PipelineError> {
        let now = self.normaliser.watermark();
        self.take_up_answers(now, transport)?;
        self.follow(EventNs::MAX, now)?;
        self.close_window(now, transport)
    }

    /// Tells the aggregator what this host runs.
    ///
    /// # Errors
    /// When it passes a limit of the wire, or the transport does not take it.
    pub fn tell(&mut self, inventory: Inventory, transport: &mut dyn Transport) -> Result<(), PipelineError> {
        self.greet(transport)?;
        Ok(self.uplink.send(Payload::Inventory(inventory), transport)?)
    }

    /// The view of the fleet in force.
    pub fn view(&self) -> Option<&Arc<FleetView>> {
        self.profiling.profile().fleet()
    }

    /// The event time that the stream has reached. Costs nothing, unlike [`Self::stats`].
    pub fn now(&self) -> EventNs {
        self.normaliser.watermark()
    }

    pub fn stats(&self) -> PipelineStats {
        PipelineStats {
            graph: self.graph.counts(),
            funnel: Funnel { groups: self.linker.n_opened(), followed: self.connections.n_followed(), ..self.funnel },
            lost_events: self.losses.total(),
            clamped: self.normaliser.clamped(),
            bytes_sent: self.uplink.bytes_sent(),
            graph_bytes: self.graph.accounted_bytes(),
            profile_bytes: self.profiling.accounted_bytes(),
            readiness_permille: self.profiling.readiness().0,
            first: self.normaliser.first().max(self.begun),
            last: self.now(),
        }
    }

    /// What names the host and what it was told of it makes nobody speak.
    fn greet(&mut self, transport: &mut dyn Transport) -> Result<(), UplinkError> {
        match self.hello.take() {
            Some(hello) => self.uplink.send(Payload::Hello(hello), transport),
            None => Ok(()),
        }
    }

    fn step(&mut self, record: &Record, transport: &mut dyn Transport) -> Result<(), PipelineError> {
        match record {
            Record::Event(event) => match split_rename(event) {
                None => self.event(event)?,
                Some(parts) => parts.iter().try_for_each(|part| self.event(part))?,
            },
            Record::Process(process) => {
                self.graph.describe(process)?;
            }
            Record::Loss(loss) => {
                self.losses.add(loss);
                self.uplink.send(Payload::Loss(*loss), transport)?;
            }
            Record::Finding(found) => self.finding(found)?,
            Record::Host(_) | Record::Tick { .. } | Record::Checkpoint(_) | Record::History(_) => {}
        }
        let now = self.normaliser.watermark();
        if self.linker.window_is_over(now) {
            self.close_window(now, transport)?;
        }
        Ok(())
    }

    fn event(&mut self, event: &Event) -> Result<(), PipelineError> {
        let inserted = self.graph.insert(event)?;
        let (mut stands_out, mut is_rare_here, mut is_rare, mut fleet_rarity) = (false, false, false, None);
        if let (true, Some(edge), Some(object)) = (inserted.is_new, inserted.edge, inserted.object) {
            let seen = self.profiling.observe(&mut self.graph, event, inserted.subject, object);
            if let Some((observation @ Observation { surprise, own, .. }, leaf)) = seen {
                fleet_rarity = self.profiling.fleet_rarity(&observation);
                self.graph.set_surprise(edge, surprise.0);
                (is_rare_here, is_rare) = (self.structure.is_rare(own), self.structure.is_rare(surprise));
                if is_rare {
                    let what = self.profiling.label(leaf);
                    let rare = Rare { surprise, own, op: event.op, what, entry: leaf.entry() };
                    stands_out = self.structure.observe_rare(&mut self.graph, inserted.subject, rare);
                }
            }
        }
        if let (true, Operation::Accept | Operation::Connect, Some(socket)) =
            (inserted.is_new, event.op, inserted.object)
        {
            self.connections.note(&self.graph, socket);
        }
        for fact in self.structure.observe(&mut self.graph, event, inserted)? {
            let (structure, profiling) = (&self.structure, &mut self.profiling);
            let is_usual = |graph: &mut _, process, fact: &_| profiling.is_usual(graph, process, fact, event.time);
            stands_out |= structure.take_up(&mut self.graph, inserted.subject, fact, is_usual)?;
        }
        let (graph, structure) = (&mut self.graph, &self.structure);
        let found = self.detection.detect(graph, structure, &mut self.profiling, event, inserted, fleet_rarity)?;
        let told = self.profiling.take_told();
        if event.time < self.train_until {
            return Ok(());
        }
        let told = Told {
            unusual_on_host: is_rare_here || told.unusual_on_host,
            unusual_in_fleet: is_rare || told.unusual_in_fleet,
        };
        self.funnel.count(told, stands_out || !found.is_empty());
        if let (Operation::Fork, Object::Process(_), Some(child)) = (event.op, &event.object, inserted.object) {
            self.linker.inherit(&mut self.graph, inserted.subject, child, event.time)?;
        }
        if stands_out {
            self.linker.raise(&mut self.graph, &self.structure, inserted.subject, event.time)?;
        }
        for process in found {
            self.linker.raise(&mut self.graph, &self.structure, process, event.time)?;
        }
        if event.op == Operation::Exit {
            self.profiling.exited(&self.graph, &self.structure, inserted.subject, event.time);
        }
        Ok(())
    }

    /// Takes up what was found beside events, as if a detector had found it. Nothing comes of what is about a process that is not known.
    fn finding(&mut self, found: &FindingRecord) -> Result<(), HistoryError> {
        let host = self.graph.host();
        let Some(finding) = finding_of(found, host) else { return Ok(()) };
        let Some(process) = self.graph.place(found.process.key(host))? else { return Ok(()) };
        let (structure, profiling) = (&self.structure, &mut self.profiling);
        let is_usual = |graph: &mut _, process, fact: &_| profiling.is_usual(graph, process, fact, found.time);
        let is_news = structure.take_up(&mut self.graph, process, Reason::Detected(Arc::new(finding)), is_usual)?;
        // The funnel is of events.
        self.profiling.take_told();
        if is_news && found.time >= self.train_until {
            self.linker.raise(&mut self.graph, &self.structure, process, found.time)?;
        }
        Ok(())
    }

    /// Event time has left a window: what grew in it is emitted.
    fn close_window(&mut self, now: EventNs, transport: &mut dyn Transport) -> Result<(), PipelineError> {
        self.take_up_answers(now, transport)?;
        self.profiling.advance(now);
        if let Some(delta) = self.contributor.due(now, self.uplink.epoch(), self.profiling.profile()) {
            self.uplink.send(Payload::Profile(delta), transport)?;
        }
        if !self.follows_at_end {
            self.follow(now, now)?;
        }
        self.linker.set_alert_min(self.profiling.threshold().unwrap_or(self.alert_min));
        for id in self.linker.close_window(&mut self.graph, now)? {
            let (graph, losses) = (&mut self.graph, &self.losses);
            let loss = |from, to| losses.between(from, to);
            if let Some(update) = self.summariser.summarise(graph, &self.structure, &mut self.linker, id, loss)? {
                self.uplink.send(Payload::Alert(update), transport)?;
            }
        }
        if now >= self.next_heartbeat {
            self.heartbeat(now, transport)?;
        }
        let horizon = EventNs(now.0.saturating_sub(self.retention_ns));
        if self.graph.expire(horizon)? {
            self.linker.expire(self.graph.horizon());
        }
        Ok(())
    }

    /// Shows what is at this end of connections that were last seen until then.
    fn follow(&mut self, until: EventNs, now: EventNs) -> Result<(), HistoryError> {
        let slack_ns = self.parameters.fold.join_slack_ns;
        let link = (&self.structure, &mut self.linker);
        self.connections.follow(&mut self.graph, link, (until, now), slack_ns)
    }

    fn heartbeat(&mut self, now: EventNs, transport: &mut dyn Transport) -> Result<(), PipelineError> {
        self.next_heartbeat = now.after(HEARTBEAT_NS);
        let (readiness_permille, settled) = self.profiling.readiness();
        let n_events = self.graph.counts().events;
        let heartbeat = Heartbeat { time: now, n_events, readiness_permille, settled };
        Ok(self.uplink.send(Payload::Heartbeat(heartbeat), transport)?)
    }

    fn take_up_answers(&mut self, now: EventNs, transport: &mut dyn Transport) -> Result<(), PipelineError> {
        for answer in self.uplink.receive(transport) {
            match answer {
                Payload::WantWhole { alert, .. } => self.linker.forget_emitted(&mut self.graph, alert.0)?,
                Payload::WantProfile => self.contributor.forget_told(now),
                Payload::FleetView(view) => {
                    self.profiling.set_fleet(view);
                    let fleet = self.profiling.profile().reassessment();
                    self.linker.reassess(&mut self.graph, &self.structure, &fleet)?;
                }
                Payload::Follow(ends) => self.connections.ask(ends),
                // What is acknowledged leaves the spool; a new epoch was taken up by the uplink.
                _ => {}
            }
        }
        Ok(())
    }
}

fn hello(name: &Str, parameters: &Parameters) -> Hello {
    Hello { name: name.clone(), parameters_hash: parameters.digest(), version: env!("CARGO_PKG_VERSION").into() }
}
