//! Has detectors look at what is new: who is called for an event, what they see of it, and whom their findings are about.
//!
//! What a detector sees depends on the graph alone, and no detector sees what another found, so that neither their order nor
//! their number changes a finding.

use crate::profiling::Profiling;
use std::any::Any;
use std::sync::Arc;
use tracewell_graph_core::graph::{Graph, Inserted, NodeIdx, set_back_ns};
use tracewell_graph_core::history::HistoryError;
use tracewell_graph_core::neighbourhood::{Conditions, Detectors, Glimpse, Neighbourhood, Parent, Reach, SET_BACK_NS};
use tracewell_graph_core::structure::{Structure, is_other_machine};
use tracewell_model::{
    Detail, Event, FileKind, Finding, FindingRecord, FindingSeverity, HostId, Millibits, Mode, NodeAttrs, NodeKey,
    NodeKind, Operation, Reason, Str,
};
use tracewell_parameters::Parameters;

/// What is taken of a finding from beside events. The stream may say anything.
const DETECTOR_BYTES_MAX: usize = 64;
const TITLE_BYTES_MAX: usize = 120;
const REASON_BYTES_MAX: usize = 1_000;
const TECHNIQUES_MAX: usize = 16;
const TECHNIQUE_BYTES_MAX: usize = 16;

pub struct Detection {
    /// Each with detectors of its own, which it numbers.
    kinds: Vec<Box<dyn Detectors>>,
    rare_min_millibits: u32,
    /// Called for the event at hand, by kind, and those of one kind.
    called: Vec<(usize, usize)>,
    of_kind: Vec<usize>,
}

impl Detection {
    pub fn new(parameters: &Parameters) -> Self {
        let rare_min_millibits = parameters.structure.rare_min_millibits;
        Self { kinds: Vec::new(), rare_min_millibits, called: Vec::new(), of_kind: Vec::new() }
    }

    pub fn add(&mut self, detectors: Box<dyn Detectors>) {
        self.kinds.push(detectors);
    }

    /// Of those who look the first that is a `T`.
    pub fn detectors_mut<T: Detectors>(&mut self) -> Option<&mut T> {
        self.kinds.iter_mut().find_map(|detectors| {
            let any: &mut dyn Any = &mut **detectors;
            any.downcast_mut()
        })
    }

    /// Calls the detectors that an event is for and gives the processes about which they found something new.
    ///
    /// An event that only repeats an edge is for nobody: it says what was said when the edge was made. But one that tells what no event
    /// before it did, a mode or a time, is like a new one. `fleet_rarity` is that of what was done to the object.
    ///
    /// # Errors
    /// When the history fails. A detector that fails finds nothing.
    pub fn detect(
        &mut self,
        graph: &mut Graph,
        structure: &Structure,
        profiling: &mut Profiling,
        event: &Event,
        inserted: Inserted,
        fleet_rarity: Option<Millibits>,
    ) -> Result<Vec<NodeIdx>, HistoryError> {
        let is_repeated = inserted.edge.is_some() && !inserted.is_new && !inserted.is_news;
        let is_asked_for = |detectors: &dyn Detectors| detectors.operations().contains(event.op);
        if !inserted.succeeded || is_repeated || !self.kinds.iter().any(|detectors| is_asked_for(&**detectors)) {
            return Ok(Vec::new());
        }
        self.called.clear();
        let known_better = with_mode_before(event, inserted);
        let event = known_better.as_ref().unwrap_or(event);
        let glimpse = glimpse(graph, event, inserted);
        for (kind, detectors) in self.kinds.iter_mut().enumerate() {
            if !is_asked_for(&**detectors) {
                continue;
            }
            self.of_kind.clear();
            detectors.triggered(event.op, &glimpse, &mut self.of_kind);
            self.called.extend(self.of_kind.iter().map(|&detector| (kind, detector)));
        }
        let ends = (graph.key(inserted.subject), inserted.object.map(|object| graph.key(object)));
        // Detectors that see equally far see the same.
        let mut seen: Option<(Reach, Neighbourhood)> = None;
        let mut raised = Vec::new();
        for &(kind, detector) in &self.called {
            let detectors = &mut self.kinds[kind];
            let reach = detectors.reach(detector);
            let neighbourhood = match seen.take() {
                Some((known, neighbourhood)) if known == reach => neighbourhood,
                _ => {
                    let mut around = Neighbourhood::around(graph, event, ends, reach, self.rare_min_millibits)?;
                    tell_rarity(&mut around, profiling, fleet_rarity);
                    around
                }
            };
            for finding in detectors.detect(detector, &neighbourhood) {
                let process = process_of(&neighbourhood, &finding).unwrap_or(ends.0);
                let Some(process) = graph.place(process)? else { continue };
                let finding = Reason::Detected(Arc::new(finding));
                let is_usual = |graph: &mut _, process, fact: &_| profiling.is_usual(graph, process, fact, event.time);
                if structure.take_up(graph, process, finding, is_usual)? {
                    raised.push(process);
                }
            }
            seen = Some((reach, neighbourhood));
        }
        Ok(raised)
    }
}

