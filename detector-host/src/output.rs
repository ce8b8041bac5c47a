//! What a detector returned, checked against what it was given.

use crate::contract;
use crate::limits::{FINDINGS_MAX, NODES_MAX, REASON_BYTES_MAX, TECHNIQUES_MAX, TITLE_BYTES_MAX};
use crate::metadata::{Metadata, check_technique};
use tracewell_graph_core::neighbourhood::Neighbourhood;
use tracewell_model::{Finding, FindingSeverity, NodeKey, Str};

/// All findings, or the reason why not one of them is believed. Those of severity none are left out.
pub(crate) fn check(
    metadata: &Metadata,
    neighbourhood: &Neighbourhood,
    returned: Vec<contract::Finding>,
) -> Result<Vec<Finding>, String> {
    if returned.len() > FINDINGS_MAX {
        return Err(format!("{} findings, expected at most {FINDINGS_MAX}", returned.len()));
    }
    let findings = returned.into_iter().map(|finding| check_one(metadata, neighbourhood, finding));
    let mut findings: Vec<_> = findings.collect::<Result<_, _>>()?;
    findings.retain(|finding| finding.severity > FindingSeverity::None);
    Ok(findings)
}

fn check_one(
    metadata: &Metadata,
    neighbourhood: &Neighbourhood,
    finding: contract::Finding,
) -> Result<Finding, String> {
    let n_nodes = finding.nodes.len();
    if n_nodes == 0 || n_nodes > NODES_MAX {
        return Err(format!("a finding about {n_nodes} nodes, expected 1 to {NODES_MAX}"));
    }
    if finding.techniques.len() > TECHNIQUES_MAX {
        return Err(format!("{} techniques, expected at most {TECHNIQUES_MAX}", finding.techniques.len()));
    }
    finding.techniques.iter().try_for_each(|technique| check_technique(technique))?;
    let nodes = finding.nodes.iter().map(|&index| node(neighbourhood, index)).collect::<Result<Vec<_>, _>>()?;
    let techniques = match finding.techniques.is_empty() {
        true => &metadata.techniques,
        false => &finding.techniques,
    };
    Ok(Finding {
        detector: metadata.id.as_str().into(),
        severity: severity(finding.severity),
        title: text("title", &finding.title, TITLE_BYTES_MAX)?,
        reason: text("reason", &finding.reason, REASON_BYTES_MAX)?,
        techniques: techniques.iter().map(|technique| technique.as_str().into()).collect(),
        nodes,
    })
}

fn node(neighbourhood: &Neighbourhood, index: u32) -> Result<NodeKey, String> {
    let n_nodes = neighbourhood.nodes.len();
    let place = neighbourhood.nodes.get(index as usize);
    place.map(|place| place.key).ok_or_else(|| format!("a finding names node {index}, there are {n_nodes}"))
}

fn text(what: &str, text: &str, max: usize) -> Result<Str, String> {
    match text.len() {
        0 => Err(format!("a finding without a {what}")),
        len if len > max => Err(format!("a {what} of {len} bytes, expected at most {max}")),
        _ => Ok(text.into()),
    }
}

fn severity(severity: contract::Severity) -> FindingSeverity {
    match severity {
        contract::Severity::None => FindingSeverity::None,
        contract::Severity::Low => FindingSeverity::Low,
        contract::Severity::Medium => FindingSeverity::Medium,
        contract::Severity::High => FindingSeverity::High,
        contract::Severity::Critical => FindingSeverity::Critical,
    }
}
