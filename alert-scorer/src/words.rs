//! Nodes, edges, reasons and whole stories in plain English, from the graph's own labels.

use crate::Fact;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use tracewell_model::{AlertGraph, AlertNode, EdgeKey, FileKind, NodeAttrs, NodeKey, NodeRole, Operation, Reason};

/// Clauses of a title; what else there is stands in the explanation.
const TITLE_CLAUSES_MAX: usize = 4;
/// Characters of one name in a title or a reason. Names come from whoever ran the program.
const NAME_CHARS_MAX: usize = 80;

/// The nodes of a story by key, so that a reason can name those it speaks of.
pub struct Names<'a> {
    nodes: BTreeMap<NodeKey, &'a AlertNode>,
}

impl<'a> Names<'a> {
    /// Where graphs of a story share a node, the later graph's view of it is taken.
    pub fn of(story: &[&'a AlertGraph]) -> Self {
        Self { nodes: story.iter().flat_map(|graph| graph.nodes.iter().map(|(&key, node)| (key, node))).collect() }
    }

    /// The node's short name, or words for one that is not in the story.
    pub fn name(&self, key: NodeKey) -> String {
        self.nodes.get(&key).map_or_else(|| "something not shown".to_owned(), |node| short_label(node))
    }

    /// Why a node or edge is there, as a clause without its subject.
    pub fn reason(&self, reason: &Reason) -> String {
        match reason {
            Reason::RareOperation { surprise, op, what } => {
                format!("{} {}, which is unusual ({surprise})", verb(*op), printable(what))
            }
            Reason::RareChild { surprise, what } => {
                format!("was started by a parent that does not start {} ({surprise})", printable(what))
            }
            Reason::RanOwnWrite { file, writer } => {
                format!("ran {}, which {} had written", self.name(*file), self.name(*writer))
            }
            Reason::ServesNetwork { server } => {
                format!("descends from {}, which takes connections", self.name(*server))
            }
            Reason::CallsOut { socket } => format!("connected to {}", self.name(*socket)),
            Reason::CommandsFromSocket { socket } => format!("took commands from {}", self.name(*socket)),
            Reason::GainedPrivilege { from_uid, to_uid } => format!("went from user {from_uid} to user {to_uid}"),
            Reason::DeletedOwnExecutable { file } => format!("deleted its own executable {}", self.name(*file)),
            Reason::RanUnlinked { file } => format!("ran code without a file name ({})", self.name(*file)),
            Reason::EnteredProcess { target } => format!("reached into {}", self.name(*target)),
            Reason::EnteredKernel => "loaded code into the kernel".to_owned(),
            Reason::MassChange { n_files } => format!("changed {n_files} files of others in a short time"),
            Reason::CollectedAndSent { bytes } => {
                format!("read much and sent {} to other machines", size(*bytes))
            }
            Reason::Followed { socket } => {
                format!("is at the other end of {}, which an alert of another host led to", self.name(*socket))
            }
            Reason::Connects => "lies between the processes that stand out".to_owned(),
            Reason::DescendsFrom { ancestor } => format!("was started by {}, which stands out", self.name(*ancestor)),
            Reason::Started { descendant } => format!("started {}, which stands out", self.name(*descendant)),
            Reason::TouchedBy { process } => format!("was touched by {}", self.name(*process)),
            Reason::Detected(finding) => {
                let (detector, severity) = (printable(&finding.detector), finding.severity.name());
                format!("{} (detector {detector}, {severity})", printable(&finding.title))
            }
        }
    }

    /// An edge as a sentence in the order of who did what, whichever way the information flows.
    pub fn edge(&self, key: &EdgeKey) -> String {
        let (subject, object) = if key.op.flows_inward() { (key.to, key.from) } else { (key.from, key.to) };
        if subject == object {
            return format!("{} {}", self.name(subject), verb(key.op));
        }
        format!("{} {} {}", self.name(subject), verb(key.op), self.name(object))
    }

    /// What happened, in one line: the process that shows most, where it came from, and the facts about the story.
    pub fn title(&self) -> String {
        let Some(lead) = self.lead() else { return "nothing stands out".to_owned() };
        let clauses = self.clauses(lead);
        let mut title = self.name(lead);
        if let Some(server) = self.server_of(lead) {
            title = format!("{title}, started under the network server {},", self.name(server));
        }
        if clauses.first().is_none_or(|(node, _)| *node != lead) {
            title.push_str(" stands out");
        }
        for (i, (node, clause)) in clauses.iter().take(TITLE_CLAUSES_MAX).enumerate() {
            title = match (i, *node == lead) {
                (0, true) => format!("{title} {clause}"),
                (_, true) => format!("{title}; it {clause}"),
                (_, false) => format!("{title}; {} {clause}", self.name(*node)),
            };
        }
        match clauses.len().saturating_sub(TITLE_CLAUSES_MAX) {
            0 => title,
            1 => format!("{title}; and one fact more"),
            n => format!("{title}; and {n} facts more"),
        }
    }

    /// The node with most kinds of facts; among those the more surprising, the earlier, the lower key.
    fn lead(&self) -> Option<NodeKey> {
        let rank = |(&key, node): (&NodeKey, &&AlertNode)| {
            let told = facts(node).map(|(fact, _)| fact).filter(|fact| TITLE_ORDER.contains(fact));
            let n_told = told.collect::<BTreeSet<_>>().len();
            let terminal = node.role == NodeRole::Terminal;
            (n_told, terminal, facts(node).count(), node.surprise, Reverse(node.first), Reverse(key))
        };
        self.nodes.iter().max_by_key(|&entry| rank(entry)).map(|(&key, _)| key)
    }

    /// One clause for each kind of fact in the story, those of the lead first, each in the order of [`TITLE_ORDER`].
    fn clauses(&self, lead: NodeKey) -> Vec<(NodeKey, String)> {
        let said_of = |key: NodeKey, wanted: Fact| {
            let reason = facts(self.nodes.get(&key)?).find(|(fact, _)| *fact == wanted)?.1;
            Some((key, self.title_clause(key, reason)))
        };
        let mut in_time: Vec<_> = self.nodes.iter().map(|(&key, node)| (node.first, key)).collect();
        in_time.sort_unstable();
        let clause = |fact| said_of(lead, fact).or_else(|| in_time.iter().find_map(|&(_, key)| said_of(key, fact)));
        let structural: Vec<_> = TITLE_ORDER.into_iter().filter_map(clause).collect();
        let mut clauses = match structural.is_empty() {
            true => RARE_ORDER.into_iter().filter_map(clause).collect(),
            false => structural,
        };
        clauses.sort_by_key(|(node, _)| *node != lead);
        clauses
    }

    /// As [`Names::reason`], shorter: the last part of a file's path is enough here.
    fn title_clause(&self, key: NodeKey, reason: &Reason) -> String {
        let file_name = |file: &NodeKey| match self.nodes.get(file).map(|node| &node.attrs) {
            Some(NodeAttrs::File { path: Some(path), .. }) => printable(last_part(path)),
            _ => self.name(*file),
        };
        match reason {
            Reason::RanOwnWrite { file, writer } if *writer == key => {
                format!("ran {}, a file it had written itself", file_name(file))
            }
            Reason::RanOwnWrite { file, writer } => {
                format!("ran {}, a file that {} had written", file_name(file), self.name(*writer))
            }
            Reason::DeletedOwnExecutable { .. } => "deleted its own executable".to_owned(),
            Reason::Detected(finding) => printable(&finding.title),
            Reason::RareOperation { op, what, .. } => format!("{} {}, which is unusual", verb(*op), printable(what)),
            Reason::RareChild { what, .. } => {
                format!("was started by a parent that does not start {}", printable(what))
            }
            _ => self.reason(reason),
        }
    }

    fn server_of(&self, lead: NodeKey) -> Option<NodeKey> {
        self.nodes.get(&lead)?.reasons.iter().find_map(|reason| match reason {
            Reason::ServesNetwork { server } if *server != lead && self.nodes.contains_key(server) => Some(*server),
            _ => None,
        })
    }
}

/// The order in which facts are told. Where it comes from is told with the subject.
const TITLE_ORDER: [Fact; 11] = [
    Fact::Detected,
    Fact::RanOwnWrite,
    Fact::CommandsFromSocket,
    Fact::GainedPrivilege,
    Fact::CallsOut,
    Fact::RanUnlinked,
    Fact::DeletedOwnExecutable,
    Fact::EnteredProcess,
    Fact::EnteredKernel,
    Fact::CollectedAndSent,
    Fact::MassChange,
];

/// Told when nothing of the above is there.
const RARE_ORDER: [Fact; 2] = [Fact::RareChild, Fact::RareOperation];

fn facts(node: &AlertNode) -> impl Iterator<Item = (Fact, &Reason)> {
    node.reasons.iter().filter_map(|reason| Some((Fact::of(reason)?, reason)))
}

/// The title of a story.
pub fn title(story: &[&AlertGraph]) -> String {
    Names::of(story).title()
}

/// What a node is, in full: path, command or addresses.
pub fn label(node: &AlertNode) -> String {
    match &node.attrs {
        NodeAttrs::Process { process, exe, cmdline, .. } => match (cmdline, exe) {
            (Some(text), _) | (None, Some(text)) if !text.is_empty() => printable(text),
            _ => format!("process {}", process.pid),
        },
        NodeAttrs::File { path: Some(path), .. } => printable(path),
        NodeAttrs::File { kind, .. } => unnamed(*kind).to_owned(),
        NodeAttrs::Socket { local, remote, path, .. } => match (remote, path, local) {
            (Some(remote), ..) => remote.to_string(),
            (None, Some(path), _) => printable(path),
            (None, None, Some(local)) => local.to_string(),
            (None, None, None) => "a socket".to_owned(),
        },
    }
}

/// What a node is, as a name within a sentence: the last part of the executable's path for a process.
pub fn short_label(node: &AlertNode) -> String {
    match &node.attrs {
        NodeAttrs::Process { process, exe, cmdline, .. } => {
            let command = || cmdline.as_deref().and_then(|text| text.split_whitespace().next());
            match exe.as_deref().or_else(command).map(last_part).filter(|name| !name.is_empty()) {
                Some(name) => printable(name),
                None => format!("process {}", process.pid),
            }
        }
        _ => label(node),
    }
}

fn last_part(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

fn unnamed(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Unknown | FileKind::Regular => "a file without a known name",
        FileKind::Directory => "a directory without a known name",
        FileKind::Device => "a device",
        FileKind::Pipe => "a pipe",
        FileKind::Memory => "a file in memory",
    }
}

/// A text from the recording as it may stand on a screen: [harmful](is_harmful) characters replaced, length bounded.
pub fn printable(text: impl AsRef<str>) -> String {
    let text = text.as_ref();
    let mut shown: String =
        text.chars().take(NAME_CHARS_MAX).map(|c| if is_harmful(c) { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(NAME_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// Whether a character could drive the reader's terminal, or turns the direction of writing.
pub fn is_harmful(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn verb(op: Operation) -> &'static str {
    match op {
        Operation::Fork => "forked",
        Operation::Exec => "executed",
        Operation::Exit => "exited",
        Operation::Open => "opened",
        Operation::Read => "read",
        Operation::Write => "wrote",
        Operation::Create => "created",
        Operation::Rename => "renamed",
        Operation::Unlink => "removed",
        Operation::Link => "linked",
        Operation::Chmod => "changed the mode of",
        Operation::Chown => "changed the owner of",
        Operation::Truncate => "truncated",
        Operation::MapExecutable => "mapped code of",
        Operation::Connect => "connected to",
        Operation::Accept => "accepted",
        Operation::Bind => "bound",
        Operation::Listen => "listened on",
        Operation::Send => "sent to",
        Operation::Receive => "received from",
        Operation::ChangeCredentials => "changed its credentials",
        Operation::Ptrace => "traced",
        Operation::Signal => "signalled",
        Operation::ModuleLoad => "loaded the kernel module",
        Operation::BpfLoad => "loaded a BPF program from",
        Operation::Mount => "mounted",
        Operation::Memfd => "made the memory file",
        Operation::IoUring => "used io_uring on",
        Operation::Namespace => "changed into",
        Operation::SetTimes => "set the times of",
    }
}

/// Bytes as a person reads them.
fn size(bytes: u64) -> String {
    if bytes < 1_000_000 { format!("{} kB", bytes.div_ceil(1000)) } else { format!("{} MB", bytes / 1_000_000) }
}
