//! What the host profile makes of new edges, and the threshold that its own history gives.

use std::collections::BTreeMap;
use std::sync::Arc;
use tracewell_graph_core::checkpoint::{LoadError, LoadRows, SaveRows};
use tracewell_graph_core::fleet::FleetView;
use tracewell_graph_core::graph::{Graph, NodeIdx, NodeState, Role};
use tracewell_graph_core::history::HistoryError;
use tracewell_graph_core::profile::{
    Direction, HostProfile, LeafId, ObjectLabel, Observation, State, SubjectId, Tail, Usual,
};
use tracewell_graph_core::structure::{Structure, evidence_label};
use tracewell_model::{Event, EventNs, Millibits, NodeAttrs, OpClass, Operation, Protocol, Reason, Str};
use tracewell_parameters::Parameters;

pub struct Profiling {
    profile: HostProfile,
    /// Weights of processes that have exited.
    tail: Tail,
    alarms_per_kiloday: u32,
    told: Told,
    /// Of executables in workloads under the fleet's view, as far as they were asked for.
    rarities: BTreeMap<(Option<Str>, Str), Option<Millibits>>,
}

/// Executables whose rarity is remembered; at the bound all are forgotten.
const RARITIES_MAX: usize = 1024;

/// Whether anything was told of an event that is not usual: as far as the host's own profile knows, and as far as the fleet does too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub unusual_on_host: bool,
    pub unusual_in_fleet: bool,
}

impl Profiling {
    pub fn new(parameters: &Parameters) -> Self {
        Self {
            profile: HostProfile::new(&parameters.profile),
            tail: Tail::new(&parameters.profile),
            alarms_per_kiloday: parameters.link.alarms_per_kiloday,
            told: Told::default(),
            rarities: BTreeMap::new(),
        }
    }

    pub fn save(&self, rows: &mut SaveRows<'_>) {
        self.profile.save(rows);
        self.tail.save(rows);
    }

    /// Reads what [`Self::save`] gave.
    ///
    /// # Errors
    /// When a row is not of a profile or its tail.
    pub fn load(parameters: &Parameters, rows: &mut LoadRows<'_>) -> Result<Self, LoadError> {
        Ok(Self {
            profile: HostProfile::load(&parameters.profile, rows)?,
            tail: Tail::load(&parameters.profile, rows)?,
            alarms_per_kiloday: parameters.link.alarms_per_kiloday,
            told: Told::default(),
            rarities: BTreeMap::new(),
        })
    }

    pub fn profile(&self) -> &HostProfile {
        &self.profile
    }

    /// Lowers surprise by what the fleet vouches for, from now on.
    pub fn set_fleet(&mut self, view: FleetView) {
        self.rarities.clear();
        self.profile.set_fleet(Arc::new(view));
    }

    pub fn accounted_bytes(&self) -> usize {
        self.profile.accounted_bytes()
    }

    /// How surprising a new edge is, and the leaf of its object; `None` for what the profile does not count.
    pub fn observe(
        &mut self,
        graph: &mut Graph,
        event: &Event,
        subject: NodeIdx,
        object: NodeIdx,
    ) -> Option<(Observation, LeafId)> {
        if event.op.class() == OpClass::Lifecycle {
            return None;
        }
        // An entry may be folded away between look-up and use; once asked anew it stands.
        for _ in 0..2 {
            let id = self.subject(graph, subject);
            let label = object_label(graph.hot(object), event.op);
            let seen = self.profile.leaf(id, event.op, label).and_then(|leaf| {
                let observation = self.profile.observe(leaf, event.time)?;
                Ok((observation, leaf))
            });
            if let Ok(seen) = seen {
                return Some(seen);
            }
            set_subject(graph, subject, None);
        }
        None
    }

    /// Counts what was found about a process and tells whether it is usual on this host, or in most of the fleet.
    ///
    /// # Errors
    /// When the history fails.
    pub fn is_usual(
        &mut self,
        graph: &mut Graph,
        process: NodeIdx,
        fact: &Reason,
        time: EventNs,
    ) -> Result<bool, HistoryError> {
        let label = evidence_label(graph, process, fact)?;
        for _ in 0..2 {
            let id = self.subject(graph, process);
            if let Ok(usual) = self.profile.observe_evidence(id, &label, time) {
                self.told.unusual_on_host |= usual != Usual::OnHost;
                self.told.unusual_in_fleet |= usual == Usual::Not;
                return Ok(usual != Usual::Not);
            }
            set_subject(graph, process, None);
        }
        Ok(false)
    }

