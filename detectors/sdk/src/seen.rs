//! Finding one's way in a neighbourhood. Nodes are named by their index, which is what findings name.

use crate::rows::{Edge, File, Process, Socket};
use crate::{Detail, ModeChange, Neighbourhood, NodeIndex, Operation};

impl Neighbourhood {
    /// The new path of what is renamed or linked.
    pub fn new_path(&self) -> Option<&str> {
        if let Detail::NewPath(path) = self.event.detail { self.text(path) } else { None }
    }

    /// The permissions that a chmod sets, and those before; where that is not known every bit counts as set by it.
    pub fn mode(&self) -> Option<ModeChange> {
        if let Detail::Mode(mode) = self.event.detail { Some(mode) } else { None }
    }

    /// How far back a file's modification time is set, in nanoseconds; 0 for one that lies ahead.
    pub fn set_back_ns(&self) -> Option<u64> {
        let Detail::Modified(modified) = self.event.detail else { return None };
        let ns = i128::from(self.event.time) - i128::from(modified);
        Some(u64::try_from(ns.max(0)).unwrap_or(u64::MAX))
    }

    /// The process that did what the detector is called for.
    pub fn subject(&self) -> NodeIndex {
        self.event.subject
    }

    /// What it was done to.
    pub fn object(&self) -> Option<NodeIndex> {
        self.event.object
    }

    /// The process itself.
    pub fn doer(&self) -> Option<Process<'_>> {
        self.process(self.event.subject)
    }

    /// The object, if it is a process, file or socket.
    pub fn object_process(&self) -> Option<Process<'_>> {
        self.process(self.object()?)
    }

    pub fn object_file(&self) -> Option<File<'_>> {
        self.file(self.object()?)
    }

    pub fn object_socket(&self) -> Option<Socket<'_>> {
        self.socket(self.object()?)
    }

    /// Path of the object: of a file or a Unix socket.
    pub fn object_path(&self) -> Option<&str> {
        let object = self.object()?;
        self.file(object).map_or_else(|| self.socket(object)?.path, |file| file.path)
    }

    /// A process and its ancestors as far as they are in the neighbourhood, nearest first. Ends also where they go in a circle.
    pub fn lineage(&self, process: NodeIndex) -> impl Iterator<Item = (NodeIndex, Process<'_>)> {
        let step = |&index: &NodeIndex| self.process(index)?.parent;
        let chain = std::iter::successors(Some(process), step).take(self.n_nodes());
        chain.filter_map(|index| Some((index, self.process(index)?)))
    }

    /// What a process did to others: each edge with its other end, in the order in which they began.
    pub fn deeds(&self, process: NodeIndex) -> impl Iterator<Item = (Edge, NodeIndex)> {
        let is_of = move |source, target, op: Operation| process == if op.flows_inward() { target } else { source };
        self.edges_where(is_of).map(|edge| (edge, edge.object()))
    }

    /// What was done to a node: each edge with who did it.
    pub fn done_to(&self, node: NodeIndex) -> impl Iterator<Item = (Edge, NodeIndex)> {
        let is_of = move |source, target, op: Operation| node == if op.flows_inward() { source } else { target };
        self.edges_where(is_of).map(|edge| (edge, edge.subject()))
    }

    /// What a process did by one of some operations: each object once, in the order of first use.
    pub fn objects(&self, process: NodeIndex, operations: &[Operation]) -> Vec<NodeIndex> {
        let mut found = Vec::new();
        for (edge, object) in self.deeds(process) {
            if operations.contains(&edge.operation) && !found.contains(&object) {
                found.push(object);
            }
        }
        found
    }

    /// The nodes reached along the flow of information from a node, nearest first, it left out. Of two edges in a row the second
    /// went on after the first began: what had not come yet was not passed on.
    pub fn downstream(&self, from: NodeIndex) -> Vec<NodeIndex> {
        self.walk(
            from,
            |source, target| (source, target),
            |edge, since| edge.last >= since,
            |edge, since| edge.first.max(since),
            0,
        )
    }

    /// The nodes from which information came to a node, nearest first, it left out.
    pub fn upstream(&self, to: NodeIndex) -> Vec<NodeIndex> {
        let until = |edge: &Edge, until: u64| edge.last.min(until);
        self.walk(to, |source, target| (target, source), |edge, until| edge.first <= until, until, u64::MAX)
    }

    fn walk(
        &self,
        start: NodeIndex,
        ends: impl Fn(NodeIndex, NodeIndex) -> (NodeIndex, NodeIndex),
        goes_on: impl Fn(&Edge, u64) -> bool,
        then: impl Fn(&Edge, u64) -> u64,
        time: u64,
    ) -> Vec<NodeIndex> {
        let mut is_known = vec![false; self.n_nodes()];
        let mut know = |node: NodeIndex| {
            let known = is_known.get_mut(node as usize);
            known.is_some_and(|known| !std::mem::replace(known, true))
        };
        know(start);
        let (mut found, mut front) = (vec![(start, time)], 0);
        while let Some(&(node, time)) = found.get(front) {
            front += 1;
            let leads_on = self.edges_where(|source, target, _| ends(source, target).0 == node);
            for edge in leads_on.filter(|edge| goes_on(edge, time)) {
                let next = ends(edge.source, edge.target).1;
                if know(next) {
                    found.push((next, then(&edge, time)));
                }
            }
        }
        found.into_iter().skip(1).map(|(node, _)| node).collect()
    }
}

