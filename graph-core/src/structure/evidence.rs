//! What a piece of evidence is called in the host profile: equal for what recurs, unequal for what only looks alike.

use crate::graph::{Graph, NodeIdx, NodeState};
use crate::history::HistoryError;
use crate::profile::{generalise_command, generalises_whole};
use crate::summary::general_label;
use std::borrow::Cow;
use std::collections::BTreeSet;
use tracewell_model::{NodeAttrs, NodeKind, Reason};

/// Nodes that a finding names, as far as they are looked at.
const NODES_MAX: usize = 8;
/// Bytes of what was found, or of a detector's name and its finding's title, that can be read in a label; the digest has all of them.
const NAME_BYTES_MAX: usize = 64;

/// The label of a fact about a process: its kind, and a digest of the generalised command line and of what else must be the
/// same: folders of files, addresses, the process entered, the user become. The executable and its parent's are the
/// profile's business.
///
/// A digest, so that no command line leaves the host with its profile.
///
/// # Errors
/// When the history fails.
pub fn evidence_label(graph: &mut Graph, process: NodeIdx, fact: &Reason) -> Result<String, HistoryError> {
    let name = match fact {
        Reason::Detected(finding) => Cow::Owned(format!("{}: {}", finding.detector, finding.title)),
        _ => Cow::Borrowed(kind(fact)),
    };
    let command = match &graph.hot(process).attrs {
        NodeAttrs::Process { cmdline: Some(cmdline), .. } if generalises_whole(cmdline) => {
            generalise_command(cmdline).into()
        }
        // What masking would cut short is taken as it is: an attacker could hide behind the cut.
        NodeAttrs::Process { cmdline: Some(cmdline), .. } => cmdline.to_string(),
        _ => String::new(),
    };
    let mut hasher = blake3::Hasher::new();
    for text in [&*name, &command].into_iter().chain(particulars(graph, fact)?.iter().map(String::as_str)) {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    let digest = hasher.finalize().to_hex();
    Ok(format!("{} #{}", &name[..name.floor_char_boundary(NAME_BYTES_MAX)], &digest[..16]))
}

/// What must be the same beside the command line, in an order that does not depend on a detector's.
fn particulars(graph: &mut Graph, fact: &Reason) -> Result<BTreeSet<String>, HistoryError> {
    let nodes = match fact {
        Reason::RanOwnWrite { file: node, .. }
        | Reason::DeletedOwnExecutable { file: node }
        | Reason::RanUnlinked { file: node }
        | Reason::CallsOut { socket: node }
        | Reason::CommandsFromSocket { socket: node }
        | Reason::EnteredProcess { target: node } => std::slice::from_ref(node),
        Reason::Detected(finding) => &finding.nodes[..finding.nodes.len().min(NODES_MAX)],
        Reason::GainedPrivilege { to_uid, .. } => return Ok(BTreeSet::from([to_uid.to_string()])),
        _ => &[],
    };
    let mut found = BTreeSet::new();
    for &node in nodes {
        let Some(state) = graph.state(node)? else { continue };
        // The processes that a finding names are told by the executables already.
        if state.attrs.kind() != NodeKind::Process || !matches!(fact, Reason::Detected(_)) {
            found.insert(place(&state));
        }
    }
    Ok(found)
}

/// The folder of a file, the generalised name of anything else.
fn place(state: &NodeState) -> String {
    let label = general_label(&state.attrs);
    match (state.attrs.kind(), label.rsplit_once('/')) {
        (NodeKind::File, Some((folder, _))) => format!("{folder}/"),
        _ => label.to_string(),
    }
}

fn kind(fact: &Reason) -> &'static str {
    match fact {
        Reason::RanOwnWrite { .. } => "ran-own-write",
        Reason::ServesNetwork { .. } => "serves-network",
        Reason::CallsOut { .. } => "calls-out",
        Reason::CommandsFromSocket { .. } => "commands-from-socket",
        Reason::GainedPrivilege { .. } => "gained-privilege",
        Reason::DeletedOwnExecutable { .. } => "deleted-own-executable",
        Reason::RanUnlinked { .. } => "ran-unlinked",
        Reason::EnteredProcess { .. } => "entered-process",
        Reason::EnteredKernel => "entered-kernel",
        Reason::MassChange { .. } => "mass-change",
        Reason::CollectedAndSent { .. } => "collected-and-sent",
        Reason::RareOperation { .. } => "rare-operation",
        Reason::RareChild { .. } => "rare-child",
        Reason::Followed { .. } => "followed",
        Reason::Connects => "connects",
        Reason::DescendsFrom { .. } => "descends-from",
        Reason::Started { .. } => "started",
        Reason::TouchedBy { .. } => "touched-by",
        Reason::Detected(_) => "detected",
    }
}