    /// What [`Self::is_usual`] found since this was last asked.
    pub fn take_told(&mut self) -> Told {
        std::mem::take(&mut self.told)
    }

    /// How rare what was observed is in the fleet, where it is known what the fleet does.
    pub fn fleet_rarity(&self, observation: &Observation) -> Option<Millibits> {
        self.profile.fleet_rarity(observation.votes)
    }

    /// The same of what a process runs.
    pub fn fleet_rarity_of(&mut self, process: &NodeAttrs) -> Option<Millibits> {
        let NodeAttrs::Process { exe: Some(exe), container, .. } = process else { return None };
        // Without a view there is nothing to remember.
        self.profile.fleet_rarity(0)?;
        let known = (container.clone(), exe.clone());
        if let Some(rarity) = self.rarities.get(&known) {
            return *rarity;
        }
        if self.rarities.len() >= RARITIES_MAX {
            self.rarities.clear();
        }
        let rarity = self.profile.fleet_rarity_of(container.as_deref().unwrap_or_default(), exe);
        self.rarities.insert(known, rarity);
        rarity
    }

    /// The generalised object that a leaf stands for.
    pub fn label(&self, leaf: LeafId) -> Str {
        self.profile.label(leaf).unwrap_or_default()
    }

    /// Takes up the weight that a process had reached when it ended.
    pub fn exited(&mut self, graph: &Graph, structure: &Structure, process: NodeIdx, time: EventNs) {
        if let Some(process) = graph.hot(process).role.process() {
            self.tail.add(structure.weight(process), time);
        }
    }

    pub fn advance(&mut self, time: EventNs) {
        self.profile.advance(time);
        self.tail.advance(time);
    }

    /// How ready the least ready workload is, in thousandths, and whether all are settled.
    pub fn readiness(&self) -> (u16, bool) {
        let all = self.profile.readiness_by_scope();
        let least = all.values().map(|readiness| readiness.percent).min().unwrap_or(0);
        let settled = !all.is_empty() && all.values().all(|readiness| readiness.state == State::Settled);
        (u16::from(least) * 10, settled)
    }

    /// The threshold of the alarm budget, once the host is settled and its tail holds enough to say.
    pub fn threshold(&self) -> Option<Millibits> {
        let (_, settled) = self.readiness();
        let threshold = self.tail.threshold(self.alarms_per_kiloday).filter(|_| settled)?;
        Some(threshold.value)
    }

    fn subject(&mut self, graph: &mut Graph, process: NodeIdx) -> SubjectId {
        let state = graph.hot(process);
        if let Some(known) = state.role.process().and_then(|process| process.subject) {
            return known;
        }
        let scope = match &state.attrs {
            NodeAttrs::Process { container: Some(container), .. } => container,
            _ => "",
        };
        let parent_exe = state.role.process().and_then(|process| process.parent_exe.as_deref());
        let id = self.profile.subject(scope, state.exe().map_or("", |exe| exe), parent_exe);
        set_subject(graph, process, Some(id));
        id
    }
}

fn set_subject(graph: &mut Graph, process: NodeIdx, subject: Option<SubjectId>) {
    if let Some(process) = graph.process_mut(process) {
        process.subject = subject;
    }
}

fn object_label(object: &NodeState, op: Operation) -> ObjectLabel<'_> {
    match &object.attrs {
        NodeAttrs::File { path: Some(path), .. } if op == Operation::Exec => ObjectLabel::Executable(path),
        NodeAttrs::File { path: Some(path), .. } => ObjectLabel::File(path),
        NodeAttrs::File { path: None, .. } => ObjectLabel::UnknownFile,
        NodeAttrs::Process { exe: Some(exe), .. } => ObjectLabel::Process(exe),
        NodeAttrs::Process { exe: None, .. } => ObjectLabel::UnknownProcess,
        NodeAttrs::Socket { protocol: Protocol::Unix, path, .. } => ObjectLabel::Unix(path.as_deref().unwrap_or("")),
        NodeAttrs::Socket { path: Some(path), .. } => ObjectLabel::Unix(path),
        NodeAttrs::Socket { protocol, local, remote, .. } => {
            let inbound = matches!(&object.role, Role::Socket(socket) if socket.inbound) || op == Operation::Accept;
            let direction = if inbound { Direction::Inbound } else { Direction::Outbound };
            ObjectLabel::Socket { protocol: *protocol, direction, local: *local, remote: *remote }
        }
    }
}
