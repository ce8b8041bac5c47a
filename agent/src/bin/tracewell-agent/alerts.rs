//! What the pipeline found, for a person or a program that reads it here, without an aggregator.

use crate::args::Form;
use crate::failure::{Failure, Printed};
use crate::outlet::Outlet;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;
use tracewell_alert_scorer::words::{Names, label};
use tracewell_model::{AlertGraph, AlertId, AlertUpdate, EventNs, Loss, NodeAttrs, NodeRole};
use tracewell_wire::{MemoryEnd, Payload, Transport, decode};

/// Alerts remembered, so that what is new of them can be joined. At the bound the oldest is forgotten.
const ALERTS_MAX: usize = 1024;

pub struct Alerts {
    form: Form,
    outlet: Outlet,
    incoming: MemoryEnd,
    graphs: BTreeMap<AlertId, AlertGraph>,
    n_alerts: u64,
}

impl Alerts {
    pub fn new(form: Form, outlet: Outlet, incoming: MemoryEnd) -> Self {
        Self { form, outlet, incoming, graphs: BTreeMap::new(), n_alerts: 0 }
    }

    pub fn set_form(&mut self, form: Form) {
        self.form = form;
    }

    /// Alerts that were not written where they should be.
    pub fn n_failed(&self) -> u64 {
        self.outlet.n_failed()
    }

    pub fn n_alerts(&self) -> u64 {
        self.n_alerts
    }

    /// Shows what has come since.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn show(&mut self) -> Result<Printed, Failure> {
        while let Some(frame) = self.incoming.receive() {
            let message = decode(&frame).map_err(Failure::internal)?;
            let Payload::Alert(update) = message.payload else { continue };
            let Some(id) = self.join(update) else { continue };
            let graph = &self.graphs[&id];
            let (text, json) = (text(graph), format!("{}\n", json(graph)));
            let line = if self.form == Form::Text { &text } else { &json };
            if self.outlet.show(graph, &text, &json, line)? == Printed::NobodyReads {
                return Ok(Printed::NobodyReads);
            }
        }
        Ok(Printed::Yes)
    }

    fn join(&mut self, update: AlertUpdate) -> Option<AlertId> {
        let id = update.graph.id;
        if let Some(known) = self.graphs.get_mut(&id) {
            if let Err(error) = known.apply(update) {
                tracing::warn!(alert = %id, error, "an alert's news could not be joined");
                return None;
            }
            return Some(id);
        }
        if self.graphs.len() >= ALERTS_MAX {
            let oldest = self.graphs.iter().min_by_key(|(_, graph)| graph.last).map(|(&id, _)| id);
            oldest.and_then(|id| self.graphs.remove(&id));
        }
        self.n_alerts += 1;
        self.graphs.insert(id, update.graph);
        Some(id)
    }
}

fn time(time: EventNs) -> String {
    let stamp = i128::from(time.0);
    jiff::Timestamp::from_nanosecond(stamp).map_or_else(|_| time.0.to_string(), |time| time.to_string())
}

fn text(graph: &AlertGraph) -> String {
    let names = Names::of(&[graph]);
    let (n_nodes, n_edges) = (graph.nodes.len(), graph.edges.len());
    let mut text = format!(
        "{} alert {} revision {}: surprise {}, {n_nodes} nodes, {n_edges} edges",
        time(graph.last),
        graph.id,
        graph.revision,
        graph.surprise
    );
    match graph.loss {
        Loss { n_gaps: 0, .. } => {}
        Loss { n_events: 0, .. } => text.push_str(", seen incompletely: something was lost nearby"),
        Loss { n_events, .. } => _ = write!(text, ", seen incompletely: {n_events} events were lost nearby"),
    }
    text.push('\n');
    let mut nodes: Vec<_> = graph.nodes.values().filter(|node| node.role == NodeRole::Terminal).collect();
    nodes.sort_by_key(|node| node.first);
    for node in nodes {
        let mut reasons: Vec<_> = node.reasons.iter().map(|reason| names.reason(reason)).collect();
        // Two operations on one object read alike.
        reasons.dedup();
        let _ = writeln!(text, "    {}: {}", label(node), reasons.join("; "));
    }
    text
}

fn json(graph: &AlertGraph) -> serde_json::Value {
    let names = Names::of(&[graph]);
    let nodes = graph.nodes.iter().map(|(key, node)| {
        let environment = match &node.attrs {
            NodeAttrs::Process { environment, .. } => environment.as_deref(),
            _ => None,
        };
        json!({
            "id": key.to_string(),
            "label": label(node),
            "environment": environment,
            "role": match node.role {
                NodeRole::Terminal => "terminal",
                NodeRole::Connector => "connector",
                NodeRole::Context => "context",
            },
            "surprise_millibits": node.surprise.0,
            "first": time(node.first),
            "last": time(node.last),
            "reasons": node.reasons.iter().map(|reason| names.reason(reason)).collect::<Vec<_>>(),
        })
    });
    let edges = graph.edges.iter().map(|(key, edge)| {
        json!({
            "from": key.from.to_string(),
            "to": key.to.to_string(),
            "operation": key.op.name(),
            "count": edge.count,
            "bytes": edge.amount_bytes,
            "first": time(edge.first),
            "last": time(edge.last),
            "incomplete": edge.incomplete,
        })
    });
    json!({
        "alert": graph.id.to_string(),
        "revision": graph.revision,
        "surprise_millibits": graph.surprise.0,
        "first": time(graph.first),
        "last": time(graph.last),
        "seen_incompletely": graph.loss.n_gaps > 0,
        "lost_events": graph.loss.n_events,
        "nodes": nodes.collect::<Vec<_>>(),
        "edges": edges.collect::<Vec<_>>(),
    })
}
