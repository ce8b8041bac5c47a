//! CAPTAIN's readable ground truth of DARPA's engagements.

use super::super::{Attack, NodePattern, PathPattern, Remote, Truth, Window};
use serde::Deserialize;
use tracewell_model::{EventNs, NodeKind};

#[derive(Deserialize)]
struct Labels {
    dataset_name: String,
    attacks: Vec<AttackLabels>,
}

#[derive(Deserialize)]
struct AttackLabels {
    name: String,
    start_timestamp: u64,
    end_timestamp: u64,
    entities: Entities,
}

#[derive(Deserialize)]
struct Entities {
    process: Vec<String>,
    file: Vec<String>,
    ip: Vec<String>,
}

pub(super) fn convert(bytes: &[u8]) -> Result<Truth, String> {
    let labels: Labels = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let attacks = (1..).zip(&labels.attacks).map(|(n, attack)| convert_attack(n, attack)).collect::<Result<_, _>>()?;
    Ok(Truth {
        label_set: format!("captain {}", labels.dataset_name),
        label_kinds: vec![NodeKind::Process, NodeKind::File, NodeKind::Socket],
        attacks,
        ignored: Vec::new(),
    })
}

fn convert_attack(n: usize, labels: &AttackLabels) -> Result<Attack, String> {
    let mut nodes = Vec::new();
    for (kind, patterns) in [(NodeKind::Process, &labels.entities.process), (NodeKind::File, &labels.entities.file)] {
        for pattern in patterns {
            nodes.push(NodePattern { path: Some(path(pattern)?), ..NodePattern::any(kind) });
        }
    }
    for ip in &labels.entities.ip {
        let remote: Remote = ip.parse()?;
        nodes.push(NodePattern { remote: Some(remote), ..NodePattern::any(NodeKind::Socket) });
    }
    let window = Window { from: EventNs(labels.start_timestamp), to: EventNs(labels.end_timestamp) };
    Ok(Attack { id: format!("attack-{n}"), name: labels.name.clone(), windows: vec![window], nodes, steps: Vec::new() })
}

/// The source has regular expressions. Those in use are a plain path, or `.*` and the end of one; a dot inside is taken
/// for the dot of a file name.
fn path(regex: &str) -> Result<PathPattern, String> {
    let (text, any_start) = match regex.strip_prefix(".*") {
        Some(end) => (end, true),
        None => (regex, false),
    };
    if text.is_empty() || text.contains(['*', '+', '?', '[', ']', '(', ')', '{', '}', '|', '^', '$', '\\']) {
        return Err(format!("pattern {regex:?}, expected a plain path or .* and the end of one"));
    }
    let text = text.to_owned();
    Ok(if any_start { PathPattern::EndsWith(text) } else { PathPattern::Exact(text) })
}
