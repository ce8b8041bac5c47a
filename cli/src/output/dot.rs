//! One incident as a graph for Graphviz.

use super::alerts::{Incident, Kind, Role};
use super::drawn::{Drawn, DrawnNode};
use super::text::{clean, cut, milli, thousands};
use std::fmt::Write;

/// Long labels make a picture nobody can read.
const LABEL_CHARS_MAX: usize = 60;

/// Processes are boxes, files ellipses, sockets diamonds; what stands out is filled. Arrows follow the information.
pub fn dot(incident: &Incident, expand: bool) -> String {
    let drawn = Drawn::new(incident, expand);
    let mut text = String::from("digraph incident {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n");
    let _ = writeln!(text, "  label={};", quoted(&incident.title));
    for (idx, node) in drawn.nodes.iter().enumerate() {
        let tooltip = node.node.reasons.join("\n");
        let (label, style) = (quoted(&label(node)), style(node.node.kind, node.node.role));
        let _ = writeln!(text, "  n{idx} [label={label}, {style}, tooltip={}];", quoted(&tooltip));
    }
    for edge in &drawn.edges {
        let count = if edge.count > 1 { format!(" ×{}", thousands(edge.count)) } else { String::new() };
        let label = quoted(&format!("{}{count}", edge.edge.operation));
        let style = if edge.edge.incomplete { ", style=dashed" } else { "" };
        let why = quoted(&edge.edge.reasons.join("\n"));
        let _ = writeln!(text, "  n{} -> n{} [label={label}{style}, tooltip={why}];", edge.from, edge.to);
    }
    text.push_str("}\n");
    text
}

fn label(node: &DrawnNode<'_>) -> String {
    let label = cut(node.label, LABEL_CHARS_MAX);
    match node.node.surprise_millibits {
        0 => label.into_owned(),
        surprise => format!("{label}\n{} bits", milli(surprise.into())),
    }
}

fn style(kind: Kind, role: Role) -> &'static str {
    match (kind, role) {
        (Kind::Process, Role::Terminal) => "shape=box, style=filled, fillcolor=\"#f4a582\"",
        (Kind::File, Role::Terminal) => "shape=ellipse, style=filled, fillcolor=\"#f4a582\"",
        (Kind::Socket, Role::Terminal) => "shape=diamond, style=filled, fillcolor=\"#f4a582\"",
        (Kind::Process, _) => "shape=box",
        (Kind::File, _) => "shape=ellipse",
        (Kind::Socket, _) => "shape=diamond",
    }
}

/// A string of the dot language. Nothing in a recording may close it or begin an escape.
fn quoted(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(|line| clean(line).replace('\\', "\\\\").replace('"', "\\\"")).collect();
    format!("\"{}\"", lines.join("\\n"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{dropper, incident, node};
    use super::*;
    use insta::assert_snapshot;

    #[test]
    fn an_incident_as_a_picture() {
        assert_snapshot!(dot(&dropper(), false), @r##"
        digraph incident {
          rankdir=LR;
          node [fontname="sans-serif"];
          label="a web server ran what it had written";
          n0 [label="server [10]", shape=box, tooltip="started a process that stands out"];
          n1 [label="sh -c \"./drop\" [11]\n42.1 bits", shape=box, style=filled, fillcolor="#f4a582", tooltip="not started by this parent before"];
          n2 [label="/tmp/drop", shape=ellipse, tooltip="touched by a process that stands out"];
          n3 [label="./drop [12]", shape=box, style=filled, fillcolor="#f4a582", tooltip="ran a file that its own lineage had written"];
          n4 [label="192.0.2.7:443", shape=diamond, tooltip="touched by a process that stands out"];
          n0 -> n1 [label="fork", tooltip=""];
          n1 -> n2 [label="write ×3", tooltip=""];
          n1 -> n3 [label="fork", tooltip=""];
          n2 -> n3 [label="exec", tooltip="written by its own lineage"];
          n3 -> n4 [label="connect", tooltip=""];
          n3 -> n4 [label="send", tooltip=""];
        }
        "##);
    }

    #[test]
    fn a_label_cannot_leave_its_string() {
        let hostile = node("p1", Kind::Process, "\\\"]; x [label=\"\u{1b}[2J");
        assert_snapshot!(dot(&incident(vec![hostile], vec![]), false), @r##"
        digraph incident {
          rankdir=LR;
          node [fontname="sans-serif"];
          label="a web server ran what it had written";
          n0 [label="\\\"]; x [label=\"\\u{1b}[2J", shape=box, style=filled, fillcolor="#f4a582", tooltip=""];
        }
        "##);
    }
}
