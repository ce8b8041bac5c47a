//! One incident as a tree: who started whom, what each did, and why it is shown.

use super::alerts::{Incident, Kind};
use super::drawn::{Drawn, DrawnEdge, DrawnNode};
use super::text::{bytes, clean, cut, milli, plural, thousands};
use super::time;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Command lines may have megabytes; a line of the tree has not.
const LABEL_CHARS_MAX: usize = 120;

/// Deeper chains go on as trees of their own, so that neither the page nor the stack is left.
const DEPTH_MAX: usize = 48;

/// The incident in words, then its graph. With `expand` the nodes of collapsed groups are drawn one by one.
pub fn tree(incident: &Incident, rank: usize, expand: bool) -> String {
    let drawn = Drawn::new(incident, expand);
    let mut text = heading(incident, rank, &drawn);
    let mut tree = Tree { drawn: &drawn, parents: parents(&drawn), is_printed: vec![false; drawn.nodes.len()] };
    for idx in tree.roots() {
        if !tree.is_printed[idx] {
            text.push('\n');
            tree.node(&mut text, idx, Way { edges: &[], lead: "", indent: "", depth: 0 });
        }
    }
    text
}

fn heading(incident: &Incident, rank: usize, drawn: &Drawn<'_>) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "#{rank}  {}", clean(&incident.title));
    let _ = writeln!(text, "    incident {}, {}, score {}", incident.id, incident.severity, milli(incident.score));
    let hosts: Vec<_> = incident.hosts.iter().map(|host| clean(host)).collect();
    let _ = writeln!(text, "    on {}, {}", hosts.join(", "), time::span(&incident.first, &incident.last));
    let seen = match drawn.nodes.len() {
        n if n == incident.nodes.len() => String::new(),
        n => format!(" ({n} drawn, --expand draws all)"),
    };
    let n_omitted: u64 = incident.members.iter().map(|member| u64::from(member.nodes_omitted)).sum();
    let omitted = if n_omitted == 0 { String::new() } else { format!(", {} left out", thousands(n_omitted)) };
    let _ = writeln!(
        text,
        "    {}{seen}, {}{omitted}, {}",
        plural(incident.nodes.len() as u64, "node"),
        plural(incident.edges.len() as u64, "edge"),
        if incident.repeats <= 1 {
            "seen once".to_owned()
        } else {
            format!("seen {} times", thousands(incident.repeats))
        },
    );
    if incident.incomplete {
        let lost: u64 = incident.members.iter().map(|member| member.lost_events).sum();
        let _ = writeln!(text, "    seen incompletely: {} lost near it", plural(lost, "event"));
    }
    for part in &incident.explanation {
        let _ = writeln!(text, "    {:>7}  {}", milli(part.score), clean(&part.words));
    }
    text
}

/// The process that started each process, where that is drawn.
fn parents(drawn: &Drawn<'_>) -> BTreeMap<usize, usize> {
    let mut parents = BTreeMap::new();
    for edge in drawn.edges.iter().filter(|edge| edge.edge.operation == "fork" && edge.from != edge.to) {
        parents.entry(edge.to).or_insert(edge.from);
    }
    parents
}

struct Tree<'a> {
    drawn: &'a Drawn<'a>,
    parents: BTreeMap<usize, usize>,
    is_printed: Vec<bool>,
}

/// What leads to a node: the edges between its subject and it, and how deep it stands.
#[derive(Clone, Copy)]
struct Way<'a> {
    edges: &'a [DrawnEdge<'a>],
    lead: &'a str,
    indent: &'a str,
    depth: usize,
}

impl<'a> Tree<'a> {
    /// Where to begin: processes that nobody shown started, then what is left over (contradictory ancestry, chains that
    /// are too deep, objects that no shown process touched).
    fn roots(&self) -> Vec<usize> {
        let all = || 0..self.drawn.nodes.len();
        let tops = all().filter(|idx| self.is_process(*idx) && !self.parents.contains_key(idx));
        tops.chain(all().filter(|idx| self.is_process(*idx))).chain(all()).collect()
    }

    fn is_process(&self, idx: usize) -> bool {
        self.drawn.nodes[idx].node.kind == Kind::Process
    }

