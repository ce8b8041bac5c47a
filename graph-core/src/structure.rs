//! What a process is by where it came from and what it did: lineage, and the telling facts that hold without any
//! history of the host.
//!
//! The facts are about structure alone (who wrote what another ran, who serves whom, who became whom); none of them
//! knows a name of a program, a path or an address. Their weights are the shipped prior of DESIGN.md ("Host profile").

mod evidence;
mod files;
mod processes;
mod sockets;

pub use evidence::evidence_label;
pub use sockets::is_other_machine;

use crate::graph::{Graph, Inserted, NodeIdx, ProcessState, RARE_MAX, Rare};
use crate::history::HistoryError;
use std::cmp::Reverse;
use tracewell_model::{Event, EventNs, FindingSeverity, Millibits, NodeKey, Operation, Reason};
use tracewell_parameters::StructureParameters;

/// Ancestors that a fact may look at: DISTDET's X (section 4.2 of the paper).
const ANCESTORS_MAX: usize = 12;

/// Findings of detectors kept per process; beyond that the least severe goes.
pub const FINDINGS_MAX: usize = 8;

pub struct Structure {
    parameters: StructureParameters,
    /// What each step of severity of a finding weighs.
    detected_millibits: u32,
}

/// One event with the places of its ends in the graph.
struct Step<'a> {
    event: &'a Event,
    inserted: Inserted,
    /// Key of the subject and of the object, if there is one.
    subject: NodeKey,
    object: Option<(NodeIdx, NodeKey)>,
}

impl Structure {
    /// `detected_millibits` is what each step of severity of a detector's finding weighs, the same as in an incident's score.
    pub fn new(parameters: &StructureParameters, detected_millibits: u32) -> Self {
        Self { parameters: parameters.clone(), detected_millibits }
    }

    /// Moves the states of an inserted event's ends on. Returns what that tells of its subject, for [`Self::take_up`].
    ///
    /// Runs after the profile has seen the event, because exec changes what the subject is.
    ///
    /// # Errors
    /// When the history fails.
    pub fn observe(&self, graph: &mut Graph, event: &Event, inserted: Inserted) -> Result<Vec<Reason>, HistoryError> {
        if !inserted.succeeded {
            return Ok(Vec::new());
        }
        let step = Step {
            event,
            inserted,
            subject: graph.key(inserted.subject),
            object: inserted.object.map(|object| (object, graph.key(object))),
        };
        let facts = match event.op {
            Operation::Exec => self.executed(graph, &step)?,
            _ => Vec::from_iter(self.fact(graph, &step)?),
        };
        if inserted.is_new {
            self.touched(graph, &step);
        }
        if let Some(process) = graph.process_mut(inserted.subject).filter(|_| event.op != Operation::Exec) {
            process.n_since_exec = process.n_since_exec.saturating_add(1);
        }
        Ok(facts)
    }

    /// What anything but an execution tells of its subject.
    fn fact(&self, graph: &mut Graph, step: &Step<'_>) -> Result<Option<Reason>, HistoryError> {
        Ok(match step.event.op {
            Operation::Fork => self.forked(graph, step)?,
            Operation::ChangeCredentials => self.changed_credentials(graph, step)?,
            Operation::Ptrace => self.traced(graph, step)?,
            Operation::ModuleLoad | Operation::BpfLoad => Some(Reason::EnteredKernel),
            Operation::MapExecutable => self.loaded(graph, step)?,
            Operation::Read | Operation::Receive => self.read(graph, step)?,
            Operation::Write | Operation::Create | Operation::Truncate => self.written(graph, step)?,
            Operation::Rename | Operation::Link => self.renamed(graph, step)?,
            Operation::Unlink => self.unlinked(graph, step)?,
            Operation::Accept => self.accepted(graph, step),
            Operation::Connect => self.connected(graph, step)?,
            Operation::Send => self.sent(graph, step),
            Operation::Exit
            | Operation::Open
            | Operation::Chmod
            | Operation::Chown
            | Operation::Bind
            | Operation::Listen
            | Operation::Signal
            | Operation::Mount
            | Operation::Memfd
            | Operation::IoUring
            | Operation::Namespace
            | Operation::SetTimes
            | Operation::Exec => None,
        })
    }

    /// Whether an operation is unlikely enough to be remembered.
    pub fn is_rare(&self, surprise: Millibits) -> bool {
        surprise.0 >= self.parameters.rare_min_millibits
    }

    /// Takes up an unlikely operation of a process. Returns whether it counts.
    pub fn observe_rare(&self, graph: &mut Graph, subject: NodeIdx, found: Rare) -> bool {
        if !self.is_rare(found.surprise) {
            return false;
        }
        graph.change(subject, |state| {
            let Some(process) = state.role.process_mut() else { return false };
            if process.rare.iter().any(|known| known.op == found.op && known.what == found.what) {
                return false;
            }
            let at = process.rare.partition_point(|known| known.surprise >= found.surprise);
            process.rare.insert(at, found);
            process.rare.truncate(RARE_MAX);
            at < RARE_MAX
        })
    }