/// What was found beside events, as a finding about its process and what it was found in; `None` if there is nothing to tell anybody.
pub fn finding_of(found: &FindingRecord, host: HostId) -> Option<Finding> {
    let cut = |text: &Str, max: usize| match text.len() <= max {
        true => text.clone(),
        false => text[..text.floor_char_boundary(max)].into(),
    };
    let techniques = found.techniques.iter().filter(|technique| technique.len() <= TECHNIQUE_BYTES_MAX);
    (found.severity != FindingSeverity::None).then(|| Finding {
        detector: cut(&found.detector, DETECTOR_BYTES_MAX),
        severity: found.severity,
        title: cut(&found.title, TITLE_BYTES_MAX),
        reason: cut(&found.reason, REASON_BYTES_MAX),
        techniques: techniques.take(TECHNIQUES_MAX).cloned().collect(),
        nodes: std::iter::once(found.process.key(host)).chain(found.object.key(host)).collect(),
    })
}

/// The event with what the graph knows of a mode from before it, where the source does not say.
fn with_mode_before(event: &Event, inserted: Inserted) -> Option<Event> {
    let Detail::Mode { set, before: None } = event.detail else { return None };
    let before = inserted.mode_before?;
    Some(Event { detail: Detail::Mode { set, before: Some(before) }, ..event.clone() })
}

/// How rare in the fleet is what a detector sees.
fn tell_rarity(around: &mut Neighbourhood, profiling: &mut Profiling, of_object: Option<Millibits>) {
    for place in &mut around.nodes {
        place.fleet_rarity = profiling.fleet_rarity_of(&place.state.attrs);
    }
    let object = around.nodes.get_mut(1).filter(|_| around.event.has_object);
    if let Some(object) = object.filter(|object| object.state.attrs.kind() != NodeKind::Process) {
        object.fleet_rarity = of_object;
    }
}

/// The first process that a finding names: who did it.
fn process_of(neighbourhood: &Neighbourhood, finding: &Finding) -> Option<NodeKey> {
    let is_process = |key: &NodeKey| {
        let place = neighbourhood.nodes.iter().find(|place| place.key == *key);
        place.is_some_and(|place| place.state.attrs.kind() == NodeKind::Process)
    };
    finding.nodes.iter().copied().find(is_process)
}

/// As [`Conditions::SET_ID`] says.
fn sets_id(event: &Event, kind: FileKind) -> bool {
    let Detail::Mode { set, before } = event.detail else { return false };
    let bits = match kind {
        FileKind::Regular | FileKind::Memory => Mode::SET_ID,
        FileKind::Unknown => Mode::SET_USER_ID,
        FileKind::Directory | FileKind::Device | FileKind::Pipe => 0,
    };
    set.gains(bits, before) != 0
}

fn glimpse<'a>(graph: &'a Graph, event: &'a Event, inserted: Inserted) -> Glimpse<'a> {
    let mut glimpse = Glimpse::default();
    let subject = graph.hot(inserted.subject);
    glimpse.subject = Some(&subject.attrs);
    if let NodeAttrs::Process { exe, cmdline, uid, container, .. } = &subject.attrs {
        (glimpse.executable, glimpse.command_line, glimpse.user) = (exe.as_deref(), cmdline.as_deref(), *uid);
        glimpse.conditions = glimpse.conditions.or(Conditions::IN_CONTAINER, container.is_some());
    }
    if let Some(process) = subject.role.process() {
        (glimpse.facts, glimpse.usual) = (&process.facts, &process.usual);
        let is_below = process.server.is_some() && !process.serves;
        glimpse.conditions = glimpse.conditions.or(Conditions::BELOW_SERVER, is_below);
        glimpse.parent = match process.parent {
            None => Parent::None,
            Some(parent) => graph.at_hand(parent).map_or(Parent::Unknown, |parent| Parent::Known(&parent.attrs)),
        };
    }
    let Some(object) = inserted.object else { return glimpse };
    let object = graph.hot(object);
    glimpse.object = Some(&object.attrs);
    glimpse.path = object.path().map(|path| &**path);
    let is_own_executable = glimpse.path.is_some() && glimpse.path == glimpse.executable;
    glimpse.conditions = glimpse.conditions.or(Conditions::OWN_EXECUTABLE, is_own_executable);
    if let Detail::NewPath { path, .. } = &event.detail {
        glimpse.new_path = Some(path);
    }
    match &object.attrs {
        NodeAttrs::Socket { local, remote, .. } => {
            let is_own = matches!(event.op, Operation::Bind | Operation::Listen | Operation::Accept);
            glimpse.port = if is_own { local } else { remote }.map(|address| address.port());
            glimpse.conditions = glimpse.conditions.or(Conditions::OTHER_MACHINE, is_other_machine(&object.attrs));
        }
        NodeAttrs::File { kind, .. } => {
            let is_written = object.role.file().is_some_and(|file| file.writer.is_some());
            glimpse.conditions = glimpse.conditions.or(Conditions::WRITTEN, is_written);
            glimpse.conditions = glimpse.conditions.or(Conditions::PIPE, *kind == FileKind::Pipe);
            let is_own = object.role.file().is_some_and(|file| file.writer == Some(graph.key(inserted.subject)));
            glimpse.conditions = glimpse.conditions.or(Conditions::OTHERS_FILE, !is_own);
            glimpse.conditions = glimpse.conditions.or(Conditions::SET_ID, sets_id(event, *kind));
            let is_set_back = match event.detail {
                Detail::Times { modified_ns } => set_back_ns(event.time, modified_ns) >= SET_BACK_NS,
                _ => false,
            };
            glimpse.conditions = glimpse.conditions.or(Conditions::SET_BACK, is_set_back);
        }
        NodeAttrs::Process { .. } => {}
    }
    glimpse
}
