//! What stands in the tables of a neighbourhood, row by row: nodes, the processes, files and sockets among them, edges.

use crate::contract::exports::tracewell::detector::detector as contract;
use crate::{Endpoint, Entity, Facts, FileKind, Neighbourhood, NodeIndex, Operation, Protocol, TextIndex};

/// What is known of any node. The contract says what each field means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    pub entity: Entity,
    pub first: u64,
    pub last: u64,
    pub surprise: u32,
    pub fleet_rarity: Option<u32>,
    pub incomplete: bool,
    pub cut: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct Process<'a> {
    seen: &'a Neighbourhood,
    row: usize,
    pub pid: u32,
    pub user: Option<u32>,
    pub parent: Option<NodeIndex>,
    pub serves: bool,
    pub under_server: bool,
    pub was_root: bool,
    pub exited: bool,
    pub children: u32,
    pub facts: Facts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File<'a> {
    pub path: Option<&'a str>,
    pub kind: FileKind,
    pub writer: Option<NodeIndex>,
    pub written: Option<u64>,
    pub executed: bool,
    pub unlinked: bool,
    pub mode: Option<u16>,
}

#[derive(Clone, Copy, Debug)]
pub struct Socket<'a> {
    pub protocol: Protocol,
    pub local: Option<Endpoint>,
    pub remote: Option<Endpoint>,
    pub path: Option<&'a str>,
    pub inbound: bool,
}

/// What passed between two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    pub source: NodeIndex,
    pub target: NodeIndex,
    pub operation: Operation,
    pub count: u64,
    pub bytes: u64,
    pub first: u64,
    pub last: u64,
    pub surprise: u32,
    pub incomplete: bool,
}

impl Neighbourhood {
    /// A text, if it is known.
    pub fn text(&self, text: TextIndex) -> Option<&str> {
        let (end, start) = (text as usize, (text as usize).checked_sub(1)?);
        let (start, end) = (*self.texts.ends.get(start)?, *self.texts.ends.get(end)?);
        self.texts.joined.get(start as usize..end as usize)
    }

    pub fn n_nodes(&self) -> usize {
        self.nodes.entity.len()
    }

    pub fn node(&self, index: NodeIndex) -> Option<Node> {
        let contract::Nodes { entity, row: _, first, last, surprise, fleet_rarity, incomplete, cut } = &self.nodes;
        let at = index as usize;
        Some(Node {
            entity: *entity.get(at)?,
            first: *first.get(at)?,
            last: *last.get(at)?,
            surprise: *surprise.get(at)?,
            fleet_rarity: *fleet_rarity.get(at)?,
            incomplete: incomplete.binary_search(&index).is_ok(),
            cut: cut.binary_search(&index).is_ok(),
        })
    }

    pub fn process(&self, index: NodeIndex) -> Option<Process<'_>> {
        let (row, of) = (self.row(index, Entity::Process)?, &self.processes);
        Some(Process {
            seen: self,
            row,
            pid: *of.pid.get(row)?,
            user: *of.user.get(row)?,
            parent: *of.parent.get(row)?,
            serves: *of.serves.get(row)?,
            under_server: *of.under_server.get(row)?,
            was_root: *of.was_root.get(row)?,
            exited: *of.exited.get(row)?,
            children: *of.children.get(row)?,
            facts: *of.facts.get(row)?,
        })
    }

    pub fn file(&self, index: NodeIndex) -> Option<File<'_>> {
        let (row, of) = (self.row(index, Entity::File)?, &self.files);
        Some(File {
            path: self.text(*of.path.get(row)?),
            kind: *of.kind.get(row)?,
            writer: *of.writer.get(row)?,
            written: *of.written.get(row)?,
            executed: *of.executed.get(row)?,
            unlinked: *of.unlinked.get(row)?,
            mode: *of.mode.get(row)?,
        })
    }

    pub fn socket(&self, index: NodeIndex) -> Option<Socket<'_>> {
        let (row, of) = (self.row(index, Entity::Socket)?, &self.sockets);
        Some(Socket {
            protocol: *of.protocol.get(row)?,
            local: *of.local.get(row)?,
            remote: *of.remote.get(row)?,
            path: self.text(*of.path.get(row)?),
            inbound: *of.inbound.get(row)?,
        })
    }

    /// All edges, in the order in which they began.
    pub fn edges(&self) -> impl Iterator<Item = Edge> {
        self.edges_where(|_, _, _| true)
    }

    /// Those whose source, target and operation fit; no more is looked at of the others.
    pub(crate) fn edges_where(
        &self,
        fits: impl Fn(NodeIndex, NodeIndex, Operation) -> bool,
    ) -> impl Iterator<Item = Edge> {
        let of = &self.edges;
        let ends = of.source.iter().zip(&of.target).zip(&of.operation);
        let fitting = ends.enumerate().filter(move |(_, ((source, target), op))| fits(**source, **target, **op));
        fitting.map_while(|(at, ((source, target), operation))| {
            Some(Edge {
                source: *source,
                target: *target,
                operation: *operation,
                count: *of.count.get(at)?,
                bytes: *of.bytes.get(at)?,
                first: *of.first.get(at)?,
                last: *of.last.get(at)?,
                surprise: *of.surprise.get(at)?,
                incomplete: of.incomplete.binary_search(&(at as u32)).is_ok(),
            })
        })
    }

    /// The row of a node, if it is one of this kind.
    fn row(&self, index: NodeIndex, entity: Entity) -> Option<usize> {
        let is_one = *self.nodes.entity.get(index as usize)? == entity;
        if is_one { self.nodes.row.get(index as usize).map(|row| *row as usize) } else { None }
    }
}

impl<'a> Process<'a> {
    /// Path of the executable, or its bare name where the source has only that.
    pub fn executable(&self) -> Option<&'a str> {
        self.text(&self.seen.processes.executable)
    }

    /// Arguments separated by single spaces.
    pub fn command_line(&self) -> Option<&'a str> {
        self.text(&self.seen.processes.command_line)
    }

    /// Container or workload.
    pub fn container(&self) -> Option<&'a str> {
        self.text(&self.seen.processes.container)
    }

    /// Executable of the parent when it was forked.
    pub fn parent_executable(&self) -> Option<&'a str> {
        self.text(&self.seen.processes.parent_executable)
    }

    /// Executables of its ancestors, nearest first, empty for one that is not known: of the event's subject, its object, and the
    /// last writer of its object.
    pub fn ancestors(&self) -> Vec<&'a str> {
        self.each_ancestor().collect()
    }

    pub(crate) fn each_ancestor(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let (seen, of) = (self.seen, &self.seen.processes);
        let end = |row: usize| of.ancestors_end.get(row).map_or(0, |end| *end as usize);
        let start = self.row.checked_sub(1).map_or(0, end);
        let ancestors = of.ancestors.get(start..end(self.row)).unwrap_or(&[]);
        ancestors.iter().map(|ancestor| seen.text(*ancestor).unwrap_or(""))
    }

    fn text(&self, column: &[TextIndex]) -> Option<&'a str> {
        self.seen.text(*column.get(self.row)?)
    }
}
