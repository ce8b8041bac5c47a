//! What a detector says: when it is called, how much it sees, what it found.

use crate::{Conditions, Facts, Finding, NodeIndex, Operations, PortRange, Reach, Severity, Trigger};
use std::ops::RangeInclusive;

/// A trigger for these operations on anything. What is added narrows it: all that is named must fit.
pub fn on(operations: Operations) -> Trigger {
    Trigger {
        operations,
        executables: Vec::new(),
        command_lines: Vec::new(),
        paths: Vec::new(),
        ports: Vec::new(),
        users: Vec::new(),
        facts: Facts::empty(),
        conditions: Conditions::empty(),
    }
}

impl Trigger {
    /// Globs of the path of the executable of the process that does it, as in `**/nc`.
    pub fn executables<'a>(mut self, globs: impl IntoIterator<Item = &'a str>) -> Self {
        self.executables.extend(globs.into_iter().map(str::to_owned));
        self
    }

    /// Globs of its command line, in which `*` fits anything.
    pub fn command_lines<'a>(mut self, globs: impl IntoIterator<Item = &'a str>) -> Self {
        self.command_lines.extend(globs.into_iter().map(str::to_owned));
        self
    }

    /// Globs of the path of the file that it is done to.
    pub fn paths<'a>(mut self, globs: impl IntoIterator<Item = &'a str>) -> Self {
        self.paths.extend(globs.into_iter().map(str::to_owned));
        self
    }

    /// Ports of the socket that it is done to.
    pub fn ports(mut self, ports: impl IntoIterator<Item = RangeInclusive<u16>>) -> Self {
        self.ports.extend(ports.into_iter().map(|range| PortRange { first: *range.start(), last: *range.end() }));
        self
    }

    /// Effective users of the process.
    pub fn users(mut self, users: impl IntoIterator<Item = u32>) -> Self {
        self.users.extend(users);
        self
    }

    /// What the host has found out about the process: all of these facts. Costs nothing where it does not hold.
    pub fn facts(self, facts: Facts) -> Self {
        Self { facts: self.facts | facts, ..self }
    }

    /// What else the host knows at once: all of these conditions. Costs nothing where they do not hold.
    pub fn given(self, conditions: Conditions) -> Self {
        Self { conditions: self.conditions | conditions, ..self }
    }
}

/// Nothing but what the event is about: who did it with its ancestors, what it was done to, and who wrote that last. Costs a fraction of
/// what any edge around them costs.
pub fn at_hand() -> Reach {
    Reach { hops: 0, nodes_max: 16, edges_max: 1, operations: Operations::empty() }
}

/// So many edges around the ends of the event, at most 64 nodes and 128 edges, of all operations but the mapping of code.
pub fn reach(hops: u8) -> Reach {
    Reach { hops, nodes_max: 64, edges_max: 128, operations: Operations::all() - Operations::MAP_EXECUTABLE }
}

impl Reach {
    /// At most so many nodes, and twice as many edges.
    pub fn nodes(self, nodes_max: u32) -> Self {
        Self { nodes_max, edges_max: nodes_max * 2, ..self }
    }

    /// Only edges of these operations.
    pub fn operations(self, operations: Operations) -> Self {
        Self { operations, ..self }
    }
}

/// As much of a text as fits a finding's reason beside some words.
pub fn short(text: &str) -> &str {
    &text[..text.floor_char_boundary(400)]
}

/// A finding about these nodes, the process that did it first, with the techniques of the detector.
pub fn finding(
    severity: Severity,
    title: impl Into<String>,
    reason: impl Into<String>,
    nodes: impl IntoIterator<Item = NodeIndex>,
) -> Finding {
    let nodes = nodes.into_iter().take(32).collect();
    Finding { severity, title: title.into(), reason: reason.into(), nodes, techniques: Vec::new() }
}