    /// Takes up what is told of a process, unless it is known: as evidence, or as what `is_usual` finds usual on this host.
    /// Returns whether it is evidence.
    ///
    /// A usual fact stays known, because other facts build on it, until one of its kind is not usual; a usual finding is
    /// dropped. What a detector calls critical is evidence, however often it was found.
    ///
    /// # Errors
    /// When the history fails.
    pub fn take_up(
        &self,
        graph: &mut Graph,
        process: NodeIdx,
        fact: Reason,
        is_usual: impl FnOnce(&mut Graph, NodeIdx, &Reason) -> Result<bool, HistoryError>,
    ) -> Result<bool, HistoryError> {
        let state = graph.hot(process).role.process();
        if state.is_none_or(|state| state.facts.iter().any(|known| says_as_much(known, &fact))) {
            return Ok(false);
        }
        let is_critical = matches!(&fact, Reason::Detected(finding) if finding.severity == FindingSeverity::Critical);
        let is_usual = !is_critical && is_usual(graph, process, &fact)?;
        graph.change(process, |state| {
            let process = state.role.process_mut().expect("just seen");
            process.usual.retain(|known| !says_as_much(&fact, known));
            match fact {
                Reason::Detected(_) if is_usual => {}
                fact if is_usual => process.usual.push(fact),
                fact => {
                    process.facts.retain(|known| !says_as_much(&fact, known));
                    process.facts.push(fact);
                    keep_the_severest(&mut process.facts);
                }
            }
        });
        Ok(!is_usual)
    }

    /// The weight of what is known of one process, in millibits.
    pub fn weight(&self, process: &ProcessState) -> Millibits {
        self.joint_weight([process])
    }

    /// The joint weight of several processes: each kind of fact once, the unlikeliest operations of the most surprising, the
    /// severest finding.
    pub fn joint_weight<'a>(&self, processes: impl IntoIterator<Item = &'a ProcessState>) -> Millibits {
        let (mut facts, mut rare, mut detected) = (Vec::new(), 0, 0);
        for process in processes {
            for fact in &process.facts {
                if let Reason::Detected(finding) = fact {
                    detected = detected.max(finding.severity.steps());
                } else if !facts.iter().any(|known| std::mem::discriminant(*known) == std::mem::discriminant(fact)) {
                    facts.push(fact);
                }
            }
            rare = rare.max(self.rare_weight(process));
        }
        let detected = self.detected_millibits.saturating_mul(detected);
        let facts = facts.into_iter().map(|fact| self.fact_weight(fact)).sum::<u32>();
        Millibits(facts.saturating_add(rare).saturating_add(detected))
    }

    /// What the operations over the minimum add, the second and third counted at half and a quarter because what one
    /// process does is not independent.
    fn rare_weight(&self, process: &ProcessState) -> u32 {
        let over = |surprise: Millibits| surprise.0.saturating_sub(self.parameters.rare_discount_millibits);
        let sum: u32 = process.rare.iter().take(3).enumerate().map(|(i, rare)| over(rare.surprise) >> i).sum();
        sum.min(self.parameters.rare_max_millibits)
    }

    fn fact_weight(&self, fact: &Reason) -> u32 {
        let weights = &self.parameters;
        match fact {
            Reason::RanOwnWrite { .. } => weights.ran_own_write_millibits,
            Reason::ServesNetwork { .. } => weights.serves_network_millibits,
            Reason::CallsOut { .. } => weights.calls_out_millibits,
            Reason::CommandsFromSocket { .. } => weights.commands_from_socket_millibits,
            Reason::GainedPrivilege { .. } => weights.gained_privilege_millibits,
            Reason::DeletedOwnExecutable { .. } => weights.deleted_own_executable_millibits,
            Reason::RanUnlinked { .. } => weights.ran_unlinked_millibits,
            Reason::EnteredProcess { .. } => weights.entered_process_millibits,
            Reason::EnteredKernel => weights.entered_kernel_millibits,
            Reason::MassChange { .. } => weights.mass_change_millibits,
            Reason::CollectedAndSent { .. } => weights.collected_and_sent_millibits,
            Reason::Followed { .. } => weights.followed_millibits,
            Reason::RareOperation { .. }
            | Reason::RareChild { .. }
            | Reason::Connects
            | Reason::DescendsFrom { .. }
            | Reason::Started { .. }
            | Reason::TouchedBy { .. }
            // Weighs by the severest of its kind.
            | Reason::Detected(_) => 0,
        }
    }
}

/// Whether one tells of a process all that the other does: a fact of its kind, the same finding at least as severe.
fn says_as_much(one: &Reason, other: &Reason) -> bool {
    match (one, other) {
        (Reason::Detected(one), Reason::Detected(other)) => one.is_same(other) && one.severity >= other.severity,
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

/// Drops what is over [`FINDINGS_MAX`]: the least severe finding, of these the latest.
fn keep_the_severest(facts: &mut Vec<Reason>) {
    let findings = facts.iter().enumerate().filter_map(|(at, fact)| match fact {
        Reason::Detected(finding) => Some((finding.severity, Reverse(at))),
        _ => None,
    });
    let findings: Vec<_> = findings.collect();
    if findings.len() > FINDINGS_MAX
        && let Some((_, Reverse(at))) = findings.into_iter().min()
    {
        facts.remove(at);
    }
}

/// The ancestors of a process, nearest first, at most [`ANCESTORS_MAX`].
pub(crate) fn ancestors(graph: &mut Graph, process: NodeKey) -> Result<Vec<NodeKey>, HistoryError> {
    let mut found = Vec::new();
    let mut next = process;
    while found.len() < ANCESTORS_MAX {
        let Some(state) = graph.state(next)? else { break };
        let Some(parent) = state.role.process().and_then(|process| process.parent) else { break };
        found.push(parent);
        next = parent;
    }
    Ok(found)
}

/// Whether `later` lies within `ns` after `earlier`.
fn within(earlier: EventNs, later: EventNs, ns: u64) -> bool {
    later.since(earlier) <= ns
}