    fn node(&mut self, text: &mut String, idx: usize, way: Way<'_>) {
        let node = &self.drawn.nodes[idx];
        let Way { edges, lead, indent, depth } = way;
        let verbs: Vec<_> = edges.iter().map(verb).collect();
        let verbs = if verbs.is_empty() { String::new() } else { format!("{} ", verbs.join(", ")) };
        let is_elsewhere = self.is_process(idx)
            && self.parents.get(&idx).is_some_and(|parent| !edges.iter().any(|edge| edge.from == *parent));
        let place = match () {
            () if self.is_printed[idx] => ", see above",
            () if depth >= DEPTH_MAX || depth > 0 && is_elsewhere => ", see below",
            () => "",
        };
        let is_here = place.is_empty();
        let qualities = if is_here { qualities(node) } else { String::new() };
        let _ = writeln!(text, "{lead}{verbs}{}{qualities}{place}", name(node));

        let below = if is_here { self.below(idx) } else { vec![] };
        let bar = if below.is_empty() { "     " } else { "│    " };
        let node_reasons = if is_here { node.node.reasons.as_slice() } else { &[] };
        let mut reasons: Vec<&String> = edges.iter().flat_map(|edge| &edge.edge.reasons).chain(node_reasons).collect();
        let mut said = BTreeSet::new();
        reasons.retain(|reason| said.insert(*reason));
        for reason in reasons {
            let _ = writeln!(text, "{indent}{bar}{}", clean(reason));
        }
        if is_here {
            self.is_printed[idx] = true;
        }
        for (place, (object, edges)) in below.iter().enumerate() {
            let is_last = place + 1 == below.len();
            let (branch, bar) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            let (lead, indent) = (format!("{indent}{branch}"), format!("{indent}{bar}"));
            self.node(text, *object, Way { edges, lead: &lead, indent: &indent, depth: depth + 1 });
        }
    }

    /// What the node did, by object, in order of the first time.
    fn below(&self, subject: usize) -> Vec<(usize, Vec<DrawnEdge<'a>>)> {
        let mut below: Vec<(usize, Vec<_>)> = Vec::new();
        for edge in &self.drawn.edges {
            let (by, object) = edge.subject_and_object();
            if by == subject {
                match below.iter_mut().find(|(other, _)| *other == object) {
                    Some((_, edges)) => edges.push(*edge),
                    None => below.push((object, vec![*edge])),
                }
            }
        }
        below
    }
}

/// The operation with how often and how much, where that is more than once or nothing.
fn verb(edge: &DrawnEdge<'_>) -> String {
    let mut verb = clean(&edge.edge.operation).into_owned();
    if edge.count > 1 {
        let _ = write!(verb, " ×{}", thousands(edge.count));
    }
    if edge.bytes > 0 {
        let _ = write!(verb, " ({})", bytes(edge.bytes));
    }
    verb
}

fn name(node: &DrawnNode<'_>) -> String {
    let label = clean(node.label);
    cut(&label, LABEL_CHARS_MAX).into_owned()
}

fn qualities(node: &DrawnNode<'_>) -> String {
    let surprise = node.node.surprise_millibits;
    let surprise = if surprise == 0 { String::new() } else { format!(", {} bits", milli(surprise.into())) };
    format!("  ({}{surprise})", node.node.role.name())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{edge, incident, node};
    use super::*;
    use insta::assert_snapshot;

    #[test]
    fn an_incident_reads_from_its_cause_to_its_effects() {
        assert_snapshot!(tree(&super::super::testing::dropper(), 1, false), @r#"
        #1  a web server ran what it had written
            incident 00112233445566778899aabbccddeeff, high, score 81.2
            on web, 2020-01-01 00:00:00 to 00:01:00 UTC
            5 nodes, 6 edges, seen once
               81.2  ran a file that its own lineage had written

        server [10]  (context)
        │    started a process that stands out
        └─ fork sh -c "./drop" [11]  (terminal, 42.1 bits)
           │    not started by this parent before
           ├─ write ×3 (12 kB) /tmp/drop  (context)
           │       touched by a process that stands out
           └─ fork ./drop [12]  (terminal)
              │    ran a file that its own lineage had written
              ├─ exec /tmp/drop, see above
              │       written by its own lineage
              └─ connect, send (99 B) 192.0.2.7:443  (context)
                      touched by a process that stands out
        "#);
    }

    #[test]
    fn contradictory_ancestry_still_shows_every_node_once() {
        let nodes = vec![node("p1", Kind::Process, "a [1]"), node("p2", Kind::Process, "b [2]")];
        let edges = vec![edge("p1", "p2", "fork"), edge("p2", "p1", "fork"), edge("p2", "p2", "signal")];
        assert_snapshot!(tree(&incident(nodes, edges), 3, false), @r#"
        #3  a web server ran what it had written
            incident 00112233445566778899aabbccddeeff, high, score 81.2
            on web, 2020-01-01 00:00:00 to 00:01:00 UTC
            2 nodes, 3 edges, seen once
               81.2  ran a file that its own lineage had written

        a [1]  (terminal)
        └─ fork b [2]  (terminal)
           ├─ fork a [1], see above
           └─ signal b [2], see above
        "#);
    }

    #[test]
    fn a_chain_deeper_than_the_limit_goes_on_below() {
        let nodes = (0..200).map(|n| node(&format!("p{n:03}"), Kind::Process, &format!("<{n}>"))).collect();
        let edges = (1..200).map(|n| edge(&format!("p{:03}", n - 1), &format!("p{n:03}"), "fork")).collect();
        let text = tree(&incident(nodes, edges), 1, true);
        for n in 0..200 {
            let full = text.lines().filter(|line| line.ends_with(&format!("<{n}>  (terminal)"))).count();
            assert_eq!(full, 1, "node {n}");
        }
        assert!(text.lines().all(|line| line.chars().count() < 300));
    }
}
