//! Reasons in both directions, side by side, so that a new one is hard to add to only one of them.

use crate::WireError;
use crate::alert_decode::{Lookup, operation};
use crate::alert_encode::Tables;
use crate::error::at_most;
use crate::limits::FINDING_PARTS_MAX;
use crate::proto::{self, reason::Kind};
use std::sync::Arc;
use tracewell_model::{Finding, FindingSeverity, Millibits, Reason};

impl Tables {
    pub(crate) fn reason(&mut self, reason: &Reason) -> proto::Reason {
        let kind = match reason {
            Reason::RareOperation { surprise, op, what } => Kind::RareOperation(proto::Rare {
                surprise_millibits: surprise.0,
                what: self.text(what),
                operation: *op as u32,
            }),
            Reason::RareChild { surprise, what } => {
                Kind::RareChild(proto::Rare { surprise_millibits: surprise.0, what: self.text(what), operation: 0 })
            }
            Reason::RanOwnWrite { file, writer } => {
                Kind::RanOwnWrite(proto::RanOwnWrite { file: self.key(*file), writer: self.key(*writer) })
            }
            Reason::ServesNetwork { server } => Kind::ServesNetwork(self.key(*server)),
            Reason::CallsOut { socket } => Kind::CallsOut(self.key(*socket)),
            Reason::CommandsFromSocket { socket } => Kind::CommandsFromSocket(self.key(*socket)),
            &Reason::GainedPrivilege { from_uid, to_uid } => {
                Kind::GainedPrivilege(proto::GainedPrivilege { from_uid, to_uid })
            }
            Reason::DeletedOwnExecutable { file } => Kind::DeletedOwnExecutable(self.key(*file)),
            Reason::RanUnlinked { file } => Kind::RanUnlinked(self.key(*file)),
            Reason::EnteredProcess { target } => Kind::EnteredProcess(self.key(*target)),
            Reason::EnteredKernel => Kind::EnteredKernel(proto::Nothing {}),
            Reason::MassChange { n_files } => Kind::MassChange(*n_files),
            Reason::CollectedAndSent { bytes } => Kind::CollectedAndSent(*bytes),
            Reason::Followed { socket } => Kind::Followed(self.key(*socket)),
            Reason::Connects => Kind::Connects(proto::Nothing {}),
            Reason::DescendsFrom { ancestor } => Kind::DescendsFrom(self.key(*ancestor)),
            Reason::Started { descendant } => Kind::Started(self.key(*descendant)),
            Reason::TouchedBy { process } => Kind::TouchedBy(self.key(*process)),
            Reason::Detected(finding) => Kind::Detected(self.finding(finding)),
        };
        proto::Reason { kind: Some(kind) }
    }

    fn finding(&mut self, finding: &Finding) -> proto::Detected {
        proto::Detected {
            detector: self.text(&finding.detector),
            severity: finding.severity.steps(),
            title: self.text(&finding.title),
            reason: self.text(&finding.reason),
            techniques: finding.techniques.iter().map(|technique| self.text(technique)).collect(),
            nodes: finding.nodes.iter().map(|&node| self.key(node)).collect(),
        }
    }
}

impl Lookup {
    /// The reason, or `None` for one that only a newer sender knows: the rest of the graph is still worth showing.
    pub(crate) fn reason(&self, reason: proto::Reason) -> Result<Option<Reason>, WireError> {
        let Some(kind) = reason.kind else { return Ok(None) };
        Ok(Some(match kind {
            Kind::RareOperation(rare) => Reason::RareOperation {
                surprise: Millibits(rare.surprise_millibits),
                op: operation(rare.operation)?,
                what: self.text(rare.what)?,
            },
            Kind::RareChild(rare) => {
                Reason::RareChild { surprise: Millibits(rare.surprise_millibits), what: self.text(rare.what)? }
            }
            Kind::RanOwnWrite(ran) => Reason::RanOwnWrite { file: self.key(ran.file)?, writer: self.key(ran.writer)? },
            Kind::ServesNetwork(server) => Reason::ServesNetwork { server: self.key(server)? },
            Kind::CallsOut(socket) => Reason::CallsOut { socket: self.key(socket)? },
            Kind::CommandsFromSocket(socket) => Reason::CommandsFromSocket { socket: self.key(socket)? },
            Kind::GainedPrivilege(gained) => {
                Reason::GainedPrivilege { from_uid: gained.from_uid, to_uid: gained.to_uid }
            }
            Kind::DeletedOwnExecutable(file) => Reason::DeletedOwnExecutable { file: self.key(file)? },
            Kind::RanUnlinked(file) => Reason::RanUnlinked { file: self.key(file)? },
            Kind::EnteredProcess(target) => Reason::EnteredProcess { target: self.key(target)? },
            Kind::EnteredKernel(_) => Reason::EnteredKernel,
            Kind::MassChange(n_files) => Reason::MassChange { n_files },
            Kind::CollectedAndSent(bytes) => Reason::CollectedAndSent { bytes },
            Kind::Followed(socket) => Reason::Followed { socket: self.key(socket)? },
            Kind::Connects(_) => Reason::Connects,
            Kind::DescendsFrom(ancestor) => Reason::DescendsFrom { ancestor: self.key(ancestor)? },
            Kind::Started(descendant) => Reason::Started { descendant: self.key(descendant)? },
            Kind::TouchedBy(process) => Reason::TouchedBy { process: self.key(process)? },
            Kind::Detected(detected) => Reason::Detected(Arc::new(self.finding(detected)?)),
        }))
    }

    fn finding(&self, detected: proto::Detected) -> Result<Finding, WireError> {
        at_most("techniques of a finding", detected.techniques.len(), FINDING_PARTS_MAX)?;
        at_most("nodes of a finding", detected.nodes.len(), FINDING_PARTS_MAX)?;
        let severity = FindingSeverity::ALL.into_iter().find(|severity| severity.steps() == detected.severity);
        Ok(Finding {
            detector: self.text(detected.detector)?,
            // One that only a newer sender knows is worse than all that are known here.
            severity: severity.unwrap_or(FindingSeverity::Critical),
            title: self.text(detected.title)?,
            reason: self.text(detected.reason)?,
            techniques: detected.techniques.into_iter().map(|index| self.text(index)).collect::<Result<_, _>>()?,
            nodes: detected.nodes.into_iter().map(|index| self.key(index)).collect::<Result<_, _>>()?,
        })
    }
}