impl ModeChange {
    /// Those of some bits that are set now and were not before.
    pub fn gains(&self, bits: u16) -> u16 {
        self.set & bits & !self.before.unwrap_or(0)
    }
}

impl Edge {
    /// Who did it. Every edge has a process on this side.
    pub fn subject(&self) -> NodeIndex {
        if self.operation.flows_inward() { self.target } else { self.source }
    }

    /// What it was done to.
    pub fn object(&self) -> NodeIndex {
        if self.operation.flows_inward() { self.source } else { self.target }
    }
}

impl Operation {
    /// Whether information flows from the object into the subject.
    pub fn flows_inward(self) -> bool {
        matches!(self, Self::Exec | Self::Open | Self::Read | Self::MapExecutable | Self::Accept | Self::Receive)
    }
}

/// Programs that install, replace and remove packages, by name.
pub const PACKAGE_MANAGERS: &[&str] = &[
    "dpkg",
    "apt",
    "apt-get",
    "aptitude",
    "unattended-upgr",
    "rpm",
    "rpm-ostree",
    "dnf",
    "yum",
    "zypper",
    "pacman",
    "apk",
    "snapd",
];

impl<'a> Process<'a> {
    /// The last part of the executable's path, empty if that is not known.
    pub fn name(&self) -> &'a str {
        crate::glob::base_name(self.executable().unwrap_or(""))
    }

    /// The command line, empty if that is not known.
    pub fn command(&self) -> &'a str {
        self.command_line().unwrap_or("")
    }

    /// Its arguments, the program's own name first. An argument that holds spaces counts as several.
    pub fn arguments(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.command().split(' ')
    }

    /// The names of its ancestors' executables, nearest first.
    pub fn ancestor_names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.each_ancestor().map(crate::glob::base_name)
    }

    /// It is a shell that was handed its commands as an argument: commands that somebody put together, not a script that lies in its
    /// place.
    pub fn is_handed_commands(&self) -> bool {
        const SHELLS: &[&str] = &["sh", "ash", "bash", "dash", "zsh", "ksh"];
        let mut arguments = self.arguments();
        let name = crate::glob::base_name(arguments.next().unwrap_or(""));
        SHELLS.contains(&name) && arguments.next().is_some_and(|flag| flag.starts_with('-') && flag.ends_with('c'))
    }

    /// It descends from a process that takes connections, or from an application server that is handed them over a Unix socket,
    /// and not from a login.
    pub fn is_served(&self) -> bool {
        const HANDED: &[&str] = &["fcgiwrap", "php-fpm", "uwsgi", "gunicorn", "unicorn", "puma", "passenger"];
        const LOGINS: &[&str] = &["sshd", "sshd-session", "login", "in.telnetd", "dropbear"];
        let is_of =
            |names: &[&str]| self.ancestor_names().any(|name| names.iter().any(|known| name.starts_with(known)));
        (self.under_server || is_of(HANDED)) && !is_of(LOGINS)
    }
}
