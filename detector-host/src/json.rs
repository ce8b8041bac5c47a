//! The contract as JSON, for a detector that runs outside of WebAssembly: `detectors/sdk/src/native.rs` is its other end.

use crate::contract::{self, Facts, Severity};
use crate::lower::Tables;
use serde::{Deserialize, Serialize, Serializer};
use tracewell_graph_core::neighbourhood::Neighbourhood;

/// A neighbourhood in one line.
pub fn to_json(neighbourhood: &Neighbourhood) -> String {
    let mut tables = Tables::default();
    serde_json::to_string(&tables.lower(neighbourhood)).expect("texts and numbers can be written as JSON")
}

/// What was found, as the detector wrote it; not checked yet.
pub(crate) fn findings(json: &str) -> Result<Vec<contract::Finding>, String> {
    let findings: Vec<Finding> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    Ok(findings.into_iter().map(Finding::into_contract).collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Finding {
    severity: SeverityName,
    title: String,
    reason: String,
    nodes: Vec<u32>,
    techniques: Vec<String>,
}

#[derive(Deserialize)]
enum SeverityName {
    None,
    Low,
    Medium,
    High,
    Critical,
}

impl Finding {
    fn into_contract(self) -> contract::Finding {
        let severity = match self.severity {
            SeverityName::None => Severity::None,
            SeverityName::Low => Severity::Low,
            SeverityName::Medium => Severity::Medium,
            SeverityName::High => Severity::High,
            SeverityName::Critical => Severity::Critical,
        };
        let Self { title, reason, nodes, techniques, .. } = self;
        contract::Finding { severity, title, reason, nodes, techniques }
    }
}

/// As their bits.
impl Serialize for Facts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_array().first().copied().unwrap_or(0).serialize(serializer)
    }
}

/// Of metadata, which is never written.
impl Serialize for contract::Conditions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_array().first().copied().unwrap_or(0).serialize(serializer)
    }
}

/// Of metadata, which is never written.
impl Serialize for contract::Operations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_array().first().copied().unwrap_or(0).serialize(serializer)
    }
}
