//! What a host says of itself: greeting, heartbeat, losses.

use crate::error::at_most;
use crate::limits::TEXT_BYTES_MAX;
use crate::{WireError, proto};
use tracewell_model::{EventNs, HostId, LossCause, LossRecord, Str};

/// First message of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// What a person calls the host.
    pub name: Str,
    /// BLAKE3 of the agent's parameters.
    pub parameters_hash: [u8; 32],
    /// Version of the agent's software.
    pub version: Str,
}

/// Event time goes on, and how far the host's profile is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    pub time: EventNs,
    /// Events since the epoch began.
    pub n_events: u64,
    /// How ready the profile is, 0 to 1000.
    pub readiness_permille: u16,
    /// Alarms follow the budget of settled hosts.
    pub settled: bool,
}

impl TryFrom<&Hello> for proto::Hello {
    type Error = WireError;

    fn try_from(hello: &Hello) -> Result<Self, WireError> {
        at_most("name of the host", hello.name.len(), TEXT_BYTES_MAX)?;
        at_most("version of the agent", hello.version.len(), TEXT_BYTES_MAX)?;
        Ok(Self {
            name: hello.name.to_string(),
            parameters_hash: hello.parameters_hash.to_vec(),
            version: hello.version.to_string(),
        })
    }
}

impl TryFrom<proto::Hello> for Hello {
    type Error = WireError;

    fn try_from(hello: proto::Hello) -> Result<Self, WireError> {
        at_most("name of the host", hello.name.len(), TEXT_BYTES_MAX)?;
        at_most("version of the agent", hello.version.len(), TEXT_BYTES_MAX)?;
        let parameters_hash = hello.parameters_hash.as_slice().try_into().map_err(|_| WireError::Invalid {
            what: "length of the parameters hash",
            got: hello.parameters_hash.len() as u64,
            expected: "32 bytes",
        })?;
        Ok(Self { name: hello.name.into(), parameters_hash, version: hello.version.into() })
    }
}

impl From<&Heartbeat> for proto::Heartbeat {
    fn from(heartbeat: &Heartbeat) -> Self {
        Self {
            time_ns: heartbeat.time.0,
            events: heartbeat.n_events,
            readiness_permille: heartbeat.readiness_permille.min(1000).into(),
            settled: heartbeat.settled,
        }
    }
}

impl TryFrom<proto::Heartbeat> for Heartbeat {
    type Error = WireError;

    fn try_from(heartbeat: proto::Heartbeat) -> Result<Self, WireError> {
        let readiness = heartbeat.readiness_permille;
        let readiness_permille = u16::try_from(readiness).ok().filter(|&n| n <= 1000).ok_or(WireError::Invalid {
            what: "readiness",
            got: readiness.into(),
            expected: "0 to 1000 per mille",
        })?;
        Ok(Self {
            time: EventNs(heartbeat.time_ns),
            n_events: heartbeat.events,
            readiness_permille,
            settled: heartbeat.settled,
        })
    }
}

impl From<&LossRecord> for proto::LossReport {
    fn from(loss: &LossRecord) -> Self {
        let cause = match loss.cause {
            LossCause::RingFull => proto::LossCause::RingFull,
            LossCause::Throttled => proto::LossCause::Throttled,
            LossCause::Oversize => proto::LossCause::Oversize,
            LossCause::MapFull => proto::LossCause::MapFull,
            LossCause::Gap => proto::LossCause::Gap,
            LossCause::Unknown => proto::LossCause::Unknown,
        };
        Self { time_ns: loss.time.0, cause: cause.into(), events: loss.n_events }
    }
}

impl proto::LossReport {
    /// The loss as one of this host, which only the envelope names.
    ///
    /// A cause that only a newer sender knows is read as unknown: the loss itself must not be lost.
    pub(crate) fn of_host(self, host: HostId) -> LossRecord {
        let cause = match self.cause() {
            proto::LossCause::RingFull => LossCause::RingFull,
            proto::LossCause::Throttled => LossCause::Throttled,
            proto::LossCause::Oversize => LossCause::Oversize,
            proto::LossCause::MapFull => LossCause::MapFull,
            proto::LossCause::Gap => LossCause::Gap,
            proto::LossCause::Unknown => LossCause::Unknown,
        };
        LossRecord { host, time: EventNs(self.time_ns), cause, n_events: self.events }
    }
}
